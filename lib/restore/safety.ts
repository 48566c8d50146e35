import { HOUR_MS } from '../config/dates.ts';
import { getImage, type Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { isStuck } from '../snapshots/snapshot-state.ts';
import type { RestoreContext } from './context.ts';
import { readRestoredMark, readSafetyMark, type SafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';

/** A safety snapshot: a snapshot of the server before its disk is replaced. */
export interface Safety {
  snapshot: Snapshot;
  mark: SafetyMark;
}

/**
 * What a safety snapshot permits.
 *
 * - good: the safety snapshot contains the current disk, except for the writes of the last hour at
 *   most. The disk may be replaced.
 * - pending: the cloud is still creating the safety snapshot.
 * - failed: the cloud did not create the safety snapshot.
 * - old: the safety snapshot was requested an hour ago or more, and can no longer be used.
 * - overtaken: the server was rebuilt after the safety snapshot, which can no longer be used.
 */
export type SafetyState = 'good' | 'pending' | 'failed' | 'old' | 'overtaken';

/**
 * Decides whether a safety snapshot permits replacing the disk of a server; `now` is the time of
 * the cloud's clock.
 */
export function checkSafetySnapshot(
  { snapshot, mark }: Safety,
  { imageId, metadata, taskState }: Pick<ServerDetail, 'imageId' | 'metadata' | 'taskState'>,
  now: Date,
): SafetyState {
  const { state, createdAt } = snapshot;
  if (state === 'pending') return isStuck(snapshot, taskState, now) ? 'failed' : 'pending';
  if (state !== 'good') return 'failed';
  const last = readRestoredMark(metadata);
  const rebuilt = last?.to === 'in-place' && last.at > createdAt;
  if (rebuilt || mark.disk !== imageId) return 'overtaken';
  return isOld(snapshot, now) ? 'old' : 'good';
}

/**
 * Whether a safety snapshot was requested an hour ago or more. No snapshot contains the writes
 * since then.
 */
export function isOld({ createdAt }: Snapshot, now: Date): boolean {
  return now.getTime() - createdAt.getTime() >= HOUR_MS;
}

/**
 * The safety snapshots of a request, the newest first: those that the event names, each requested
 * by its id, and those in the listing. `missing` has the ids in the event whose images no longer
 * exist.
 *
 * @throws {ValidationError} when the event names an image that is not a safety snapshot of the
 *   request.
 */
export async function findSafetySnapshots(
  session: Session,
  { event, origin, request, inventory }: RestoreContext,
): Promise<{ safetySnapshots: Safety[]; missing: string[] }> {
  const ids = [...new Set(event.safetySnapshots ?? [])];
  const named = await Promise.all(ids.map((id) => getImage(session, origin.region, id)));
  const listed = inventory.images.filter(({ id }) => !ids.includes(id));
  const safetyIn = (image: Image): Safety[] => {
    const mark = readSafetyMark(image);
    const snapshot = mark?.request === request ? inventory.read(image) : undefined;
    return mark && snapshot ? [{ snapshot, mark }] : [];
  };
  const wrong = named.filter((image) => image && safetyIn(image).length === 0);
  if (wrong.length > 0) {
    refuse(...wrong.map((image) => ({ code: 'SAFETY_UNKNOWN', image: image!.id, request }) as const));
  }
  const safetySnapshots = [...named.filter((image) => image !== undefined), ...listed].flatMap(safetyIn);
  return {
    safetySnapshots: safetySnapshots.sort(
      (a, b) => b.snapshot.createdAt.getTime() - a.snapshot.createdAt.getTime(),
    ),
    missing: ids.filter((_, i) => !named[i]),
  };
}
