import pMap from 'p-map';
import { expandAccounts } from '../config/accounts.ts';
import { isoSeconds } from '../config/dates.ts';
import { eachAccountOf, isNarrowed, orderOf } from '../config/event.ts';
import { ADHOC, isAdhoc, isKeyOf } from '../config/policy.ts';
import { Refusal } from '../config/validation-error.ts';
import { finishReport, joined, type Report } from '../reporting/report.ts';
import type { Job } from './handler.ts';
import type { Queue } from './queue.ts';
import type { Work } from './work-item.ts';

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
  if (events.length > 1 && isNarrowed(event) && isKeyOf('servers', event)) {
    throw new Refusal('The event is refused', [
      `account: the policy has ${events.length} accounts: name the one that these servers are in, such as "account": "${Object(events[0]).account}"`,
    ]);
  }
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
  const parts = await pMap(
    events,
    async (event) => {
      const { account } = event as { account: string };
      try {
        return { account, report: await runOne(event, { ...run, accounts: events.length }) };
      } catch (error) {
        return { account, failure: (error as Error).message };
      }
    },
    { concurrency: 1 },
  );
  return joined(summary(job, events, run), parts);
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
