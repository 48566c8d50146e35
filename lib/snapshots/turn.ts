/** Its multiples spread over the numbers from 0 to 1 as evenly as any number's do. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * The same items, begun at another one in each run, so that those which use up the time of a run,
 * each time, do not keep the others from their turn. After a few runs each item has been among the
 * first.
 *
 * @param run how many runs there were before, or anything else that grows by one from run to run.
 */
export function inTurn<T>(items: readonly T[], run: number): T[] {
  const start = Math.floor(items.length * ((run * GOLDEN) % 1));
  return [...items.slice(start), ...items.slice(0, start)];
}
