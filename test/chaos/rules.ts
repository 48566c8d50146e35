/** A good snapshot, as Glance or Cinder showed it. */
export interface Good {
  id: string;
  /** The server or the volume. */
  of: string;
  /** The slot as in the marker; its text sorts like the times. */
  slot: string;
}

/**
 * The snapshots that the rules keep of all good ones that ever existed, for a policy with `last`
 * and `hourly`: of each server and volume the newest, the newest of each of the latest hours with
 * one, and while there are fewer hours the oldest of all. Snapshots of one slot have one fate.
 * Written independently of the product.
 */
export function keptOf(
  goods: readonly Good[],
  { last, hourly }: { last: number; hourly: number },
): Set<string> {
  const kept = new Set<string>();
  for (const series of Map.groupBy(goods, ({ of }) => of).values()) {
    const newestFirst = [...new Set(series.map(({ slot }) => slot))].sort().reverse();
    const hours = new Map<string, string>();
    for (const slot of newestFirst) {
      const hour = slot.slice(0, 13);
      if (!hours.has(hour)) hours.set(hour, slot);
    }
    const slots = new Set([
      ...newestFirst.slice(0, last),
      ...[...hours.values()].slice(0, hourly),
      ...(hours.size < hourly ? newestFirst.slice(-1) : []),
    ]);
    for (const { id, slot } of series) if (slots.has(slot)) kept.add(id);
  }
  return kept;
}
