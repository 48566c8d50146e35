import { isoSeconds } from './dates.ts';
import { accountEvents, handOut, oneByOne } from './fan-out.ts';
import { beatOf } from './heartbeat.ts';
import { invocation, type Job, logger, metrics, sendBeat } from './invocation.ts';
import { type Lease, leasesIn, processLeases } from './lease.ts';
import { isCloudError, restated } from './openstack/errors.ts';
import type { Traffic } from './openstack/http.ts';
import type { Session } from './openstack/session.ts';
import { planText } from './plan-text.ts';
import { asDeployed } from './policies.ts';
import { ADHOC, isAdhoc, parseEvent } from './policy.ts';
import { queueAt } from './queue.ts';
import { failureOf, finishReport, type Report, withFailures } from './report.ts';
import { settings } from './settings.ts';
import { storeIn } from './store.ts';
import { prospectOf } from './work.ts';

const { bucket, queue: queueUrl } = settings();
const store = bucket ? storeIn(bucket) : undefined;
const leases = bucket ? leasesIn(bucket) : processLeases();
/** None where nothing is deployed. */
export const queue = queueUrl ? queueAt(queueUrl) : undefined;

/** What a job does for an event of one account. */
export type Runner = (event: unknown, job: Job) => Promise<Report>;

/**
 * Makes a Lambda handler of a job: its report is measured, logged, kept and returned. What the run has left goes on by
 * itself, where there is a queue; see continuation.ts. Else a report with failures makes the invocation fail at its
 * end, with an error that sums them up.
 *
 * An event of several accounts becomes as many pieces of work in the queue, each for an invocation of its own; where
 * there is no queue, and in a dry run, one is done after another.
 */
export function lambda(name: Report['job'], runner: Runner) {
  const runOne = (event: unknown, job: Job) =>
    runJob(name, runner, event, job, (report, order) => handOver(report, order, job));
  return invocation(async (event, job) => {
    if (name === 'hold') return runOne(event, job);
    const events = await noticed(name, event, false, () => accountEvents(name, event, job));
    const [only, ...others] = events;
    if (others.length === 0) return runOne(only, job);
    return queue && !(event as { dryRun?: boolean }).dryRun
      ? noticed(name, event, false, () => handOut(queue, name, events, job))
      : oneByOne(name, events, job, runOne);
  }, endingOf);
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
 * @param settle what becomes of that which the run has left of an event, by the rules that its policy has now.
 */
export async function runJob(
  name: Report['job'],
  runner: Runner,
  event: unknown,
  job: Job,
  settle: (report: Report, event: unknown) => Promise<Report>,
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
    const order = name === 'hold' || !job.isDeployed ? { event, warnings: [] } : asDeployed(event);
    const found = await alone(name, order.event, job, () => runner(order.event, { ...job, login }));
    const warnings = [...order.warnings, ...found.warnings];
    return settle({ ...found, warnings, ...(accounts ? { accounts } : {}) }, order.event);
  });
  const failed = failureOf(report) !== undefined;
  const ended = report.goesOn === undefined && !report.left?.otherRunUntil;
  metrics.add(report, ended && !failed, sumOf(sessions));
  const beat = failed || ended ? beatOf(name, event) : undefined;
  await Promise.all([keep(report, job), sendBeat(beat, !failed)]);
  return report;
}

/**
 * Runs a job while no other run of it works for the same policy and account. What comes meanwhile (delivered twice, sent
 * by hand, tried again) does nothing, and says so; where there is a queue, it waits there for its turn.
 */
async function alone(
  name: Report['job'],
  event: unknown,
  job: Job,
  run: () => Promise<Report>,
): Promise<Report> {
  const asked = name === 'hold' ? undefined : parseEvent(event);
  if (!asked || asked.dryRun) return run();
  const policy = isAdhoc(asked) ? `${ADHOC}-${asked.request ?? job.requestId}` : asked.policy;
  const { account } = asked;
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
      policy: isAdhoc(asked) ? ADHOC : policy,
      owner,
      account,
      dryRun: false,
      failures: [],
      warnings: [
        `another run of this job is at work, until ${otherRunUntil} at most: this one has done nothing`,
      ],
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
async function handOver(report: Report, event: unknown, { now, requestId }: Job): Promise<Report> {
  const { job, left, dryRun } = report;
  if (!left || dryRun || job === 'hold') return report;
  const work = { job, event: event as Record<string, unknown>, since: now, requestId };
  const forNextTry = left.outOfTime ? [`stopped in time: ${left.outOfTime} for the next try`] : [];
  if (!queue) return withFailures(report, forNextTry);
  // What has only just begun is not over yet.
  const { at = now } = prospectOf(report, work, now);
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
