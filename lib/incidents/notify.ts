import type { GoodRun } from '../audit/missing.ts';
import type { Audit } from '../audit/model.ts';
import type { ReportStore } from '../reporting/report-store.ts';
import { advance } from './incidents.ts';
import type { Mail } from './mail.ts';
import { incidentMail } from './mail.ts';
import { problemsIn } from './problems.ts';

/** What tells people, and where the last runs are recorded. */
export interface Channels {
  store: Pick<ReportStore, 'failedRuns' | 'incidents' | 'putIncidents' | 'consolePageLink'>;
  /** Counts the runs that failed in all tries and wait for a rerun. */
  countFailedRuns(): Promise<number>;
  send(mail: Mail): Promise<void>;
}

/**
 * Tells people of the incidents that began or ended with this audit, in one mail at most; see
 * {@link advance}. A mail is written to the log before it is sent, so that the next audit sends it
 * if this one fails.
 *
 * @param goodRuns when each job last ended well.
 * @returns when the last mail was sent, if any was.
 * @throws the errors of the channels.
 */
export async function notify(
  audit: Audit,
  goodRuns: readonly GoodRun[],
  { store, countFailedRuns, send }: Channels,
  { now, stage }: { now: Date; stage: string },
): Promise<Date | undefined> {
  const log = await store.incidents();
  const accounts = new Set(audit.policies.map(({ account }) => account));
  const failures = await store.failedRuns(({ job, policy, account, at }) =>
    goodRuns.some(
      (good) =>
        good.job === job &&
        good.policy === policy &&
        // A run that failed for all its accounts at once is recorded under their common name.
        (good.account === account || !accounts.has(account)) &&
        good.at > at,
    ),
  );
  const waiting = await countFailedRuns();
  const { incidents, begun, ended } = advance(log.incidents, problemsIn(audit, failures, now), now);
  // An open incident has told of the failed runs, or explains them.
  const failedRuns = incidents.length === 0 && waiting > log.failedRuns ? waiting : 0;
  const mail = incidentMail(
    audit,
    { begun, ended, failedRuns },
    {
      stage,
      console: await store.consolePageLink(),
    },
  );
  const unsent = mail ? [...log.unsent, mail] : log.unsent;
  const next = { ...log, incidents, failedRuns: waiting };
  if (unsent.length === 0) {
    if (JSON.stringify(next) !== JSON.stringify(log)) await store.putIncidents(next);
    return log.lastMail === undefined ? undefined : new Date(log.lastMail);
  }
  await store.putIncidents({ ...next, unsent });
  for (const one of unsent) await send(one);
  await store.putIncidents({ ...next, unsent: [], lastMail: now.toISOString() });
  return now;
}
