import type { Decision } from '../snapshots/retention.ts';
import type { SeriesPlan } from '../snapshots/series-plan.ts';
import { serversOf } from '../volumes/set.ts';
import { type BackupPlan, type NamedSeries, planBackups } from './backup-plan.ts';
import type { OffsitePolicy } from './plan.ts';
import type { BackupResult } from './rotate-backups.ts';
import { keepWholeCopies, seriesOfBackups } from './whole-copies.ts';

/** The backups of one volume, and which of them the rules keep if each volume is alone. */
export interface RetainedSeries {
  series: NamedSeries;
  /** Newest first. */
  decisions: readonly Decision[];
}

/** The servers of which backups are to be deleted. */
export function serversWithDeletions(found: readonly RetainedSeries[]): Set<string> {
  return new Set(
    found
      .filter(({ series, decisions }) => series.isAttached && decisions.some(({ keep }) => !keep))
      .flatMap(({ series, decisions }) => [
        series.server,
        ...decisions.flatMap(({ snapshot }) => serversOf(snapshot)),
      ]),
  );
}

/**
 * Plans the backups of the volumes of a region, so that whole sets stay.
 *
 * @param copies the series of the copies of images.
 * @returns `series` are all series, with `copies`, as the rules and the sets keep them.
 */
export function planWhole(
  found: readonly RetainedSeries[],
  copies: readonly SeriesPlan[],
  { policy, region, now }: { policy: OffsitePolicy; region: string; now: Date },
): { series: readonly SeriesPlan[]; plans: { series: NamedSeries; plan: BackupPlan }[] } {
  const alone = found.map(({ series, decisions }) =>
    seriesOfBackups(series, decisions, { ...policy, region }),
  );
  const whole = keepWholeCopies([...alone, ...copies], policy, now);
  const plans = found.map(({ series, decisions }, i) => {
    const isKeptBySet = (at: number) =>
      alone[i]!.items[at]!.action === 'delete' && whole[i]!.items[at]!.action === 'keep';
    const all = decisions.map((decision, at) =>
      isKeptBySet(at) ? { ...decision, keep: true, reasons: whole[i]!.items[at]!.reasons } : decision,
    );
    return { series, plan: planBackups(series, now, all) };
  });
  return { series: whole, plans };
}

/** The series of the volumes as they are after a run: without the backups that it has deleted. */
export function withoutDeleted(
  series: readonly SeriesPlan[],
  results: readonly BackupResult[],
): readonly SeriesPlan[] {
  const deleted = new Set(results.flatMap(({ copy, outcome }) => (outcome === 'deleted' ? copy.id : [])));
  return series
    .filter(({ volume }) => volume !== undefined)
    .map((plan) => ({ ...plan, items: plan.items.filter(({ snapshot }) => !deleted.has(snapshot.id)) }));
}
