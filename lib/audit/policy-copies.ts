import type { Policy } from '../config/policy.ts';
import { isBucketError } from '../offsite/bucket-error.ts';
import { containerStore, isToCloudFiles } from '../offsite/cloud-files.ts';
import type { CheckedCopy } from '../offsite/copy-state.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type Copies, copiesUnreadable, listCopies, type ReadableCopies } from './copy-freshness.ts';

/** A policy's good copies; or the reason why they can't be read. */
async function checkedCopiesOf(
  copies: Copies | undefined,
  policy: string,
): Promise<{ copies?: readonly CheckedCopy[]; problem?: Reason }> {
  if (!copies) return {};
  if ('problem' in copies) return copies;
  try {
    return { copies: await copies.of(policy) };
  } catch (error) {
    if (!isBucketError(error)) throw error;
    return { problem: copiesUnreadable(error) };
  }
}

/**
 * Reads the good copies of policies: of each one in its containers of Cloud Files, or in the
 * bucket, which is listed once for all policies.
 *
 * @param bucket undefined if the deployment has none.
 * @returns a function with the copies of a policy, or the reason why they can't be read; empty for
 *   a policy without copies.
 */
export function copiesReader(
  session: Session,
  bucket: ReadableCopies['store'] | undefined,
  place: { owner: string; account: string },
): (policy: Policy) => ReturnType<typeof checkedCopiesOf> {
  let inBucket: Promise<Copies> | undefined;
  const listed = ({ offsite, regions: wanted }: Policy): Promise<Copies> | undefined => {
    if (!offsite) return undefined;
    if (isToCloudFiles(session, offsite)) {
      const known = session.regions.filter((region) => wanted?.includes(region) ?? true);
      const name = offsite.container ?? place.owner;
      const containers = known.map((region) => ({
        region,
        store: containerStore(session, { region, name }),
      }));
      return listCopies(containers, place);
    }
    inBucket ??= listCopies(bucket && [{ store: bucket }], place);
    return inBucket;
  };
  return async (policy) => checkedCopiesOf(await listed(policy), policy.policy);
}
