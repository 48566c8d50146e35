import type { Sentence } from '../../lib/reporting/sentences/sentence.ts';
import type { Terminal } from './terminal.ts';

/** A line for each failure, warning or problem of a result, below an empty line. */
export function findingLines(
  findings: readonly (Sentence | { text: Sentence })[],
  { style }: Pick<Terminal, 'style'>,
): string[] {
  const texts = findings.map((one) => (typeof one === 'string' ? one : one.text));
  return texts.length > 0 ? ['', ...texts.map((text) => `${style('yellow', '!')} ${text}`)] : [];
}
