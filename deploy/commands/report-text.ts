import type { Entry, Outcome, Report, VolumeLine } from '../../lib/reporting/report.ts';
import { minuteText } from '../../lib/reporting/sentences/format.ts';
import type { Words } from '../../lib/reporting/sentences/words.ts';
import { findingLines, findingsIn } from './findings.ts';
import type { Terminal } from './terminal.ts';

/** How the outcomes are marked that are not good. */
const MARKS: Partial<Record<Outcome, readonly [mark: string, color: 'red' | 'yellow']>> = {
  failed: ['✗', 'red'],
  deferred: ['!', 'yellow'],
  skipped: ['!', 'yellow'],
};

/** The outcomes in other words: the cloud has accepted the request for a snapshot. */
const OUTCOMES: Partial<Record<Outcome, string>> = { taken: 'asked for' };

/** The outcomes that the reason says alone. */
const SAID_BY_REASON: readonly Outcome[] = ['held', 'released'];

/**
 * The report of a run that somebody asked for: a line for each server with its result, one below it
 * for each of its volumes, and the other failures and warnings.
 */
export function reportText(
  report: Report,
  { terminal, words }: { terminal: Pick<Terminal, 'style'>; words: Words },
): string {
  const { entries, failures, warnings, resumesAt, omitted } = report;
  return [
    ...entries.flatMap((entry) => entryLines(entry, terminal)),
    ...(omitted > 0 ? [`… and ${omitted} more`] : []),
    ...(resumesAt ? [`The rest goes on by itself at ${minuteText(resumesAt)} UTC.`] : []),
    ...findingLines(findingsIn([...failures, ...warnings], words), terminal),
  ]
    .join('\n')
    .trimStart();
}

function entryLines(entry: Entry, { style }: Pick<Terminal, 'style'>): string[] {
  const { name, server, region, slot, volumes = [] } = entry;
  const drilled = slot === undefined ? '' : `, the snapshot of ${minuteText(slot)}`;
  const lineOf = (what: string, { outcome, reason }: Pick<Entry | VolumeLine, 'outcome' | 'reason'>) => {
    const [mark, color] = MARKS[outcome] ?? (['✓', 'green'] as const);
    const result =
      reason && SAID_BY_REASON.includes(outcome) ? [reason] : [OUTCOMES[outcome] ?? outcome, reason];
    return `${style(color, mark)} ${[what, ...result].filter(Boolean).join(': ')}`;
  };
  return [
    lineOf(`${name || server} in ${region}${drilled}`, entry),
    ...volumes.map((volume) => `  ${lineOf(`volume ${volume.name}`, volume)}`),
  ];
}
