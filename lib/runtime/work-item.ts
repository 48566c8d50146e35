import * as v from 'valibot';
import { type Adhoc, isAdhoc, type Policy, text } from '../config/policy.ts';
import { parseSchedule, type Schedule } from '../config/schedule.ts';
import { isoDate } from '../config/schema.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Report } from '../reporting/report.ts';
import { ADHOC_MS } from '../snapshots/marker.ts';

/** How often `drill` looks after its servers; when it begins one, the policy's `drill.schedule` says. */
export const DRILL_RATE = 'rate(1 hour)';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** As often as Lambda tries an event of a rule. */
const MOST_TRIES = 3;
const SOONEST_MS = 5 * MINUTE_MS;
const LATEST_MS = 6 * HOUR_MS;
/** A message that is 14 days old is gone from the queue. */
const LONGEST_MS = 13 * 24 * HOUR_MS;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What is done for policies by schedule. */
export const JOBS = ['snapshot', 'cleanup', 'offsite', 'drill'] as const;

// What another version of this code has put beside these is not for this one.
const Work = v.object({
  job: v.picklist(JOBS),
  event: v.record(v.string(), v.unknown()),
  since: isoDate,
  requestId: text('the id of an invocation'),
  tries: count,
  accounts: v.optional(count),
  told: v.optional(v.array(v.string())),
});

/**
 * What is still to be done for an event of one account, as it waits in the queue. The event names the policy; which servers are
 * left, the cloud itself shows. So it may come late, twice or out of order.
 *
 * - since: when it was first asked for. The slot is that of this moment.
 * - requestId: of the invocation that began it.
 * - tries: how many runs of it have failed so far; what they have merely left does not count.
 * - told: the causes of its failures that people have been told of; see causesOf in queue-worker.ts.
 * - accounts: how many there are to the policy, where it is not this one alone.
 */
export type Work = v.InferOutput<typeof Work>;

/** Reads a message of the queue, also one of the version before or after. @throws for what is no work at all. */
export function parseWork(body: string): Work {
  return v.parse(Work, JSON.parse(body));
}

/**
 * Until when work is gone on with: for want of time until the next run by schedule, which begins with the longest
 * unprotected; for busy servers until half the interval has passed since it was asked for.
 */
function spanOf(
  { job, since }: Pick<Work, 'job' | 'since'>,
  order: Policy | Adhoc,
): { halfway: Date; until: Date } {
  const schedule = isAdhoc(order) ? undefined : scheduleOf(job, order);
  const from = schedule?.slot(since) ?? since;
  const until = schedule?.next(since) ?? new Date(since.getTime() + ADHOC_MS);
  const halfMs = Math.min((until.getTime() - from.getTime()) / 2, LONGEST_MS);
  return { halfway: new Date(Math.min(since.getTime() + halfMs, until.getTime())), until };
}

/** When a job of a policy runs; undefined for what the policy does not ask for. */
export function scheduleOf(
  job: Work['job'],
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

/** How a run's work goes on. */
export interface Prospect {
  /** Of what was left, when to go on with it; undefined for not at all. */
  at?: Date;
  /** What was left and is given up, as failures. */
  over: Reason[];
}

/**
 * When to go on with what a run has left: at once for want of time, in a while for what is busy, and when it has ended
 * after another run.
 */
export function prospectOf(
  { left: { outOfTime, busy, otherRunUntil } = {} }: Pick<Report, 'left'>,
  work: Pick<Work, 'job' | 'since'>,
  order: Policy | Adhoc,
  now: Date,
): Prospect {
  const { halfway, until } = spanOf(work, order);
  const over: Reason[] = [];
  const times: Date[] = [];
  if (outOfTime && now < until) times.push(now);
  else if (outOfTime) over.push({ code: 'LEFT_TO_NEXT_RUN', left: outOfTime });
  if (busy && now < halfway) times.push(busyUntil(work.since, halfway, now));
  else if (busy) over.push({ code: 'BUSY_TOO_LONG', servers: busy });
  // What comes later than the next run has nothing to do any more.
  if (otherRunUntil && new Date(otherRunUntil) < until) times.push(new Date(otherRunUntil));
  const [at] = times.sort((a, b) => a.getTime() - b.getTime());
  return { over, ...(at ? { at } : {}) };
}

/** The longer it is busy, the less often it is looked at; for the last time when half the interval has passed. */
function busyUntil(since: Date, halfway: Date, now: Date): Date {
  const waitMs = Math.min(Math.max((now.getTime() - since.getTime()) / 4, SOONEST_MS), LATEST_MS);
  return new Date(Math.min(now.getTime() + waitMs, halfway.getTime()));
}

/** Whether the time of a piece of work has passed before it was begun. */
export function isOver(work: Pick<Work, 'job' | 'since'>, order: Policy | Adhoc, now: Date): boolean {
  return now >= spanOf(work, order).until;
}

/** What to do with a piece of work after a run of it. */
export interface Next {
  /** It has failed all its tries, and nobody has been told of each of the causes: this is the moment to say so. */
  tell: boolean;
  tries: number;
  /** The causes that people have been told of, once they have been told now. */
  told: readonly string[];
  /** When it is run again; undefined for not at all. */
  at?: Date;
}

/**
 * A failed run is tried again twice, as Lambda does it for a rule. What it has left goes on whether or not it fails. Once its
 * tries are used up, each other cause of a failure is told as well, each once.
 *
 * @param failed whether the run has failed; `final` if trying again would not help.
 * @param causes of its failure.
 */
export function afterRun(
  { tries, told = [] }: Pick<Work, 'tries' | 'told'>,
  {
    failed,
    at,
    causes = [],
  }: { failed: boolean | 'final'; at?: Date | undefined; causes?: readonly string[] },
  now: Date,
): Next {
  if (!failed) return { tell: false, tries, told, ...(at ? { at } : {}) };
  const counted = failed === 'final' ? MOST_TRIES : Math.min(tries + 1, MOST_TRIES);
  const isLast = counted === MOST_TRIES;
  const isFirst = isLast && tries < MOST_TRIES;
  const tell = isFirst || (isLast && causes.some((cause) => !told.includes(cause)));
  const again = at ?? (isLast ? undefined : new Date(now.getTime() + counted * MINUTE_MS));
  return {
    tell,
    tries: counted,
    told: tell ? [...new Set([...told, ...causes])] : told,
    ...(again ? { at: again } : {}),
  };
}

/**
 * What Lambda sends to an on-failure destination of a run that has failed all its tries, so that both are one to all
 * that read it.
 *
 * Source: AWS Lambda developer guide, "Invocation records".
 */
export function failureRecord(
  { requestId, event }: { requestId: string; event: unknown },
  functionArn: string,
  { name, message }: Error,
  now: Date,
) {
  return {
    version: '1.0',
    timestamp: now.toISOString(),
    requestContext: {
      requestId,
      functionArn,
      condition: 'RetriesExhausted',
      approximateInvokeCount: MOST_TRIES,
    },
    requestPayload: event,
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: { errorType: name, errorMessage: message },
  };
}
