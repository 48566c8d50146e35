import type { Server } from '../openstack/compute.ts';
import { getImage } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { ownershipOf } from './ownership.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';

/** What to report of a server that has the metadata of a drill, and that no drill has made. */
export function foreignText(server: ThrowAway, problem: string): string {
  return leftAloneText(server, `${problem}: it is left alone`);
}

/** What to report of a server that a drill may have made, and that only a person may delete. */
export function abandonedText(server: ThrowAway, problem: string): string {
  return leftAloneText(
    server,
    `${problem}: it is left alone, and takes up the place of a drill (drill.atOnce)`,
  );
}

function leftAloneText({ id, name, region, image }: ThrowAway, problem: string): string {
  return (
    `${region}: ${name} (${id}) has the metadata of a drill of image ${image}, but ${problem}. ` +
    'If a drill has made it, delete it by hand; otherwise take autosnap_drill out of its metadata'
  );
}

/**
 * The servers that hold up the drills of a policy: a drill may have made them, and nothing proves it.
 *
 * @param servers those that are not provably of drills.
 * @returns a sentence on each, with what to do.
 * @throws {CloudError} when an image that a server names can't be read.
 */
export async function abandonedAmong(
  session: Session,
  servers: readonly Server[],
  { owner, policy }: Pick<ThrowAway, 'owner' | 'policy'>,
): Promise<string[]> {
  const found: string[] = [];
  for (const server of servers) {
    const mark = readThrowAway(server);
    if (mark?.owner !== owner || mark.policy !== policy) continue;
    const image = await getImage(session, mark.region, mark.image);
    const ownership = ownershipOf(server, mark, image, { owner, projectId: session.projectId });
    if (typeof ownership === 'object' && ownership.mayBeDrill) {
      found.push(abandonedText(mark, ownership.problem));
    }
  }
  return found;
}
