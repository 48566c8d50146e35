import pMap from 'p-map';
import { isoSeconds } from '../dates.ts';
import type { Snapshot } from '../marker.ts';
import type { Image } from '../openstack/images.ts';
import { type Entry, type SnapshotLine, worst } from '../report.ts';
import { isBucketError } from './bucket-error.ts';
import { gigabytes } from './budget.ts';
import { type CheckedCopy, checkCopy } from './check.ts';
import { type Copy, keyOf } from './copies.ts';
import { type Copier, OUT_OF_TIME, originalOf, type Result, resultOf } from './copy.ts';
import type { Ledger } from './ledger.ts';
import { newestGood, type OffsitePolicy, planCopies, planRetention } from './plan.ts';
import { deleteCopy, discard } from './rotate.ts';
import { isOutOfTime } from './upload.ts';

/** Manifests that are read at the same time. */
const AT_ONCE = 8;

/** All that there is of one server under one policy in one region. */
export interface Series {
  server: string;
  /** Undefined when the server is not listed. */
  name: string | undefined;
  region: string;
  snapshots: readonly Snapshot[];
  copies: readonly Copy[];
  /** What is on its way to the copies. */
  staged: readonly Copy[];
  imageOf: ReadonlyMap<string, Image>;
  /** The images that the cloud answers 404 for. */
  gone: ReadonlySet<string>;
}

export interface SeriesFindings {
  entry: Entry;
  warnings: string[];
  failures: string[];
  /** To be said in one report, not in every one. */
  once: string[];
}

/** What a series is called where its turns are remembered. */
export function seriesKey({ region, server }: Pick<Series, 'region' | 'server'>): string {
  return `${region}/${server}`;
}

/**
 * Copies what is to be copied of one series, then rotates its copies. With `dryRun` it says what it would do. What can't
 * be done is said, and keeps nothing else from being done.
 */
export async function copySeries(
  copier: Copier,
  policy: OffsitePolicy,
  series: Series,
  ledger: Ledger,
): Promise<SeriesFindings> {
  const { server, name = '', region } = series;
  const who = `${name || server} in ${region}`;
  const lines = new Map<string, SnapshotLine>();
  const found = { warnings: [] as string[], failures: [] as string[], once: [] as string[] };
  try {
    const checked = await checkAll(copier, series);
    const { copy, ...leftovers } = planCopies(series.snapshots, checked, { ...series, now: copier.now });
    found.warnings.push(...leftovers.warnings);
    const spoilt = policy.dryRun ? new Set() : await clear(copier, leftovers, found.failures);
    for (const snapshot of copy.filter(({ id }) => !spoilt.has(id))) {
      const result = await copyOne(copier, policy, { series, checked, snapshot, ledger });
      if (result.obstacle) found.once.push(`offsite: ${who} can't be copied: ${result.reasons[0]}`);
      else if (result.outcome === 'skipped') {
        found.warnings.push(`${who}: not copied: ${result.reasons[0]}`);
      }
      lines.set(keyOf(copier.place, originalOf(snapshot)), lineOf(snapshot, result));
      if (result.outcome === 'copied') checked.push(await check(copier, snapshot));
    }
    const unreadable = checked.find(({ state }) => state === 'unreadable');
    if (unreadable) {
      found.failures.push(
        `a copy of ${who} can't be read, so none of them is deleted: ${unreadable.problem}`,
      );
    } else {
      for (const [key, line] of await rotate(copier, policy, series, checked)) {
        if (!lines.has(key)) lines.set(key, line);
      }
    }
  } catch (error) {
    if (!isBucketError(error)) throw error;
    if (isOutOfTime(error)) defer(lines, series, copier.now);
    else found.failures.push(`the copies of ${who} can't be dealt with: ${error.message}`);
  }
  const sorted = [...lines.values()].sort((a, b) => (a.slot < b.slot ? 1 : -1));
  const outcome = worst(sorted.map((line) => line.outcome));
  const entry = { server, name, region, policy: policy.policy, outcome, snapshots: sorted };
  return { entry, ...found };
}

/**
 * Checks all copies of a series, and those that the listing may lack: of what is to be copied, and of what is on its
 * way.
 */
async function checkAll(copier: Copier, { copies, snapshots, staged }: Series): Promise<CheckedCopy[]> {
  const { store, place, now } = copier;
  const listed = new Map(copies.map((copy) => [copy.key, copy]));
  const newest = newestGood(snapshots, now);
  const expected = [...staged, ...(newest ? [unlisted(copier, newest)] : [])];
  for (const one of expected) {
    if (!listed.has(one.key)) listed.set(one.key, { ...one, uploads: [] });
  }
  const checkOne = async (copy: Copy): Promise<CheckedCopy> => {
    try {
      return await checkCopy(store, place, copy);
    } catch (error) {
      if (!isBucketError(error) || isOutOfTime(error)) throw error;
      return { ...copy, state: 'unreadable', problem: error.message };
    }
  };
  return pMap(listed.values(), checkOne, { concurrency: AT_ONCE });
}

