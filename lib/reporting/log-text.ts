/**
 * The maximum size of a text. `serverless invoke --log` shows the last 4 KB of a log, including
 * Lambda's own lines.
 */
const ROOM_BYTES = 3_500;

/**
 * A text that `serverless invoke --log` shows completely: all paragraphs if they fit, otherwise as
 * many of the `brief` paragraphs as fit, and the number of the others. The `sum` is at the end.
 *
 * @param isLocal whether the function is not deployed, so that the terminal shows its whole log.
 * @param brief the paragraphs that people have to read, the most important first.
 */
export function logText(
  paragraphs: readonly string[],
  brief: readonly string[],
  { sum, isLocal }: { sum: string; isLocal: boolean },
): string {
  const all = [...paragraphs, sum].join('\n\n');
  if (isLocal || Buffer.byteLength(all) <= ROOM_BYTES) return all;
  const shown: string[] = [];
  let room = ROOM_BYTES - Buffer.byteLength(`${moreText(brief.length)}\n\n${sum}`);
  for (const paragraph of brief) {
    room -= Buffer.byteLength(paragraph) + 2;
    if (room < 0) break;
    shown.push(paragraph);
  }
  const more = brief.length - shown.length;
  return [...shown, moreText(more), sum].join('\n\n');
}

function moreText(count: number): string {
  const everything = 'This is a part: the answer of the invocation has everything.';
  return count > 0 ? `… and ${count} more. ${everything}` : everything;
}
