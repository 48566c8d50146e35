import type { Policy } from '../config/policy.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import { allSetsOf, serversOf, setOf } from '../volumes/set.ts';
import { orphanFloor } from './orphan-plan.ts';
import { retain } from './retention.ts';
import type { PlanItem, SeriesPlan } from './series-plan.ts';
import type { Snapshot } from './snapshot.ts';

/** The parts of a set that count: the image of a server and the snapshots of its volumes. */
export interface SnapshotSet {
  /** See {@link setOf}. */
  key: string;
  server: string;
  slot: Date;
  parts: SetPart[];
  /**
   * The volumes of all listed parts, also of those that failed, as in {@link SetPart}.
   */
  listed: Set<string>;
  /** The number of parts that the set was requested with, according to their markers. */
  requested: number;
}

/** The image of a server, or the snapshot of one of its volumes, in a set. */
export interface SetPart {
  /** The id of the volume; empty for the image of the server. */
  volume: string;
  snapshot: Snapshot;
  /** Whether `orphans` deletes snapshots of this series. */
  isShrinking: boolean;
}

/** The rules of a policy that decide on sets. */
export type SetRules = Pick<Policy, 'policy' | 'keep' | 'timezone' | 'orphans'>;

/** Which of several sets of a server, the newest first, stay. */
type SetRule = (sets: readonly SnapshotSet[]) => readonly SnapshotSet[];

/**
 * Keeps each good snapshot of which another part of the same set stays: one that is held or in use,
 * or, while the server is here, one that has not failed. And keeps the sets that the rules of the
 * policy keep among those sets of the server that have everything that they have. Otherwise, if the
 * parts of different sets failed, the last set with all of them would be deleted, because each
 * series has a newer good snapshot.
 */
export function keepWholeSets(
  series: readonly SeriesPlan[],
  policy: SetRules,
  now: Date,
): readonly SeriesPlan[] {
  // Large fleets without volumes need no sets.
  if (!hasSets(series)) return series;
  const keptParts = keptPartsIn(series);
  const { ofAll, ofOrphans } = setsKeptByRules(series, policy, now);
  return series.map((plan) => {
    const keptSets = isShrinking(plan) ? ofOrphans : ofAll;
    const keptBecause = (snapshot: Snapshot): Reason | undefined => {
      const sets = allSetsOf(snapshot);
      const part = sets.flatMap((set) => keptParts.get(set) ?? []).find((one) => one !== plan);
      if (part) return { code: 'SET_KEPT', part: part.volume?.name };
      return sets.some((set) => keptSets.has(set)) ? { code: 'COMPLETE_SET_KEPT' } : undefined;
    };
    const items = plan.items.map((item): PlanItem => {
      if (item.action === 'keep' || item.snapshot.state !== 'good') return item;
      const reason = keptBecause(item.snapshot);
      return reason ? { ...item, action: 'keep', reasons: [reason] } : item;
    });
    return { ...plan, items };
  });
}

/** For each set, the series of its parts that stay and keep the others. */
function keptPartsIn(series: readonly SeriesPlan[]): ReadonlyMap<string, SeriesPlan[]> {
  const keptIn = new Map<string, SeriesPlan[]>();
  for (const plan of series) {
    for (const { snapshot, action, reasons } of plan.items) {
      const isPinned = reasons.some(({ code }) => PINNING.includes(code));
      const mayBeGood = snapshot.state !== 'failed' && !plan.isOrphaned;
      if (action !== 'keep' || !(isPinned || mayBeGood)) continue;
      for (const set of allSetsOf(snapshot)) keptIn.set(set, [...(keptIn.get(set) ?? []), plan]);
    }
  }
  return keptIn;
}

/**
 * The sets that the rules of the policy keep if, for each set, only those sets count that have
 * everything that it has.
 *
 * @returns `ofOrphans` are those of which also the snapshots stay that `orphans` would delete.
 */
function setsKeptByRules(
  series: readonly SeriesPlan[],
  policy: SetRules,
  now: Date,
): Record<'ofAll' | 'ofOrphans', ReadonlySet<string>> {
  const { keep, timezone } = policy;
  const byKeep: SetRule = (sets) => {
    const good = sets.map(({ parts }) => parts.find(isGood)!.snapshot);
    const decisions = retain(good, keep, { now, timezone });
    const kept = new Set(decisions.flatMap(({ snapshot, keep: is }) => (is ? snapshot.id : [])));
    return sets.filter((_, i) => kept.has(good[i]!.id));
  };
  const byOrphans: SetRule = (sets) => sets.slice(0, orphanFloor(policy));
  const servers = [...Map.groupBy(setsIn(series, policy.policy), ({ server }) => server).values()];
  const ofOrphans = servers
    .filter((sets) => sets.some(({ parts }) => parts.some((part) => part.isShrinking)))
    .flatMap((sets) => setsKept(sets, byOrphans));
  const ofOthers = servers
    .map((sets) => withParts(sets, (part) => !part.isShrinking))
    .flatMap((sets) => setsKept(sets, byKeep));
  return { ofAll: new Set([...ofOthers, ...ofOrphans]), ofOrphans: new Set(ofOrphans) };
}

