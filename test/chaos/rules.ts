/** A snapshot, as Glance or Cinder showed it. */
export interface Shown {
  id: string;
  /** The server or the volume. */
  of: string;
  /** The server whose image or volume it is. */
  server: string;
  /** The slot as in the marker; its text sorts like the times. */
  slot: string;
}

interface Rules {
  last: number;
  hourly: number;
}

/**
 * The snapshots that the rules keep of all good ones that ever existed, for a policy with `last`
 * and `hourly`. Of each server and volume: the newest, the newest of each of the latest hours with
 * one, and while there are fewer hours the oldest of all. Of servers with volumes the same of the
 * complete sets, too, and everything of which another part stays or is not finished. Written
 * independently of the product.
 */
export function keptOf(
  goods: readonly Shown[],
  rules: Rules,
  unfinished: readonly Shown[] = [],
): Set<string> {
  const sets = new Set(unfinished.map(setOf));
  for (const series of Map.groupBy(goods, ({ of }) => of).values()) {
    const slots = keptSlots(series, rules);
    for (const one of series) if (slots.has(one.slot)) sets.add(setOf(one));
  }
  for (const ofServer of Map.groupBy(goods, ({ server }) => server).values()) {
    const parts = new Set(ofServer.map(({ of }) => of)).size;
    const complete = [...Map.groupBy(ofServer, setOf).values()].filter(
      (set) => new Set(set.map(({ of }) => of)).size === parts,
    );
    const slots = keptSlots(complete.flat(), rules);
    for (const one of complete.flat()) if (slots.has(one.slot)) sets.add(setOf(one));
  }
  return new Set(goods.filter((one) => sets.has(setOf(one))).map(({ id }) => id));
}

function setOf({ server, slot }: Shown): string {
  return `${server} ${slot}`;
}

function keptSlots(snapshots: readonly Shown[], { last, hourly }: Rules): Set<string> {
  const newestFirst = [...new Set(snapshots.map(({ slot }) => slot))].sort().reverse();
  const hours = new Map<string, string>();
  for (const slot of newestFirst) {
    const hour = slot.slice(0, 13);
    if (!hours.has(hour)) hours.set(hour, slot);
  }
  return new Set([
    ...newestFirst.slice(0, last),
    ...[...hours.values()].slice(0, hourly),
    ...(hours.size < hourly ? newestFirst.slice(-1) : []),
  ]);
}
