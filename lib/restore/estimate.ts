import { isoSeconds } from '../config/dates.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { RestoreInventory } from './inventory.ts';
import type { Origin } from './source.ts';

/**
 * How long a restore of a server to a new one takes, by the last drill of the server that passed
 * and was measured; undefined without one.
 */
export function estimateOf(
  { snapshots }: Pick<RestoreInventory, 'snapshots'>,
  { id, region }: Pick<Origin, 'id' | 'region'>,
): Reason<'RESTORE_ESTIMATE'> | undefined {
  const measured = snapshots.flatMap(({ server, region: where, proven, recovery }) =>
    server === id && where === region && proven && recovery ? [{ proven, recovery }] : [],
  );
  const [last] = measured.sort((a, b) => b.proven.getTime() - a.proven.getTime());
  if (!last) return undefined;
  const { activeSeconds, answeredSeconds = activeSeconds, isAtMost } = last.recovery;
  return {
    code: 'RESTORE_ESTIMATE',
    seconds: answeredSeconds,
    ...(isAtMost ? { isAtMost } : {}),
    drilled: isoSeconds(last.proven),
  };
}
