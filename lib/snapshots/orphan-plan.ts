import type { Policy } from '../config/policy.ts';
import { retain } from './retention.ts';
import type { PlanItem, SeriesPlan } from './series-plan.ts';
import type { Snapshot } from './snapshot.ts';

/** The minimum number of good snapshots that stay of a deleted server. */
export function orphanFloor({ keep, orphans }: Pick<Policy, 'keep' | 'orphans'>): number {
  return Math.max(orphans?.keep ?? 0, keep.atLeast);
}

/**
 * Plans the series of a server that is not in this region, or of a volume that is attached to no
 * server here. The whole series is kept, unless the server or the volume is gone and the series'
 * newest good snapshot is older than `orphans.after`. Then the
 * newest `orphans.keep` snapshots are kept.
 */
export function planOrphan(
  snapshots: Snapshot[],
  policy: Policy,
  now: Date,
  { isGone, isVolume }: { isGone: boolean; isVolume: boolean },
): Pick<SeriesPlan, 'items' | 'floor'> {
  const { keep, orphans, timezone } = policy;
  const floor = orphanFloor(policy);
  const newestMs = Math.max(
    ...snapshots.filter(({ state }) => state === 'good').map(({ slot }) => slot.getTime()),
  );
  // Without a good snapshot, the newest time is minus infinity.
  const shrinks = isGone && orphans && Number.isFinite(newestMs) && now.getTime() - newestMs >= orphans.after;
  if (!shrinks) {
    const whyWhole = isVolume
      ? isGone
        ? 'VOLUME_GONE'
        : 'VOLUME_DETACHED'
      : isGone
        ? 'SERVER_GONE'
        : 'SERVER_ELSEWHERE';
    const items = retain(snapshots, keep, { now, timezone }).map(
      ({ snapshot, keep: kept, reasons }): PlanItem => {
        return {
          snapshot,
          action: 'keep',
          reasons: kept ? reasons : [{ code: whyWhole }],
        };
      },
    );
    return { items, floor };
  }
  // The ownership of an image with volume snapshots can only be proven while its server exists:
  // anyone who creates a server from one of our volume snapshots can make an image that looks the
  // same.
  const isProvable = ({ volumeSnapshots }: Snapshot) => volumeSnapshots.length === 0;
  const decisions = retain(snapshots.filter(isProvable), { last: floor, atLeast: floor }, { now, timezone });
  const provable = decisions.map(
    ({ snapshot, keep: kept, reasons }): PlanItem =>
      kept
        ? { snapshot, action: 'keep', reasons }
        : {
            snapshot,
            action: 'delete',
            reasons: [{ code: 'ORPHAN', keep: floor, ...(isVolume ? { isVolume } : {}) }],
          },
  );
  const others = snapshots
    .filter((snapshot) => !isProvable(snapshot))
    .map(
      (snapshot): PlanItem => ({
        snapshot,
        action: 'keep',
        reasons: [{ code: 'ORPHAN_UNPROVABLE' }],
        uncounted: true,
      }),
    );
  const bySlot = (a: PlanItem, b: PlanItem) => b.snapshot.slot.getTime() - a.snapshot.slot.getTime();
  return { items: [...provable, ...others].sort(bySlot), floor };
}
