import { logText, type Paragraph, paragraphText } from './log-text.ts';
import type { Entry, Outcome, Report, SnapshotLine } from './report.ts';

const WORDS: Partial<Record<Outcome, string>> = {
  kept: 'kept because',
  planned: 'goes because',
  deferred: 'waits because',
};

/**
 * The plan of a cleanup's dry run as text: a paragraph for each series, with a line for each
 * snapshot and its slot in UTC, newest first. If the text is too long for `serverless invoke
 * --log`, only the deleted and deferred snapshots are listed, the deleted ones first.
 */
export function planText({ entries, omitted, totals }: Report, isLocal: boolean): string {
  const paragraphs = entries.map((entry) =>
    paragraphText({ heading: heading(entry), lines: [...(entry.snapshots ?? []).map(line), ...rest(entry)] }),
  );
  const paragraphsOf = (isWanted: (outcome: Outcome) => boolean) =>
    entries.flatMap((entry): Paragraph[] => {
      const wanted = (entry.snapshots ?? []).filter(({ outcome }) => isWanted(outcome));
      return wanted.length === 0 ? [] : [{ heading: heading(entry), lines: wanted.map(line) }];
    });
  const brief = [
    ...paragraphsOf((outcome) => outcome === 'planned'),
    ...paragraphsOf((outcome) => outcome !== 'planned' && outcome !== 'kept'),
  ];
  const more = omitted > 0 ? [`… and ${omitted} more series`] : [];
  const sum = `All: ${countsText(totals)}`;
  return logText([...paragraphs, ...more], brief, { sum, isLocal });
}

function rest({ omittedSnapshots = 0 }: Entry): string[] {
  return omittedSnapshots > 0 ? [`  … and ${omittedSnapshots} more`] : [];
}

function heading({ name, server, region, policy, snapshots = [], omittedSnapshots = 0 }: Entry): string {
  const count = (wanted: Outcome) => snapshots.filter(({ outcome }) => outcome === wanted).length;
  // Kept snapshots are left out first.
  const totals = {
    kept: count('kept') + omittedSnapshots,
    planned: count('planned'),
    deferred: count('deferred'),
    failed: count('failed'),
  };
  return `${name || `server ${server} (gone)`} in ${region}, ${policy}: ${countsText(totals)} (times in UTC)`;
}

/** "2 stay, 1 go, 1 wait" */
function countsText({ kept = 0, planned = 0, deferred = 0, failed = 0 }: Report['totals']): string {
  const others = [...(deferred > 0 ? [`${deferred} wait`] : []), ...(failed > 0 ? [`${failed} failed`] : [])];
  return [`${kept} stay`, `${planned} go`, ...others].join(', ');
}

function line({ slot, sizeBytes, outcome, reasons }: SnapshotLine): string {
  const date = slot.slice(0, 16).replace('T', ' ');
  const size = sizeBytes === undefined ? '-' : `${(sizeBytes / 1e9).toFixed(1)} GB`;
  return `  ${date}  ${size.padStart(8)}  ${WORDS[outcome] ?? outcome}: ${reasons.join('; ')}`;
}
