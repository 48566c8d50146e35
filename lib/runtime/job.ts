import { isoSeconds } from '../config/dates.ts';
import { settings } from '../config/environment.ts';
import { isNarrowed } from '../config/event.ts';
import { ADHOC, type Adhoc, type Hold, isAdhoc, isHold, type Policy } from '../config/policy.ts';
import { isCloudError, restated } from '../openstack/errors.ts';
import type { Traffic } from '../openstack/http.ts';
import type { Session } from '../openstack/session.ts';
import { type Beat, beatOf } from '../reporting/heartbeat.ts';
import { planText } from '../reporting/plan-text.ts';
import type { Finding } from '../reporting/reasons.ts';
import { failureOf, finishReport, type Report, withFailures } from '../reporting/report.ts';
import { storeIn } from '../reporting/report-store.ts';
import { accountEvents, handOut, oneByOne } from './fan-out.ts';
import { invocation, type Job, logger, metrics, sendBeat } from './handler.ts';
import { type Lease, leasesAt } from './lease.ts';
import { queueAt } from './queue.ts';
import { prospectOf, type Work } from './work-item.ts';

const { bucket, queue: queueUrl } = settings();
const store = bucket ? storeIn(bucket) : undefined;
const leases = leasesAt(bucket);
/** None where nothing is deployed. */
export const queue = queueUrl ? queueAt(queueUrl) : undefined;

/** What a run is for. */
type Order = Policy | Adhoc | Hold;

/** A job: how it reads an event of one account, and what it does then. */
export interface Task<O extends Order = Policy | Adhoc, N extends Report['job'] = Work['job']> {
  name: N;
  /** @throws {Refusal} for an event that it can't work by. */
  read(event: unknown, job: Job): O;
  run(order: O, job: Job): Promise<Report>;
}

/**
 * Makes a Lambda handler of a job: its report is measured, logged, kept and returned. What the run has left goes on by
 * itself, where there is a queue; see queue-worker.ts. Else a report with failures makes the invocation fail at its
 * end, with an error that sums them up.
 *
 * An event of several accounts becomes as many pieces of work in the queue, each for an invocation of its own; where
 * there is no queue, and in a dry run, one is done after another.
 */
export function lambda(task: Task) {
  const { name } = task;
  const runOne = (event: unknown, job: Job) =>
    runJob(task, event, job, (report, order) => handOver(report, event, order, job));
  return invocation(async (event, job) => {
    const events = await noticed(name, event, false, () =>
      accountEvents(event, job, (one) => task.read(one, job)),
    );
    const [only, ...others] = events;
    if (others.length === 0) return runOne(only, job);
    return queue && !(event as { dryRun?: boolean }).dryRun
      ? noticed(name, event, false, () => handOut(queue, name, events, job))
      : oneByOne(name, events, job, runOne);
  }, endingOf);
}

/** {@link lambda} for what a person does to a single thing: it belongs to no policy, and nothing of it is left. */
export function byHand(task: Task<Hold, 'hold'>) {
  return invocation((event, job) => runJob(task, event, job, async (report) => report), endingOf);
}

/** How a run ends. */
export function endingOf(report: Report) {
  return {
    failure: failureOf(report),
    goesOn: report.goesOn !== undefined,
    text: report.dryRun && report.job === 'cleanup' ? planText(report) : undefined,
  };
}

/**
 * Runs a job once for one account, and measures and keeps its report.
 *
 * @param settle what becomes of that which the run has left of what it was for.
 */
export async function runJob<O extends Order>(
  { name, read, run }: Task<O, Report['job']>,
  event: unknown,
  job: Job,
  settle: (report: Report, order: O) => Promise<Report>,
): Promise<Report> {
  const sessions: Session[] = [];
  const login = async (account: string) => {
    const session = await job.login(account).catch((error: unknown) => {
      throw isCloudError(error) ? restated(error, `The account ${account}: ${error.message}`) : error;
    });
    sessions.push(session);
    return session;
  };
  const { accounts } = job;
  const report = await noticed(name, event, accounts !== undefined, async () => {
    const order = read(event, job);
    const found = await alone(name, order, job, () => run(order, { ...job, login }));
    return settle({ ...found, ...(accounts ? { accounts } : {}) }, order);
  });
  const failed = failureOf(report) !== undefined;
  const ended = report.goesOn === undefined && !report.left?.otherRunUntil;
  metrics.add(report, isNarrowed(event) ? undefined : ended && !failed, sumOf(sessions));
  const beat = failed || ended ? beatOf(name, event) : undefined;
  await Promise.all([
    keep(report, job),
    beat && !failed ? keepGood(beat) : undefined,
    sendBeat(beat, !failed),
  ]);
  return report;
}

