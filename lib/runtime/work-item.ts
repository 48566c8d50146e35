import * as v from 'valibot';
import { type Adhoc, isAdhoc } from '../config/adhoc-event.ts';
import { byTime, DAY_MS, HOUR_MS, MINUTE_MS } from '../config/dates.ts';
import { text } from '../config/field-values.ts';
import type { Policy } from '../config/policy.ts';
import { isKeyOf } from '../config/read-event.ts';
import { parseSchedule, type Schedule } from '../config/schedule.ts';
import { isoDate } from '../config/schema.ts';
import { codesOf } from '../reporting/failure.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Report } from '../reporting/report.ts';
import { ADHOC_MS } from '../snapshots/marker.ts';

/**
 * How often the `drill` job checks its running drills. The policy's `drill.schedule` decides when a
 * drill starts.
 */
export const DRILL_RATE = 'rate(1 hour)';

/** The number of tries, the same as Lambda's for an event of a rule. */
const MAX_TRIES = 3;
const MIN_BUSY_WAIT_MS = 5 * MINUTE_MS;
const MAX_BUSY_WAIT_MS = 6 * HOUR_MS;
/** The queue deletes messages after 14 days. */
const MAX_HALF_INTERVAL_MS = 13 * DAY_MS;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** The jobs that run for policies on a schedule. */
export const JOBS = ['snapshot', 'cleanup', 'offsite', 'drill'] as const;

// Unknown fields, from another version of this code, are dropped.
const WorkItemSchema = v.object({
  job: v.picklist(JOBS),
  event: v.record(v.string(), v.unknown()),
  since: isoDate,
  requestId: text('the id of an invocation'),
  tries: count,
  accounts: v.optional(count),
  notified: v.optional(v.array(v.string())),
});

/**
 * A work item: the remaining work for an event of one account, as a message of the queue. The event
 * names the policy, and the cloud shows which servers remain. So a message may be late, duplicated
 * or out of order.
 *
 * - since: when the work was requested first. This time determines the slot.
 * - requestId: the id of the invocation that started the work.
 * - tries: the number of failed runs so far. Runs that only deferred work do not count.
 * - notified: the failure causes about which people were already notified; see causesOf in
 *   queue-worker.ts.
 * - accounts: the number of accounts of the policy, if it has several.
 */
export type WorkItem = v.InferOutput<typeof WorkItemSchema>;

const RestoreItemSchema = v.object({
  job: v.literal('restore'),
  event: v.record(v.string(), v.unknown()),
  since: isoDate,
  requestId: text('the id of an invocation'),
});

/**
 * A restore as a message of the queue, which stays there until the restore has ended. The event
 * names the request; the cloud and the record of the restore show which step is next.
 *
 * - since: when the restore was requested.
 * - requestId: the id of the invocation that requested the restore.
 */
export type RestoreItem = v.InferOutput<typeof RestoreItemSchema>;

/**
 * Parses a message of the queue, also one of the previous or next version. @throws if the message
 * is neither a work item nor a restore.
 */
export function parseMessage(body: string): WorkItem | RestoreItem {
  return v.parse(v.union([WorkItemSchema, RestoreItemSchema]), JSON.parse(body));
}

/**
 * The limits until which deferred work is resumed. Work deferred at a deadline is resumed until the
 * next scheduled run (`until`), because that run starts with the servers whose snapshots are the
 * oldest. Busy servers are retried until half the interval has passed since the request
 * (`halfway`).
 */
function limitsOf(
  { job, since }: Pick<WorkItem, 'job' | 'since'>,
  order: Policy | Adhoc,
): { halfway: Date; until: Date } {
  const schedule = isAdhoc(order) ? undefined : scheduleOf(job, order);
  const from = schedule?.slot(since) ?? since;
  const until = schedule?.next(since) ?? new Date(since.getTime() + ADHOC_MS);
  const halfMs = Math.min((until.getTime() - from.getTime()) / 2, MAX_HALF_INTERVAL_MS);
  return { halfway: new Date(Math.min(since.getTime() + halfMs, until.getTime())), until };
}

/** The schedule of a job of a policy; undefined if the policy does not enable the job. */
export function scheduleOf(
  job: WorkItem['job'],
  { schedule, cleanup, offsite, drill }: Policy,
): Schedule | undefined {
  const schedules = {
    snapshot: schedule,
    cleanup,
    offsite: offsite?.schedule,
    drill: drill && parseSchedule(DRILL_RATE),
  };
  return schedules[job];
}

/** How the deferred work of a run is retried. */
export interface RetryPlan {
  /** When the deferred work resumes; undefined if it does not. */
  at?: Date;
  /** The reasons why deferred work is abandoned; each is a failure. */
  abandoned: Reason[];
  /** Whether the busy servers are given up, so that they have failed. */
  givesUpBusy: boolean;
}

