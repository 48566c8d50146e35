import * as v from 'valibot';
import type { Dropped } from '../audit/model.ts';
import { DAY_MS, MINUTE_MS } from '../config/dates.ts';
import { HEADLINES, problemTitle } from '../reporting/sentences/incident-mail.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import {
  causesOfProblem,
  codesOfProblem,
  droppedIn,
  isTransientError,
  isUnprotected,
  Problem,
  problemCount,
} from './problem.ts';

/**
 * Audits are an hour apart. A problem older than this was present in two audits, and one absent for
 * longer was absent from two.
 */
const TWO_AUDITS_MS = 45 * MINUTE_MS;
/** A problem that comes back within this time comes and goes, and one that lasts so long stays. */
const LASTING_MS = DAY_MS;

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
  failedRunsNotifiedAt: v.exactOptional(v.string()),
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
/** What the audits remember about incidents, as JSON in the report bucket. */
export type IncidentLog = v.InferOutput<typeof IncidentLog>;
type TrackedProblem = Incident['problems'][number];

/** The log without an earlier audit. */
export const NO_INCIDENTS: IncidentLog = { incidents: [], gone: [], failedRuns: 0, unsent: [] };

/** Parses a log; empty if it is missing, or of another version. */
export function parseIncidentLog(json: string): IncidentLog {
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), IncidentLog), json);
  return success ? output : NO_INCIDENTS;
}

/**
 * The items that had dropped out of coverage by the last audit. Those that it no longer saw were
 * accepted or covered again, although their incidents are open until another audit confirms that.
 */
export function openDrops({ incidents }: Pick<IncidentLog, 'incidents'>): Dropped[] {
  const problems = incidents.flatMap((incident) => incident.problems);
  return problems.filter(({ absentSince }) => absentSince === undefined).flatMap(droppedIn);
}

/** What changed with an audit. */
export interface Changes extends Pick<IncidentLog, 'incidents' | 'gone'> {
  /** Incidents to notify people of now. */
  begun: Incident[];
  /**
   * Problems that came and went, or joined an incident, or made their server late, and have now
   * lasted for a day.
   */
  lasting: Incident[];
  /** Incidents that people were notified of, and that are over. */
  ended: Incident[];
}

