import { listServers } from '../openstack/compute.ts';
import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { type Flavor, listFlavors } from '../openstack/flavors.ts';
import { sendOnce } from '../openstack/send-once.ts';
import { createServer, type NewServer, type ServerVolume } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { imageName } from '../snapshots/image-name.ts';
import { isSnapshot } from '../snapshots/snapshot.ts';
import { type DrillContext, type DrillResult, nameServer, writeRecord } from './attempt.ts';
import { isOnVolume } from './disks.ts';
import { drillFlavor } from './plan.ts';
import { DRILL_KEY, DRILL_NAME, readRecords } from './record.ts';
import { getSource, type Source } from './source.ts';
import type { DrillTarget } from './targets.ts';
import { drillMetadata, type ThrowAway } from './throw-away.ts';

/** Why no server was created, and which of the remaining snapshots the run may still try. */
export interface RefusedDrill extends DrillResult {
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
  target: DrillTarget,
  { owner, drill }: Pick<DrillContext, 'owner' | 'drill'>,
  flavors: readonly Flavor[],
  { nonce, now, volumes }: { nonce: string; now: Date; volumes: readonly ServerVolume[] },
): { server: NewServer; reason: Reason } | { problem: Reason } {
  const { source, serverName, disks, policy } = target;
  const flavor = drillFlavor(source, drill.flavor, flavors, isOnVolume(disks));
  if ('code' in flavor) return { problem: flavor };
  const server = {
    name: imageName({ id: target.server, name: serverName }, DRILL_NAME, now),
    image: source.id,
    flavor: flavor.id,
    networks: drill.networks,
    keyName: undefined,
    securityGroups: drill.securityGroups,
    metadata: drillMetadata({ owner, policy, image: source.id, nonce }),
    configDrive: false,
    volumes,
  };
  const { name, networks } = server;
  return { server, reason: { code: 'DRILL_PLANNED', name, flavor: flavor.name, networks } };
}

/**
 * The source of a target as it is now, or why the drill can't begin: it is no longer a good
 * snapshot of the policy.
 *
 * @throws {CloudError} when it can't be read.
 */
export async function currentSource(
  { session, read }: Pick<DrillContext, 'session' | 'read'>,
  { source: { region, id }, policy }: DrillTarget,
): Promise<Source | RefusedDrill> {
  const source = await getSource(session, region, id);
  const snapshot = source && read(source);
  return source && isSnapshot(snapshot) && snapshot.policy === policy && snapshot.state === 'good'
    ? source
    : { outcome: 'skipped', reasons: [{ code: 'DRILL_SNAPSHOT_GONE' }], effect: 'next' };
}

/**
 * Requests the throw-away server of a drill: writes the nonce on the source, requests the server
 * once, and writes the id of the server on the source. When the nonce can't be written, no server
 * is requested, because nothing would later distinguish it from a server with copied metadata.
 */
export async function requestServer(
  context: DrillContext,
  target: DrillTarget,
  flavors: ReturnType<typeof flavorsOf>,
  { nonce, volumes }: { nonce: string; volumes: readonly ServerVolume[] },
): Promise<ThrowAway | RefusedDrill> {
  const { session, owner } = context;
  const { region, policy } = target;
  let isMarked = false;
  try {
    const now = new Date();
    const designed = serverRequestFor(target, context, await flavors(region), { nonce, now, volumes });
    if ('problem' in designed) return unsentDrill(designed.problem);
    const source = await currentSource(context, target);
    if ('effect' in source) return source;
    await writeRecord(session, source, { nonce, at: now, server: undefined });
    // Cinder v1 may lose metadata. A server that nothing names could never be deleted.
    if (source.volumeSnapshot && !(await hasRecord(session, source, nonce))) {
      return unsentDrill({ code: 'DRILL_RECORD_LOST', snapshot: source.id });
    }
    isMarked = true;
    const { server } = designed;
    const mark = server.metadata[DRILL_KEY];
    const throwAway = { owner, policy, image: source.id, nonce, name: server.name, region };
    const findMarked = async () =>
      (await listServers(session, region)).filter(({ metadata }) => metadata[DRILL_KEY] === mark);
    const sent = await sendOnce(
      async () => {
        const id = await createServer(session, region, server);
        await nameNew(session, { ...throwAway, id });
        return id;
      },
      // A server that is found here stays unnamed on the image, because anybody may have copied the
      // metadata.
      async () => {
        const [found, ...others] = await findMarked();
        return others.length === 0 ? found?.id : undefined;
      },
    ).catch(async (error: unknown): Promise<{ unsure: CloudError }> => {
      // A cloud may make a server, and say that it does not.
      const isMade = isCloudError(error) && (await findMarked().catch(() => [])).length > 0;
      if (!isMade) throw error;
      return { unsure: error };
    });
    if ('done' in sent) return { ...throwAway, id: sent.done, createdAt: now };
    return {
      outcome: sent.unsure.code === 'OUT_OF_TIME' ? 'deferred' : 'failed',
      reasons: [{ code: 'DRILL_SERVER_UNCERTAIN', ...errorFactsOf(sent.unsure) }],
      effect: 'uncertain',
    };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return refusalBy(error, isMarked ? 'CLOUD' : 'DRILL_UNMARKED');
  }
}

/** A drill that could not begin, and for which no request was sent. */
export function unsentDrill(problem: Reason): RefusedDrill {
  return { outcome: 'failed', reasons: [problem], effect: 'next', isUnsent: true };
}

/** A drill that could not begin because of an error of the cloud. */
export function refusalBy(error: CloudError, code: 'CLOUD' | 'DRILL_UNMARKED'): RefusedDrill {
  const outcome = error.code === 'OUT_OF_TIME' ? 'deferred' : 'failed';
  return { outcome, reasons: [{ code, ...errorFactsOf(error) }], effect: effectOf(error) };
}

async function hasRecord(session: Session, { region, id }: Source, nonce: string): Promise<boolean> {
  const source = await getSource(session, region, id);
  return source !== undefined && readRecords(source).some((one) => one.nonce === nonce);
}

/**
 * Writes the id of the new server on its image and reads the image back, because Glance keeps only
 * one value when two runs write at the same moment. When the write fails, the next check of the
 * server writes the id again.
 */
async function nameNew(session: Session, server: Omit<ThrowAway, 'createdAt'>): Promise<void> {
  try {
    for (let tries = 0; tries < 3; tries++) {
      const image = await getSource(session, server.region, server.image);
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
