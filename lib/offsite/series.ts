import { isoSeconds } from '../dates.ts';
import type { Snapshot } from '../marker.ts';
import type { Image } from '../openstack/images.ts';
import { type Entry, type SnapshotLine, worst } from '../report.ts';
import { isBucketError } from './bucket-error.ts';
import { gigabytes } from './budget.ts';
import { type Copy, copiesOf, prefixOf } from './copies.ts';
import type { Copier, Result } from './copy.ts';
import { type OffsitePolicy, planCopies, planRetention } from './plan.ts';
import { deleteCopy, discard } from './rotate.ts';

/** All that there is of one server under one policy in one region. */
export interface Series {
  server: string;
  /** Undefined when the server is gone. */
  name: string | undefined;
  region: string;
  snapshots: readonly Snapshot[];
  copies: readonly Copy[];
  /** What is on its way to the copies. */
  staged: readonly Copy[];
  imageOf: ReadonlyMap<string, Image>;
}

export interface SeriesFindings {
  entry: Entry;
  warnings: string[];
  failures: string[];
  /** To be said in one report, not in every one. */
  once: string[];
}

/** Copies what is to be copied of one series, then rotates its copies. With `dryRun` it says what it would do. */
export async function copySeries(
  copier: Copier,
  policy: OffsitePolicy,
  series: Series,
): Promise<SeriesFindings> {
  const { server, name = '', region, snapshots, copies, staged, imageOf } = series;
  const who = `${name || server} in ${region}`;
  const { copy, discard: leftovers, warnings } = planCopies(snapshots, copies, copier.now);
  const failures: string[] = [];
  const once: string[] = [];
  const lines = new Map<string, SnapshotLine>();
  try {
    if (!policy.dryRun) {
      for (const leftover of leftovers) await discard(copier.store, leftover);
      const isWanted = (one: Copy) => copy.some(({ id }) => id === one.image);
      for (const one of staged) if (copier.staging && !isWanted(one)) await discard(copier.staging, one);
    }
    for (const snapshot of copy) {
      const image = imageOf.get(snapshot.id)!;
      const obstacle = copier.obstacleTo(image);
      const begun = copies.find((one) => one.image === snapshot.id);
      const result: Result = obstacle
        ? { outcome: 'skipped', reasons: [obstacle] }
        : policy.dryRun
          ? { outcome: 'planned', reasons: [`${gigabytes(image.sizeBytes ?? 0)} to copy`] }
          : await copier.copy(snapshot, image, begun);
      if (obstacle) once.push(`offsite: ${who} can't be copied: ${obstacle}`);
      else if (result.outcome === 'skipped') warnings.push(`${who}: not copied: ${result.reasons[0]}`);
      lines.set(snapshot.id, lineOf(snapshot, result));
    }
    for (const line of await rotate(copier, policy, series)) {
      if (!lines.has(line.image)) lines.set(line.image, line);
    }
  } catch (error) {
    if (!isBucketError(error)) throw error;
    failures.push(`the copies of ${who} were not rotated: ${error.message}`);
  }
  const sorted = [...lines.values()].sort((a, b) => (a.slot < b.slot ? 1 : -1));
  const outcome = worst(sorted.map((line) => line.outcome));
  const entry = { server, name, region, policy: policy.policy, outcome, snapshots: sorted };
  return { entry, warnings, failures, once };
}

/** Deletes the copies that are no longer kept, as they are listed now, the oldest first. */
async function rotate(
  { store, place, session, now }: Copier,
  policy: OffsitePolicy,
  { region, server, name, copies }: Series,
): Promise<SnapshotLine[]> {
  const { offsite, dryRun } = policy;
  const prefix = `${prefixOf(place, region)}${server}/`;
  const current = dryRun ? copies : copiesOf(place, await store.list(prefix), []);
  const fates = planRetention(current, policy, { now, serverIsGone: name === undefined });
  const rotating = { store, place, deadline: session.deadline, floor: offsite.keep.atLeast };
  const planned = { keep: 'kept', delete: 'planned', defer: 'deferred' } as const;
  const lines: SnapshotLine[] = [];
  for (const { copy, fate, reasons } of fates.toReversed()) {
    const result: Result =
      fate === 'delete' && !dryRun
        ? await deleteCopy(rotating, copy, reasons)
        : { outcome: planned[fate], reasons };
    lines.push(lineOf({ id: copy.image, slot: copy.slot, sizeBytes: copy.data?.bytes }, result));
  }
  return lines;
}

function lineOf(
  { id, slot, sizeBytes }: Pick<Snapshot, 'id' | 'slot' | 'sizeBytes'>,
  result: Result,
): SnapshotLine {
  return {
    image: id,
    slot: isoSeconds(slot),
    status: 'copy',
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...result,
  };
}
