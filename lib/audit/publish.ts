import * as v from 'valibot';
import type { FunctionSettings } from '../config/environment.ts';
import { readOptionalEvent } from '../config/policy.ts';
import { strict } from '../config/schema.ts';
import { publishAlert } from '../reporting/alerts.ts';
import type { Reason } from '../reporting/reasons.ts';
import { LINK_HOURS, type ReportStore } from '../reporting/report-store.ts';
import { Acceptance } from './acceptance.ts';
import { digest, type PageLinks } from './digest.ts';
import { publishMetrics } from './metrics.ts';
import type { Audit } from './model.ts';
import { reportPage } from './page.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A digest of troubles follows a mail about an incident by so much, or waits for the next day. */
const QUIET_MS = 20 * HOUR_MS;

/** When a digest is sent. */
export const DIGESTS = ['never', 'always', 'on-trouble'] as const;

const AuditEvent = strict({
  digest: v.optional(v.picklist(DIGESTS, 'must be "always", "on-trouble" or "never"'), 'never'),
  acceptDropped: v.optional(Acceptance),
});

type ParsedEvent = v.InferOutput<typeof AuditEvent>;

/**
 * Whether an audit is followed by a digest of the day: "on-trouble" stays silent on good days, and
 * on days that already had a mail about an incident.
 */
export type When = ParsedEvent['digest'];

/**
 * Reads an audit's event: `{}`, `{"digest": "always"}` or `{"acceptDropped": true}`.
 *
 * @throws {ValidationError} that names every problem.
 */
export function parseAudit(event: unknown): ParsedEvent {
  return readOptionalEvent(event, AuditEvent);
}

interface Outlets {
  /** Where the report page is kept; none where nothing is deployed. */
  store: ReportStore | undefined;
  /** The ARN of the topic that the digest goes to. */
  topic: string | undefined;
  /** Which link to the page the digest has. */
  reportLink: FunctionSettings['reportLink'];
  /** Notifies people of incidents. @returns when the last mail was sent, if any was. */
  notify(): Promise<Date | undefined>;
}

/** What may fail in publishing an audit. */
type Unpublished =
  | 'PAGE_NOT_WRITTEN'
  | 'INCIDENTS_NOT_TOLD'
  | 'REPORTS_UNREADABLE'
  | 'PAGE_WITHOUT_LINK'
  | 'DIGEST_NOT_SENT';

/**
 * Publishes an audit: the metrics, the report page, and the digest when it is due. A failure of one
 * does not stop the others.
 *
 * @returns what failed, and why.
 */
export async function publishAudit(
  audit: Audit,
  { store, topic, reportLink, notify }: Outlets,
  { digest: when, now }: { digest: When; now: Date },
): Promise<Reason[]> {
  const failures: Reason[] = [];
  const attempt = async <T>(code: Unpublished, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      failures.push({ code, message: (error as Error).message });
      return undefined;
    }
  };
  publishMetrics(audit);
  await attempt('PAGE_NOT_WRITTEN', async () => store?.putPage(reportPage(audit)));
  const lastMail = await attempt('INCIDENTS_NOT_TOLD', notify);
  if (when === 'never' || !topic) return failures;

  const since = new Date(now.getTime() - DAY_MS);
  const runs = await attempt('REPORTS_UNREADABLE', async () => store?.runsSince(since, now));
  const links = await attempt('PAGE_WITHOUT_LINK', async () => store && linksTo(store, reportLink));
  const { good, ...message } = digest(audit, store ? runs : [], links);
  const isTold = lastMail !== undefined && now.getTime() - lastMail.getTime() < QUIET_MS;
  if (when === 'always' || (!good && !isTold) || failures.length > 0) {
    await attempt('DIGEST_NOT_SENT', () => publishAlert(topic, message));
  }
  return failures;
}

async function linksTo(store: ReportStore, reportLink: Outlets['reportLink']): Promise<PageLinks> {
  const console = await store.consolePageLink();
  if (reportLink === 'console') return { console };
  return { console, signed: { link: await store.signedPageLink(), hours: LINK_HOURS } };
}
