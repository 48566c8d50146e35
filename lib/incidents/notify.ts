import type { Audit } from '../audit/model.ts';
import { HOUR_MS } from '../config/dates.ts';
import type { RecordedFailure } from '../reporting/failed-run.ts';
import type { ReportStore } from '../reporting/report-store.ts';
import { updateIncidents } from './incidents.ts';
import { incidentMail, type Mail, replacementOf } from './mail.ts';
import { incidentProblems } from './problem-detection.ts';

/** The minimum time between two mails about failed runs: one a day. */
const QUIET_MS = 20 * HOUR_MS;

/** The mail channel, and the store of the log of incidents. */
export interface Channels {
  store: Pick<ReportStore, 'rejectedMessages' | 'incidents' | 'putIncidents' | 'consolePageLink'>;
  send(mail: Mail): Promise<void>;
}

/** The failed runs that no later run has repaired. */
export interface FailedRuns {
  /** The last one of each job, policy and account. */
  failed: readonly RecordedFailure[];
  /**
   * How many runs failed in all tries and wait for a rerun. They were counted before `failed` was
   * read, so that the failure of each is recorded there.
   */
  waiting: Promise<number>;
}

/**
 * Notifies people of the incidents that began or ended with this audit, in one mail at most; see
 * {@link updateIncidents}. A mail is written to the log before it is sent, so that the next audit
 * sends it if this one fails. If it is refused again, another
 * takes its place: see {@link replacementOf}.
 *
 * @returns when the last mail was sent, if any was.
 * @throws the errors of the channels.
 */
export async function notify(
  audit: Audit,
  runs: FailedRuns,
  { store, send }: Channels,
  { now, service, stage }: { now: Date; service: string; stage: string },
): Promise<Date | undefined> {
  const log = await store.incidents();
  const waiting = await runs.waiting;
  const failures = runs.failed;
  const { incidents, gone, ...changes } = updateIncidents(log, incidentProblems(audit, failures, now), now);
  const isNew = (at: Date) => log.at !== undefined && at > new Date(log.at);
  const rejections = (await store.rejectedMessages()).filter(isNew);
  // The next audit reports those of this moment.
  const rejected = rejections.filter((at) => at <= now).length;
  // Each failure that was recorded since the last audit explains one of the new failed runs.
  const explained = rejections.length + failures.filter(({ at }) => isNew(at)).length;
  const isQuiet =
    log.failedRunsNotifiedAt !== undefined && now.getTime() - Date.parse(log.failedRunsNotifiedAt) < QUIET_MS;
  const isNews = waiting > log.failedRuns + explained;
  const failedRuns = isNews && !isQuiet ? waiting : 0;
  const mail = incidentMail(
    audit,
    { ...changes, failedRuns, rejected },
    {
      service,
      stage,
      console: await store.consolePageLink(),
    },
  );
  const unsent = mail ? [...log.unsent, mail] : log.unsent;
  const next = {
    ...log,
    at: now.toISOString(),
    incidents,
    gone,
    failedRuns: isNews && isQuiet ? log.failedRuns : waiting,
    ...(failedRuns > 0 ? { failedRunsNotifiedAt: now.toISOString() } : {}),
  };
  if (unsent.length === 0) {
    await store.putIncidents(next);
    return log.lastMail === undefined ? undefined : new Date(log.lastMail);
  }
  await store.putIncidents({ ...next, unsent });
  // A mail that is refused is sent again by the next audit, and holds back no other one. If it is
  // refused again, a short mail takes its place, so that it does not fail every audit from then on.
  const failed: { mail: Mail; error: unknown }[] = [];
  for (const one of unsent) {
    const isSecondTry = log.unsent.includes(one);
    await send(one)
      .catch((error: Error) => {
        if (!isSecondTry) throw error;
        return send(replacementOf(one, error, { owner: audit.owner, stage }));
      })
      .catch((error: unknown) => failed.push({ mail: one, error }));
  }
  const isSent = failed.length < unsent.length;
  await store.putIncidents({
    ...next,
    unsent: failed.map(({ mail }) => mail),
    ...(isSent ? { lastMail: now.toISOString() } : {}),
  });
  const [first] = failed;
  if (first) throw first.error;
  return now;
}
