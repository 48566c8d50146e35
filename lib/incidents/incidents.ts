import * as v from 'valibot';
import type { Dropped } from '../audit/model.ts';
import { HEADLINES } from '../reporting/sentences/incident.ts';
import {
  causesOfProblem,
  codesOfProblem,
  droppedIn,
  Problem,
  problemCount,
  problemTitle,
} from './problem.ts';

const MINUTE_MS = 60_000;
/**
 * Audits are an hour apart. A problem older than this was present in two audits, and one absent for
 * longer was absent from two.
 */
const TWO_AUDITS_MS = 45 * MINUTE_MS;
/** A problem that comes back within this time comes and goes. */
const DAY_MS = 24 * 60 * MINUTE_MS;

const Tracked = v.object({
  ...Problem.entries,
  /** Since when audits no longer see the problem. */
  absentSince: v.exactOptional(v.string()),
  /** Since when it is over. */
  goneAt: v.exactOptional(v.string()),
  /** It began again within a day of its end, so it is over only after a day without it. */
  recurs: v.exactOptional(v.literal(true)),
  /** It joined the incident without a mail, so people are notified if it lasts for a day. */
  added: v.exactOptional(v.literal(true)),
  /** Since when each audit has seen it. */
  presentSince: v.exactOptional(v.string()),
  /** People were notified that it has lasted for a day. */
  lasts: v.exactOptional(v.literal(true)),
  /** It is, or was, a consequence of another problem of the incident. */
  joined: v.exactOptional(v.literal(true)),
  /** The codes of its reasons so far. */
  known: v.array(v.string()),
});
const Incident = v.object({
  since: v.string(),
  notifiedAt: v.exactOptional(v.string()),
  /** The headline of the notification. */
  title: v.exactOptional(v.string()),
  /** Only consequences are left, which nobody is notified of unless their reasons change. */
  isEnded: v.exactOptional(v.literal(true)),
  problems: v.array(Tracked),
});
const Mail = v.object({ subject: v.string(), text: v.string() });

/** The open incidents and sent mails, as the report bucket keeps them. */
const IncidentLog = v.object({
  incidents: v.array(Incident),
  /** The problems, and the causes that servers shared, that ended in the last day, and when. */
  gone: v.array(v.object({ key: v.string(), at: v.string() })),
  /** How many failed runs waited at the last notification, or were explained by an incident. */
  failedRuns: v.number(),
  /** When people were last notified of failed runs. */
  failedRunsTold: v.exactOptional(v.string()),
  /** The time of the last audit. */
  at: v.exactOptional(v.string()),
  /** Mails that are not sent yet. */
  unsent: v.array(Mail),
  /** When the last mail was sent. */
  lastMail: v.exactOptional(v.string()),
});

/**
 * Problems that belong together: those of one kind and cause that one audit saw first, and all
 * their consequences. One mail reports the beginning of the incident, another one its end. Times
 * are ISO.
 */
export type Incident = v.InferOutput<typeof Incident>;
export type IncidentLog = v.InferOutput<typeof IncidentLog>;
type TrackedProblem = Incident['problems'][number];

/** The log without an earlier audit. */
export const NO_INCIDENTS: IncidentLog = { incidents: [], gone: [], failedRuns: 0, unsent: [] };

/** Parses a log; empty if it is missing, or of another version. */
export function parseIncidentLog(json: string): IncidentLog {
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), IncidentLog), json);
  return success ? output : NO_INCIDENTS;
}

/** The items of open incidents that dropped out of coverage. */
export function openDrops({ incidents }: Pick<IncidentLog, 'incidents'>): Dropped[] {
  const open = incidents.flatMap(({ problems }) => problems.filter(({ goneAt }) => goneAt === undefined));
  return open.flatMap(droppedIn);
}

/** What changed with an audit. */
export interface Changes extends Pick<IncidentLog, 'incidents' | 'gone'> {
  /** Incidents to notify people of now. */
  begun: Incident[];
  /** Problems that came and went, or joined an incident, and have now lasted for a day. */
  lasting: Incident[];
  /** Incidents that people were notified of, and that are over. */
  ended: Incident[];
}

/**
 * Updates the open incidents with the problems that an audit sees.
 *
 * A consequence of an open incident joins it without a mail. People are notified of an incident at
 * once, or, if all its problems are transient, when a second audit sees it. An incident is over
 * when two audits have seen none of its problems, except for consequences. The problems of an
 * account or region that can't be read stay open, and so do drops out of coverage while its record
 * can't be read or written.
 *
 * A server that fails for a cause of the cloud joins the open incident of another server that fails
 * for the same cause in the same region of the account.
 *
 * A problem that has a new cause is treated like one that has just begun. If a problem begins again
 * within a day of its end, people are notified once more, and the problem is over only when it has
 * stayed away for a day: a problem that comes and goes causes three mails, however often it does so.
 * If such a problem, or one that joined an incident, is then present for a whole day, people are
 * notified of it once.
 */
