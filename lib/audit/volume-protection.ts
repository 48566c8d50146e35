import type { Policy } from '../config/policy.ts';
import { isFirstDisk } from '../openstack/attachments.ts';
import type { Server } from '../openstack/compute.ts';
import type { Volume } from '../openstack/volumes.ts';
import { lacksVolumeService, type RegionInventory } from '../snapshots/region-inventory.ts';
import type { SeriesPlan } from '../snapshots/series-plan.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { isInSetOf } from '../volumes/set.ts';
import type { BackedUp } from './backup-freshness.ts';
import { copiedOf } from './copy-freshness.ts';
import { proofOf } from './drill-results.ts';
import { expected, lateFor, later, type SelectedSince } from './expected-state.ts';
import { newestSlot, oldestSlot } from './expiry-forecast.ts';
import type { forecastRuns, RunForecast } from './forecast.ts';
import type { AuditedSeries } from './model.ts';
import { notRotating } from './overdue-deletions.ts';
import { newestGoodSlot, type SnapshotFacts, snapshotFacts, withNewestGood } from './snapshot-facts.ts';
import { volumeSince, type WholeSlot } from './whole-slots.ts';

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
  wholeSlotOf(server: Server, images: undefined): WholeSlot | undefined;
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
export function volumeSeries(
  planned: readonly SeriesPlan[],
  {
    policy,
    inventory,
    volumesOfServers,
    attachedTo,
    serverOf,
    isOnVolumesAlone,
    wholeSlotOf,
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
    ) => SnapshotFacts & Partial<AuditedSeries> & Pick<AuditedSeries, 'state'>,
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
        (ownFacts, snapshots, gaps = []) => {
          const newest = newestSlot(snapshots, now);
          const oldest = oldestSlot(snapshots, now);
          // The first snapshot of a volume is due from when it was attached.
          const since = later(server.createdAt, volumeSince(volume, server, snapshots));
          const growing = { ...server, createdAt: since };
          const options = { policy, newest, oldest, now, selectedSince, scheduledSince };
          // The drills of such a server boot the snapshots of its root volume.
          const isRoot = volume.attachments.some((one) => one.serverId === server.id && isFirstDisk(one));
          const isDrilled = isRoot && isOnVolumesAlone(server);
          const proof = isDrilled ? proofOf(snapshots, policy.drill !== undefined, now) : undefined;
          const alsoOf = othersWith(volume, server);
          const whole = isDrilled ? wholeSlotOf(server, undefined) : undefined;
          // The sets of the server have no snapshot from when another one had the volume.
          const slot = whole ? whole.slot : newestGoodSlot(snapshots.filter(isInSetOf(server.id)), now);
          const facts = withNewestGood(ownFacts, slot, now);
          const standing = {
            ...facts,
            ...(whole ? { isApart: true as const } : {}),
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
          (facts) => ({ ...facts, state: inventory.goneVolumes.has(volume!.id) ? 'orphaned' : 'deselected' }),
          false,
        ),
      ),
  ];
}
