import { isoSeconds } from '../config/dates.ts';
import type { NewImage, Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { blockingState } from './blocking-state.ts';
import { blueprintText } from './blueprint.ts';
import type { DueSnapshots } from './due-snapshots.ts';
import { imageName } from './image-name.ts';
import { markerOf } from './marker.ts';
import { endOf } from './retention.ts';
import type { Snapshot } from './snapshot.ts';
import { isEmpty, isStuck } from './snapshot-state.ts';

/** What a run does with one server. */
export type SnapshotStep =
  | { action: 'take'; server: Server; image: NewImage }
  | {
      action: 'skip' | 'fail';
      server: Server;
      reason: Reason;
      /** When an earlier run took the snapshot that is due. */
      takenAt?: Date;
    };

interface SnapshotPlanOptions {
  due: DueSnapshots;
  now: Date;
  provider: Session['provider'];
  /** Whether the volumes of a server have snapshots of their own. */
  hasVolumes?: (server: Server) => boolean;
}

/**
 * Plans a step for each selected server from the existing snapshots. The servers with the oldest
 * snapshots come first, because the run may reach its deadline before the last server.
 *
 * A server is skipped when the snapshot that is due exists and is neither failed nor empty, when a
 * snapshot of its series is pending, or when the server is busy. A server fails when the existing
 * snapshot expires earlier than requested now, when the image that the same request has made is
 * gone, when an earlier run of the same call has made an image that
 * failed, or when the cloud makes no image of the server until an operator acts.
 */
export function planSnapshots(
  servers: readonly Server[],
  snapshots: readonly Snapshot[],
  { due, now, provider, hasVolumes = () => false }: SnapshotPlanOptions,
): SnapshotStep[] {
  const series = Map.groupBy(
    snapshots.filter(({ policy }) => policy === due.policy),
    ({ region, server }) => `${region} ${server}`,
  );
  const seriesOf = ({ region, id }: Server) => series.get(`${region} ${id}`) ?? [];
  return byNewestSnapshot(servers, seriesOf, now).map((server): SnapshotStep => {
    const skip = (reason: Reason): SnapshotStep => ({ action: 'skip', server, reason });
    const alive = seriesOf(server).filter((s) => mayBeGood(s) && !isStuck(s, server.taskState, now));
    const taken = longestKept(alive.filter(due.isMet));
    if (taken) {
      const { id: image, status } = taken;
      const end = endOf(taken);
      const until = end && isoSeconds(end);
      return until && due.endsTooSoon?.(taken)
        ? { action: 'fail', server, reason: { code: 'REQUEST_ENDS_SOONER', image, until } }
        : {
            action: 'skip',
            server,
            reason: { code: 'ALREADY_TAKEN', image, status, ...(until ? { until } : {}) },
            takenAt: taken.createdAt,
          };
    }
    const failed = seriesOf(server).find((one) => due.isOfSameCall?.(one));
    if (failed) {
      const { id, status } = failed;
      return { action: 'fail', server, reason: { code: 'REQUEST_FAILED', image: id, status } };
    }
    if (due.overSince) {
      return { action: 'fail', server, reason: { code: 'REQUEST_OVER', since: isoSeconds(due.overSince) } };
    }
    const image = due.lostImage?.(server, seriesOf(server));
    if (image !== undefined) {
      return { action: 'fail', server, reason: { code: 'REQUEST_TOOK_IT_BEFORE', image } };
    }
    if (server.volumeBacked && provider === 'rackspace') {
      return hasVolumes(server)
        ? skip({ code: 'ON_VOLUMES_ALONE' })
        : { action: 'fail', server, reason: { code: 'VOLUME_SERVER_AT_RACKSPACE' } };
    }
    const blocking = blockingState(server);
    if (blocking) return { action: 'fail', server, reason: blocking };
    if (server.taskState !== null) return skip({ code: 'SERVER_BUSY', taskState: server.taskState });
    const pending = alive.find(({ state }) => state === 'pending');
    if (pending) return skip({ code: 'SNAPSHOT_PENDING', image: pending.id, status: pending.status });
    return {
      action: 'take',
      server,
      image: newImage(server, due),
    };
  });
}

function newImage(server: Server, due: Pick<DueSnapshots, 'policy' | 'slot' | 'marker'>): NewImage {
  const name = imageName(server, due.policy, due.slot);
  const blueprint = blueprintText(server, name);
  return { name, metadata: markerOf({ ...due.marker(server), blueprint }) };
}

/** Whether a snapshot is good or may become good. */
export function mayBeGood(snapshot: Snapshot): boolean {
  return snapshot.state !== 'failed' && !isEmpty(snapshot);
}

/** The snapshot with the latest expiry. */
function longestKept(snapshots: readonly Snapshot[]): Snapshot | undefined {
  const endMs = (snapshot: Snapshot) => endOf(snapshot)?.getTime() ?? Number.POSITIVE_INFINITY;
  return snapshots.toSorted((a, b) => (endMs(a) < endMs(b) ? 1 : -1))[0];
}

/**
 * Sorts servers by their newest good snapshot, the oldest first; servers without one come before
 * all others.
 */
function byNewestSnapshot(
  servers: readonly Server[],
  seriesOf: (server: Server) => readonly Snapshot[],
  now: Date,
): Server[] {
  const newestMs = new Map(
    servers.map((server) => {
      const good = seriesOf(server).filter(({ state, slot }) => state === 'good' && slot <= now);
      return [server, Math.max(0, ...good.map(({ slot }) => slot.getTime()))];
    }),
  );
  return servers.toSorted((a, b) => newestMs.get(a)! - newestMs.get(b)!);
}
