/** A good snapshot, as Glance has shown it. */
export interface Good {
  id: string;
  server: string;
  /** As it stands in the marker: sorts as the times do. */
  slot: string;
}

/**
 * What the rules of rotation keep of all good snapshots that there ever were of a policy with
 * `last` and `hourly`: of each server the newest ones, the newest of each of the latest hours that
 * have one, and while those are too few the oldest of all. Written down once more, apart from the
 * product's own.
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
