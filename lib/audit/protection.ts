import { ADHOC } from '../config/adhoc-event.ts';
import type { Policy } from '../config/policy.ts';
import type { CopyContext } from '../offsite/copy.ts';
import type { CheckedCopy } from '../offsite/copy-state.ts';
import { bareServer, type Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import type { VolumeBackup } from '../openstack/volume-backups.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { planCleanup } from '../snapshots/cleanup-plan.ts';
import { homeOf } from '../snapshots/home-region.ts';
import { serverNameIn } from '../snapshots/marker.ts';
import { type Reader, readerOf } from '../snapshots/ownership.ts';
import {
  lacksVolumeService,
  type RegionInventory,
  type UncertainServer,
} from '../snapshots/region-inventory.ts';
import { maySelect, selectServers } from '../snapshots/selector.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import { attachedVolumes, volumesOf } from '../volumes/attached.ts';
import { volumeReaderOf } from '../volumes/marker.ts';
import { backedUpBy } from './backup-freshness.ts';
import { copiedOf } from './copy-freshness.ts';
import { proofOf } from './drill-results.ts';
import { expected, lateFor, later, type SelectedSince } from './expected-state.ts';
import { newestSlot, oldestSlot } from './expiry-forecast.ts';
import { forecastAdhoc, forecastOrphan, forecastRuns } from './forecast.ts';
import type { AuditedSeries } from './model.ts';
import { missedObjectives } from './objectives.ts';
import { notRotating, notRotatingWarnings, overdueDeletionsIn } from './overdue-deletions.ts';
import { snapshotFacts, withNewestGood } from './snapshot-facts.ts';
import { volumeSeries } from './volume-protection.ts';
import { lackedVolumesFinder, wholeSlotFinder } from './whole-slots.ts';

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
  const attachedTo = attachedVolumes([...selected], inventory.volumes, provider);
  const wanted = new Set([...volumesOfServers.values()].flat().map(({ id }) => id));
  const wholeSlotOf = wholeSlotFinder(plan.series, {
    policy: policy.policy,
    volumesOf: ({ id }) => (attachedTo.get(id) ?? []).filter((volume) => wanted.has(volume.id)),
    now,
  });
  const lackedVolumes = lackedVolumesFinder(inventory, now);
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
    const whole = grows ? (lackedVolumes(server, snapshots) ?? wholeSlotOf(server, snapshots)) : undefined;
    const ownFacts = snapshotFacts(items, { server: server ?? placeholder, now, expiryOf });
    const facts = whole ? withNewestGood(ownFacts, whole.slot, now) : ownFacts;
    const ofVolumes = backedUp?.ofServer(snapshots, now);
    const itsCopies = ofVolumes ?? (copies && (copiesIn.get(id) ?? []));
    return {
      ...common,
      server: id,
      name: (server ?? placeholder)?.name ?? planned.get(id)?.name ?? '',
      ...(isHere ? {} : formerNamesIn(snapshots)),
      policy: policy.policy,
      ...(grows
        ? {
            ...expected(
              { ...server, createdAt: later(server.createdAt, whole?.since) },
              facts.newestGood,
              nextRun,
            ),
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
      ...(whole ? { isApart: true as const } : {}),
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
    attachedTo,
    isOnVolumesAlone,
    wholeSlotOf,
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
          ...(volume || serverOf.has(server) ? {} : formerNamesIn(items.map(({ snapshot }) => snapshot))),
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

/** The names in the snapshots of a deleted server, other than the last one. */
function formerNamesIn(snapshots: readonly Snapshot[]): Pick<AuditedSeries, 'formerNames'> {
  const names = new Set(snapshots.toSorted((a, b) => b.slot.getTime() - a.slot.getTime()).map(serverNameIn));
  const [, ...former] = names;
  return former.length > 0 ? { formerNames: former } : {};
}
