import type { Policy } from '../config/policy.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import { allSetsOf, setOf } from '../volumes/set.ts';
import { retain } from './retention.ts';
import type { PlanItem, SeriesPlan } from './series-plan.ts';

/**
 * Keeps each good snapshot of which another part of the same set stays: one that is held or in use,
 * or, while the server is here, one that is good or not finished. And keeps the complete sets that
 * the rules of the policy keep among them. Otherwise, if the parts of different sets failed, the
 * last complete set would be deleted, because each series has a newer good snapshot.
 */
export function keepWholeSets(
  series: readonly SeriesPlan[],
  policy: Policy,
  now: Date,
): readonly SeriesPlan[] {
  // Large fleets without volumes need no sets.
  if (series.every(({ volume }) => volume === undefined)) return series;
  const keptIn = new Map<string, (SeriesPlan | undefined)[]>();
  for (const set of completeSets(series, policy, now)) keptIn.set(set, [undefined]);
  for (const plan of series) {
    for (const { snapshot, action, reasons } of plan.items) {
      const isPinned = reasons.some(({ code }) => PINNING.includes(code));
      const isOrBecomesGood = snapshot.state === 'good' || snapshot.state === 'pending';
      if (action !== 'keep' || !(isPinned || (isOrBecomesGood && !plan.isOrphaned))) continue;
      for (const set of allSetsOf(snapshot)) keptIn.set(set, [...(keptIn.get(set) ?? []), plan]);
    }
  }
  return series.map((plan) => ({
    ...plan,
    items: plan.items.map((item): PlanItem => {
      const { snapshot, action } = item;
      const others = allSetsOf(snapshot)
        .flatMap((set) => keptIn.get(set) ?? [])
        .filter((one) => one !== plan);
      if (action === 'keep' || snapshot.state !== 'good' || others.length === 0) return item;
      const part = others.find((one) => one !== undefined);
      const reason: Reason = part
        ? { code: 'SET_KEPT', part: part.volume?.name }
        : { code: 'COMPLETE_SET_KEPT' };
      return { ...item, action: 'keep', reasons: [reason] };
    }),
  }));
}

/**
 * The sets of servers with volumes that are complete, that is, have a good snapshot in each series
 * of the server, and that the rules keep if only such sets count.
 */
function completeSets(series: readonly SeriesPlan[], policy: Policy, now: Date): string[] {
  const here = series.filter((plan) => plan.policy === policy.policy && !plan.isOrphaned);
  return [...Map.groupBy(here, ({ server }) => server)].flatMap(([server, own]) => {
    const isShared = ({ items }: SeriesPlan) =>
      items.some(({ snapshot }) => snapshot.alsoOf?.some((one) => one.server === server));
    const shared = here.filter((plan) => plan.server !== server && isShared(plan));
    const [first, ...others] = [...own, ...shared].map(({ items }) =>
      items.map(({ snapshot }) => snapshot).filter(({ state }) => state === 'good'),
    );
    if (!first || others.length === 0) return [];
    const sets = others.map((its) => new Set(its.flatMap(allSetsOf)));
    const complete = first.filter((snapshot) => sets.every((its) => its.has(setOf(snapshot))));
    return retain(complete, policy.keep, { now, timezone: policy.timezone }).flatMap(({ snapshot, keep }) =>
      keep ? [setOf(snapshot)] : [],
    );
  });
}

/** The reasons of a hold, and of the use by a restore or a drill. */
const PINNING: readonly ReasonCode[] = [
  ...(['HELD', 'HELD_UNTIL', 'PROTECTED'] as const),
  ...(['RESTORED_AS_NEW', 'RESTORED_IN_PLACE', 'VOLUME_FILLING', 'SERVER_BUILDING'] as const),
  ...(['DRILL_RUNNING', 'DRILL_OF_SLOT'] as const),
];
