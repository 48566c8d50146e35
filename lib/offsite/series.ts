import pMap from 'p-map';
import type { Image } from '../openstack/images.ts';
import { reasonFor } from '../reporting/failure.ts';
import type { Finding } from '../reporting/reasons.ts';
import { type Entry, type SnapshotLine, worst } from '../reporting/report.ts';
import { serverNameIn } from '../snapshots/marker.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { isBucketError } from './bucket-error.ts';
import { type Copy, copyKeyOf } from './copies.ts';
import { type CopyContext, originalOf, resultOf } from './copy.ts';
import type { CopyResult } from './copy-result.ts';
import { type CheckedCopy, checkCopy } from './copy-state.ts';
import type { Ledger } from './ledger.ts';
import { newestGood, type OffsitePolicy, planCopies } from './plan.ts';
import { discard } from './rotate.ts';
import { copyLine, rotateCopies } from './rotate-copies.ts';
import { isOutOfTime } from './upload.ts';
import type { BackupsOfRegion } from './whole-copies.ts';

/** How many manifests are read at the same time. */
const AT_ONCE = 8;

/** The snapshots and copies of one server under one policy in one region. */
export interface Series {
  server: string;
  /** Undefined when the server is not listed. */
  name: string | undefined;
  region: string;
  /** Whether the server is listed, and the policy does not select it. */
  isDeselected: boolean;
  snapshots: readonly Snapshot[];
  copies: readonly Copy[];
  /** The exports that are not yet copied to the store. */
  staged: readonly Copy[];
  imageOf: ReadonlyMap<string, Image>;
  /** The ids of the images for which the cloud answers 404. */
  gone: ReadonlySet<string>;
  /** The backups of the volumes of the region; undefined if the policy makes none. */
  backups?: BackupsOfRegion | undefined;
}

/** The result of {@link copySeries}. */
export interface SeriesFindings {
  entry: Entry;
  warnings: Finding[];
  failures: Finding[];
  /** Findings that are reported once, not in every report. */
  once: Finding[];
}

/** The key of a series in the {@link Ledger}. */
export function attemptKey({ region, server }: Pick<Series, 'region' | 'server'>): string {
  return `${region}/${server}`;
}

/**
 * Copies the snapshots of one series that {@link planCopies} selects, then deletes the copies that
 * are no longer kept. With `dryRun` it only reports what it would do. A failure with one copy is
 * reported and does not stop the others.
 */
export async function copySeries(
  context: CopyContext,
  policy: OffsitePolicy,
  series: Series,
  ledger: Ledger,
): Promise<SeriesFindings> {
  const { server, name = formerNameIn(series), region } = series;
  const who = `${name || server} in ${region}`;
  const lines = new Map<string, SnapshotLine>();
  const found = { warnings: [] as Finding[], failures: [] as Finding[], once: [] as Finding[] };
  try {
    const checked = await checkAll(context, series);
    const { copy, ...leftovers } = planCopies(series.snapshots, checked, { ...series, now: context.now });
    found.warnings.push(...leftovers.warnings);
    for (const { state, key, isBeingDeleted } of checked) {
      if (state === 'empty' && !isBeingDeleted) found.failures.push({ code: 'COPY_LOST', key, of: who });
    }
    const blocked = policy.dryRun ? new Set() : await deleteLeftovers(context, leftovers, found.failures);
    for (const snapshot of copy.filter(({ id }) => !blocked.has(id))) {
      const result = await copyOne(context, policy, { series, checked, snapshot, ledger });
      if (result.obstacle) found.once.push({ code: 'NEVER_COPIED', of: who, reasons: result.reasons });
      else if (result.outcome === 'skipped') {
        found.warnings.push({ code: 'NOT_COPIED', of: who, reasons: result.reasons });
      }
      lines.set(copyKeyOf(context.scope, originalOf(snapshot)), copyLine(snapshot, result));
      if (result.outcome === 'copied') checked.push(await checkCopyOf(context, snapshot));
    }
    const unreadable = checked.find(({ state }) => state === 'unreadable');
    if (unreadable) {
      found.failures.push({ code: 'COPY_UNREADABLE', of: who, problem: unreadable.problem! });
    } else {
      const rotated = await rotateCopies(context, policy, series, checked);
      for (const [key, line] of rotated.lines) if (!lines.has(key)) lines.set(key, line);
      for (const { key } of rotated.lost) {
        found.failures.push({ code: 'COPY_LOST', key, of: who });
      }
    }
  } catch (error) {
    if (!isBucketError(error)) throw error;
    if (isOutOfTime(error)) defer(lines, series, context.now);
    else found.failures.push({ code: 'COPIES_STOPPED', of: who, message: error.message });
  }
  const sorted = [...lines.values()].sort((a, b) => (a.slot < b.slot ? 1 : -1));
  const outcome = worst(sorted.map((line) => line.outcome));
  const entry = { server, name, region, policy: policy.policy, outcome, snapshots: sorted };
  return { entry, ...found };
}