export function updateIncidents(
  log: Pick<IncidentLog, 'incidents' | 'gone'>,
  seen: readonly Problem[],
  now: Date,
): Changes {
  const at = now.toISOString();
  const isOlder = (since: string, ms: number) => now.getTime() - Date.parse(since) >= ms;
  const isGone = ({ goneAt }: TrackedProblem) => goneAt !== undefined;
  const byKey = new Map(seen.map((problem) => [problem.key, problem]));
  const blind = seen.filter(({ kind }) => kind === 'unreadable' || kind === 'coverage');

  const gone = log.gone.filter((one) => !isOlder(one.at, DAY_MS));
  const earlier = new Map<string, TrackedProblem>();
  const ended: Incident[] = [];
  const incidents: Incident[] = [];
  for (const { problems: before, ...incident } of log.incidents) {
    const problems = before.flatMap((problem): TrackedProblem[] => {
      const { absentSince, ...rest } = problem;
      const current = byKey.get(problem.key);
      if (current && (isGone(problem) || isNews(current, problem))) {
        earlier.set(problem.key, problem);
        return [];
      }
      const presentSince = absentSince ? at : (problem.presentSince ?? at);
      if (current) return [{ ...rest, ...current, reasons: problem.reasons, presentSince }];
      if (blind.some((one) => hides(one, problem))) return [rest];
      const since = absentSince ?? at;
      const hasGone = isOlder(since, problem.recurs ? DAY_MS : TWO_AUDITS_MS);
      return [{ ...problem, absentSince: since, ...(hasGone && !isGone(problem) ? { goneAt: at } : {}) }];
    });
    const causes = problems.filter(({ joined }) => !joined);
    const isOver = incident.isEnded || causes.every(isGone);
    if (!isOver) incidents.push({ ...incident, problems });
    else {
      if (incident.notifiedAt && !incident.isEnded && causes.length > 0)
        ended.push({ ...incident, problems: problems.filter(isGone) });
      for (const { key, sharedCause, goneAt } of problems) {
        if (!incident.notifiedAt || !goneAt || isOlder(goneAt, DAY_MS)) continue;
        gone.push({ key, at: goneAt }, ...(sharedCause ? [{ key: sharedCause, at: goneAt }] : []));
      }
      const left = problems.filter((problem) => !isGone(problem));
      if (left.length > 0) incidents.push({ ...incident, isEnded: true, problems: left });
    }
  }

  const tracked = new Set(incidents.flatMap(({ problems }) => problems.map(({ key }) => key)));
  for (const problem of seen.toSorted((a, b) => WIDTH[a.kind] - WIDTH[b.kind])) {
    if (tracked.has(problem.key)) continue;
    const previous = earlier.get(problem.key);
    const recurs = previous
      ? previous.recurs || (previous.goneAt && !isOlder(previous.goneAt, DAY_MS))
      : gone.some(({ key }) => key === problem.key || key === problem.sharedCause);
    const own: TrackedProblem = {
      ...problem,
      ...(recurs ? { recurs: true } : {}),
      ...(previous?.lasts ? { lasts: true } : {}),
      presentSince: at,
      known: [...new Set([...(previous?.known ?? []), ...codesOfProblem(problem)])],
    };
    const home = incidents.find(({ problems }) =>
      problems.some((one) => !one.absentSince && joins(problem, one)),
    );
    if (home) {
      // A new cause is still news when nothing explains it any more.
      home.problems.push({ ...own, known: previous?.known ?? own.known, joined: true });
      continue;
    }
    const same = incidents.find(
      ({ since, isEnded, problems: [first] }) => since === at && !isEnded && isSameCause(first!, own),
    );
    const related = same ?? incidents.find((incident) => mayJoin(own, incident));
    if (related) related.problems.push(related.since === at ? own : { ...own, added: true });
    else incidents.push({ since: at, problems: [own] });
  }
  const begun: Incident[] = [];
  for (const incident of incidents) {
    const present = incident.problems.filter(({ absentSince }) => absentSince === undefined);
    const mayPass =
      present.every(({ isTransient }) => isTransient) && !isOlder(incident.since, TWO_AUDITS_MS);
    if (incident.isEnded || incident.notifiedAt || present.length === 0 || mayPass) continue;
    incident.notifiedAt = at;
    incident.title = headline(incident);
    begun.push(incident);
  }
  const lasting = incidents.flatMap((incident): Incident[] => {
    if (!incident.notifiedAt || incident.isEnded) return [];
    const problems = incident.problems.filter(
      ({ recurs, added, lasts, joined, absentSince, presentSince = at }) =>
        (recurs || added) && !lasts && !joined && !absentSince && isOlder(presentSince, DAY_MS),
    );
    for (const problem of problems) problem.lasts = true;
    return problems.length > 0 ? [{ ...incident, title: headline({ ...incident, problems }), problems }] : [];
  });
  return { incidents, gone, begun, lasting, ended };
}

