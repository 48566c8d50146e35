import { ADHOC, type Adhoc } from '../config/adhoc-event.ts';
import { isoSeconds } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { intervalMs, type Schedule } from '../config/schedule.ts';
import { invalidEvent } from '../config/validation-error.ts';
import type { Server } from '../openstack/compute.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { ServerLists, TakenImage } from '../runtime/request-log.ts';
import type { Run } from '../runtime/run.ts';
import { ADHOC_MS, type MarkerFields } from './marker.ts';
import { endOf } from './retention.ts';
import type { Snapshot } from './snapshot.ts';

/** No snapshot is started in the last part of a slot. */
const SLOT_END_MS = 60_000;

/**
 * The snapshots that a run has to take: one for each server, for a slot of a policy or for an
 * ad-hoc request.
 */
export interface DueSnapshots {
  policy: string;
  slot: Date;
  /** The deadline: an image that is created later does not belong to this slot. */
  until?: Date | undefined;
  /** Whether an existing snapshot of this policy is the one that is due, so that none is taken. */
  isMet(snapshot: Snapshot): boolean;
  /**
   * Ad-hoc snapshots: whether a snapshot that meets the request expires before the requested end.
   */
  endsTooSoon?(snapshot: Snapshot): boolean;
  /** When the snapshot was requested first, if the request has expired. */
  overSince?: Date | undefined;
  /**
   * Ad-hoc snapshots: the id of the image that an earlier call of the request made of a server, if
   * the image is not among the server's snapshots.
   */
  lostImage?(server: Server, snapshots: readonly Snapshot[]): string | undefined;
  /** Ad-hoc snapshots: whether this is a snapshot that an earlier run of the same call has made. */
  isOfSameCall?(snapshot: Snapshot): boolean;
  /** The fields of the marker of a new snapshot, without the blueprint. */
  marker(server: Server): MarkerFields;
}

/**
 * The snapshots that a scheduled run has to take.
 *
 * @throws {ValidationError} for a schedule that has not fired yet.
 */
export function dueBySchedule({ policy, schedule }: Policy, { owner, now, since = now }: Run): DueSnapshots {
  const slot = schedule.slot(since);
  if (!slot) {
    throw invalidEvent({
      field: 'schedule',
      text: 'has not fired yet: to take a snapshot now, send an ad-hoc event',
    });
  }
  return {
    policy,
    slot,
    until: endOfSlot(schedule, since),
    // A newer snapshot also counts, because the schedule may have changed since.
    isMet: (snapshot) =>
      schedule.covers(snapshot.slot, since) || (snapshot.slot > slot && snapshot.slot <= now),
    marker: ({ id: server }) => ({ owner, policy, server, slot }),
  };
}

/**
 * The deadline of a slot, a little before the next slot, because a request may have to wait for the
 * rate limit.
 */
function endOfSlot(schedule: Schedule, since: Date): Date | undefined {
  const next = schedule.next(since);
  const everyMs = intervalMs(schedule, since) ?? 0;
  return next && new Date(next.getTime() - Math.min(SLOT_END_MS, everyMs / 60));
}

/**
 * The snapshots that an ad-hoc event has to take. A retry has the same `request`, or else the same
 * invocation id, which Lambda keeps for retries.
 */
export function dueAdhoc(
  { expires: afterMs, request: named }: Adhoc,
  { owner, now, since = now, requestId }: Run,
  { firstAskedAt = since, taken }: RequestRecord,
): DueSnapshots {
  const request = named ?? requestId;
  // The time to the expiry starts when the image is requested, because the server may have been
  // busy until then.
  const expires = () => (afterMs === undefined ? undefined : new Date(Date.now() + afterMs));
  // A run that resumes does not retake snapshots that have expired meanwhile.
  const isOfThisRun = ({ slot }: Snapshot) => isoSeconds(slot) === isoSeconds(since);
  // The request of a restore may have the same text.
  const isOfRequest = (snapshot: Snapshot) => snapshot.request === request && !snapshot.safety;
  const hasEnded = (snapshot: Snapshot) => (endOf(snapshot) ?? Number.POSITIVE_INFINITY) <= now;
  return {
    policy: ADHOC,
    slot: since,
    until: new Date(since.getTime() + ADHOC_MS - SLOT_END_MS),
    overSince: now.getTime() - firstAskedAt.getTime() >= ADHOC_MS ? firstAskedAt : undefined,
    // A failed snapshot still exists and shows its state, and cleanup deletes an expired one. Any
    // other missing image may have been good, and then deleted or renamed.
    lostImage: ({ id }, snapshots) => {
      const before = taken?.get(id);
      if (!before || before.requestId === requestId || snapshots.some(isOfRequest)) return undefined;
      return before.expires && before.expires <= now ? undefined : before.image;
    },
    isOfSameCall: (snapshot) => isOfRequest(snapshot) && isOfThisRun(snapshot),
    isMet: (snapshot) => isOfRequest(snapshot) && (isOfThisRun(snapshot) || !hasEnded(snapshot)),
    // Compared with the end as requested at the snapshot's slot, because a retry of the same call
    // requests the same end.
    endsTooSoon: (snapshot) => {
      const end = endOf(snapshot);
      return (
        end !== undefined && (afterMs === undefined || end.getTime() < snapshot.slot.getTime() + afterMs)
      );
    },
    marker: ({ id: server }) => ({ owner, server, slot: since, expires: expires(), request }),
  };
}

/** The record of an ad-hoc request. */
export interface RequestRecord {
  firstAskedAt?: Date;
  /** The images that earlier calls of the request have made, by the id of the server. */
  taken?: ReadonlyMap<string, TakenImage>;
  /** The servers that the request is for. Regions that could not be read yet are absent. */
  servers?: ServerLists;
  /** Records the servers that the request is for. A failure becomes a warning. */
  recordServers?: (servers: ServerLists) => Promise<void>;
  /** Records an image that this run has made of a server. A failure becomes a warning. */
  recordTaken?: ((server: Server, image: string) => Promise<void>) | undefined;
  warnings: Finding[];
}

/** The record of a request that nothing remembers: it has made no image that is known. */
export const NO_RECORD: RequestRecord = { warnings: [] };

/**
 * Reads the record of an ad-hoc request, and creates the record of a new request. A rerun sends an
 * event without `request` again, with the id of its first invocation as the request.
 */
export async function requestOf(
  { account, request: named, expires, dryRun }: Adhoc,
  { now, since = now, requestId, requests }: Run,
): Promise<RequestRecord> {
  if (!requests || dryRun) return NO_RECORD;
  const key = { account, request: named ?? requestId };
  const warnings: Finding[] = [];
  const warn = (error: unknown) => {
    // The same error may occur for several servers at once.
    if (warnings.length > 0) return;
    warnings.push({ code: 'REQUEST_NOT_RECORDED', message: (error as Error).message });
  };
  const record: RequestRecord = { warnings };
  // An extra snapshot does no harm; a missing one may.
  try {
    const { at, isKnown, servers } = await requests.firstAsked(key, since);
    record.firstAskedAt = at;
    if (servers) record.servers = servers;
    record.recordServers = (lists) => requests.putServers(key, at, lists).catch(warn);
    if (isKnown) record.taken = await requests.takenBy(key);
  } catch (error) {
    warn(error);
    return record;
  }
  record.recordTaken = async ({ id }, image) => {
    // An unavailable bucket would delay each server.
    if (warnings.length > 0) return;
    const end = expires === undefined ? {} : { expires: new Date(Date.now() + expires) };
    await requests.addTaken(key, id, { image, requestId, ...end }).catch(warn);
  };
  return record;
}
