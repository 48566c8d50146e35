import { logText, type Paragraph, paragraphText } from './log-text.ts';
import type { Entry, Outcome, Report } from './report.ts';
import { PLAN } from './sentences/plan.ts';

/**
 * The plan of a cleanup's dry run as text: a paragraph for each series, with a line for each
 * snapshot and its slot in UTC, newest first. If the text is too long for `serverless invoke
 * --log`, only the deleted and deferred snapshots are listed, the deleted ones first.
 */
export function planText({ entries, omitted, totals }: Report, isLocal: boolean): string {
  const paragraphs = entries.map((entry) =>
    paragraphText({ heading: PLAN.heading(entry), lines: linesOf(entry) }),
  );
  const paragraphsOf = (isWanted: (outcome: Outcome) => boolean) =>
    entries.flatMap((entry): Paragraph[] => {
      const wanted = (entry.snapshots ?? []).filter(({ outcome }) => isWanted(outcome));
      return wanted.length === 0 ? [] : [{ heading: PLAN.heading(entry), lines: wanted.map(PLAN.line) }];
    });
  const brief = [
    ...paragraphsOf((outcome) => outcome === 'planned'),
    ...paragraphsOf((outcome) => outcome !== 'planned' && outcome !== 'kept'),
  ];
  const more = omitted > 0 ? [PLAN.moreSeries(omitted)] : [];
  return logText([...paragraphs, ...more], brief, { sum: PLAN.sum(totals), isLocal });
}

function linesOf({ snapshots = [], omittedSnapshots = 0 }: Entry): string[] {
  return [...snapshots.map(PLAN.line), ...(omittedSnapshots > 0 ? [`  ${PLAN.more(omittedSnapshots)}`] : [])];
}
