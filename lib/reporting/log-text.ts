import { moreLinesText } from './sentences/plan.ts';

/**
 * The maximum size of a text. `serverless invoke --log` shows the last 4 KB of a log, including
 * Lambda's own lines.
 */
const ROOM_BYTES = 3_500;

/** A part of a text: what it is about, and its lines. A line may contain line ends. */
export interface Paragraph {
  heading: string;
  lines: readonly string[];
}

/**
 * A text that `serverless invoke --log` shows completely: all paragraphs if they fit, otherwise as
 * many lines of the `brief` paragraphs as fit, and the number of the others. The `sum` is at the
 * end.
 *
 * @param isLocal whether the function is not deployed, so that the terminal shows its whole log.
 * @param brief the paragraphs that people have to read, the most important first.
 */
export function logText(
  paragraphs: readonly string[],
  brief: readonly Paragraph[],
  { sum, isLocal }: { sum: string; isLocal: boolean },
): string {
  const all = [...paragraphs, sum].join('\n\n');
  if (isLocal || Buffer.byteLength(all) <= ROOM_BYTES) return all;
  const shown: string[] = [];
  let more = brief.reduce((count, { lines }) => count + lines.length, 0);
  let room = ROOM_BYTES - Buffer.byteLength(`${moreLinesText(more)}\n\n${sum}`);
  for (const paragraph of brief) {
    const { text, count } = beginning(paragraph, room - 2);
    if (count === 0) continue;
    shown.push(text);
    room -= Buffer.byteLength(text) + 2;
    more -= count;
  }
  return [...shown, moreLinesText(more), sum].join('\n\n');
}

/** A paragraph as text, with a line each for its heading and its lines. */
export function paragraphText({ heading, lines }: Paragraph): string {
  return [heading, ...lines].join('\n');
}

/** The first lines of a paragraph that fit into so many bytes, and their number. */
function beginning({ heading, lines }: Paragraph, room: number): { text: string; count: number } {
  let text = heading;
  for (const [count, line] of lines.entries()) {
    const isLast = count === lines.length - 1;
    const longer = `${text}\n${line}`;
    if (Buffer.byteLength(isLast ? longer : longer + CUT) > room) return { text: text + CUT, count };
    text = longer;
  }
  return { text, count: lines.length };
}

/** The end of a paragraph that lacks lines. */
const CUT = '\n  …';