/** Problems that affect most come first, so that their consequences can join them. */
const WIDTH: Record<Problem['kind'], number> = {
  unreadable: 0,
  run: 1,
  missing: 2,
  server: 3,
  dropped: 4,
  policy: 5,
  coverage: 6,
};

/**
 * Whether a problem is unknown, because its account or region can't be read, or because nothing was
 * compared with the recorded coverage.
 */
function hides(unreadable: Problem, problem: Problem): boolean {
  if (unreadable.kind === 'coverage') return problem.kind === 'dropped';
  if (problem.account !== unreadable.account || problem.kind === 'run' || problem.kind === 'missing')
    return false;
  const { region } = unreadable;
  return region === undefined || problem.region === undefined || problem.region === region;
}

/** Whether a problem is, or may be, a consequence of another. */
function follows(problem: Problem, from: Problem): boolean {
  if (problem.account !== from.account) return false;
  const sharesPolicy = problem.policies.some((policy) => from.policies.includes(policy));
  switch (from.kind) {
    case 'unreadable':
      if (from.region === undefined || problem.region === from.region) return true;
      // A run fails in part where a region can't be read.
      return problem.region === undefined && (problem.kind === 'policy' || problem.isTotal === false);
    // No server gets a snapshot.
    case 'run':
    case 'missing':
      return (
        problem.kind === 'server' &&
        sharesPolicy &&
        from.isTotal === true &&
        from.job === 'snapshot' &&
        problem.job === 'snapshot'
      );
    // A selector that matches nothing has lost its servers.
    case 'dropped':
      return sharesPolicy && problem.kind === 'policy';
    case 'server':
    case 'policy':
    case 'coverage':
      return false;
  }
}

/**
 * Whether a problem needs no mail of its own, because another explains it. A drop out of coverage
 * never does: it is not a consequence.
 */
function joins(problem: Problem, other: Problem): boolean {
  return problem.kind !== 'dropped' && follows(problem, other);
}

/**
 * Whether a server that fails is part of an open incident: another server of it fails for the same
 * cause, or the incident has counted the server among those that no record named.
 */
function mayJoin(problem: TrackedProblem, { isEnded, problems }: Incident): boolean {
  if (isEnded || problem.kind !== 'server') return false;
  return problems.some(
    (one) =>
      one.goneAt === undefined &&
      ((problem.sharedCause !== undefined && one.sharedCause === problem.sharedCause) ||
        (isOfUnnamed(one) && isSameJob(one, problem))),
  );
}

/** Whether a problem stands for servers that the record of a failed run does not name. */
function isOfUnnamed({ reasons: [first] }: Problem): boolean {
  return first?.code === 'SERVERS_FAILED';
}

function isSameJob(a: Problem, b: Problem): boolean {
  const sharesPolicy = a.policies.some((policy) => b.policies.includes(policy));
  return a.account === b.account && a.job === b.job && sharesPolicy;
}

function isSameCause(a: TrackedProblem, b: TrackedProblem): boolean {
  return a.kind === b.kind && a.cause === b.cause && a.recurs === b.recurs;
}

/**
 * Whether a problem has another cause than before. That a server is late is a consequence of what
 * is known already.
 */
function isNews(current: Problem, { joined, known }: TrackedProblem): boolean {
  const codes = joined
    ? codesOfProblem(current).filter((code) => code !== 'SERIES_LATE')
    : causesOfProblem(current);
  return codes.some((code) => !known.includes(code));
}

/** The headline of an incident, for the subject of a mail. */
function headline({ problems }: Incident): string {
  const [first] = problems as [TrackedProblem];
  const { kind } = first;
  const title = problemTitle(first);
  const same = problems.filter((one) => one.kind === kind);
  const counts = same.map(
    (one) =>
      [one.server ? `${one.account} ${one.region} ${one.server}` : one.key, problemCount(one)] as const,
  );
  const servers = new Map(counts).values().reduce((sum, count) => sum + count, 0);
  if (kind === 'server' && servers > 1) return HEADLINES.servers(servers, title);
  if (same.length === 1 || kind === 'server') return title;
  const isOfAccounts = kind === 'unreadable' && same.every(({ region }) => region === undefined);
  return isOfAccounts ? HEADLINES.accounts(same.length) : HEADLINES.others(same.length, title);
}
