import { createHash } from 'node:crypto';
import { isoSeconds, MINUTE_MS } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { GoodRun } from './missing-runs.ts';
import type { SeenCleanups } from './model.ts';

/**
 * A cleanup that ends this soon after the rules were first seen may have begun with earlier ones.
 * Nor is the record of a new job, which the first audit itself makes, a run.
 */
const OVERLAP_MS = 15 * MINUTE_MS;

/**
 * Adds the last good cleanup to those that earlier audits have recorded; begins anew when the rules
 * have changed.
 */
export function cleanupsSeen(
  before: SeenCleanups | undefined,
  { keep, orphans, adopt, timezone, policy, account }: Policy,
  goodRuns: readonly GoodRun[],
  now: Date,
): SeenCleanups {
  const text = JSON.stringify({ keep, orphans, adopt, timezone });
  const rules = createHash('sha256').update(text).digest('hex').slice(0, 16);
  if (before?.rules !== rules) return { rules, since: isoSeconds(now), runs: [] };
  const last = goodRuns.find(
    (run) => run.job === 'cleanup' && run.policy === policy && run.account === account,
  )?.at;
  if (!last || last.getTime() < Date.parse(before.since) + OVERLAP_MS) return before;
  const runs = [...new Set([...before.runs, isoSeconds(last)])];
  return { ...before, runs: runs.slice(-2) };
}

/**
 * The time by which everything that is due for deletion has been left by two cleanups, if known.
 */
export function leftByTwo(cleanups: SeenCleanups | undefined): Date | undefined {
  const [older, newer] = cleanups?.runs ?? [];
  return older && newer ? new Date(Date.parse(older) - OVERLAP_MS) : undefined;
}
