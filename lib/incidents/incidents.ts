import * as v from 'valibot';
import { Problem } from './problem.ts';

const MINUTE_MS = 60_000;
/** Audits are an hour apart; what has gone on for longer than this was seen, or missed, by two. */
const TWO_AUDITS_MS = 45 * MINUTE_MS;

const Tracked = v.object({
  ...Problem.entries,
  /** Since when audits no longer see the problem. */
  absentSince: v.exactOptional(v.string()),
});
const Incident = v.object({
  since: v.string(),
  told: v.exactOptional(v.string()),
  /** What people were told that it is. */
  title: v.exactOptional(v.string()),
  problems: v.array(Tracked),
});
const Mail = v.object({ subject: v.string(), text: v.string() });

/** What the audits have seen and told, as the report bucket keeps it. */
const IncidentLog = v.object({
  incidents: v.array(Incident),
  /** How many failed runs waited when that was last told, or explained by an incident. */
  failedRuns: v.number(),
  /** When that was last told. */
  failedRunsTold: v.exactOptional(v.string()),
  /** The time of the last audit. */
  at: v.exactOptional(v.string()),
  /** Mails that are yet to be sent. */
  unsent: v.array(Mail),
  /** When the last mail was sent. */
  lastMail: v.exactOptional(v.string()),
});

/**
 * Problems that belong together: those of one kind and cause that one audit saw first, and all that
 * follow from them. One mail tells that the incident began, and one that it is over. Times are ISO.
 */
export type Incident = v.InferOutput<typeof Incident>;
export type IncidentLog = v.InferOutput<typeof IncidentLog>;
type TrackedProblem = Incident['problems'][number];

/** Reads a log; an empty one if it is not there, or of another version. */
export function parseIncidentLog(json: string): IncidentLog {
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), IncidentLog), json);
  return success ? output : { incidents: [], failedRuns: 0, unsent: [] };
}

/** What changed with an audit. */
export interface Changes {
  incidents: Incident[];
  /** Incidents that people are to be told of now. */
  begun: Incident[];
  /** Incidents that people were told of, and that are over. */
  ended: Incident[];
}

/**
 * Compares the problems that an audit sees with the open incidents.
 *
 * A problem that follows from an open incident joins it without a mail. An
 * incident is told at once, or, if all its problems are transient, when a second audit sees it. An
 * incident is over when two audits have seen none of its problems. What lies in an account or a
 * region that can't be read is not known, and so is not over.
 */
export function advance(open: readonly Incident[], seen: readonly Problem[], now: Date): Changes {
  const at = now.toISOString();
  const isOld = (since: string) => now.getTime() - Date.parse(since) >= TWO_AUDITS_MS;
  const byKey = new Map(seen.map((problem) => [problem.key, problem]));
  const blind = seen.filter(({ kind }) => kind === 'unreadable');

  const updated = open.map(
    (incident): Incident => ({
      ...incident,
      problems: incident.problems.map(({ absentSince, ...problem }): TrackedProblem => {
        const current = byKey.get(problem.key);
        if (current) return { ...current, title: problem.title, text: problem.text };
        if (blind.some((one) => hides(one, problem))) return problem;
        return { ...problem, absentSince: absentSince ?? at };
      }),
    }),
  );
  const isGone = ({ absentSince }: TrackedProblem) => absentSince !== undefined && isOld(absentSince);
  const isOver = ({ problems }: Incident) => problems.every(isGone);
  // A problem that comes back after that is news.
  const incidents = updated
    .filter((incident) => !isOver(incident))
    .map((incident) => ({ ...incident, problems: incident.problems.filter((one) => !isGone(one)) }));

  for (const problem of seen.toSorted((a, b) => WIDTH[a.kind] - WIDTH[b.kind])) {
    if (incidents.some(({ problems }) => problems.some(({ key }) => key === problem.key))) continue;
    const home =
      incidents.find(({ problems }) => problems.some((one) => !one.absentSince && joins(problem, one))) ??
      incidents.find(({ since, problems: [first] }) => since === at && isSameCause(first!, problem));
    if (home) home.problems.push(problem);
    else incidents.push({ since: at, problems: [problem] });
  }
  const begun: Incident[] = [];
  for (const incident of incidents) {
    const present = incident.problems.filter(({ absentSince }) => absentSince === undefined);
    const mayPass = present.every(({ isTransient }) => isTransient) && !isOld(incident.since);
    if (incident.told || present.length === 0 || mayPass) continue;
    incident.told = at;
    incident.title = headline(incident);
    begun.push(incident);
  }
  return { incidents, begun, ended: updated.filter((incident) => incident.told && isOver(incident)) };
}

/** Wide problems come first, so that others can join them. */
const WIDTH: Record<Problem['kind'], number> = {
  unreadable: 0,
  run: 1,
  missing: 2,
  server: 3,
  dropped: 4,
  policy: 5,
};

/** Whether nobody knows of a problem, because its account or region can't be read. */
function hides(unreadable: Problem, problem: Problem): boolean {
  if (problem.account !== unreadable.account || problem.kind === 'run' || problem.kind === 'missing')
    return false;
  return [undefined, unreadable.region].includes(problem.region) || unreadable.region === undefined;
}

/** Whether a problem is, or may be, only a consequence of another. */
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
      return false;
  }
}

/**
 * Whether people need no mail of its own about a problem, because they know of another. What has
 * dropped out of coverage is the consequence of nothing else.
 */
function joins(problem: Problem, other: Problem): boolean {
  return problem.kind !== 'dropped' && follows(problem, other);
}

function isSameCause(a: Problem, b: Problem): boolean {
  return a.kind === b.kind && a.cause === b.cause;
}

/** What an incident is, for the subject of a mail. */
function headline({ problems }: Incident): string {
  const [{ kind, title }] = problems as [Problem];
  const same = problems.filter((one) => one.kind === kind);
  const servers = new Set(same.map(({ account, region, server }) => `${account} ${region} ${server}`)).size;
  if (kind === 'server' && servers > 1) return `${servers} servers, the worst is ${title}`;
  if (same.length === 1 || kind === 'server') return title;
  const isOfAccounts = kind === 'unreadable' && same.every(({ region }) => region === undefined);
  return isOfAccounts ? `${same.length} accounts can't be read` : `${title}, and ${same.length - 1} more`;
}