/**
 * Updates the open incidents with the problems that an audit sees.
 *
 * When a mail is sent:
 * - a problem begins: at once; if all problems of the incident are transient, when a second audit
 *   sees it;
 * - a problem has a new cause, or has left its server without any good snapshot: as if it had just
 *   begun;
 * - a problem begins again within a day of its end: one more mail, and from then on it is over only
 *   after a day without it. A recurring problem causes three mails, however often it recurs;
 * - a recurring problem, one that joined an incident, or one whose server has become late is
 *   present for a whole day: one mail;
 * - an incident is over: one mail, after two audits without its causes and without what they left
 *   behind, which is runs that failed meanwhile, and servers that are late for no other reason.
 *
 * What joins an open incident without a mail:
 * - a consequence of the incident;
 * - a server that fails for the same cause of the cloud in the same region of the account;
 * - an account that can't be read for the same cause;
 * - the failure of a server in a further policy.
 *
 * What becomes an incident of its own:
 * - what the causes left behind, if it outlasts them by a day;
 * - a consequence with a cause of its own, when the incident ends.
 *
 * What stays open, because no audit can see whether it has ended:
 * - problems in an account or region that can't be read;
 * - drops out of coverage while its record can't be read or written.
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

  const gone = log.gone.filter((one) => !isOlder(one.at, LASTING_MS));
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
      const hasGone = isOlder(since, problem.recurs ? LASTING_MS : TWO_AUDITS_MS);
      return [{ ...problem, absentSince: since, ...(hasGone && !isGone(problem) ? { goneAt: at } : {}) }];
    });
    const causes = problems.filter(({ joined }) => !joined);
    const leavesNothing =
      problems.every((problem) => isGone(problem) || !isLeftBehind(problem)) ||
      causes.every(({ goneAt = at }) => isOlder(goneAt, LASTING_MS));
    if (!causes.every(isGone) || !leavesNothing) incidents.push({ ...incident, problems });
    else if (incident.notifiedAt) {
      if (causes.length > 0) ended.push({ ...incident, problems: problems.filter(isGone) });
      for (const { key, sharedCause, goneAt } of problems) {
        if (!goneAt || isOlder(goneAt, LASTING_MS)) continue;
        gone.push({ key, at: goneAt }, ...(sharedCause ? [{ key: sharedCause, at: goneAt }] : []));
      }
    }
  }

  const tracked = new Set(incidents.flatMap(({ problems }) => problems.map(({ key }) => key)));
  for (const problem of seen.toSorted(widestFirst)) {
    if (tracked.has(problem.key)) continue;
    const previous = earlier.get(problem.key);
    const recurs = previous
      ? previous.recurs || (previous.goneAt && !isOlder(previous.goneAt, LASTING_MS))
      : gone.some(({ key }) => key === problem.key || key === problem.sharedCause);
    const own: TrackedProblem = {
      ...problem,
      ...(recurs ? { recurs: true } : {}),
      ...(previous?.lasts ? { lasts: true } : {}),
      presentSince: at,
      known: [...new Set([...(previous?.known ?? []), ...codesOfProblem(problem)])],
    };
    const home = incidents.find(({ problems }) =>
      problems.some((one) => joins(problem, one) && (!one.absentSince || isLeftBehind(problem))),
    );
    if (home) {
      // A new cause is still news when nothing explains it any more.
      home.problems.push({ ...own, known: previous?.known ?? own.known, joined: true });
      continue;
    }
    const same = incidents.find(({ since, problems: [first] }) => since === at && isSameCause(first!, own));
    // People are notified of it with the incident, or know of the server already.
    const naming = same ?? incidents.find(({ problems }) => problems.some((one) => isSameServer(own, one)));
    const related = naming ?? incidents.find(({ problems }) => problems.some((one) => mayJoin(own, one)));
    if (related) related.problems.push(naming ? own : { ...own, added: true });
    else incidents.push({ since: at, problems: [own] });
  }
  const begun: Incident[] = [];
  for (const incident of incidents) {
    const present = incident.problems.filter(({ absentSince }) => absentSince === undefined);
    const mayPass =
      present.every(({ isTransient }) => isTransient) && !isOlder(incident.since, TWO_AUDITS_MS);
    if (incident.notifiedAt || present.length === 0 || mayPass) continue;
    incident.notifiedAt = at;
    incident.title = incidentTitle(incident);
    begun.push(incident);
  }
  const lasting = incidents.flatMap((incident): Incident[] => {
    if (!incident.notifiedAt) return [];
    const problems = incident.problems.flatMap((problem) => {
      const { key, recurs, added, lasts, joined, presentSince = at } = problem;
      const current = byKey.get(key);
      if (!current || lasts || joined || !isOlder(presentSince, LASTING_MS)) return [];
      if (!recurs && !added && !hasBecomeLate(problem, current)) return [];
      problem.lasts = true;
      return [{ ...problem, reasons: current.reasons }];
    });
    return problems.length > 0
      ? [{ ...incident, title: incidentTitle({ ...incident, problems }), problems }]
      : [];
  });
  begun.sort(({ problems: [a] }, { problems: [b] }) => gravestFirst(a!, b!));
  return { incidents, gone, begun, lasting, ended };
}

/**
 * Orders problems: those that affect most come first, so that their consequences can join them, and
 * of those of one kind the ones that leave servers without snapshots.
 */
function widestFirst(a: Problem, b: Problem): number {
  return WIDTH[a.kind] - WIDTH[b.kind] || gravestFirst(a, b);
}

