/** The calendar periods that `keep` has a rule for, the shortest first, and how a sentence calls several of each. */
const PLURALS = {
  hourly: 'hours',
  daily: 'days',
  weekly: 'ISO weeks',
  monthly: 'months',
  yearly: 'years',
} as const;

export type Period = keyof typeof PLURALS;

/** The rules for calendar periods, the shortest first. */
export const PERIODS = Object.keys(PLURALS) as Period[];

/** The rules of which `keep` needs one: `atLeast` is only the floor. */
export const KEEP_RULES = ['last', ...PERIODS, 'within'] as const;

/** The same of each period: `{ hourly: of('hourly', 'hours'), … }`. */
export function eachPeriod<T>(of: (period: Period, plural: string) => T): Record<Period, T> {
  const entries = PERIODS.map((period) => [period, of(period, PLURALS[period])]);
  return Object.fromEntries(entries);
}
