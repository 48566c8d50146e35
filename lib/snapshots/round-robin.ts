/** Its multiples, modulo 1, spread evenly over the numbers from 0 to 1. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Rotates the order, so each run starts at another item and slow items don't starve the others.
 * After a few runs each item has been among the first.
 *
 * @param run the number of earlier runs, or another number that grows by one from run to run.
 */
export function inTurn<T>(items: readonly T[], run: number): T[] {
  const start = Math.floor(items.length * ((run * GOLDEN) % 1));
  return [...items.slice(start), ...items.slice(0, start)];
}
