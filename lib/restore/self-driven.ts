import { DAY_MS, isoSeconds, MINUTE_MS } from '../config/dates.ts';
import { isCloudError } from '../openstack/errors.ts';
import { reasonFor } from '../reporting/failure.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Lease, Leases } from '../runtime/lease.ts';
import type { WorkQueue } from '../runtime/queue.ts';
import type { RestoreLog } from '../runtime/restore-log.ts';
import type { Run } from '../runtime/run.ts';
import type { RestoreItem } from '../runtime/work-item.ts';
import { isTemporaryError } from './cloud-request.ts';
import { parseRestore, type RestoreEvent } from './event.ts';
import type { Restoration } from './restoration.ts';
import {
  failedCall,
  givenUp,
  isUnderWay,
  newRecord,
  type RestoreKey,
  type RestoreRecord,
  waitMs,
  withCall,
} from './restore-record.ts';

/** A restore that has not ended after this time is given up. */
const LONGEST_RESTORE_MS = DAY_MS;
/** The time until the next call of a restore on which another call is working. */
const BUSY_MS = MINUTE_MS / 2;
/** The time until the next try to notify people of the end of a restore. */
const NOTIFY_AGAIN_MS = 5 * MINUTE_MS;
/** The context of a call: when it is made, and when it ends at the latest. */
export type RestoreRun = Run & { endsAt: Date };

/** The services that a self-driven restore uses. */
export interface RestorePorts<R extends RestoreRun> {
  /** Takes one step; see restore.ts. */
  restore(event: RestoreEvent, run: R): Promise<Restoration>;
  records: RestoreLog;
  leases: Leases;
  /** Undefined if the deployment has no queue. Then the caller makes each call. */
  queue: Pick<WorkQueue, 'send'> | undefined;
  /** Notifies people of the end of a restore. */
  notify(record: RestoreRecord): Promise<void>;
  /** Logs a problem that does not stop the restore. */
  warn(reason: Reason): void;
}

/**
 * Begins a restore, or resumes it: takes its next step, and lets the queue take the others until
 * the restore has ended. The message is sent before the step is taken, so that the restore
 * continues if the call is killed. Without a queue, the caller makes each call. If another call of
 * the same restore is taking a step, this one takes none. A dry run consists of this one call.
 *
 * @throws {ValidationError} when the event can't be carried out; other errors when the first step
 *   fails. Then the queue makes no further call, and the caller decides. Each error has the id of
 *   the restore as `request`: a call with it goes on with the same restore.
 */
export async function beginRestore<R extends RestoreRun>(
  event: unknown,
  run: R,
  ports: RestorePorts<R>,
): Promise<Restoration> {
  const order = parseRestore(event);
  if (order.dryRun) return ports.restore(order, run);
  const request = order.request ?? run.requestId;
  const key = { account: order.account, request };
  const named = { ...(event as Record<string, unknown>), request };
  // Without the lease, two calls may make a volume twice. That does less damage than a restore that
  // can't begin.
  const lease = await takeLease(key, run, ports).catch(() => undefined);
  if (lease && 'heldUntil' in lease) return reportOtherCall(key, named, run, ports);
  try {
    return await begin({ key, named, order }, run, ports);
  } catch (error) {
    throw Object.assign(error as Error, { request });
  } finally {
    if (lease) await lease.release().catch(() => undefined);
  }
}

/** The report of a call that takes no step, because another call is taking one. */
async function reportOtherCall<R extends RestoreRun>(
  key: RestoreKey,
  named: Record<string, unknown>,
  run: R,
  ports: RestorePorts<R>,
): Promise<Restoration> {
  const record = await readIfPossible(key, ports);
  if (record?.last && ports.queue) return { ...record.last, resumesAt: resumesAt(record, run) };
  const begun = record ?? newRecord(key, named, run.now);
  const reasons: Reason[] = [{ code: 'RESTORE_STEP_BY_OTHER_CALL' }];
  return { ...failedCall(begun, reasons, run.owner), state: 'waiting' };
}

interface Request {
  key: RestoreKey;
  /** The event, with the id of the restore. */
  named: Record<string, unknown>;
  order: RestoreEvent;
}

async function begin<R extends RestoreRun>(
  { key, named, order }: Request,
  run: R,
  ports: RestorePorts<R>,
): Promise<Restoration> {
  const known = await readIfPossible(key, ports);
  const isOpen = known !== undefined && isUnderWay(known, run.now);
  const record = isOpen ? known : newRecord(key, named, run.now, known?.steps);
  const isRepeated = known?.endedAt !== undefined && known.last?.state === 'done';
  let hasQueue = isOpen && ports.queue !== undefined;
  if (!isOpen && !isRepeated) {
    hasQueue = await enqueue(record, run, ports);
    await putIfPossible(record, ports);
  }
  try {
    const { request } = key;
    const restoration = await ports.restore({ ...order, request, ...madeBefore(record, order) }, run);
    if (isRepeated && restoration.state === 'done') return { ...restoration, doneAt: known.endedAt! };
    if (isRepeated && restoration.state !== 'failed') hasQueue = await enqueue(record, run, ports);
    const called = withCall(record, restoration, run.now);
    // Without a queue, nobody takes the next step of a restore that has failed.
    const isOver = !hasQueue && restoration.state === 'failed';
    await putIfPossible(isOver ? { ...called, endedAt: called.at } : called, ports);
    return called.endedAt || !hasQueue ? restoration : { ...restoration, resumesAt: resumesAt(record, run) };
  } catch (error) {
    const at = run.now.toISOString();
    // The caller gets the error. An earlier restore with this request stays as it was.
    if (!isOpen) await putIfPossible(known ?? { ...record, endedAt: at, notifiedAt: at }, ports);
    throw error;
  }
}

