import type { Reason, ReasonCode } from '../../lib/reporting/reasons.ts';
import type { ReportedFinding } from '../../lib/reporting/report.ts';
import type { Sentence } from '../../lib/reporting/sentences/sentence.ts';
import type { Words } from '../../lib/reporting/sentences/words.ts';
import { findingIn } from '../../lib/reporting/sentences.ts';
import type { Terminal } from './terminal.ts';

/** The findings that name what was asked for. A report has all of their facts. */
const OF_REQUEST: readonly ReasonCode[] = ['SELECTOR_UNMATCHED', 'NOT_OF_POLICY', 'EXPIRY_WITHOUT_CLEANUP'];

/** A line for each failure, warning or problem of a result, below an empty line. */
export function findingLines(
  findings: readonly (Sentence | { text: Sentence })[],
  { style }: Pick<Terminal, 'style'>,
): string[] {
  const texts = findings.map((one) => (typeof one === 'string' ? one : one.text));
  return texts.length > 0 ? ['', ...texts.map((text) => `${style('yellow', '!')} ${text}`)] : [];
}

/** The findings of a report for the person who has typed the command. */
export function findingsIn(findings: readonly ReportedFinding[], words: Words): Sentence[] {
  return findings.map(({ code, facts, text, region, account }) =>
    OF_REQUEST.includes(code)
      ? findingIn(words, {
          ...({ code, ...facts } as Reason),
          ...(region === undefined ? {} : { region }),
          ...(account === undefined ? {} : { ofAccount: account }),
        })
      : text,
  );
}