function check(copier: Copier, snapshot: Snapshot): Promise<CheckedCopy> {
  return checkCopy(copier.store, copier.place, unlisted(copier, snapshot));
}

/** A copy of which nothing was listed. */
function unlisted({ place }: Copier, snapshot: Snapshot): Copy {
  const original = originalOf(snapshot);
  const nothing = { data: undefined, manifest: undefined, progress: undefined, uploads: [] };
  return { ...original, key: keyOf(place, original), ...nothing };
}

/** Takes away what was left behind. @returns the images of which something could not be: they are not copied now. */
async function clear(
  { store, staging, place }: Copier,
  { discard: leftovers, release }: Pick<ReturnType<typeof planCopies>, 'discard' | 'release'>,
  failures: string[],
): Promise<Set<string>> {
  const spoilt = new Set<string>();
  const attempt = async (one: Copy, work: () => Promise<unknown> | undefined) => {
    try {
      await work();
    } catch (error) {
      if (!isBucketError(error) || isOutOfTime(error)) throw error;
      spoilt.add(one.image);
      failures.push(`what is left of ${one.key} can't be taken away: ${error.message}`);
    }
  };
  for (const one of leftovers) await attempt(one, () => discard(store, place, one));
  for (const one of release) {
    for (const upload of one.uploads) await attempt(one, () => staging?.abort(upload));
  }
  return spoilt;
}

async function copyOne(
  copier: Copier,
  { dryRun }: OffsitePolicy,
  {
    series,
    checked,
    snapshot,
    ledger,
  }: { series: Series; checked: readonly CheckedCopy[]; snapshot: Snapshot; ledger: Ledger },
): Promise<Result & { obstacle?: boolean }> {
  const image = series.imageOf.get(snapshot.id)!;
  const obstacle = copier.obstacleTo(image);
  if (obstacle) return { outcome: 'skipped', reasons: [obstacle], obstacle: true };
  if (dryRun) return { outcome: 'planned', reasons: [`${gigabytes(image.sizeBytes ?? 0)} to copy`] };
  const key = keyOf(copier.place, originalOf(snapshot));
  try {
    await ledger.takeTurn(seriesKey(series));
    return await copier.copy(
      snapshot,
      image,
      checked.find((one) => one.key === key),
    );
  } catch (error) {
    return resultOf(error);
  }
}

/** Deletes the copies that are no longer kept, the oldest first. One that can't be deleted takes no other's place. */
async function rotate(
  { store, place, session, now }: Copier,
  { dryRun, maxDeletes, ...policy }: OffsitePolicy,
  { name }: Series,
  checked: readonly CheckedCopy[],
): Promise<[key: string, SnapshotLine][]> {
  const serverIsListed = name !== undefined;
  const fates = planRetention(checked, { ...policy, dryRun, maxDeletes }, { now, serverIsListed });
  const rotating = { store, place, deadline: session.deadline, floor: policy.offsite.keep.atLeast };
  const there = new Set(fates.map(({ copy }) => copy));
  let deleted = 0;
  const lines: [string, SnapshotLine][] = [];
  for (const { copy, fate, reasons } of fates.toReversed()) {
    const remove = async (): Promise<Result> => {
      if (deleted >= maxDeletes) {
        return {
          outcome: 'deferred',
          reasons: [...reasons, `more than ${maxDeletes} (maxDeletes) in one run`],
        };
      }
      there.delete(copy);
      const result: Result = dryRun
        ? { outcome: 'planned', reasons }
        : await deleteCopy(rotating, copy, [...there], reasons);
      if (result.outcome === 'deleted' || dryRun) deleted++;
      else there.add(copy);
      return result;
    };
    const result: Result = fate === 'delete' ? await remove() : { outcome: 'kept', reasons };
    lines.push([copy.key, lineOf({ id: copy.image, slot: copy.slot, sizeBytes: copy.data?.bytes }, result)]);
  }
  return lines;
}

/** Says of one snapshot or copy of a series that it is left, if that is not said of any. */
function defer(lines: Map<string, SnapshotLine>, { snapshots, copies }: Series, now: Date): void {
  if ([...lines.values()].some(({ outcome }) => outcome === 'deferred')) return;
  const newest = newestGood(snapshots, now);
  const left = newest ? originalOf(newest) : copies[0];
  if (!left) return;
  const line = { id: left.image, slot: left.slot, sizeBytes: undefined };
  lines.set('deferred', lineOf(line, { outcome: 'deferred', reasons: [OUT_OF_TIME] }));
}

function lineOf(
  { id, slot, sizeBytes }: Pick<Snapshot, 'id' | 'slot' | 'sizeBytes'>,
  { outcome, reasons }: Result,
): SnapshotLine {
  return {
    image: id,
    slot: isoSeconds(slot),
    status: 'copy',
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    outcome,
    reasons,
  };
}
