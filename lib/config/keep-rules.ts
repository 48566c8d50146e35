/** The calendar periods of `keep`, shortest first, with their plural nouns. */
const PLURALS = {
  hourly: 'hours',
  daily: 'days',
  weekly: 'ISO weeks',
  monthly: 'months',
  yearly: 'years',
} as const;

/** The name of a rule for calendar periods, such as `daily`. */
export type Period = keyof typeof PLURALS;

/** The rules for calendar periods, the shortest first. */
export const PERIODS = Object.keys(PLURALS) as Period[];

/** The rules of which `keep` needs at least one; `atLeast` alone is only a minimum. */
export const KEEP_RULES = ['last', ...PERIODS, 'within'] as const;

/** Builds an object with an entry for each period: `{ hourly: of('hourly', 'hours'), … }`. */
export function eachPeriod<T>(of: (period: Period, plural: string) => T): Record<Period, T> {
  const entries = PERIODS.map((period) => [period, of(period, PLURALS[period])]);
  return Object.fromEntries(entries);
}
