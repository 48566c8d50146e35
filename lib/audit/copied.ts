import pMap from 'p-map';
import { isoSeconds } from '../config/dates.ts';
import type { Offsite, Policy } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import { isBucketError } from '../offsite/bucket-error.ts';
import { type CheckedCopy, checkCopy } from '../offsite/check.ts';
import { type Copy, copiesOf, type Place, prefixOf } from '../offsite/copies.ts';
import type { Copier } from '../offsite/copy.ts';
import type { CopyStore } from '../offsite/copy-store.ts';
import type { Image } from '../openstack/images.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { durationText, minuteText } from './format.ts';
import { type AuditedSeries, type Copied, LATE } from './model.ts';
import { type Census, census } from './server-count.ts';

const MOST_NAMED = 5;

/** Where the copies of some regions lie, of all where none is named; each is only read. */
export interface ReadableCopies {
  store: Pick<CopyStore, 'list' | 'readText' | 'head'>;
  region?: string;
}

/** A policy's newest good copy of each series; or why they are not known. */
export type Copies = { of(policy: string): Promise<CheckedCopy[]> } | { problem: string };

/** Manifests that are read at the same time. */
const AT_ONCE = 8;

/** Lists all copies of an account's images. Of each series, manifests are read until one is that of a good copy. */
export async function listCopies(
  places: readonly ReadableCopies[] | undefined,
  place: Omit<Place, 'policy'>,
): Promise<Copies> {
  if (!places) return { problem: 'offsite: there is no bucket for the copies: set custom.copiesBucket' };
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
    return { problem: `offsite: the copies can't be listed: ${error.message}` };
  }
}

async function newestGoodOf(
  store: ReadableCopies['store'],
  place: Place,
  copies: readonly Copy[],
): Promise<CheckedCopy | undefined> {
  for (const copy of copies.toSorted((a, b) => -bySlot(a, b))) {
    const checked = await checkCopy(store, place, copy);
    if (checked.state === 'good') return checked;
  }
  return undefined;
}

/**
 * Whether the copies of a series keep up with its snapshots. They are behind when a newer snapshot is there, and the
 * newest copy, or else the oldest snapshot, is older than one and a half times an interval of both schedules together.
 *
 * @param copies good ones.
 */
export function copiedOf(
  snapshots: readonly Snapshot[],
  copies: readonly CheckedCopy[],
  { schedule, offsite }: { schedule: Policy['schedule']; offsite: Offsite },
  { imageOf, obstacleTo, now }: Pick<Copier, 'obstacleTo' | 'now'> & { imageOf: ReadonlyMap<string, Image> },
): Copied {
  const good = snapshots.filter(({ state, slot }) => state === 'good' && slot <= now).sort(bySlot);
  const newest = copies.toSorted(bySlot).at(-1)?.slot;
  const latest = good.at(-1);
  const image = latest && imageOf.get(latest.id);
  const obstacle = image && obstacleTo(image);
  const since = newest ?? good[0]?.slot;
  const ageMs = since ? now.getTime() - since.getTime() : 0;
  const intervalsMs = since
    ? (intervalMs(schedule, since) ?? 0) + (intervalMs(offsite.schedule, since) ?? 0)
    : 0;
  const isNewer = latest !== undefined && (!newest || newest < latest.slot);
  return {
    ...(newest ? { newest: isoSeconds(newest), ageSeconds: Math.floor(ageMs / 1000) } : {}),
    behind: isNewer && !obstacle && ageMs >= LATE * intervalsMs,
    ...(obstacle ? { obstacle } : {}),
  };
}

/** "newest copy of 2026-11-24 00:00, 9 hours old" */
export function copyText({ newest, ageSeconds = 0 }: Copied): string {
  return newest
    ? `newest copy of ${minuteText(newest)}, ${durationText(ageSeconds * 1000)} old`
    : 'no copy yet';
}

/** How many servers have a copy, and whose is the oldest. */
export function copiedServers(all: readonly AuditedSeries[]): Census {
  return census(all, ({ copied }) => copied && (copied.newest ?? null));
}

/** Whose copies do not keep up, in a line: with many servers they are all behind for the same reason. */
export function behindText(behind: readonly AuditedSeries[]): string {
  const names = behind
    .slice(0, MOST_NAMED)
    .map(({ name, server, policy }) => `${name || server} (${policy})`);
  const more = behind.length > names.length ? ` and ${behind.length - names.length} more` : '';
  return `copies are behind: ${names.join(', ')}${more}`;
}

/** The series whose copies do not keep up. */
export function behindWithCopies(all: readonly AuditedSeries[]): AuditedSeries[] {
  return all.filter(({ copied }) => copied?.behind);
}

function bySlot(a: { slot: Date }, b: { slot: Date }): number {
  return a.slot.getTime() - b.slot.getTime();
}
