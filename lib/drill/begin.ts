import pMap from 'p-map';
import { listServers } from '../openstack/compute.ts';
import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { type Flavor, listFlavors } from '../openstack/flavors.ts';
import { getImage, type Image } from '../openstack/images.ts';
import { sendOnce } from '../openstack/send-once.ts';
import { createServer, type NewServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { imageName } from '../snapshots/image-name.ts';
import { isSnapshot } from '../snapshots/marker.ts';
import { type DrillContext, type DrillResult, nameServer, writeRecord } from './attempt.ts';
import { type Drillable, drillFlavor } from './plan.ts';
import { DRILL_KEY, DRILL_NAME, readRecords } from './record.ts';
import { drillMetadata, type ThrowAway } from './throw-away.ts';

/**
 * After this many refusals by the cloud, a run picks the next snapshots at random: otherwise
 * snapshots whose images can't be marked would stay first in the queue forever. After twice as many
 * refusals, the run begins no more drills.
 */
const MOST_REFUSALS = 10;

/**
 * A snapshot to boot, with its image and the name of the snapshot's server; of a server that is
 * gone, its former name.
 */
export interface Candidate {
  snapshot: Drillable;
  image: Image;
  name: string;
}

/** Why no server was created, and which of the remaining snapshots the run may still try. */
interface RefusedDrill extends DrillResult {
  /**
   * - next: the run tries the next snapshot.
   * - uncertain: the server may exist in spite of the error, so it counts as created.
   * - region: no drill can begin in this region now.
   * - all: no drill can begin in any region now.
   */
  effect: 'next' | 'uncertain' | 'region' | 'all';
  /** Whether no request was sent to the cloud. Such a failure does not count as a refusal. */
  isUnsent?: boolean;
}

/** Returns the flavors of a region. Each region is listed only once. */
export function flavorsOf(session: Session): (region: string) => Promise<Flavor[]> {
  const known = new Map<string, Promise<Flavor[]>>();
  return (region) => {
    const flavors = known.get(region) ?? listFlavors(session, region);
    known.set(region, flavors);
    return flavors;
  };
}

/**
 * Plans the throw-away server for a snapshot. @returns the server and the reason that a dry run
 * reports; or the problem when the snapshot can't be booted.
 */
export function serverRequestFor(
  { snapshot, image, name }: Candidate,
  { owner, drill }: Pick<DrillContext, 'owner' | 'drill'>,
  flavors: readonly Flavor[],
  nonce: string,
  now: Date,
): { server: NewServer; reason: Reason } | { problem: Reason } {
  const flavor = drillFlavor(image, drill.flavor, flavors);
  if ('code' in flavor) return { problem: flavor };
  const server = {
    name: imageName({ id: snapshot.server, name }, DRILL_NAME, now),
    image: image.id,
    flavor: flavor.id,
    networks: drill.networks,
    keyName: undefined,
    securityGroups: drill.securityGroups,
    metadata: drillMetadata({ owner, policy: snapshot.policy, image: image.id, nonce }),
    configDrive: false,
  };
  const { name: serverName, networks } = server;
  return { server, reason: { code: 'DRILL_PLANNED', name: serverName, flavor: flavor.name, networks } };
}

/** The servers that a run created, and the snapshots for which it could not create one. */
export interface StartedDrills<C> {
  servers: ThrowAway[];
  refused: { candidate: C; result: DrillResult }[];
}

/**
 * Begins as many drills as `capacity` allows. When a snapshot can't be booted, the next one is
 * tried.
 *
 * @param waiting the snapshots in the order in which to try them.
 */
export async function startDrills<C extends Candidate>(
  context: DrillContext,
  waiting: readonly C[],
  capacity: number,
): Promise<StartedDrills<C>> {
  const flavors = flavorsOf(context.session);
  const [queue, closed] = [[...waiting], new Set<string>()];
  const found: StartedDrills<C> = { servers: [], refused: [] };
  let refusals = 0;
  const take = () =>
    queue.splice(refusals < MOST_REFUSALS ? 0 : Math.floor(Math.random() * queue.length), 1)[0];
  const beginNext = async () => {
    for (let candidate = take(); candidate; candidate = take()) {
      if (closed.has(candidate.snapshot.region)) continue;
      const begun = await begin(context, candidate, flavors);
      if (!('effect' in begun)) {
        found.servers.push(begun);
        return;
      }
      found.refused.push({ candidate, result: { outcome: begun.outcome, reasons: begun.reasons } });
      if (begun.effect === 'uncertain') return;
      if (begun.effect === 'region') closed.add(candidate.snapshot.region);
      if (!begun.isUnsent) refusals++;
      if (begun.effect === 'all' || refusals >= 2 * MOST_REFUSALS) queue.length = 0;
    }
  };
  const empty = Array.from({ length: Math.min(capacity, waiting.length) });
  await pMap(empty, beginNext, { concurrency: 4 });
  return found;
}

/**
 * Begins a drill: writes a nonce on the image, requests the server once, and writes the id of the
 * server on the image. When the nonce can't be written, no server is requested, because nothing
 * would later distinguish it from a server with copied metadata.
 */
async function begin(
  context: DrillContext,
  candidate: Candidate,
  flavors: ReturnType<typeof flavorsOf>,
): Promise<ThrowAway | RefusedDrill> {
  const { session, owner } = context;
  const { region, policy } = candidate.snapshot;
  const nonce = crypto.randomUUID();
  let isMarked = false;
  try {
    const now = new Date();
    const designed = serverRequestFor(candidate, context, await flavors(region), nonce, now);
    if ('problem' in designed) {
      return {
        outcome: 'failed',
        reasons: [designed.problem],
        effect: 'next',
        isUnsent: true,
      };
    }
    const image = await getImage(session, region, candidate.image.id);
    const snapshot = image && context.readerFor(region)(image, []);
    if (!isSnapshot(snapshot) || snapshot.policy !== policy || snapshot.state !== 'good') {
      return { outcome: 'skipped', reasons: [{ code: 'DRILL_SNAPSHOT_GONE' }], effect: 'next' };
    }
    await writeRecord(session, image!, { nonce, at: now, server: undefined });
    isMarked = true;
    const { server } = designed;
    const mark = server.metadata[DRILL_KEY];
    const throwAway = { owner, policy, image: image!.id, nonce, name: server.name, region };
    const sent = await sendOnce(
      async () => {
        const id = await createServer(session, region, server);
        await nameNew(session, { ...throwAway, id });
        return id;
      },
      // A server that is found here stays unnamed on the image, because anybody may have copied the
      // metadata.
      async () => {
        const [found, ...others] = (await listServers(session, region)).filter(
          ({ metadata }) => metadata[DRILL_KEY] === mark,
        );
        return others.length === 0 ? found?.id : undefined;
      },
    );
    if ('done' in sent) return { ...throwAway, id: sent.done, createdAt: now };
    return {
      outcome: sent.unsure.code === 'OUT_OF_TIME' ? 'deferred' : 'failed',
      reasons: [{ code: 'DRILL_SERVER_UNCERTAIN', ...errorFactsOf(sent.unsure) }],
      effect: 'uncertain',
    };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const outcome = error.code === 'OUT_OF_TIME' ? 'deferred' : 'failed';
    const code = isMarked ? 'CLOUD' : 'DRILL_UNMARKED';
    const reasons: [Reason] = [{ code, ...errorFactsOf(error) }];
    return { outcome, reasons, effect: effectOf(error) };
  }
}

/**
 * Writes the id of the new server on its image and reads the image back, because Glance keeps only
 * one value when two runs write at the same moment. When the write fails, the next check of the
 * server writes the id again.
 */
async function nameNew(session: Session, server: Omit<ThrowAway, 'createdAt'>): Promise<void> {
  try {
    for (let tries = 0; tries < 3; tries++) {
      const image = await getImage(session, server.region, server.image);
      const isNamed = image && readRecords(image).some((one) => one.server === server.id);
      if (!image || isNamed) return;
      await nameServer(session, image, server);
    }
  } catch (error) {
    if (!isCloudError(error)) throw error;
  }
}

function effectOf({ code }: CloudError): RefusedDrill['effect'] {
  if (code === 'OUT_OF_TIME' || code === 'UNAUTHORIZED') return 'all';
  return code === 'OVER_QUOTA' || code === 'RATE_LIMITED' ? 'region' : 'next';
}
