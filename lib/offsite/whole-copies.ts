import pMap from 'p-map';
import type { Session } from '../openstack/session.ts';
import { getVolumeBackup } from '../openstack/volume-backups.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Decision } from '../snapshots/retention.ts';
import type { SeriesPlan } from '../snapshots/series-plan.ts';
import { lookAtSets, setsToLookAt } from '../snapshots/sets-to-look-at.ts';
import type { Snapshot, Suspect } from '../snapshots/snapshot.ts';
import { keepWholeSets } from '../snapshots/whole-sets.ts';
import type { NamedSeries } from './backup-plan.ts';
import type { BackupReader } from './backups.ts';
import { type CopyScope, copiesOf, prefixOf } from './copies.ts';
import { type CheckedCopy, checkAgain, checkCopy } from './copy-state.ts';
import type { CopyStore } from './copy-store.ts';
import { type CopyAction, type OffsitePolicy, planRetention, snapshotOfCopy } from './plan.ts';

// Copies of a server with volumes are a set as its snapshots are: the copy of the image, and the
// backups of the volumes for the same slot. whole-sets.ts decides about both.

/** How many manifests are read at the same time. */
const AT_ONCE = 8;

/** The store of the copies of images, and which of them belong to the policy. */
export interface CopyPlace {
  store: CopyStore;
  scope: CopyScope;
}

/** The backups of one volume as a series. Those of a volume that no server has all stay. */
export function seriesOfBackups(
  { server, serverName, volume, volumeName, isAttached }: NamedSeries,
  decisions: readonly Decision[],
  { policy, offsite, region }: Pick<OffsitePolicy, 'policy' | 'offsite'> & { region: string },
): SeriesPlan {
  return {
    ...{ server, name: serverName ?? '', volume: { id: volume, name: volumeName }, region, policy },
    floor: offsite.keep.atLeast,
    items: decisions.map(({ snapshot, keep, reasons }) =>
      keep || isAttached
        ? { snapshot, action: keep ? 'keep' : 'delete', reasons }
        : { snapshot, action: 'keep', reasons: [{ code: 'BACKUP_VOLUME_UNATTACHED' }] },
    ),
    ...(isAttached ? {} : { isOrphaned: true }),
  };
}

/** The good copies of the image of one server as a series. */
export function seriesOfCopies(
  { server, name, region }: Pick<SeriesPlan, 'server' | 'region'> & { name: string | undefined },
  actions: readonly CopyAction[],
  { policy, offsite }: Pick<OffsitePolicy, 'policy' | 'offsite'>,
): SeriesPlan {
  return {
    ...{ server, name: name ?? '', region, policy, floor: offsite.keep.atLeast },
    items: actions.map(({ copy, action, reasons }) => ({
      ...{ snapshot: snapshotOfCopy(copy, policy), action, reasons },
    })),
    ...(name === undefined ? { isOrphaned: true } : {}),
  };
}

/** The series of which also what whole sets need is kept; see {@link keepWholeSets}. */
export function keepWholeCopies(
  series: readonly SeriesPlan[],
  { policy, timezone, offsite }: OffsitePolicy,
  now: Date,
): readonly SeriesPlan[] {
  return keepWholeSets(series, { policy, timezone, keep: offsite.keep, orphans: undefined }, now);
}

/** Why the set of a backup or copy has to stay right before a deletion; see {@link lookAtSets}. */
export type SetStays = ReturnType<typeof lookAtSets>;

/** Reads the sets of backups and copies again right before a deletion. */
export function setStaysOf(
  series: readonly SeriesPlan[],
  { policy, now }: { policy: string; now: Date },
  {
    session,
    readBackup,
    place,
    copies,
  }: { session: Session; readBackup: BackupReader; place: CopyPlace; copies: readonly CheckedCopy[] },
): SetStays {
  const copyOf = new Map(copies.map((copy) => [copy.key, copy]));
  const read = async ({ id, region, volume }: Snapshot): Promise<Snapshot | Suspect | undefined> => {
    if (volume !== undefined) {
      const backup = await getVolumeBackup(session, region, id);
      return backup && readBackup(backup);
    }
    const copy = copyOf.get(id);
    const current = copy && (await checkAgain(place.store, place.scope, copy));
    return current?.state === 'good' ? snapshotOfCopy(current, policy) : undefined;
  };
  return lookAtSets({ setsOf: setsToLookAt(series, policy), read, now });
}

/**
 * The copies of the images of some servers of a region, and their series.
 *
 * @param names the names of the listed servers, by their ids.
 * @throws {BucketError} if the store can't be read.
 */
export async function copiesOfServers(
  { store, scope }: CopyPlace,
  policy: OffsitePolicy,
  {
    region,
    servers,
    names,
    now,
  }: { region: string; servers: ReadonlySet<string>; names: ReadonlyMap<string, string>; now: Date },
): Promise<{ copies: CheckedCopy[]; series: SeriesPlan[] }> {
  const listed = copiesOf(scope, await store.list(prefixOf(scope, region)), []);
  const copies = await pMap(
    listed.filter(({ server }) => servers.has(server)),
    (copy) => checkCopy(store, scope, copy),
    { concurrency: AT_ONCE },
  );
  const series = [...Map.groupBy(copies, ({ server }) => server)].map(([server, its]) => {
    const name = names.get(server);
    const actions = planRetention(its, policy, { now, serverIsListed: name !== undefined });
    return seriesOfCopies({ server, name, region }, actions, policy);
  });
  return { copies, series };
}

/** The backups of a region after a run, or why they could not be read: see back-up-volumes.ts. */
export type BackupsOfRegion = { series: readonly SeriesPlan[]; read: BackupReader } | { problem: Reason };
