import type { Policy } from '../config/policy.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import { allSetsOf, setOf } from '../volumes/set.ts';
import type { Snapshot } from './marker.ts';
import { orphanFloor } from './orphan-plan.ts';
import { retain } from './retention.ts';
import type { PlanItem, SeriesPlan } from './series-plan.ts';

/** A set of a server: its image and the snapshots of its volumes, as far as they did not fail. */
interface SnapshotSet {
  /** See {@link setOf}. */
  key: string;
  /** The server, which is the same in all sets that are compared. */
  server: string;
  parts: SetPart[];
}

interface SetPart {
  /** The id of the volume; empty for the image of the server. */
  volume: string;
  snapshot: Snapshot;
  /** Whether `orphans` deletes snapshots of this series. */
  isShrinking: boolean;
}

/**
 * Keeps each good snapshot of which another part of the same set stays: one that is held or in use,
 * or, while the server is here, one that has not failed. And keeps the sets that the rules of the
 * policy keep among those sets of the server that have everything that they have. Otherwise, if the
 * parts of different sets failed, the last set with all of them would be deleted, because each
 * series has a newer good snapshot.
 */
export function keepWholeSets(
  series: readonly SeriesPlan[],
  policy: Policy,
  now: Date,
): readonly SeriesPlan[] {
  // Large fleets without volumes need no sets.
  if (series.every(({ volume }) => volume === undefined)) return series;
  const keptIn = new Map<string, (SeriesPlan | undefined)[]>();
  const byRules = setsKeptByRules(series, policy, now);
  for (const plan of series) {
    for (const { snapshot, action, reasons } of plan.items) {
      const isPinned = reasons.some(({ code }) => PINNING.includes(code));
      const mayBeGood = snapshot.state !== 'failed' && !plan.isOrphaned;
      if (action !== 'keep' || !(isPinned || mayBeGood)) continue;
      for (const set of allSetsOf(snapshot)) keptIn.set(set, [...(keptIn.get(set) ?? []), plan]);
    }
  }
  return series.map((plan) => {
    const isKept = isShrinking(plan) ? byRules.ofOrphans : byRules.ofAll;
    return { ...plan, items: plan.items.map((item) => keptWithSet(item)) };

    function keptWithSet(item: PlanItem): PlanItem {
      const { snapshot, action } = item;
      if (action === 'keep' || snapshot.state !== 'good') return item;
      const sets = allSetsOf(snapshot);
      const part = sets.flatMap((set) => keptIn.get(set) ?? []).find((one) => one !== plan);
      const reason: Reason | undefined = part
        ? { code: 'SET_KEPT', part: part.volume?.name }
        : sets.some((set) => isKept.has(set))
          ? { code: 'COMPLETE_SET_KEPT' }
          : undefined;
      return reason ? { ...item, action: 'keep', reasons: [reason] } : item;
    }
  });
}

/**
 * The sets that the rules of the policy keep if, for each set, only those sets count that have
 * everything that it has.
 *
 * @returns `ofOrphans` are those of which also the snapshots stay that `orphans` would delete.
 */
function setsKeptByRules(
  series: readonly SeriesPlan[],
  policy: Policy,
  now: Date,
): Record<'ofAll' | 'ofOrphans', ReadonlySet<string>> {
  const ofAll = new Set<string>();
  const ofOrphans = new Set<string>();
  const { keep, timezone } = policy;
  const byRules = (among: readonly SnapshotSet[]) => {
    const one = among.map((set) => set.parts.find(({ snapshot }) => snapshot.state === 'good')!.snapshot);
    const kept = new Set(
      retain(one, keep, { now, timezone }).flatMap(({ snapshot, keep: is }) => (is ? snapshot.id : [])),
    );
    return among.filter((_, i) => kept.has(one[i]!.id));
  };
  const byOrphans = (among: readonly SnapshotSet[]) => among.slice(0, orphanFloor(policy));
  for (const sets of Map.groupBy(setsIn(series, policy.policy), ({ server }) => server).values()) {
    for (const key of setsKept(sets, ({ isShrinking: is }) => !is, byRules)) ofAll.add(key);
    if (!sets.some(({ parts }) => parts.some((part) => part.isShrinking))) continue;
    for (const key of setsKept(sets, () => true, byOrphans)) {
      ofAll.add(key);
      ofOrphans.add(key);
    }
  }
  return { ofAll, ofOrphans };
}

