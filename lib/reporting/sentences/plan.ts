import type { Entry, Outcome, Report, SnapshotLine } from '../report.ts';
import { counted, minuteText, sizeText } from './format.ts';

const WORDS: Partial<Record<Outcome, string>> = {
  kept: 'kept because',
  planned: 'to delete because',
  deferred: 'waits because',
};

/** "2 stay, 1 to delete, 1 wait" */
function countsText({ kept = 0, planned = 0, deferred = 0, failed = 0 }: Report['totals']): string {
  const others = [...(deferred > 0 ? [`${deferred} wait`] : []), ...(failed > 0 ? [`${failed} failed`] : [])];
  return [`${kept} stay`, `${planned} to delete`, ...others].join(', ');
}

/** The lines of a plan as text. */
export const PLAN = {
  heading({ name, server, volume, region, policy, snapshots = [], omittedSnapshots = 0 }: Entry): string {
    const count = (wanted: Outcome) => snapshots.filter(({ outcome }) => outcome === wanted).length;
    // Kept snapshots are left out first.
    const totals = {
      kept: count('kept') + omittedSnapshots,
      planned: count('planned'),
      deferred: count('deferred'),
      failed: count('failed'),
    };
    const of = volume === undefined ? '' : `, volume ${volume.name}`;
    return `${name || `server ${server} (gone)`}${of} in ${region}, ${policy}: ${countsText(totals)} (times in UTC)`;
  },
  line({ slot, sizeBytes, outcome, reasons }: SnapshotLine): string {
    const size = sizeBytes === undefined ? '-' : sizeText(sizeBytes);
    return `  ${minuteText(slot)}  ${size.padStart(8)}  ${WORDS[outcome] ?? outcome}: ${reasons.join('; ')}`;
  },
  more: (count: number) => `… and ${count} more`,
  moreSeries: (count: number) => `… and ${count} more series`,
  sum: (totals: Report['totals']) => `All: ${countsText(totals)}`,
};

/** The end of a text that lacks so many lines, because it would be too long. */
export function moreLinesText(count: number): string {
  const everything = 'This is a part: the answer of the invocation has everything.';
  return count > 0 ? `… and ${counted(count, 'more line')}. ${everything}` : everything;
}
