import { counted } from '../../audit/format.ts';
import { HOUR_MS } from '../../config/dates.ts';

const MOST_NAMES = 10;

/** "2.0 GB" of 10^9 bytes */
export function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** "30d", "6h", as a policy has it */
export function policyDuration(ms: number): string {
  const hours = ms / HOUR_MS;
  return hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`;
}

/** How many more days of snapshots a quota has room for. */
export function quotaRoom(days: number): string {
  return days === 0 ? 'no room for the next day' : `room for ${counted(days, 'more day')}`;
}

/** The names, separated by commas; of many names the first ones and the number of the others. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