/**
 * The sets of a server, the newest first, that a rule keeps if, for each set, only those sets count
 * that have everything that it has.
 *
 * @param matters the parts that count.
 * @param rule which of several sets, the newest first, stay.
 */
function setsKept(
  sets: readonly SnapshotSet[],
  matters: (part: SetPart) => boolean,
  rule: (among: readonly SnapshotSet[]) => readonly SnapshotSet[],
): string[] {
  const withGood = sets
    .map((set) => ({ ...set, parts: set.parts.filter(matters) }))
    .filter(({ parts }) => parts.some(({ snapshot }) => snapshot.state === 'good'));
  const volumesOf = (set: SnapshotSet) => new Set(set.parts.map(({ volume }) => volume));
  const goodIn = new Map(
    withGood.map((set) => [
      set.key,
      volumesOf({ ...set, parts: set.parts.filter(({ snapshot }) => snapshot.state === 'good') }),
    ]),
  );
  const bySize = Map.groupBy(withGood, (set) => JSON.stringify([...volumesOf(set)].sort()));
  return [...bySize.values()].flatMap((alike) => {
    const needed = volumesOf(alike[0]!);
    // The rules have already decided on each series by itself.
    if (needed.size < 2) return [];
    const whole = withGood.filter(({ key }) => needed.isSubsetOf(goodIn.get(key)!));
    const keptOf = (among: readonly SnapshotSet[]) => new Set(rule(among).map(({ key }) => key));
    const kept = keptOf(whole);
    return alike.flatMap((set) => {
      if (whole.includes(set)) return kept.has(set.key) ? [set.key] : [];
      // A part that is not finished or unknown may become good.
      const among = withGood.filter((one) => one === set || whole.includes(one));
      return keptOf(among).has(set.key) ? [set.key] : [];
    });
  });
}

/** The sets of the servers under a policy, the newest first. */
function setsIn(series: readonly SeriesPlan[], policy: string): SnapshotSet[] {
  const sets = new Map<string, SnapshotSet & { slot: Date }>();
  for (const plan of series) {
    if (plan.policy !== policy) continue;
    for (const { snapshot } of plan.items) {
      if (snapshot.state === 'failed') continue;
      const { slot, volume = '' } = snapshot;
      for (const server of [snapshot.server, ...(snapshot.alsoOf ?? []).map((other) => other.server)]) {
        const key = setOf({ ...snapshot, server });
        const set = sets.get(key) ?? { key, server, slot, parts: [] };
        set.parts.push({ volume, snapshot, isShrinking: isShrinking(plan) });
        sets.set(key, set);
      }
    }
  }
  return [...sets.values()].sort((a, b) => b.slot.getTime() - a.slot.getTime());
}

/** Whether `orphans` deletes snapshots of a series. */
function isShrinking({ isOrphaned, items }: SeriesPlan): boolean {
  return isOrphaned === true && items.some(({ action }) => action !== 'keep');
}

/** The reasons of a hold, and of the use by a restore or a drill. */
const PINNING: readonly ReasonCode[] = [
  ...(['HELD', 'HELD_UNTIL', 'PROTECTED'] as const),
  ...(['RESTORED_AS_NEW', 'RESTORED_IN_PLACE', 'VOLUME_FILLING', 'SERVER_BUILDING'] as const),
  ...(['DRILL_RUNNING', 'DRILL_OF_SLOT'] as const),
];
