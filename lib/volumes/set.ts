import { ADHOC } from '../config/adhoc-event.ts';
import { isoSeconds } from '../config/dates.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';

/**
 * Identifies the set that a snapshot is a part of: the image of a server and the snapshots of its
 * volumes, for one slot of a policy or for one ad-hoc request. A retry of a request takes the
 * missing parts later, so they may have another slot.
 */
export function setOf({
  policy,
  server,
  slot,
  request,
}: Pick<Snapshot, 'policy' | 'server' | 'slot' | 'request'>): string {
  const isRequest = policy === ADHOC && request !== undefined;
  return JSON.stringify([policy, server, isRequest ? request : isoSeconds(slot)]);
}

/** The servers whose sets a snapshot is a part of: several for that of a volume of several. */
export function serversOf({ server, alsoOf = [] }: Pick<Snapshot, 'server' | 'alsoOf'>): string[] {
  return [server, ...alsoOf.map((other) => other.server)];
}

/** The sets that a snapshot is a part of, one for each of its servers. */
export function allSetsOf(snapshot: Snapshot): string[] {
  return serversOf(snapshot).map((server) => setOf({ ...snapshot, server }));
}

/** Whether a snapshot is a part of the set of `part`, that is, of the set of its first server. */
export function isInSameSet(part: Parameters<typeof setOf>[0]): (snapshot: Snapshot) => boolean {
  const set = setOf(part);
  return (snapshot) => allSetsOf(snapshot).includes(set);
}

/** Whether a snapshot is a part of a set of a server. */
export function isInSetOf(server: string): (snapshot: Pick<Snapshot, 'server' | 'alsoOf'>) => boolean {
  return (snapshot) => serversOf(snapshot).includes(server);
}
