import { isoSeconds } from '../config/dates.ts';
import { ADHOC } from '../config/policy.ts';
import type { Snapshot } from '../snapshots/marker.ts';

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

/** The sets that a snapshot is a part of: several for that of a volume of several servers. */
export function allSetsOf(snapshot: Snapshot): string[] {
  const others = (snapshot.alsoOf ?? []).map(({ server }) => setOf({ ...snapshot, server }));
  return [setOf(snapshot), ...others];
}

/** Whether a snapshot is a part of a set of a server. */
export function isInSetOf(server: string): (snapshot: Pick<Snapshot, 'server' | 'alsoOf'>) => boolean {
  return (snapshot) =>
    snapshot.server === server || snapshot.alsoOf?.some((other) => other.server === server) === true;
}
