import pMap from 'p-map';
import { expandAccounts } from '../config/accounts.ts';
import { ADHOC, isAdhoc } from '../config/adhoc-event.ts';
import { isoSeconds } from '../config/dates.ts';
import { eachAccountOf, isNarrowed, resolveEvent } from '../config/event.ts';
import { isKeyOf } from '../config/read-event.ts';
import { invalidEvent } from '../config/validation-error.ts';
import { reasonFor } from '../reporting/failure.ts';
import { finishReport, joinedReport } from '../reporting/finish-report.ts';
import type { Report } from '../reporting/report.ts';
import type { JobContext } from './handler.ts';
import type { WorkQueue } from './queue.ts';
import type { WorkItem } from './work-item.ts';

/**
 * Splits an event into one event for each account of its policy.
 *
 * @param read validates an event. With several accounts all events are validated before the first
 *   run starts.
 */
export async function accountEvents(
  event: unknown,
  job: JobContext,
  read: (event: unknown, job: JobContext) => unknown,
): Promise<unknown[]> {
  const events = await expandAccounts(eachAccountOf(event, job), job.findAccounts);
  if (events.length > 1 && isNarrowed(event) && isKeyOf('servers', event)) {
    throw invalidEvent({
      field: 'account',
      text: `the policy has ${events.length} accounts: name that of these servers, such as ${Object(events[0]).account}`,
    });
  }
  if (events.length > 1) for (const one of events) read(one, job);
  return events;
}

/**
 * Enqueues the event of each account, so that each account gets an invocation of its own.
 *
 * @throws when the queue did not accept all events. A retry enqueues the accepted events again,
 *   which does no harm.
 */
export async function enqueueEach(
  queue: WorkQueue,
  job: WorkItem['job'],
  events: readonly unknown[],
  run: JobContext,
): Promise<Report> {
  const { now: since, requestId } = run;
  const works = events.map((event) => ({
    job,
    event: event as Record<string, unknown>,
    since,
    requestId,
    tries: 0,
    accounts: events.length,
  }));
  await queue.send(works);
  return { ...summary(job, events, run), resumesAt: isoSeconds(since) };
}

/**
 * Runs the job for one account after another; a failed account does not stop the others. The joined
 * report marks the part of each account.
 */
export async function runEach(
  job: WorkItem['job'],
  events: readonly unknown[],
  run: JobContext,
  runOne: (event: unknown, run: JobContext) => Promise<Report>,
): Promise<Report> {
  const parts = await pMap(
    events,
    async (event) => {
      const { account } = event as { account: string };
      try {
        return { account, report: await runOne(event, { ...run, accounts: events.length }) };
      } catch (error) {
        return { account, failure: reasonFor(error) };
      }
    },
    { concurrency: 1 },
  );
  return joinedReport(summary(job, events, run), parts);
}

/** The report fields that all accounts share. */
function summary(job: WorkItem['job'], events: readonly unknown[], run: JobContext): Report {
  const order = resolveEvent(events[0], run);
  return finishReport({
    job,
    policy: isAdhoc(order) ? ADHOC : order.policy,
    owner: run.owner,
    account: events.map((event) => (event as { account: string }).account).join(', '),
    dryRun: order.dryRun,
    failures: [],
    warnings: [],
    nothingSelected: false,
    entries: [],
  });
}