/** The name of a server that is not listed, in its newest snapshot; empty without snapshots. */
function formerNameIn({ snapshots }: Series): string {
  const [newest] = snapshots.toSorted((a, b) => b.slot.getTime() - a.slot.getTime());
  return newest ? serverNameIn(newest) : '';
}

/**
 * Checks all copies of a series, including those that may be missing in the listing: the copies of
 * the newest snapshot and of the exports.
 */
async function checkAll(context: CopyContext, { copies, snapshots, staged }: Series): Promise<CheckedCopy[]> {
  const { store, scope, now } = context;
  const listed = new Map(copies.map((copy) => [copy.key, copy]));
  const newest = newestGood(snapshots, now);
  const expected = [...staged, ...(newest ? [expectedCopy(context, newest)] : [])];
  for (const one of expected) {
    if (!listed.has(one.key)) listed.set(one.key, { ...one, uploads: [] });
  }
  const checkOne = async (copy: Copy): Promise<CheckedCopy> => {
    try {
      return await checkCopy(store, scope, copy);
    } catch (error) {
      if (!isBucketError(error) || isOutOfTime(error)) throw error;
      return { ...copy, state: 'unreadable', problem: reasonFor(error) };
    }
  };
  return pMap(listed.values(), checkOne, { concurrency: AT_ONCE });
}

function checkCopyOf(context: CopyContext, snapshot: Snapshot): Promise<CheckedCopy> {
  return checkCopy(context.store, context.scope, expectedCopy(context, snapshot));
}

/** The copy of a snapshot, as if the listing had shown none of its objects. */
function expectedCopy({ scope }: CopyContext, snapshot: Snapshot): Copy {
  const original = originalOf(snapshot);
  const nothing = { data: undefined, manifest: undefined, progress: undefined, uploads: [] };
  return { ...original, key: copyKeyOf(scope, original), ...nothing };
}

/**
 * Deletes the leftovers. @returns the ids of the images whose leftovers could not be deleted: those
 * images are not copied in this run.
 */
async function deleteLeftovers(
  { store, staging, scope }: CopyContext,
  { discard: leftovers, toDelete }: Pick<ReturnType<typeof planCopies>, 'discard' | 'toDelete'>,
  failures: Finding[],
): Promise<Set<string>> {
  const blocked = new Set<string>();
  const attempt = async (one: Copy, work: () => Promise<unknown> | undefined) => {
    try {
      await work();
    } catch (error) {
      if (!isBucketError(error) || isOutOfTime(error)) throw error;
      blocked.add(one.image);
      failures.push({ code: 'COPY_LEFTOVER', key: one.key, message: error.message });
    }
  };
  for (const one of leftovers) await attempt(one, () => discard(store, scope, one));
  for (const one of toDelete) {
    for (const upload of one.uploads) await attempt(one, () => staging?.abort(upload));
  }
  return blocked;
}

async function copyOne(
  context: CopyContext,
  { dryRun }: OffsitePolicy,
  {
    series,
    checked,
    snapshot,
    ledger,
  }: { series: Series; checked: readonly CheckedCopy[]; snapshot: Snapshot; ledger: Ledger },
): Promise<CopyResult & { obstacle?: boolean }> {
  const image = series.imageOf.get(snapshot.id)!;
  const obstacle = context.obstacleTo(image);
  if (obstacle) return { outcome: 'skipped', reasons: [obstacle], obstacle: true };
  if (dryRun) return { outcome: 'planned', reasons: [{ code: 'COPY_PLANNED', bytes: image.sizeBytes ?? 0 }] };
  const key = copyKeyOf(context.scope, originalOf(snapshot));
  try {
    await ledger.recordAttempt(attemptKey(series));
    return await context.copy(
      snapshot,
      image,
      checked.find((one) => one.key === key),
    );
  } catch (error) {
    return resultOf(error);
  }
}

/** Reports one snapshot or copy of a series as deferred, unless a line already reports one. */
function defer(lines: Map<string, SnapshotLine>, { snapshots, copies }: Series, now: Date): void {
  if ([...lines.values()].some(({ outcome }) => outcome === 'deferred')) return;
  const newest = newestGood(snapshots, now);
  const deferred = newest ? originalOf(newest) : copies[0];
  if (!deferred) return;
  const line = { id: deferred.image, slot: deferred.slot, sizeBytes: undefined };
  lines.set('deferred', copyLine(line, { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] }));
}