/**
 * Runs a job while no other run of it works for the same policy and account. What comes meanwhile (delivered twice, sent
 * by hand, tried again) does nothing, and says so; where there is a queue, it waits there for its turn.
 */
async function alone(
  name: Report['job'],
  order: Order,
  job: Job,
  run: () => Promise<Report>,
): Promise<Report> {
  if (order.dryRun || isHold(order)) return run();
  const policy = isAdhoc(order) ? `${ADHOC}/${order.request ?? job.requestId}` : order.policy;
  const { account } = order;
  let lease: Lease;
  try {
    lease = await leases.take(`${name}/${policy}/${account}`, job.endsAt, job.now);
  } catch (error) {
    // Two runs at once do no harm but for a snapshot too many; none at all would leave servers without one.
    logger.warn('whether another run works at the same time is not known', {
      reason: (error as Error).message,
    });
    return run();
  }
  if ('heldUntil' in lease) {
    const { owner } = job;
    const otherRunUntil = isoSeconds(lease.heldUntil);
    return finishReport({
      job: name,
      policy: isAdhoc(order) ? ADHOC : policy,
      owner,
      account,
      dryRun: false,
      failures: [],
      warnings: [{ code: 'OTHER_RUN', until: otherRunUntil }],
      left: { otherRunUntil },
      nothingSelected: false,
      entries: [],
    });
  }
  try {
    return await run();
  } finally {
    await lease.release().catch((error: Error) => {
      logger.warn('the lease of this run was not released, and ends by itself', { reason: error.message });
    });
  }
}

/** Makes it known that something has ended before it had a report. */
async function noticed<T>(
  name: string,
  event: unknown,
  isOneOfSeveral: boolean,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const beat = beatOf(name, event);
    if (beat) metrics.addCrash(beat, isOneOfSeveral);
    await sendBeat(beat, false);
    throw error;
  }
}

/** Puts into the queue that a run's work goes on; where there is none, Lambda has to try the run again. */
async function handOver(
  report: Report,
  event: unknown,
  order: Policy | Adhoc,
  { now, requestId }: Job,
): Promise<Report> {
  const { job, left, dryRun } = report;
  if (!left || dryRun || job === 'hold') return report;
  const work = { job, event: event as Record<string, unknown>, since: now, requestId };
  const forNextTry: Finding[] = left.outOfTime ? [{ code: 'LEFT_TO_NEXT_TRY', left: left.outOfTime }] : [];
  if (!queue) return withFailures(report, forNextTry);
  // What has only just begun is not over yet.
  const { at = now } = prospectOf(report, work, order, now);
  try {
    const tries = failureOf(report) ? 1 : 0;
    await queue.send([{ ...work, tries }], at.getTime() - now.getTime());
    return { ...report, goesOn: isoSeconds(at) };
  } catch (error) {
    logger.warn('what is left was not handed over', { reason: (error as Error).message });
    return withFailures(report, forNextTry);
  }
}

function sumOf(sessions: Session[]): Traffic {
  const sum = (key: keyof Traffic) => sessions.reduce((total, { traffic }) => total + traffic[key], 0);
  return { calls: sum('calls'), rateLimited: sum('rateLimited') };
}

/** For the daily digest. A run that can't be remembered is no worse for it. */
async function keep(report: Report, { requestId, now }: Job): Promise<void> {
  if (!store || report.dryRun) return;
  try {
    await store.putRun(report, requestId, now);
  } catch (error) {
    logger.warn('the report was not kept for the digest', { reason: (error as Error).message });
  }
}

/** For the audit, which says when no run of a job ends well any more. */
async function keepGood({ job, policy, account = '' }: Beat): Promise<void> {
  try {
    await store?.putGoodRun({ job, policy, account });
  } catch (error) {
    logger.warn('that this run was good is not remembered', { reason: (error as Error).message });
  }
}
