/** A good snapshot, as Glance showed it. */
export interface Good {
  id: string;
  server: string;
  /** The slot as in the marker; its text sorts like the times. */
  slot: string;
}

/**
 * The snapshots that the rules keep of all good ones that ever existed, for a policy with `last`
 * and `hourly`: of each server the newest, the newest of each of the latest hours with one, and
 * while there are fewer hours the oldest of all. Written independently of the product.
 */
export function keptOf(
  goods: readonly Good[],
  { last, hourly }: { last: number; hourly: number },
): Set<string> {
  const kept = new Set<string>();
  for (const series of Map.groupBy(goods, ({ server }) => server).values()) {
    const newestFirst = series.toSorted((a, b) => (a.slot < b.slot ? 1 : -1));
    for (const { id } of newestFirst.slice(0, last)) kept.add(id);
    const hours = new Map<string, string>();
    for (const { id, slot } of newestFirst) {
      const hour = slot.slice(0, 13);
      if (!hours.has(hour)) hours.set(hour, id);
    }
    for (const id of [...hours.values()].slice(0, hourly)) kept.add(id);
    if (hours.size < hourly) kept.add(newestFirst.at(-1)!.id);
  }
  return kept;
}
