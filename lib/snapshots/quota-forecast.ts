import { DAY_MS, parseDate } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Quota } from '../openstack/quota.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { volumesOf } from '../volumes/attached.ts';
import { retain } from './retention.ts';
import { type Snapshot, UNMARKED } from './snapshot.ts';

/** The forecast looks this far ahead. */
const HORIZON_MS = 30 * DAY_MS;
/**
 * The maximum number of different histories that are simulated. Most servers of a policy have the
 * same history; the remaining servers are assumed to have the most frequent one.
 */
const MAX_HISTORIES = 20;

/** The policies that take snapshots in a region, and the servers that each selects there. */
export interface QuotaForecastInput {
  policies: readonly { policy: Policy; servers: readonly Server[] }[];
  images: readonly Image[];
  volumes: readonly Volume[];
  owner: string;
  now: Date;
}

type Amounts = Record<Quota['kind'], number>;

/**
 * A change in the number of snapshots: `count` snapshots are added (or removed, if negative) for
 * each server of a group. `each` is what one snapshot of every server of the group uses of the
 * quotas.
 */
interface SnapshotChange {
  atMs: number;
  count: number;
  each: Amounts;
}

/**
 * Forecasts the quotas of a region that the runs of the next 30 days will exceed. Simulates the
 * policies' schedules, cleanups and keep rules, and assumes that every run succeeds.
 */
export function forecastQuotas(
  where: string,
  quotas: readonly Quota[],
  growth: QuotaForecastInput,
): Reason<'QUOTA_AHEAD'>[] {
  if (quotas.length === 0) return [];
  const changes = growth.policies
    .flatMap(({ policy, servers }) => changesOf(policy, servers, growth))
    // At the same time, the snapshot run comes before the cleanup.
    .sort((a, b) => a.atMs - b.atMs || b.count - a.count);
  return quotas.flatMap(({ kind, limit, used }) => {
    let expected = used;
    const met = changes.find(({ count, each }) => {
      expected += count * each[kind];
      return count > 0 && each[kind] > 0 && expected > limit;
    });
    if (!met) return [];
    const days = Math.floor((met.atMs - growth.now.getTime()) / DAY_MS);
    return [{ code: 'QUOTA_AHEAD', where, kind, limit, used, days }];
  });
}

function changesOf(policy: Policy, servers: readonly Server[], growth: QuotaForecastInput): SnapshotChange[] {
  const { images, owner, volumes, now } = growth;
  const ours = Map.groupBy(
    images.filter(
      ({ properties: its }) => its.autosnap_owner === owner && its.autosnap_policy === policy.policy,
    ),
    ({ properties }) => properties.autosnap_server ?? '',
  );
  const sizes = [...ours.values()].map((its) => newestSize(its)).filter((size) => size > 0);
  const usualSize = sizes.length === 0 ? 0 : sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const sizeOf = new Map(volumes.map(({ id, sizeGb }) => [id, sizeGb]));
  // Only clouds other than Rackspace show quotas.
  const attached = volumesOf(servers, volumes, policy.volumes, 'keystone');
  const members = servers.map((server) => {
    const its = ours.get(server.id) ?? [];
    const history = its.flatMap(countedSnapshot).sort((a, b) => a.slot.getTime() - b.slot.getTime());
    const ownSnapshots = (attached.get(server.id) ?? []).map(({ id }) => id);
    const onVolumes = [...(server.volumeBacked ? server.volumeIds : []), ...ownSnapshots];
    const each: Amounts = {
      images: 1,
      imageBytes: server.volumeBacked ? 0 : newestSize(its) || usualSize,
      volumeSnapshots: onVolumes.length,
      volumeGigabytes: onVolumes.reduce((sum, id) => sum + (sizeOf.get(id) ?? 0), 0),
    };
    return { history, each };
  });
  const keyOf = ({ history }: (typeof members)[number]) =>
    history.map(({ slot, hold }) => `${slot.getTime()} ${String(hold)}`).join();
  const groups = [...Map.groupBy(members, keyOf).values()].sort((a, b) => b.length - a.length);
  const simulated = groups.slice(0, MAX_HISTORIES);
  simulated[0]?.push(...groups.slice(MAX_HISTORIES).flat());
  return simulated.flatMap((group) => {
    const each = sumOfAmounts(group.map((one) => one.each));
    return simulateSeries(group[0]!.history, policy, now).map((change) => ({ ...change, each }));
  });
}

/** Simulates the series of one server: when snapshots are taken and deleted, and how many. */
function simulateSeries(
  history: readonly Snapshot[],
  { schedule, cleanup, keep, timezone, maxDeletes }: Policy,
  now: Date,
): Pick<SnapshotChange, 'atMs' | 'count'>[] {
  const end = now.getTime() + HORIZON_MS;
  const changes: Pick<SnapshotChange, 'atMs' | 'count'>[] = [];
  let series = [...history];
  let [slot, rotation] = [schedule.next(now), cleanup.next(now)];
  while (slot && slot.getTime() <= end) {
    if (!rotation || slot <= rotation) {
      series.push(goodSnapshotAt(`slot ${slot.getTime()}`, slot));
      changes.push({ atMs: slot.getTime(), count: 1 });
      slot = schedule.next(slot);
      continue;
    }
    const deleted = retain(series, keep, { now: rotation, timezone })
      .filter((decision) => !decision.keep)
      .slice(-maxDeletes)
      .map(({ snapshot }) => snapshot);
    if (deleted.length > 0) changes.push({ atMs: rotation.getTime(), count: -deleted.length });
    series = series.filter((snapshot) => !deleted.includes(snapshot));
    rotation = cleanup.next(rotation);
  }
  return changes;
}

/**
 * An active image with a marker, converted to a good snapshot with the fields that retention uses.
 */
function countedSnapshot({ id, status, properties, protected: isProtected }: Image): Snapshot[] {
  const slot = parseDate(properties.autosnap_slot);
  if (!slot || status !== 'active') return [];
  const { autosnap_hold: hold = 'none' } = properties;
  return [{ ...goodSnapshotAt(id, slot), hold: isProtected || hold !== 'none' ? 'forever' : undefined }];
}

function goodSnapshotAt(id: string, slot: Date): Snapshot {
  return {
    id,
    name: '',
    region: '',
    server: '',
    policy: '',
    slot,
    createdAt: slot,
    status: 'active',
    state: 'good',
    sizeBytes: 1,
    volumeSnapshots: [],
    ...UNMARKED,
  };
}

function newestSize(images: readonly Image[]): number {
  const [newest] = images
    .filter(({ sizeBytes = 0 }) => sizeBytes > 0)
    .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  return newest?.sizeBytes ?? 0;
}

function sumOfAmounts(all: readonly Amounts[]): Amounts {
  const sum: Amounts = { images: 0, imageBytes: 0, volumeSnapshots: 0, volumeGigabytes: 0 };
  for (const one of all) for (const kind of Object.keys(sum) as Quota['kind'][]) sum[kind] += one[kind];
  return sum;
}
