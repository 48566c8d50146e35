import { DAY_MS, MINUTE_MS } from '../config/dates.ts';
import { HEADLINES, problemTitle } from '../reporting/sentences/incident-mail.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import type { Incident, IncidentLog, TrackedProblem } from './incident-log.ts';
import { causesOfProblem, codesOfProblem, isUnprotected, type Problem, problemCount } from './problem.ts';
import { hides, isLeftBehind, isSameCause, isSameServer, joins, mayJoin } from './same-incident.ts';

/**
 * Audits are an hour apart. A problem older than this was present in two audits, and one absent for
 * longer was absent from two.
 */
const TWO_AUDITS_MS = 45 * MINUTE_MS;
/** A problem that comes back within this time comes and goes, and one that lasts so long stays. */
const LASTING_MS = DAY_MS;

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
