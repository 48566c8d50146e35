import type { Policy } from '../config/policy.ts';
import { abandonedAmong } from '../drill/abandoned-servers.ts';
import type { Server } from '../openstack/compute.ts';
import { isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';

/** Problems that stop a policy's drills. */
export async function drillProblems(
  session: Session,
  servers: readonly Server[],
  owner: string,
  { policy }: Policy,
): Promise<Reason[]> {
  try {
    const found = await abandonedAmong(session, servers, { owner, policy });
    return found.map((reason) => ({ code: 'POLICY_DRILL_BLOCKED', reason }));
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return [{ code: 'POLICY_DRILLS_UNKNOWN', error: error.code, message: error.message }];
  }
}
