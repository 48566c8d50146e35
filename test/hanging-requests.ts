import type { Cloud } from '../local/cloud/cloud.ts';
import type { Fault } from '../local/cloud/faults.ts';

/**
 * From now on the cloud answers this many requests of a kind, and none after these.
 *
 * @param onHang is called for each request that is not answered.
 */
export function hangAfter(
  { faults }: Pick<Cloud, 'faults'>,
  requests: number,
  kind: Pick<Fault, 'service' | 'method'>,
  onHang = () => {},
): void {
  const answer = () => {
    onHang();
    return new Promise<never>(() => {});
  };
  faults.push({ ...kind, skip: requests, times: Number.POSITIVE_INFINITY, answer });
}
