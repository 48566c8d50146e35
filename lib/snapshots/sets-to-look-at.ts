import { ADHOC } from '../config/adhoc-event.ts';
import type { Reason } from '../reporting/reasons.ts';
import { allSetsOf } from '../volumes/set.ts';
import { serverNameIn } from './marker.ts';
import { counts, staysBecause } from './retention.ts';
import type { SeriesPlan, SetToLookAt } from './series-plan.ts';
import { isSnapshot, type Snapshot, type Suspect } from './snapshot.ts';
import {
  hasSets,
  isGood,
  lacksPart,
  mostGood,
  type SnapshotSet,
  setKeptBecause,
  setsIn,
  volumesOf,
} from './whole-sets.ts';

/**
 * The sets of which a snapshot is a part, and the sets that replace them according to the plans of
 * a region; none for a snapshot that is the only part of its set.
 *
 * @param series all series of the region, after keepWholeSets in whole-sets.ts.
 */
export function setsToLookAt(
  series: readonly SeriesPlan[],
  policy: string,
): (snapshot: Snapshot) => SetToLookAt[] {
  if (!hasSets(series)) return () => [];
  const kept = new Set(
    series.flatMap(({ items }) =>
      items.flatMap(({ snapshot, action }) => (action === 'keep' ? snapshot.id : [])),
    ),
  );
  const all = [...setsIn(series, policy), ...setsIn(series, ADHOC)];
  const setOfKey = new Map(all.map((set) => [set.key, set]));
  const setsOfServer = Map.groupBy(setsIn(series, policy), ({ server }) => server);
  const replacementsOf = (set: SnapshotSet): Snapshot[][] => {
    const needed = volumesOf(set.parts);
    const lacksOne = lacksPart(set);
    const fewest = lacksOne ? mostGood(set) : 0;
    return (setsOfServer.get(set.server) ?? []).flatMap((other) => {
      const its = other.parts.filter(
        (part) => isGood(part) && kept.has(part.snapshot.id) && (lacksOne || needed.has(part.volume)),
      );
      const has = volumesOf(its);
      const unlisted = Math.max(0, other.requested - other.listed.size);
      const isWhole = needed.isSubsetOf(has) && has.size + unlisted >= fewest;
      return isWhole && other.key !== set.key ? [its.map(({ snapshot }) => snapshot)] : [];
    });
  };
  return (snapshot) =>
    allSetsOf(snapshot).flatMap((key): SetToLookAt[] => {
      const set = setOfKey.get(key);
      if (!set || (volumesOf(set.parts).size < 2 && !lacksPart(set))) return [];
      const parts = set.parts.map((part) => part.snapshot);
      return [{ key, parts, replacements: replacementsOf(set), reason: setKeptBecause(set) }];
    });
}

/** How sets are read again before a deletion. */
interface SetLook {
  setsOf: (snapshot: Snapshot) => readonly SetToLookAt[];
  /** Reads an image or a volume snapshot again; `current` is undefined if it is gone. */
  read: (snapshot: Snapshot) => Promise<{ current: Snapshot | Suspect | undefined; isInUse?: boolean }>;
  now: Date;
}

/**
 * Why the set of a snapshot has to stay, by what the cloud shows now: one of its parts is held or
 * in use, or fewer than `floor` of the sets that replace it are still whole. The parts of a set are
 * deleted or kept together, so each set is read once.
 */
export function lookAtSets({
  setsOf,
  read,
  now,
}: SetLook): (snapshot: Snapshot, floor: number) => Promise<Reason | undefined> {
  const known = new Map<string, Promise<Reason | undefined>>();
  const lookAt = async (
    { parts, replacements, reason }: SetToLookAt,
    floor: number,
  ): Promise<Reason | undefined> => {
    for (const part of parts) {
      const { current, isInUse } = await read(part);
      if (!isInUse && !(isSnapshot(current) && staysBecause(current, now))) continue;
      return { code: 'SET_KEPT', part: part.volume === undefined ? undefined : serverNameIn(part) };
    }
    let whole = 0;
    for (const others of replacements) {
      if (whole >= floor) break;
      const found = (await Promise.all(others.map(read))).map(({ current }) => current).filter(isSnapshot);
      const isWhole = found.length === others.length && found.every(({ state }) => state === 'good');
      if (isWhole && found.some((one) => counts(one, now))) whole += 1;
    }
    return whole < floor ? reason : undefined;
  };
  return async (snapshot, floor) => {
    for (const set of setsOf(snapshot)) {
      const key = `${floor} ${set.key}`;
      const reason = known.get(key) ?? lookAt(set, floor);
      known.set(key, reason);
      const found = await reason;
      if (found) return found;
    }
    return undefined;
  };
}
