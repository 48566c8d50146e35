import type { Period } from '../../lib/config/keep-rules.ts';
import { localTime } from '../simulation/promises.ts';

/** The name of the calendar period of a time, computed from the text of the local time alone. */
export function periodOf(period: Period, moment: Date, timezone: string): string {
  const { day: date, hour, offset } = localTime(moment.getTime(), timezone);
  switch (period) {
    case 'hourly':
      return `${date} ${hour} ${offset}`;
    case 'daily':
      return date;
    case 'weekly':
      return isoWeek(date);
    case 'monthly':
      return date.slice(0, 7);
    case 'yearly':
      return date.slice(0, 4);
  }
}

/**
 * ISO weeks: a week belongs to the year of its Thursday, and has the number of this Thursday in the
 * year.
 */
function isoWeek(date: string): string {
  const thursday = new Date(`${date}T00:00:00Z`);
  const weekday = (thursday.getUTCDay() + 6) % 7; // 0 is Monday
  thursday.setUTCDate(thursday.getUTCDate() - weekday + 3);
  const year = thursday.getUTCFullYear();
  const dayOfYear = (thursday.getTime() - Date.UTC(year, 0, 1)) / 86_400_000;
  return `${year}-W${Math.floor(dayOfYear / 7) + 1}`;
}
