import type { Snapshot } from '../marker.ts';
import { listServers } from '../openstack/compute.ts';
import { explain, isCloudError } from '../openstack/errors.ts';
import { type Flavor, listFlavors } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import { createServer, type NewServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import { DRILL_KEY } from '../selection.ts';
import { sendOnce } from '../sending.ts';
import { imageName } from '../snapshot.ts';
import { flavorFor } from './plan.ts';
import { metadataOf, readThrowAway, type ThrowAway } from './throw-away.ts';
import type { Result, Warden } from './trial.ts';

/** A snapshot to be booted, with its image and the name of its server, which is "" when that is gone. */
export interface Candidate {
  snapshot: Snapshot;
  image: Image;
  name: string;
}

/** The flavors of each region, asked for when they are needed first. */
export function flavorsOf(session: Session): (region: string) => Promise<Flavor[]> {
  const known = new Map<string, Promise<Flavor[]>>();
  return (region) => {
    const flavors = known.get(region) ?? listFlavors(session, region);
    known.set(region, flavors);
    return flavors;
  };
}

/** The throw-away server for a snapshot, and what it is like in words; or why there can be none. */
export function design(
  { snapshot, image, name }: Candidate,
  { owner, drill }: Pick<Warden, 'owner' | 'drill'>,
  flavors: readonly Flavor[],
  now: Date,
): { server: NewServer; words: string } | { problem: string } {
  const flavor = flavorFor(image, drill.flavor, flavors);
  if (typeof flavor === 'string') return { problem: flavor };
  const server = {
    name: imageName({ id: snapshot.server, name }, 'drill', now),
    image: image.id,
    flavor: flavor.id,
    networks: drill.networks,
    keyName: undefined,
    securityGroups: drill.securityGroups,
    metadata: metadataOf({ owner, policy: snapshot.policy, image: image.id, begunAt: now }),
    configDrive: false,
  };
  const networks = drill.networks.length > 0 ? `networks ${drill.networks.join(', ')}` : 'no network';
  return { server, words: `${server.name}, flavor ${flavor.name}, ${networks}` };
}

/** Asks the cloud for the throw-away server of a snapshot, once. Returns it, or why there is none. */
export async function begin(
  warden: Warden,
  candidate: Candidate,
  flavors: ReturnType<typeof flavorsOf>,
): Promise<ThrowAway | Result> {
  const { session } = warden;
  const { region } = candidate.snapshot;
  try {
    const designed = design(candidate, warden, await flavors(region), new Date());
    if ('problem' in designed) return { outcome: 'failed', reason: designed.problem };
    const { server } = designed;
    const mark = server.metadata[DRILL_KEY];
    const sent = await sendOnce(
      () => createServer(session, region, server),
      async () =>
        (await listServers(session, region)).find(({ metadata }) => metadata[DRILL_KEY] === mark)?.id,
    );
    if ('done' in sent) return readThrowAway({ ...server, id: sent.done, region })!;
    return {
      outcome: sent.unsure.code === 'OUT_OF_TIME' ? 'deferred' : 'failed',
      reason: `${explain(sent.unsure)} If there is a server all the same, the next run finds it.`,
    };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return { outcome: error.code === 'OUT_OF_TIME' ? 'deferred' : 'failed', reason: explain(error) };
  }
}
