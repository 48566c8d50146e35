import pMap from 'p-map';
import { expandAccounts } from './accounts.ts';
import { isoSeconds } from './dates.ts';
import type { Job } from './invocation.ts';
import { eachAccountOf, orderOf } from './order.ts';
import { ADHOC, isAdhoc } from './policy.ts';
import type { Queue } from './queue.ts';
import { finishReport, type Report } from './report.ts';
import type { Work } from './work.ts';

/**
 * The event of a job for each of its accounts.
 *
 * @param read refuses an event that is not valid, where it is of several: none of them is begun then.
 */
export async function accountEvents(
  event: unknown,
  job: Job,
  read: (event: unknown, job: Job) => unknown,
): Promise<unknown[]> {
  const events = await expandAccounts(eachAccountOf(event, job), job.accountsBeginning);
  if (events.length > 1) for (const one of events) read(one, job);
  return events;
}

/**
 * Leaves the event of each account in the queue, for an invocation of its own.
 *
 * @throws when not all could be left there; those that were come again with the next try, which does no harm.
 */
export async function handOut(
  queue: Queue,
  job: Work['job'],
  events: readonly unknown[],
  run: Job,
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
  return { ...summary(job, events, run), goesOn: isoSeconds(since) };
}

/** Works for one account after another, whatever becomes of the others; in the sum each account's share is marked. */
export async function oneByOne(
  job: Work['job'],
  events: readonly unknown[],
  run: Job,
  runOne: (event: unknown, run: Job) => Promise<Report>,
): Promise<Report> {
  const sum = summary(job, events, run);
  await pMap(
    events,
    async (event) => {
      const { account } = event as { account: string };
      const own = (line: string) => `${account}: ${line}`;
      try {
        const report = await runOne(event, { ...run, accounts: events.length });
        sum.failures.push(...report.failures.map(own));
        sum.warnings.push(...report.warnings.map(own));
        sum.entries.push(...report.entries.map((entry) => ({ account, ...entry })));
        sum.nothingSelected ||= report.nothingSelected;
      } catch (error) {
        sum.failures.push(own((error as Error).message));
      }
    },
    { concurrency: 1 },
  );
  return finishReport(sum);
}

/** What the reports of several accounts have in common. */
function summary(job: Work['job'], events: readonly unknown[], run: Job): Report {
  const asked = orderOf(events[0], run);
  return finishReport({
    job,
    policy: isAdhoc(asked) ? ADHOC : asked.policy,
    owner: run.owner,
    account: events.map((event) => (event as { account: string }).account).join(', '),
    dryRun: asked.dryRun,
    failures: [],
    warnings: [],
    nothingSelected: false,
    entries: [],
  });
}
