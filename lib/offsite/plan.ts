import type { Snapshot } from '../marker.ts';
import type { Offsite, Policy } from '../policy.ts';
import { type Decision, retain } from '../retention.ts';
import { type Copy, isGood } from './copies.ts';

/** A policy that asks for copies. */
export type OffsitePolicy = Policy & { offsite: Offsite };

/** What is to be done for the copies of one server under one policy in one region. */
export interface CopyPlan {
  /** To be copied: those that were begun first, so that each is finished some day; then the newest. */
  copy: Snapshot[];
  /**
   * What nothing can become of: uploads whose snapshot is gone, what is left of a copy that has no data, and whatever a
   * run that was killed has left beside a good one. To be done first: a manifest that is left would make a new copy good
   * before it is verified.
   */
  discard: Copy[];
  warnings: string[];
}

/**
 * Decides what to copy of one series: what was begun, and the newest good snapshot, unless that one or a newer one is
 * copied already.
 *
 * A copy whose data are there without a manifest was not verified yet. When its snapshot is gone it never will be: it is
 * kept and not counted, because it may be the only one.
 */
export function planCopies(snapshots: readonly Snapshot[], copies: readonly Copy[], now: Date): CopyPlan {
  const good = new Map(
    snapshots.filter(({ state, slot }) => state === 'good' && slot <= now).map((s) => [s.id, s]),
  );
  const unfinished = copies.filter((copy) => !isGood(copy));
  const begun = unfinished.filter(({ data, uploads }) => data || uploads.length > 0);
  const newest = [...good.values()].sort(
    (a, b) => b.slot.getTime() - a.slot.getTime() || b.createdAt.getTime() - a.createdAt.getTime(),
  )[0];
  const isCopied = newest && copies.some((copy) => isGood(copy) && copy.slot >= newest.slot);
  const wanted = [...begun.flatMap(({ image }) => good.get(image) ?? [])].sort(
    (a, b) => a.slot.getTime() - b.slot.getTime(),
  );
  if (newest && !isCopied) wanted.push(newest);
  return {
    copy: [...new Set(wanted)],
    discard: [
      ...copies.filter(isGood).map((copy) => ({ ...copy, manifest: undefined })),
      ...unfinished
        .filter(({ data }) => !data)
        .map((copy) => (good.has(copy.image) ? { ...copy, uploads: [] } : copy)),
    ].filter(({ manifest, progress, uploads }) => manifest || progress || uploads.length > 0),
    warnings: unfinished
      .filter(({ image, data }) => data && !good.has(image))
      .map(({ key }) => `${key} was never verified, and its snapshot is gone: it is kept and not counted`),
  };
}

/** A good copy, as retention counts it. */
function asSnapshot(copy: Copy, policy: string): Snapshot {
  const { image, region, server, slot, data, manifest } = copy;
  return {
    id: image,
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
    hold: undefined,
    exposure: undefined,
    expires: undefined,
    request: undefined,
    proven: undefined,
    drilled: undefined,
    adopted: false,
  };
}

/** What is to become of a good copy: kept, deleted now, or left to a later run. */
export interface CopyFate {
  copy: Copy;
  fate: 'keep' | 'delete' | 'defer';
  reasons: string[];
}

/**
 * Decides what to keep of the good copies of one series, by the same function as for snapshots. At most `maxDeletes`
 * go, the oldest first; those of a server that is gone all stay. Newest first.
 */
export function planRetention(
  copies: readonly Copy[],
  { policy, offsite, timezone, maxDeletes }: OffsitePolicy,
  { now, serverIsGone }: { now: Date; serverIsGone: boolean },
): CopyFate[] {
  const good = copies.filter(isGood);
  const copyOf = new Map(good.map((copy) => [copy.image, copy]));
  const decisions: Decision[] = retain(
    good.map((copy) => asSnapshot(copy, policy)),
    offsite.keep,
    { now, timezone },
  );
  const allowed = new Set(decisions.filter(({ keep }) => !keep).slice(-maxDeletes));
  return decisions.map((decision) => {
    const copy = copyOf.get(decision.snapshot.id)!;
    const { keep, reasons } = decision;
    if (keep) return { copy, fate: 'keep', reasons };
    if (serverIsGone) return { copy, fate: 'keep', reasons: ['its server is gone: the copies are all kept'] };
    return allowed.has(decision)
      ? { copy, fate: 'delete', reasons }
      : { copy, fate: 'defer', reasons: [...reasons, `more than ${maxDeletes} (maxDeletes) in one run`] };
  });
}
