import type { Period } from '../../lib/config/keep-rules.ts';
import type { Policy } from '../../lib/config/policy.ts';
import { DAY_MS } from './world.ts';

const PERIODS: Record<Period, (local: LocalTime) => string> = {
  hourly: ({ day, hour, offset }) => `${day} ${hour} ${offset}`,
  daily: ({ day }) => day,
  weekly: ({ day }) => mondayOf(day),
  monthly: ({ day }) => day.slice(0, 7),
  yearly: ({ day }) => day.slice(0, 4),
};

/**
 * The counted slots (epoch milliseconds, newest first) that docs/retention.md promises to keep.
 * This is a second implementation on purpose, with Intl where lib/snapshots/retention.ts uses
 * Temporal, and with Mondays instead of week numbers, so that both do not have the same bug.
 */
export function promised(
  slots: readonly number[],
  { keep, timezone }: Pick<Policy, 'keep' | 'timezone'>,
): Set<number> {
  const newest = slots[0];
  if (newest === undefined) return new Set();
  const kept = new Set(slots.slice(0, Math.max(keep.last ?? 0, keep.atLeast)));
  for (const period of Object.keys(PERIODS) as Period[]) {
    const n = keep[period];
    if (n === undefined) continue;
    const seen = new Set<string>();
    for (const slot of slots) {
      const key = PERIODS[period](localTime(slot, timezone));
      if (seen.size < n && !seen.has(key)) kept.add(slot);
      seen.add(key);
    }
    if (seen.size < n) kept.add(slots.at(-1)!);
  }
  if (keep.within !== undefined) {
    const since = newest - keep.within;
    for (const slot of slots) if (slot > since) kept.add(slot);
  }
  return kept;
}

interface LocalTime {
  /** "2028-02-29" */
  day: string;
  hour: string;
  offset: string;
}

// Intl is slow, and the same slots occur at every cleanup.
const known = new Map<string, LocalTime>();
const formats = new Map<string, Intl.DateTimeFormat>();

/** A wall clock reading in `timezone`: day "2026-11-01", hour "01", offset "GMT-05:00". */
export function localTime(ms: number, timezone: string): LocalTime {
  const key = `${ms} ${timezone}`;
  let local = known.get(key);
  if (!local) {
    local = read(ms, timezone);
    known.set(key, local);
  }
  return local;
}

function read(ms: number, timeZone: string): LocalTime {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      timeZoneName: 'longOffset',
    });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  return {
    day: `${parts.year}-${parts.month}-${parts.day}`,
    hour: parts.hour ?? '',
    offset: parts.timeZoneName ?? '',
  };
}

function mondayOf(day: string): string {
  const date = new Date(day);
  const daysSinceMonday = (date.getUTCDay() + 6) % 7;
  return new Date(date.getTime() - daysSinceMonday * DAY_MS).toISOString().slice(0, 10);
}