/**
 * Decides when to resume the work that a run deferred: at once after a reached deadline, later for
 * busy servers, and after the end of the other run if one was active.
 */
export function retryPlanOf(
  { left: { outOfTime, busy, otherRunUntil } = {} }: Pick<Report, 'left'>,
  work: Pick<WorkItem, 'job' | 'since'>,
  order: Policy | Adhoc,
  now: Date,
): RetryPlan {
  const { halfway, until } = limitsOf(work, order);
  const abandoned: Reason[] = [];
  const times: Date[] = [];
  if (outOfTime && now < until) times.push(now);
  else if (outOfTime) abandoned.push({ code: 'LEFT_TO_NEXT_RUN', job: work.job, count: outOfTime });
  if (busy && now < halfway) times.push(nextBusyCheck(work.since, halfway, now));
  // The next scheduled run does work that would resume after it.
  if (otherRunUntil && new Date(otherRunUntil) < until) times.push(new Date(otherRunUntil));
  const [at] = times.sort(byTime);
  return { abandoned, givesUpBusy: busy !== undefined && now >= halfway, ...(at ? { at } : {}) };
}

/**
 * The time of the next retry of busy servers. The wait grows with the time for which the servers
 * have been busy. The last retry is at half the interval.
 */
function nextBusyCheck(since: Date, halfway: Date, now: Date): Date {
  const waitMs = Math.min(
    Math.max((now.getTime() - since.getTime()) / 4, MIN_BUSY_WAIT_MS),
    MAX_BUSY_WAIT_MS,
  );
  return new Date(Math.min(now.getTime() + waitMs, halfway.getTime()));
}

/** Whether a work item has expired: its next scheduled run is due. */
export function isExpired(work: Pick<WorkItem, 'job' | 'since'>, order: Policy | Adhoc, now: Date): boolean {
  return now >= limitsOf(work, order).until;
}

/** Whether a run is the last try: if it fails, a retry happens only because of deferred work. */
export function isLastTry({ tries = 0 }: { tries?: number }): boolean {
  return tries + 1 >= MAX_TRIES;
}

/** What to do with a work item after a run. */
export interface NextTry {
  /**
   * Whether to notify people now: all tries have failed, and at least one of the causes was not
   * notified yet.
   */
  notify: boolean;
  tries: number;
  /** All notified causes, including those of this notification. */
  notified: readonly string[];
  /** When the work item runs again; undefined if it is done. */
  at?: Date;
}

/**
 * A failed run is retried twice, as Lambda does for an event of a rule. Deferred work resumes
 * whether or not the run failed. After the last try, each new failure cause is notified once.
 *
 * @param failed whether the run failed; `final` if a retry would not help.
 * @param causes the causes of the failure.
 */
export function afterRun(
  { tries, notified = [] }: Pick<WorkItem, 'tries' | 'notified'>,
  {
    failed,
    at,
    causes = [],
  }: { failed: boolean | 'final'; at?: Date | undefined; causes?: readonly string[] },
  now: Date,
): NextTry {
  if (!failed) return { notify: false, tries, notified, ...(at ? { at } : {}) };
  const counted = failed === 'final' ? MAX_TRIES : Math.min(tries + 1, MAX_TRIES);
  const isLast = counted === MAX_TRIES;
  const isFirst = isLast && tries < MAX_TRIES;
  const notify = isFirst || (isLast && causes.some((cause) => !notified.includes(cause)));
  const retryAt = at ?? (isLast ? undefined : new Date(now.getTime() + counted * MINUTE_MS));
  return {
    notify,
    tries: counted,
    notified: notify ? [...new Set([...notified, ...causes])] : notified,
    ...(retryAt ? { at: retryAt } : {}),
  };
}

/**
 * An event as it is run again by another invocation: an ad-hoc event without `request` gets the id
 * of its first invocation as its request, so that it remains the same request.
 */
export function repeatable(event: unknown, requestId: string | undefined): unknown {
  const isUnnamed = isKeyOf('adhoc', event) && !isKeyOf('request', event);
  return isUnnamed && requestId !== undefined ? { ...(event as object), request: requestId } : event;
}

/**
 * Creates a record in the format that Lambda sends to an on-failure destination after the last try,
 * so that readers handle failed work items and failed invocations alike. This record additionally
 * has the codes of the failure.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
export function failureRecord(
  { requestId, event }: { requestId: string; event: unknown },
  functionArn: string,
  failure: Error,
  now: Date,
) {
  return {
    version: '1.0',
    timestamp: now.toISOString(),
    requestContext: {
      requestId,
      functionArn,
      condition: 'RetriesExhausted',
      approximateInvokeCount: MAX_TRIES,
    },
    requestPayload: repeatable(event, requestId),
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: { errorType: failure.name, errorMessage: failure.message, codes: codesOf(failure) },
  };
}