/** Orders problems: those that leave servers without snapshots come first. */
function gravestFirst(a: Problem, b: Problem): number {
  const isMinor = ({ job = 'snapshot' }: Problem) => Number(job !== 'snapshot');
  return isMinor(a) - isMinor(b);
}

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
    // No server gets a snapshot, or none in the region.
    case 'run':
    case 'missing':
      return (
        problem.kind === 'server' &&
        sharesPolicy &&
        (from.isTotal === true || failedInRegion(from, problem.region)) &&
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

/** Whether a run failed in a region as a whole. */
function failedInRegion({ reasons }: Problem, region: string | undefined): boolean {
  return reasons.some(
    (reason) =>
      reason.code === 'RUN_FAILED' &&
      reason.failures.some((failure) => failure.region !== undefined && failure.region === region),
  );
}

/**
 * Whether a problem needs no mail of its own, because another explains it. A drop out of coverage
 * is no consequence, except of an account whose prefix matches no secret any more.
 */
function joins(problem: Problem, other: Problem): boolean {
  return problem.kind === 'dropped' ? isOfLostPrefix(problem, other) : follows(problem, other);
}

/** Whether an account dropped out because no secret has the prefix of its policies any more. */
function isOfLostPrefix({ account, reasons: [dropped] }: Problem, other: Problem): boolean {
  const isLost = other.reasons.some(
    (reason) =>
      reason.code === 'POLICY_ACCOUNT_UNREADABLE' && reason.problem.code === 'SECRET_PREFIX_UNMATCHED',
  );
  return isLost && dropped?.code === 'DROPPED_ACCOUNT' && account.startsWith(other.account.replace('*', ''));
}

/**
 * Whether the problem may be what a cause that is over has left behind: it ends with the next good
 * run, or needs one.
 */
function isLeftBehind({ kind, reasons }: Problem): boolean {
  if (kind !== 'server') return kind === 'run' || kind === 'missing';
  return reasons.every((reason) =>
    reason.code === 'SERVER_IN_TROUBLE'
      ? reason.problem.code === 'SERIES_LATE' && reason.problem.cause === undefined
      : reason.code === 'SERVER_FAILED' && reason.error !== undefined && isTransientError(reason.error),
  );
}

/** Whether the same server fails for the same cause, as in a further policy. */
function isSameServer(problem: TrackedProblem, one: TrackedProblem): boolean {
  return (
    problem.server !== undefined &&
    one.goneAt === undefined &&
    problem.account === one.account &&
    problem.region === one.region &&
    problem.server === one.server &&
    causesOfProblem(problem).every((code) => one.known.includes(code))
  );
}

/**
 * Whether a problem is part of the open incident of another: an account can't be read for the same
 * cause, a server fails for the same cause of the cloud, or the other stands for the server, which
 * no record named.
 */
function mayJoin(problem: TrackedProblem, one: TrackedProblem): boolean {
  if (one.goneAt !== undefined || problem.kind !== one.kind) return false;
  switch (problem.kind) {
    case 'unreadable':
      return problem.cause === one.cause;
    case 'server':
      return (
        (problem.sharedCause !== undefined && one.sharedCause === problem.sharedCause) ||
        (isOfUnnamed(one) && isSameJob(one, problem))
      );
    default:
      return false;
  }
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
 * Whether a problem has another cause than before, or has left a server without any good snapshot.
 * That a server is late is a consequence of what is known already.
 */
function isNews(current: Problem, { joined, known }: TrackedProblem): boolean {
  const codes = codesOfProblem(current).filter((code) => code !== 'SERIES_LATE');
  const causes = joined || isUnprotected(current) ? codes : causesOfProblem(current);
  return causes.some((code) => !known.includes(code));
}

/** Whether a server has become late since people were notified of its problem. */
function hasBecomeLate({ known }: TrackedProblem, current: Problem): boolean {
  return codesOfProblem(current).includes('SERIES_LATE') && !known.includes('SERIES_LATE');
}

/** The headline of an incident, for the subject of a mail. */
function incidentTitle({ problems }: Incident): Sentence {
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
