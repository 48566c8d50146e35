import pMap from 'p-map';
import { isoSeconds } from '../config/dates.ts';
import type { Offsite, Policy } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import { type BucketError, isBucketError } from '../offsite/bucket-error.ts';
import { type Copy, type CopyScope, copiesOf, prefixOf } from '../offsite/copies.ts';
import type { CopyContext } from '../offsite/copy.ts';
import { type CheckedCopy, checkCopy } from '../offsite/copy-state.ts';
import type { CopyStore } from '../offsite/copy-store.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { type AuditedSeries, type Copied, LATE } from './model.ts';
import type { Naming } from './naming.ts';
import { countServers, type ServerCount } from './server-count.ts';

/**
 * A store with copies, of one region or, without `region`, of all regions. The audit only reads it.
 */
export interface ReadableCopies {
  store: Pick<CopyStore, 'list' | 'readText' | 'head'>;
  region?: string;
}

/** Reads a policy's newest good copy of each series; or the reason why the copies can't be read. */
export type Copies = { of(policy: string): Promise<CheckedCopy[]> } | { problem: Reason };

/** The number of manifests that are read at the same time. */
const AT_ONCE = 8;

/**
 * Lists all copies of an account's images. For each series, the manifests are read from the newest
 * copy on, until a copy is good.
 */
export async function listCopies(
  places: readonly ReadableCopies[] | undefined,
  place: Omit<CopyScope, 'policy'>,
): Promise<Copies> {
  if (!places) return { problem: { code: 'POLICY_COPIES_WITHOUT_BUCKET' } };
  try {
    const listed = await pMap(places, async ({ store, region }) => ({
      store,
      stored: await store.list(prefixOf(place, region)),
    }));
    return {
      async of(policy) {
        const found = listed.flatMap(({ store, stored }) => {
          const copies = copiesOf({ ...place, policy }, stored, []).filter(({ manifest }) => manifest);
          const series = Map.groupBy(copies, ({ region, server }) => `${region}/${server}`);
          return [...series.values()].map((its) => ({ store, copies: its }));
        });
        const newest = await pMap(
          found,
          ({ store, copies }) => newestGoodOf(store, { ...place, policy }, copies),
          { concurrency: AT_ONCE },
        );
        return newest.flatMap((copy) => copy ?? []);
      },
    };
  } catch (error) {
    if (!isBucketError(error)) throw error;
    return { problem: copiesUnreadable(error) };
  }
}

/** The reason why the copies of a policy can't be read. */
export function copiesUnreadable({ code: error, message }: BucketError): Reason {
  return { code: 'POLICY_COPIES_UNREADABLE', error, message };
}

async function newestGoodOf(
  store: ReadableCopies['store'],
  place: CopyScope,
  copies: readonly Copy[],
): Promise<CheckedCopy | undefined> {
  for (const copy of copies.toSorted((a, b) => -bySlot(a, b))) {
    const checked = await checkCopy(store, place, copy);
    if (checked.state === 'good') return checked;
  }
  return undefined;
}

/**
 * Whether the copies of a series are up to date. They are behind when a newer snapshot exists, and
 * the newest copy, or else the oldest snapshot, is older than one and a half times the sum of one
 * interval of each schedule. Nothing more is copied of a server that the policy no longer selects,
 * so its copies are never behind. Nor are those of a snapshot whose region is unknown, as it is for
 * some servers that are gone: it is never copied.
 *
 * @param snapshots the images of a server, or the snapshots of a volume.
 * @param copies the good copies of the series.
 */
export function copiedOf(
  snapshots: readonly Snapshot[],
  copies: readonly { slot: Date }[],
  { schedule, offsite }: { schedule: Policy['schedule']; offsite: Offsite },
  {
    imageOf = new Map(),
    obstacleTo = () => undefined,
    isDeselected = false,
    isHomeKnown = () => true,
    now,
  }: Partial<Pick<CopyContext, 'obstacleTo'>> & {
    now: Date;
    imageOf?: ReadonlyMap<string, Image>;
    isDeselected?: boolean;
    isHomeKnown?: (image: Image) => boolean;
  },
): Copied {
  const good = snapshots.filter(({ state, slot }) => state === 'good' && slot <= now).sort(bySlot);
  const newest = copies.toSorted(bySlot).at(-1)?.slot;
  const latest = good.at(-1);
  const image = latest && imageOf.get(latest.id);
  const since = newest ?? good[0]?.slot;
  const ageMs = since ? now.getTime() - since.getTime() : 0;
  const intervalsMs = since
    ? (intervalMs(schedule, since) ?? 0) + (intervalMs(offsite.schedule, since) ?? 0)
    : 0;
  const isNewer = latest !== undefined && (!newest || newest < latest.slot);
  const obstacle =
    image &&
    (obstacleTo(image) ??
      (isNewer && !isHomeKnown(image) ? ({ code: 'COPY_REGION_UNKNOWN' } as const) : undefined));
  return {
    ...(newest ? { newest: isoSeconds(newest), ageSeconds: Math.floor(ageMs / 1000) } : {}),
    behind: isNewer && !obstacle && !isDeselected && ageMs >= LATE * intervalsMs,
    ...(obstacle ? { obstacle } : {}),
  };
}

/** Counts the servers with a copy, and finds the server whose newest copy is the oldest. */
export function copiedServers(all: readonly AuditedSeries[]): ServerCount {
  return countServers(all, ({ copied }) => copied && (copied.newest ?? null));
}

/** The reason for a series whose copies are behind. */
export function seriesBehind(series: AuditedSeries, { nameOf, placeOf }: Naming): Reason<'SERIES_BEHIND'> {
  const { policy, copied } = series;
  const { newest, ageSeconds } = copied ?? {};
  return {
    code: 'SERIES_BEHIND',
    server: nameOf(series),
    where: placeOf(series),
    policy,
    ...(newest === undefined ? {} : { newest }),
    ...(ageSeconds === undefined ? {} : { ageSeconds }),
  };
}

function bySlot(a: { slot: Date }, b: { slot: Date }): number {
  return a.slot.getTime() - b.slot.getTime();
}