/**
 * The sets of a server, the newest first, that a rule keeps if, for each set, only those sets count
 * that have everything that it has. What a set has that no listing shows is unknown, so only those
 * sets count then that have as many good parts as it was requested with.
 */
function setsKept(sets: readonly SnapshotSet[], rule: SetRule): string[] {
  const withGood = sets.filter(({ parts }) => parts.some(isGood));
  const goodIn = new Map(
    withParts(withGood, isGood).map(({ key, parts }) => [key, volumesOf(parts)] as const),
  );
  const alike = Map.groupBy(withGood, ({ parts }) => JSON.stringify([...volumesOf(parts)].sort()));
  return [...alike.values()].flatMap((its) => {
    const needed = volumesOf(its[0]!.parts);
    const isWhole = ({ key }: SnapshotSet) => needed.isSubsetOf(goodIn.get(key)!);
    const whole = rule(withGood.filter(isWhole));
    const isKept = (set: SnapshotSet) => {
      const lacksOne = lacksPart(set);
      // The rules have already decided on each series by itself.
      if (needed.size < 2 && !lacksOne) return false;
      if (isWhole(set) && !lacksOne) return whole.includes(set);
      // A part that is not finished, unknown or not listed may be good.
      const fewest = lacksOne ? set.requested : 0;
      const others = withGood.filter((one) => isWhole(one) && goodIn.get(one.key)!.size >= fewest);
      return rule(withGood.filter((one) => one === set || others.includes(one))).includes(set);
    };
    return its.filter(isKept).map(({ key }) => key);
  });
}

/** Whether a part of a set is good. */
export function isGood({ snapshot }: SetPart): boolean {
  return snapshot.state === 'good';
}

/** The volumes of the parts, and the empty text for the image. */
export function volumesOf(parts: readonly SetPart[]): Set<string> {
  return new Set(parts.map(({ volume }) => volume));
}

function withParts(sets: readonly SnapshotSet[], counts: (part: SetPart) => boolean): SnapshotSet[] {
  return sets.map((set) => ({ ...set, parts: set.parts.filter(counts) }));
}

/** The sets of the servers under a policy, the newest first, without the parts that failed. */
export function setsIn(series: readonly SeriesPlan[], policy: string): SnapshotSet[] {
  const sets = new Map<string, SnapshotSet>();
  for (const plan of series) {
    if (plan.policy !== policy) continue;
    const shrinks = isShrinking(plan);
    for (const { snapshot } of plan.items) {
      const { slot, volume = '', parts = 0 } = snapshot;
      for (const server of serversOf(snapshot)) {
        const key = setOf({ ...snapshot, server });
        const set = sets.get(key) ?? { key, server, slot, parts: [], listed: new Set(), requested: 0 };
        set.listed.add(volume);
        if (server === snapshot.server) set.requested = Math.max(set.requested, parts);
        if (snapshot.state !== 'failed') set.parts.push({ volume, snapshot, isShrinking: shrinks });
        sets.set(key, set);
      }
    }
  }
  return [...sets.values()].sort((a, b) => b.slot.getTime() - a.slot.getTime());
}

/** Whether some series of a region have snapshots of volumes, or should have. */
export function hasSets(series: readonly SeriesPlan[]): boolean {
  return series.some(
    ({ volume, items }) => volume !== undefined || items.some(({ snapshot: { parts = 0 } }) => parts > 1),
  );
}

/** Whether the markers of a set's parts say that it has more parts than the listings show. */
export function lacksPart({ listed, requested }: SnapshotSet): boolean {
  return listed.size < requested;
}

/** Whether `orphans` deletes snapshots of a series. */
function isShrinking({ isOrphaned, items }: SeriesPlan): boolean {
  return isOrphaned === true && items.some(({ action }) => action !== 'keep');
}

/** The reasons of a hold, and of the use by a restore or a drill. */
const PINNING: readonly ReasonCode[] = [
  ...(['HELD', 'HELD_UNTIL', 'PROTECTED'] as const),
  ...(['RESTORED_AS_NEW', 'RESTORED_IN_PLACE', 'RESTORED_AS_VOLUME'] as const),
  ...(['VOLUME_FILLING', 'SERVER_BUILDING'] as const),
  ...(['DRILL_RUNNING', 'DRILL_OF_SLOT'] as const),
];
