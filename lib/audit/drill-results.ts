import { byTime, isoSeconds } from '../config/dates.ts';
import type { Reason } from '../reporting/reasons.ts';
import { hasPassed } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { AuditedSeries, Proof } from './model.ts';
import type { Naming } from './naming.ts';
import { isExpected } from './series-states.ts';
import { countServers, type ServerCount } from './server-count.ts';

/**
 * The results of drills.
 *
 * @param asked whether the policy has drills.
 * @returns undefined if the policy has no drills, and no snapshot had one.
 */
export function proofOf(snapshots: readonly Snapshot[], asked: boolean, now: Date): Proof | undefined {
  const drilled = snapshots.filter((s) => s.proven ?? s.drilled);
  if (!asked && drilled.length === 0) return undefined;
  const passed = drilled.filter(hasPassed);
  const proven = latest(passed.flatMap((s) => s.proven ?? []));
  const { provenVolumes: volumes, recovery } = passed.find((s) => s.proven === proven) ?? {};
  const recoverySeconds = recovery && (recovery.answeredSeconds ?? recovery.activeSeconds);
  const failed = latest(drilled.filter((s) => !hasPassed(s)).flatMap((s) => s.drilled ?? []));
  const good = snapshots.filter(({ state, slot }) => state === 'good' && slot <= now);
  const since = proven ?? good.map(({ slot }) => slot).sort(byTime)[0];
  return {
    ...(proven ? { proven: isoSeconds(proven), ...(volumes ? { provenVolumes: volumes } : {}) } : {}),
    ...(recoverySeconds === undefined ? {} : { recoverySeconds }),
    ...(recovery?.isAtMost ? { isAtMost: true as const } : {}),
    ...(since ? { unprovenSeconds: Math.floor((now.getTime() - since.getTime()) / 1000) } : {}),
    ...(failed && (!proven || proven < failed) ? { failed: isoSeconds(failed) } : {}),
  };
}

/** Counts the proven servers, and finds the one whose last passed drill is the oldest. */
export function provenServers(all: readonly AuditedSeries[]): ServerCount {
  return countServers(all, ({ proof }) => proof && (proof.proven ?? null));
}

/** The number of servers whose last passed drill did not boot their data volumes. */
export function provenWithoutVolumes(all: readonly AuditedSeries[]): number {
  const isWithout = ({ proof }: AuditedSeries) => proof?.provenVolumes === 'without';
  return countServers(all, (series) => (isWithout(series) ? series.proof?.proven : undefined)).count;
}

/** Whether a server's last drill failed; false for series that get no more snapshots. */
export function hasFailedDrill(series: AuditedSeries): boolean {
  return series.proof?.failed !== undefined && isExpected(series);
}

/** The reason for a series whose last drill failed. */
export function drillFailed(
  series: AuditedSeries,
  { nameOf, placeOf }: Naming,
): Reason<'SERIES_DRILL_FAILED'> {
  const { policy, proof, snapshots } = series;
  const { failed = '', proven } = proof ?? {};
  const where = placeOf(series);
  const slot = snapshots.find(({ unproven }) => unproven === failed)?.slot ?? '';
  const before = proven === undefined ? {} : { proven };
  return { code: 'SERIES_DRILL_FAILED', server: nameOf(series), where, policy, slot, failed, ...before };
}

function latest(times: Date[]): Date | undefined {
  return times.sort(byTime).at(-1);
}
