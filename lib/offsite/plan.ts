import { isoSeconds } from '../config/dates.ts';
import type { Offsite, Policy } from '../config/policy.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import { retain } from '../snapshots/retention.ts';
import { type Snapshot, UNMARKED } from '../snapshots/snapshot.ts';
import type { Copy } from './copies.ts';
import type { CheckedCopy } from './copy-state.ts';

/** A policy with the field `offsite`. */
export type OffsitePolicy = Policy & { offsite: Offsite };

/** The plan for the copies of one server under one policy in one region. */
export interface CopyPlan {
  /**
   * The snapshots to copy: first those with unfinished copies, so that each copy is finished
   * eventually, then the newest snapshot.
   */
  copy: Snapshot[];
  /**
   * The leftovers to delete: uploads whose snapshot no longer exists, the objects of a copy without
   * data, and objects that an interrupted run has left beside a good copy. They are deleted before
   * anything is copied, because with an old manifest a new copy would count as good before it is
   * verified.
   */
  discard: CheckedCopy[];
  /** The exports to delete, because their copy or a newer copy is good. */
  toDelete: Copy[];
  warnings: Finding[];
}

interface CopyPlanOptions {
  now: Date;
  /**
   * Whether the policy no longer selects the server. Then no copy is begun, and those that are
   * begun are finished.
   */
  isDeselected?: boolean;
  /** The exports that are not yet copied to the store. */
  staged?: readonly Copy[];
  /** The ids of the images for which the cloud answers 404. */
  gone?: ReadonlySet<string>;
}

/** The newest good snapshot of a series. This is the snapshot to copy. */
export function newestGood(snapshots: readonly Snapshot[], now: Date): Snapshot | undefined {
  return snapshots
    .filter(({ state, slot }) => state === 'good' && slot <= now)
    .sort((a, b) => b.slot.getTime() - a.slot.getTime() || b.createdAt.getTime() - a.createdAt.getTime())[0];
}

/**
 * Decides what to copy of one series: the snapshots with unfinished copies, and the newest good
 * snapshot, unless a good copy of it or of a newer snapshot exists or the policy no longer selects
 * the server.
 *
 * A copy with data but without a manifest is not verified yet. When its snapshot no longer exists,
 * it can never be verified. Then it is kept but does not count, because it may be the only copy.
 */
export function planCopies(
  snapshots: readonly Snapshot[],
  copies: readonly CheckedCopy[],
  { now, isDeselected = false, staged = [], gone = new Set() }: CopyPlanOptions,
): CopyPlan {
  const good = new Map(
    snapshots.filter(({ state, slot }) => state === 'good' && slot <= now).map((s) => [s.id, s]),
  );
  const isGone = (image: string) => gone.has(image) && !good.has(image);
  const newest = newestGood(snapshots, now);
  const complete = copies.filter(({ state }) => state === 'good');
  const unfinished = copies.filter(({ state }) => state === 'unfinished');
  const disputed = copies.filter(({ state }) => state === 'disputed');
  const untouchable = [...disputed, ...copies.filter(({ state }) => state === 'unreadable')];
  const isComplete = new Set(complete.map(({ key }) => key));
  const begun = [
    ...unfinished.filter(({ data, uploads }) => data || uploads.length > 0),
    ...staged.filter(({ key }) => !isComplete.has(key)),
  ];
  const wanted = [...begun.flatMap(({ image }) => good.get(image) ?? [])].sort(
    (a, b) => a.slot.getTime() - b.slot.getTime(),
  );
  const isCopied = newest && complete.some(({ slot }) => slot >= newest.slot);
  if (newest && !isCopied && !isDeselected) wanted.push(newest);
  const toDelete = staged.filter(
    (one) => isComplete.has(one.key) || (isGone(one.image) && complete.some(({ slot }) => slot >= one.slot)),
  );
  const orphaned = [
    ...unfinished.filter(({ data }) => data),
    ...staged.filter((one) => !toDelete.includes(one)),
  ].filter(({ image }) => isGone(image));
  return {
    copy: [...new Set(wanted)].filter(({ id }) => untouchable.every(({ image }) => image !== id)),
    discard: [
      ...complete.map((copy) => ({ ...copy, manifest: undefined })),
      ...copies.filter(({ state }) => state === 'empty').map((copy) => ({ ...copy, uploads: [] })),
      ...unfinished.filter(({ data, image }) => !data && isGone(image)),
    ].filter(({ manifest, progress, uploads }) => manifest || progress || uploads.length > 0),
    toDelete,
    warnings: [
      ...orphaned.map(({ key }): Finding => ({ code: 'COPY_NEVER_VERIFIED', key })),
      ...disputed.map(({ problem }): Finding => ({ code: 'COPY_NOT_COUNTED', problem: problem! })),
    ],
  };
}

/** A good copy as the input of `retain`. */
export function snapshotOfCopy(copy: Copy, policy: string): Snapshot {
  const { key, region, server, slot, data, manifest } = copy;
  return {
    id: key,
    name: '',
    region,
    server,
    policy,
    slot,
    createdAt: manifest?.at ?? slot,
    status: 'copy',
    state: 'good',
    sizeBytes: data?.bytes,
    volumeSnapshots: [],
    ...UNMARKED,
  };
}

/** The decision whether to keep or delete a good copy. */
export interface CopyAction {
  copy: CheckedCopy;
  action: 'keep' | 'delete';
  reasons: Reason[];
}

/**
 * Decides which good copies of one series to keep, by the same function as for snapshots. Copies of
 * the same slot count once, and are kept or deleted together. If the server is not listed, all
 * copies are kept.
 *
 * @returns the decisions, for the newest copy first.
 */
export function planRetention(
  copies: readonly CheckedCopy[],
  { policy, offsite, timezone }: OffsitePolicy,
  { now, serverIsListed }: { now: Date; serverIsListed: boolean },
): CopyAction[] {
  const bySlot = Map.groupBy(
    copies.filter(({ state }) => state === 'good'),
    ({ slot }) => isoSeconds(slot),
  );
  const decisions = retain(
    [...bySlot.values()].map(([copy]) => snapshotOfCopy(copy!, policy)),
    offsite.keep,
    { now, timezone },
  );
  return decisions.flatMap(({ snapshot: { slot }, keep, reasons }) =>
    bySlot.get(isoSeconds(slot))!.map((copy): CopyAction => {
      if (keep) return { copy, action: 'keep', reasons };
      return serverIsListed
        ? { copy, action: 'delete', reasons }
        : {
            copy,
            action: 'keep',
            reasons: [{ code: 'COPY_SERVER_UNLISTED' }],
          };
    }),
  );
}
