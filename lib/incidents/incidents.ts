import * as v from 'valibot';
import { Problem } from './problem.ts';

const MINUTE_MS = 60_000;
/**
 * Audits are an hour apart. A problem older than this was present in two audits, and one absent for
 * longer was absent from two.
 */
const TWO_AUDITS_MS = 45 * MINUTE_MS;

const Tracked = v.object({
  ...Problem.entries,
  /** Since when audits no longer see the problem. */
  absentSince: v.exactOptional(v.string()),
});
const Incident = v.object({
  since: v.string(),
  told: v.exactOptional(v.string()),
  problems: v.array(Tracked),
});
const Mail = v.object({ subject: v.string(), text: v.string() });

/** The open incidents and sent mails, as the report bucket keeps them. */
const IncidentLog = v.object({
  incidents: v.array(Incident),
  /** How many failed runs waited at the last notification of a failure. */
  failedRuns: v.number(),
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

/** Parses a log; empty if it is missing, or of another version. */
export function parseIncidentLog(json: string): IncidentLog {
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), IncidentLog), json);
  return success ? output : { incidents: [], failedRuns: 0, unsent: [] };
}

/** What changed with an audit. */
export interface Changes {
  incidents: Incident[];
  /** Incidents to notify people of now. */
  begun: Incident[];
  /** Incidents that people were notified of, and that are over. */
  ended: Incident[];
}

/**
 * Updates the open incidents with the problems that an audit sees.
 *
 * A consequence of an open incident joins it without a mail. People are notified of an incident at
 * once, or, if all its problems are transient, when a second audit sees it. An incident is over
 * when two audits have seen none of its problems. The problems of an account or region that can't
 * be read stay open.
 */
export function updateIncidents(open: readonly Incident[], seen: readonly Problem[], now: Date): Changes {
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
        if (blind.some((one) => follows(problem, one))) return problem;
        return { ...problem, absentSince: absentSince ?? at };
      }),
    }),
  );
  const isOver = ({ problems }: Incident) =>
    problems.every(({ absentSince }) => absentSince && isOld(absentSince));
  const incidents = updated.filter((incident) => !isOver(incident));

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
    begun.push(incident);
  }
  return { incidents, begun, ended: updated.filter((incident) => incident.told && isOver(incident)) };
}

/** Problems that affect most come first, so that their consequences can join them. */
const WIDTH: Record<Problem['kind'], number> = {
  unreadable: 0,
  run: 1,
  missing: 2,
  server: 3,
  dropped: 4,
  policy: 5,
};

/** Whether a problem is, or may be, a consequence of another. */
function follows(problem: Problem, from: Problem): boolean {
  if (problem.account !== from.account) return false;
  const sharesPolicy = problem.policies.some((policy) => from.policies.includes(policy));
  switch (from.kind) {
    case 'unreadable':
      return from.region === undefined || problem.region === undefined || problem.region === from.region;
    case 'run':
    case 'missing':
      if (problem.kind === 'server') return sharesPolicy && from.isTotal === true;
      return (
        sharesPolicy && (problem.kind === 'run' || problem.kind === 'missing') && problem.job === from.job
      );
    // A failing server keeps the runs of its policies from being good.
    case 'server':
      return sharesPolicy && problem.kind === 'missing';
    // A selector that matches nothing has lost its servers.
    case 'dropped':
      return sharesPolicy && problem.kind === 'policy';
    case 'policy':
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

function isSameCause(a: Problem, b: Problem): boolean {
  return a.kind === b.kind && a.cause === b.cause;
}
