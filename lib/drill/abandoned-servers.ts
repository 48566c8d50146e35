import type { Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { ownershipOf } from './ownership.ts';
import { rootSnapshotsOf } from './root-snapshots.ts';
import { getSource } from './source.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';

/** The facts of a server that is not deleted, because nothing proves that a drill made it. */
export function unprovenFacts(
  { id, name, region, image }: ThrowAway,
  reasons: readonly Reason[],
): Omit<Reason<'DRILL_SERVER_ABANDONED'>, 'code'> {
  return { where: region, name, server: id, image, reasons };
}

/**
 * The abandoned servers of a policy: a drill may have made them, but nothing proves it. Each counts
 * towards the servers that a policy's drills may have at once.
 *
 * @param servers the servers that no image names as the server of a drill.
 * @throws {CloudError} when an image that a server names can't be read.
 */
export async function abandonedAmong(
  session: Session,
  servers: readonly Server[],
  { owner, policy }: Pick<ThrowAway, 'owner' | 'policy'>,
): Promise<Reason[]> {
  const found: Reason[] = [];
  for (const server of servers) {
    const mark = readThrowAway(server);
    if (mark?.owner !== owner || mark.policy !== policy) continue;
    const image = await getSource(session, mark.region, mark.image);
    const roots = await rootSnapshotsOf(session, server);
    const ownership = ownershipOf(server, mark, image, { owner, projectId: session.projectId, roots });
    if (typeof ownership === 'object' && ownership.mayBeDrill) {
      found.push({ code: 'DRILL_SERVER_ABANDONED', ...unprovenFacts(mark, [ownership.problem]) });
    }
  }
  return found;
}
