import { DAY_MS, isoSeconds } from '../config/dates.ts';
import { dormancyOf } from '../config/dormancy.ts';
import { ADHOC, type Policy } from '../config/policy.ts';
import type { CopyContext } from '../offsite/copy.ts';
import type { CheckedCopy } from '../offsite/copy-state.ts';
import { isFirstDisk } from '../openstack/attachments.ts';
import { bareServer, type Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import type { VolumeBackup } from '../openstack/volume-backups.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { planCleanup, type SeriesPlan } from '../snapshots/cleanup-plan.ts';
import { homeOf } from '../snapshots/inventory.ts';
import { isSnapshot, isStuck, isTakenAgain, type Snapshot, serverNameIn } from '../snapshots/marker.ts';
import { type Reader, readerOf } from '../snapshots/ownership.ts';
import {
  lacksVolumeService,
  type RegionInventory,
  type UncertainServer,
} from '../snapshots/region-inventory.ts';
import { hasPassed } from '../snapshots/retention.ts';
import { maySelect, selectServers } from '../snapshots/selector.ts';
import { isBackingUp } from '../snapshots/volume-snapshot-status.ts';
import { attachedVolumes, volumesOf } from '../volumes/attached.ts';
import { type VolumeReader, volumeReaderOf } from '../volumes/marker.ts';
import { isStuckCreating } from '../volumes/plan.ts';
import { type BackedUp, backedUpBy } from './backup-freshness.ts';
import { copiedOf } from './copy-freshness.ts';
import { proofOf } from './drill-results.ts';
import { newestSlot, oldestSlot } from './expiry-forecast.ts';
import { forecastAdhoc, forecastOrphan, forecastRuns, type RunForecast } from './forecast.ts';
import { beginsTooLate, latenessOf } from './lateness.ts';
import { type AuditedSeries, type AuditedSnapshot, LATE, type LateCause } from './model.ts';
import { nextRunAfter } from './next-run.ts';
import { missedObjectives } from './objectives.ts';

/** Since when a policy selects a server, of which the oldest snapshot has the slot `oldest`. */
export type SelectedSince = (server: string, policy: string, oldest: Date | undefined) => Date;

/** The series of one policy in one region. */
export interface RegionProtection {
  series: AuditedSeries[];
  warnings: Finding[];
}

/**
 * Audits how well a policy protects the servers of a completely listed region. The result has a
 * series for each server that the policy selects, or that has snapshots or copies of this policy.
 * - `adhoc`: whether to include the ad-hoc snapshots, which belong to no policy.
 * - `unsure`: the servers whose existence is unknown.
 * - `copies`: the policy's copies, if it makes any and they could be read. `obstacleTo` returns why
 *   an image can't be copied.
 * - `backups`: all volume backups of the region, if the policy makes any and they could be listed.
 * - `goneEverywhere`: the servers that no region of the account has.
 * - `scheduledSince`: since when the policy has its schedule, if known. No snapshot is late by what
 *   the schedule says of the time before.
 * - `selectedSince`: since when the policy selects a server, if known. The next snapshot of a
 *   server that it selects again, and the first one of a new server, is due from then on.
 * - `leftByTwoCleanups`: the time before two cleanups with the current rules, if known.
 */
export function protectionOf(
  inventory: RegionInventory,
  policy: Policy,
  {
    projectId,
    adhoc,
    unsure = [],
    copies,
    obstacleTo = () => undefined,
    backups,
    goneEverywhere = new Set(),
    selectedSince,
    scheduledSince,
    leftByTwoCleanups,
    provider = 'keystone',
    ...run
  }: Pick<Run, 'owner' | 'now' | 'policies'> & {
    projectId: string;
    adhoc: boolean;
    unsure?: readonly UncertainServer[];
    copies?: readonly CheckedCopy[] | undefined;
    obstacleTo?: CopyContext['obstacleTo'];
    backups?: readonly VolumeBackup[] | undefined;
    goneEverywhere?: ReadonlySet<string>;
    selectedSince?: SelectedSince | undefined;
    scheduledSince?: Date | undefined;
    leftByTwoCleanups?: Date | undefined;
    provider?: Session['provider'];
  },
): RegionProtection {
  const { now } = run;
  const read = readerOf(inventory, policy, { owner: run.owner, projectId, policies: run.policies });
  const readVolume = volumeReaderOf({ owner: run.owner, policies: [...(run.policies ?? []), policy] });
  const { volumeSnapshots } = inventory;
  const backedUp = backups && backedUpBy(policy.policy, backups, { readVolume, volumeSnapshots });
  const placeholders = placeholderServers(inventory, unsure, policy, read);
  const servers = [...inventory.servers, ...placeholders.values()];
  const plan = planCleanup({ ...inventory, servers }, policy, read, { ...run, goneEverywhere, readVolume });
  const overdueDeletions = leftByTwoCleanups
    ? overdueDeletionsIn(inventory, policy, read, { ...run, readVolume, now: leftByTwoCleanups })
    : new Set<string>();
  const serverOf = new Map(inventory.servers.map((server) => [server.id, server]));
  const selected = new Set(selectServers(inventory.servers, policy.servers).servers);
  const planned = new Map(
    plan.series
      .filter((s) => s.policy === policy.policy && s.volume === undefined)
      .map((series) => [series.server, series]),
  );
  const volumesOfServers = volumesOf([...selected], inventory.volumes, policy.volumes, provider);
  /** Rackspace makes no image of a server whose disk is a volume: its volumes have snapshots. */
  const isOnVolumesAlone = (server: Server | undefined) =>
    server !== undefined &&
    provider === 'rackspace' &&
    server.volumeBacked &&
    volumesOfServers.has(server.id);
  const forecastOf = forecastRuns(policy, now);
  const { region } = inventory;
  const common = { account: policy.account, region };
  const imageOf = new Map(inventory.images.map((image) => [image.id, image]));
  const copiesIn = Map.groupBy(copies?.filter((one) => one.region === region) ?? [], (copy) => copy.server);
  const withImages = [...selected].filter((server) => !isOnVolumesAlone(server));
  const ids = new Set([...withImages.map(({ id }) => id), ...planned.keys(), ...copiesIn.keys()]);
  const series = [...ids].map((id): AuditedSeries => {
    const server = serverOf.get(id);
    const placeholder = placeholders.get(id);
    const isUnsure =
      placeholder !== undefined && maySelect(id, placeholder.name || undefined, policy.servers);
    const items = planned.get(id)?.items ?? [];
    const grows = server !== undefined && selected.has(server) && !isOnVolumesAlone(server);
    const snapshots = items.map(({ snapshot }) => snapshot);
    const isHere = server !== undefined || placeholder !== undefined;
    const isDeselected = isHere && !grows && !isUnsure;
    const forecast = isHere ? forecastOf(snapshots, grows || isUnsure) : undefined;
    const expiryOf =
      forecast?.expiryOf ?? (goneEverywhere.has(id) ? forecastOrphan(snapshots, policy, now) : undefined);
    const oldest = oldestSlot(snapshots, now);
    const newest = newestSlot(snapshots, now);
    const nextRun = { policy, newest, oldest, now, selectedSince, scheduledSince };
    const proof = proofOf(snapshots, grows && policy.drill !== undefined, now);
    const facts = snapshotFacts(items, { server: server ?? placeholder, now, expiryOf });
    const ofVolumes = backedUp?.ofServer(snapshots, now);
    const itsCopies = ofVolumes ?? (copies && (copiesIn.get(id) ?? []));
    return {
      ...common,
      server: id,
      name: (server ?? placeholder)?.name ?? planned.get(id)?.name ?? '',
      policy: policy.policy,
      ...(grows
        ? {
            ...expected(server, facts.newestGood, nextRun),
            ...(server.volumeBacked && lacksVolumeService(inventory)
              ? lateFor({ code: 'SERIES_REGION_WITHOUT_VOLUMES', where: region, isDisk: true }, facts)
              : {}),
            gaps: forecast?.gaps ?? [],
          }
        : isUnsure
          ? {
              ...expected(placeholder, facts.newestGood, nextRun),
              ...lateFor({ code: 'SERIES_SERVER_UNCERTAIN' }, facts),
            }
          : { state: inventory.gone.has(id) ? 'orphaned' : 'deselected' }),
      ...(proof ? { proof } : {}),
      ...notRotating(snapshots, overdueDeletions),
      ...(itsCopies && policy.offsite
        ? {
            copied: copiedOf(
              snapshots,
              itsCopies,
              { ...policy, offsite: policy.offsite },
              {
                imageOf,
                obstacleTo: ofVolumes ? () => undefined : obstacleTo,
                isDeselected,
                isHomeKnown: (image) => homeOf(image, { server: id }, inventory) !== undefined,
                now,
              },
            ),
          }
        : {}),
      ...facts,
    };
  });
  const withObjectives = (one: AuditedSeries): AuditedSeries => {
    const missed = missedObjectives(one, policy.objectives);
    return missed ? { ...one, missed } : one;
  };
  const adhocSeries = plan.series.filter((s) => adhoc && s.policy === ADHOC);
  const ofVolumes = volumeSeries(plan.series, {
    ...{ policy, inventory, volumesOfServers, serverOf, now, selectedSince, scheduledSince },
    attachedTo: attachedVolumes([...selected], inventory.volumes, provider),
    isOnVolumesAlone,
    overdueDeletions,
    forecastOf,
    backedUp,
  });
  return {
    series: [
      ...[...series, ...ofVolumes.map((one) => ({ ...common, ...one }))].map(withObjectives),
      ...adhocSeries.map(
        ({ server, name, volume, items }): AuditedSeries => ({
          ...common,
          server,
          name,
          ...(volume ? { volume } : {}),
          policy: ADHOC,
          ...(inventory.gone.has(server) ? {} : { countedBy: policy.policy }),
          state: 'adhoc',
          ...snapshotFacts(items, {
            server: serverOf.get(server),
            now,
            expiryOf: serverOf.has(server)
              ? (snapshot) =>
                  forecastAdhoc(
                    snapshot,
                    items.map((item) => item.snapshot),
                    now,
                  )
              : undefined,
          }),
        }),
      ),
    ],
    warnings: [...notRotatingWarnings(plan.series, overdueDeletions), ...plan.warnings],
  };
}

interface VolumeAudit {
  policy: Policy;
  inventory: RegionInventory;
  /** The volumes that are to have snapshots, by the id of their server. */
  volumesOfServers: ReadonlyMap<string, readonly Volume[]>;
  /** All volumes of the selected servers, those that belong to another server included. */
  attachedTo: ReadonlyMap<string, readonly Volume[]>;
  serverOf: ReadonlyMap<string, Server>;
  /** Whether the snapshots of a server's volumes are all that there is of the server. */
  isOnVolumesAlone(server: Server): boolean;
  now: Date;
  selectedSince: SelectedSince | undefined;
  scheduledSince: Date | undefined;
  overdueDeletions: ReadonlySet<string>;
  forecastOf: ReturnType<typeof forecastRuns>;
  backedUp: BackedUp | undefined;
}

/**
 * The series of the volumes of a policy: of each volume that is to have snapshots, and of each
 * other one that has some.
 */
function volumeSeries(
  planned: readonly SeriesPlan[],
  {
    policy,
    inventory,
    volumesOfServers,
    attachedTo,
    serverOf,
    isOnVolumesAlone,
    now,
    selectedSince,
    scheduledSince,
    overdueDeletions,
    forecastOf,
    backedUp,
  }: VolumeAudit,
): Omit<AuditedSeries, 'account' | 'region'>[] {
  const plans = new Map(
    planned.flatMap((one) => (one.volume && one.policy === policy.policy ? [[one.volume.id, one]] : [])),
  );
  const existing = new Set(inventory.volumes.map(({ id }) => id));
  const seriesOf = (
    {
      server,
      name,
      volume,
    }: Pick<AuditedSeries, 'server' | 'name'> & { volume: { id: string; name: string } },
    standing: (
      facts: SnapshotFacts,
      snapshots: readonly Snapshot[],
      gaps: RunForecast['gaps'],
    ) => Partial<AuditedSeries> & Pick<AuditedSeries, 'state'>,
    grows: boolean,
  ) => {
    const items = plans.get(volume.id)?.items ?? [];
    const snapshots = items.map(({ snapshot }) => snapshot);
    const forecast = forecastOf(snapshots, grows);
    const expiryOf = existing.has(volume.id) ? forecast.expiryOf : undefined;
    const facts = snapshotFacts(items, { server: serverOf.get(server), now, expiryOf });
    return {
      ...{ server, name, volume: { id: volume.id, name: volume.name || volume.id }, policy: policy.policy },
      ...standing(facts, snapshots, forecast.gaps),
      ...(backedUp && policy.offsite
        ? {
            copied: copiedOf(
              snapshots,
              backedUp.ofVolume(volume.id),
              { ...policy, offsite: policy.offsite },
              { isDeselected: !grows, now },
            ),
          }
        : {}),
      ...notRotating(snapshots, overdueDeletions),
      ...facts,
    };
  };
  const wanted = [...volumesOfServers].flatMap(([id, volumes]) =>
    volumes.map((volume) => ({ server: serverOf.get(id)!, volume })),
  );
  const covered = new Set(wanted.map(({ volume }) => volume.id));
  const othersWith = (volume: Volume, server: Server) =>
    [...attachedTo].flatMap(([id, volumes]) =>
      id !== server.id && volumes.some((one) => one.id === volume.id)
        ? [{ server: id, name: serverOf.get(id)!.name }]
        : [],
    );
  return [
    ...wanted.map(({ server, volume }) =>
      seriesOf(
        { server: server.id, name: server.name, volume },
        (facts, snapshots, gaps = []) => {
          const newest = newestSlot(snapshots, now);
          const oldest = oldestSlot(snapshots, now);
          // The first snapshot of a volume is due from when it was attached.
          const since = later(server.createdAt, attachedSince(volume, server));
          const growing = { ...server, createdAt: since };
          const options = { policy, newest, oldest, now, selectedSince, scheduledSince };
          // The drills of such a server boot the snapshots of its root volume.
          const isRoot = volume.attachments.some((one) => one.serverId === server.id && isFirstDisk(one));
          const isDrilled = isRoot && isOnVolumesAlone(server);
          const proof = isDrilled ? proofOf(snapshots, policy.drill !== undefined, now) : undefined;
          const alsoOf = othersWith(volume, server);
          const standing = {
            ...(alsoOf.length > 0 ? { alsoOf } : {}),
            ...expected(growing, facts.newestGood, options),
            ...(proof ? { proof } : {}),
            gaps,
          };
          return lacksVolumeService(inventory)
            ? {
                ...standing,
                ...lateFor(
                  {
                    code: 'SERIES_REGION_WITHOUT_VOLUMES',
                    where: server.region,
                    isDisk: isOnVolumesAlone(server),
                  },
                  facts,
                ),
              }
            : standing;
        },
        true,
      ),
    ),
    ...[...plans.values()]
      .filter(({ volume }) => !covered.has(volume!.id))
      .map(({ server, name, volume }) =>
        seriesOf(
          { server, name, volume: volume! },
          () => ({ state: inventory.goneVolumes.has(volume!.id) ? 'orphaned' : 'deselected' }),
          false,
        ),
      ),
  ];
}

/** Since when a volume is attached to a server, or else since when it exists. */
function attachedSince({ attachments, createdAt }: Volume, { id }: Server): Date | undefined {
  return attachments.find(({ serverId }) => serverId === id)?.attachedAt ?? createdAt;
}

/**
 * Placeholders for the servers whose existence is unknown, with the names from their newest
 * snapshots, so that the audit does not report these servers as gone.
 */
function placeholderServers(
  { region, images, volumeSnapshots }: RegionInventory,
  unsure: readonly UncertainServer[],
  { policy }: Policy,
  read: Reader,
): Map<string, Server> {
  const here = unsure.filter((one) => one.region === region);
  if (here.length === 0) return new Map();
  const snapshots = images
    .map((image) => read(image, volumeSnapshots))
    .filter(isSnapshot)
    .filter((one) => one.policy === policy)
    .sort((a, b) => b.slot.getTime() - a.slot.getTime());
  return new Map(
    here.map(({ id }) => {
      const newest = snapshots.find(({ server }) => server === id);
      const server = bareServer({ id, region, name: newest ? serverNameIn(newest) : '' });
      // The server may be busy, so its pending snapshots must not count as stuck.
      return [id, { ...server, taskState: 'unknown' }];
    }),
  );
}

/**
 * The ids of the snapshots that a cleanup at the time `now` should have deleted, of the images that
 * were certainly finished by then.
 */
function overdueDeletionsIn(
  inventory: RegionInventory,
  policy: Policy,
  read: Reader,
  run: Pick<Run, 'now' | 'policies'> & { readVolume: VolumeReader },
): ReadonlySet<string> {
  const { now: then } = run;
  // The last update of an image is when it is finished, or later.
  const finished = inventory.images.filter(
    ({ createdAt, updatedAt }) =>
      then.getTime() - createdAt.getTime() > DAY_MS || (updatedAt !== undefined && updatedAt <= then),
  );
  const volumeSnapshots = inventory.volumeSnapshots.filter(
    ({ createdAt }) => then.getTime() - createdAt.getTime() > DAY_MS,
  );
  const plan = planCleanup({ ...inventory, images: finished, volumeSnapshots }, policy, read, run);
  const items = plan.series.flatMap((series) => series.items);
  return new Set(items.filter(({ action }) => action !== 'keep').map(({ snapshot }) => snapshot.id));
}

function notRotating(
  snapshots: readonly Snapshot[],
  overdueDeletions: ReadonlySet<string>,
): Pick<AuditedSeries, 'notRotating'> {
  const n = snapshots.filter(({ id }) => overdueDeletions.has(id)).length;
  return n > 0 ? { notRotating: n } : {};
}

function notRotatingWarnings(
  series: readonly SeriesPlan[],
  overdueDeletions: ReadonlySet<string>,
): Finding[] {
  return series.flatMap(({ region, server, name, policy, items }): Finding[] => {
    const images = items.map(({ snapshot }) => snapshot.id).filter((id) => overdueDeletions.has(id));
    return images.length > 0
      ? [{ code: 'SERIES_NOT_ROTATING', region, server: name || server, policy, images }]
      : [];
  });
}

type SnapshotFacts = Pick<
  AuditedSeries,
  'newestGood' | 'ageSeconds' | 'good' | 'pending' | 'stuck' | 'failed' | 'unknown' | 'bytes' | 'snapshots'
>;

function snapshotFacts(
  items: SeriesPlan['items'],
  {
    server,
    now,
    expiryOf,
  }: { server: Server | undefined; now: Date; expiryOf: RunForecast['expiryOf'] | undefined },
): SnapshotFacts {
  const all = items.map(({ snapshot }) => snapshot);
  const snapshots = items.map(({ snapshot, action, reasons }): AuditedSnapshot => {
    const stuck =
      snapshot.state === 'pending' &&
      (now.getTime() - snapshot.createdAt.getTime() > DAY_MS ||
        (snapshot.volume === undefined
          ? isStuck(snapshot, server?.taskState ?? null, now)
          : isStuckCreating(snapshot, now)));
    const expiry = expiryOf?.(snapshot);
    return {
      image: snapshot.id,
      slot: isoSeconds(snapshot.slot),
      status: snapshot.status,
      // A snapshot that is being backed up is not in trouble, and is good again afterwards.
      state: stuck ? 'stuck' : isBackingUp(snapshot) ? 'pending' : snapshot.state,
      ...(snapshot.sizeBytes === undefined ? {} : { sizeBytes: snapshot.sizeBytes }),
      action,
      reasons,
      ...(isFailedAdhoc(snapshot) && isTakenAgain(snapshot, all) ? { takenAgain: true } : {}),
      ...(expiry ? { expiresAt: isoSeconds(expiry.at) } : {}),
      ...(expiry?.condition ? { condition: expiry.condition } : {}),
      ...drillResultOf(snapshot),
    };
  });
  const having = (state: AuditedSnapshot['state']) => snapshots.filter((s) => s.state === state);
  const newestGood = items.find(({ snapshot: s }) => s.state === 'good' && s.slot <= now)?.snapshot.slot;
  return {
    ...(newestGood
      ? {
          newestGood: isoSeconds(newestGood),
          ageSeconds: Math.floor((now.getTime() - newestGood.getTime()) / 1000),
        }
      : {}),
    good: having('good').length,
    pending: having('pending').length,
    stuck: having('stuck').length,
    failed: having('failed').filter(({ takenAgain }) => !takenAgain).length,
    unknown: having('unknown').length,
    bytes: snapshots.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    snapshots,
  };
}

function isFailedAdhoc({ policy, state }: Snapshot): boolean {
  return policy === ADHOC && state === 'failed';
}

function drillResultOf(snapshot: Snapshot): Pick<AuditedSnapshot, 'proven' | 'provenVolumes' | 'unproven'> {
  const { proven, provenVolumes, drilled } = snapshot;
  if (hasPassed(snapshot)) {
    return { proven: isoSeconds(proven!), ...(provenVolumes ? { provenVolumes } : {}) };
  }
  return drilled ? { unproven: isoSeconds(drilled) } : {};
}

function lateFor(
  cause: LateCause,
  { newestGood }: { newestGood?: string | undefined },
): Pick<AuditedSeries, 'state' | 'cause'> {
  return { state: newestGood ? 'late' : 'never', cause };
}

/**
 * The state and the lateness of a series that is expected to get snapshots. The lateness starts at
 * the newest good snapshot, or else when the server was created; but not before the policy started
 * to select the server, nor before it had its schedule.
 */
function expected(
  server: Server,
  newestGood: string | undefined,
  {
    policy: { schedule, policy },
    newest,
    oldest,
    now,
    selectedSince,
    scheduledSince,
  }: {
    policy: Policy;
    newest: Date | undefined;
    /** The slot of the oldest snapshot, in any state. */
    oldest: Date | undefined;
    now: Date;
    selectedSince: SelectedSince | undefined;
    scheduledSince: Date | undefined;
  },
): Pick<AuditedSeries, 'state' | 'cause' | 'overdue' | 'lateSeconds' | 'nextRun'> {
  // A snapshot in any state shows that the policy already selected the server at that time.
  const selected = selectedSince?.(server.id, policy, oldest);
  const good = newestGood === undefined ? undefined : new Date(newestGood);
  const since = later(later(good ?? server.createdAt, selected), scheduledSince);
  const dormancy = dormancyOf(schedule, now);
  const mayWait =
    dormancy?.begins !== undefined &&
    since !== undefined &&
    !beginsTooLate(schedule, { newest: good, since }, now);
  if (dormancy && !mayWait) return lateFor({ code: 'SERIES_SCHEDULE_ENDED', ...dormancy }, { newestGood });
  const next = nextRunAfter(schedule, newest, now);
  const nextRun = next ? { nextRun: isoSeconds(next) } : {};
  const lateness = since && latenessOf(schedule, since, now);
  if (!lateness) return { state: newestGood ? 'protected' : 'never', ...nextRun };
  const isLate = lateness.overdue >= LATE;
  const state = newestGood ? (isLate ? 'late' : 'protected') : isLate ? 'never' : 'waiting';
  return { state, ...lateness, ...nextRun };
}

function later(a: Date | undefined, b: Date | undefined): Date | undefined {
  return a && b && a < b ? b : (a ?? b);
}
