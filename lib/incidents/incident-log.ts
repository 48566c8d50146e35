import * as v from 'valibot';
import type { Dropped } from '../audit/model.ts';
import { droppedIn, Problem } from './problem.ts';

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

/** An incident: the problems that one e-mail reported, and those that joined them later. */
export const Incident = v.object({
  since: v.string(),
  notifiedAt: v.exactOptional(v.string()),
  /** The headline of the notification. */
  title: v.exactOptional(v.string()),
  problems: v.array(Tracked),
});

const Mail = v.object({ subject: v.string(), text: v.string() });

/** The open incidents and sent mails, as the report bucket keeps them. */
export const IncidentLog = v.object({
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

/** A problem as the log of incidents remembers it. */
export type TrackedProblem = Incident['problems'][number];

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
