/** The golden ratio's fraction: its multiples, modulo 1, are spread evenly between 0 and 1. */
const GOLDEN_FRACTION = (Math.sqrt(5) - 1) / 2;

/**
 * Rotates a list, so that each run starts at another item. Slow items then do not keep the others
 * from being reached, and after a few runs each item has been among the first.
 *
 * @param run the number of earlier runs, or another number that grows by one from run to run.
 */
export function roundRobin<T>(items: readonly T[], run: number): T[] {
  const start = Math.floor(items.length * ((run * GOLDEN_FRACTION) % 1));
  return [...items.slice(start), ...items.slice(0, start)];
}