/** The volumes that earlier calls have made, because a listing may lack them. */
function madeBefore({ event }: RestoreRecord, order: RestoreEvent): { made?: string[] } {
  const made = Array.isArray(event.made) ? (event.made as string[]) : [];
  return order.made === undefined && made.length > 0 ? { made } : {};
}

function resumesAt(record: RestoreRecord, { now }: RestoreRun): string {
  return isoSeconds(new Date(now.getTime() + waitMs(record, now)));
}

/** Sends the message of a restore. @returns whether the queue will take its steps. */
async function enqueue<R extends RestoreRun>(
  record: RestoreRecord,
  { now, requestId }: R,
  { queue, warn }: RestorePorts<R>,
): Promise<boolean> {
  if (!queue) return false;
  const item: RestoreItem = { job: 'restore', event: record.event, since: now, requestId };
  try {
    await queue.send([item], waitMs(record, now));
    return true;
  } catch (error) {
    warn({ code: 'WORK_NOT_ENQUEUED', message: (error as Error).message });
    return false;
  }
}

/**
 * Takes the next step of a restore for a message of the queue. Only one call at a time works on a
 * restore, and none after its end, so that a message may be delivered twice. People are notified of
 * the end once it is recorded.
 *
 * @returns the time until the next call, in milliseconds; undefined when the restore has ended and
 *   people were notified.
 * @throws the errors of the records and leases: then nothing was done.
 */
export async function resumeRestore<R extends RestoreRun>(
  item: RestoreItem,
  run: R,
  ports: RestorePorts<R>,
): Promise<number | undefined> {
  const { account, request = item.requestId } = parseRestore(item.event);
  const key = { account, request };
  const lease = await takeLease(key, run, ports);
  if ('heldUntil' in lease) return BUSY_MS;
  try {
    const before = (await ports.records.read(key)) ?? newRecord(key, item.event, item.since);
    const record = before.endedAt ? before : await takeStep(before, item, run, ports);
    if (!record.endedAt) return waitMs(record, run.now);
    if (record.notifiedAt) return undefined;
    try {
      await ports.notify(record);
    } catch (error) {
      ports.warn({ code: 'RESTORE_END_NOT_SENT', message: (error as Error).message });
      const isOver = run.now.getTime() - Date.parse(record.endedAt) >= LONGEST_RESTORE_MS;
      return isOver ? undefined : NOTIFY_AGAIN_MS;
    }
    await ports.records.put({ ...record, notifiedAt: run.now.toISOString() });
    return undefined;
  } finally {
    await lease.release().catch(() => undefined);
  }
}

/** Takes one step, and records its result. */
async function takeStep<R extends RestoreRun>(
  record: RestoreRecord,
  { since, requestId }: RestoreItem,
  run: R,
  { restore, records }: RestorePorts<R>,
): Promise<RestoreRecord> {
  const { owner, now } = run;
  let called: RestoreRecord;
  if (now.getTime() - Date.parse(record.since) >= LONGEST_RESTORE_MS) {
    called = givenUp(record, owner, now);
  } else {
    try {
      const restoration = await restore(parseRestore(record.event), { ...run, since, requestId });
      called = withCall(record, restoration, now);
    } catch (error) {
      const isTemporary = isCloudError(error) && (isTemporaryError(error) || error.code === 'RATE_LIMITED');
      const failed = failedCall(record, [reasonFor(error)], owner);
      called = withCall(record, failed, now, { isTemporary });
    }
  }
  await records.put(called);
  return called;
}

/** Takes the lease that permits one call at a time to work on a restore. */
function takeLease<R extends RestoreRun>(
  { account, request }: RestoreKey,
  { endsAt, now }: RestoreRun,
  { leases }: RestorePorts<R>,
): Promise<Lease> {
  return leases.take(`restore/${account}/${request}/call`, endsAt, now);
}

async function readIfPossible<R extends RestoreRun>(
  key: RestoreKey,
  { records, warn }: RestorePorts<R>,
): Promise<RestoreRecord | undefined> {
  try {
    return await records.read(key);
  } catch (error) {
    warn({ code: 'RESTORE_NOT_RECORDED', message: (error as Error).message });
    return undefined;
  }
}

async function putIfPossible<R extends RestoreRun>(
  record: RestoreRecord,
  { records, warn }: RestorePorts<R>,
): Promise<void> {
  try {
    await records.put(record);
  } catch (error) {
    warn({ code: 'RESTORE_NOT_RECORDED', message: (error as Error).message });
  }
}
