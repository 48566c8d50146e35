import * as v from 'valibot';
import { DAY_MS, HOUR_MS } from '../config/dates.ts';
import type { FunctionSettings } from '../config/environment.ts';
import { text } from '../config/field-values.ts';
import { readOptionalEvent } from '../config/read-event.ts';
import { strict } from '../config/schema.ts';
import { publishAlert } from '../reporting/alerts.ts';
import type { Reason } from '../reporting/reasons.ts';
import { LINK_HOURS, type ReportStore } from '../reporting/report-store.ts';
import type { PageLinks } from '../reporting/sentences/digest.ts';
import { Acceptance } from './coverage/acceptance.ts';
import { digest } from './digest.ts';
import { List } from './listing.ts';
import { publishMetrics } from './metrics.ts';
import type { Audit } from './model.ts';
import { reportPage } from './page.ts';

/** An `on-trouble` digest is not sent within this time after an e-mail about an incident. */
const QUIET_MS = 20 * HOUR_MS;

/** When a digest is sent. */
export const DIGESTS = ['never', 'always', 'on-trouble'] as const;

const AuditEvent = v.pipe(
  strict({
    digest: v.optional(v.picklist(DIGESTS, 'must be "always", "on-trouble" or "never"'), 'never'),
    acceptDropped: v.optional(Acceptance),
    list: v.optional(List),
    of: v.optional(text('a name or an id')),
  }),
  v.check(
    ({ list, of }) => of === undefined || list === 'snapshots',
    'of: selects snapshots: send "list": "snapshots", too',
  ),
  v.check(
    ({ list, digest: when, acceptDropped }) =>
      list === undefined || (when === 'never' && acceptDropped === undefined),
    'list: an audit that lists sends and records nothing: leave out digest and acceptDropped',
  ),
);

type ParsedEvent = v.InferOutput<typeof AuditEvent>;

/**
 * When an audit sends the digest of the day: "on-trouble" sends none on good days, and on days with
 * an e-mail about an incident.
 */
export type DigestTiming = ParsedEvent['digest'];

/**
 * Reads an audit's event: `{}`, `{"digest": "always"}`, `{"acceptDropped": true}`, or for a list
 * `{"list": "servers"}` or `{"list": "snapshots", "of": "web-1"}`; see listing.ts.
 *
 * @throws {ValidationError} that names every problem.
 */
export function parseAudit(event: unknown): ParsedEvent {
  return readOptionalEvent(event, AuditEvent);
}

interface PublishTargets {
  /** The store of the report page; undefined without a deployed bucket. */
  store: ReportStore | undefined;
  /** The ARN of the SNS topic to which the digest is sent. */
  topic: string | undefined;
  /** The kind of link to the report page in the digest. */
  reportLink: FunctionSettings['reportLink'];
  /** The stage of the deployment, for the commands on the page. */
  stage: string;
  /** Notifies people of incidents. @returns when the last mail was sent, if any was. */
  notify(): Promise<Date | undefined>;
}

/** The parts of publishing an audit that may fail. */
type PublishFailureCode =
  | 'PAGE_NOT_WRITTEN'
  | 'INCIDENTS_NOT_SENT'
  | 'REPORTS_UNREADABLE'
  | 'PAGE_WITHOUT_LINK'
  | 'DIGEST_NOT_SENT';

/**
 * Publishes an audit: the metrics, the report page, the notifications of incidents, and the digest
 * when it is due. A failure of one part does not stop the others.
 *
 * @returns the parts that failed, and why.
 */
export async function publishAudit(
  audit: Audit,
  { store, topic, reportLink, stage, notify }: PublishTargets,
  { digest: when, now }: { digest: DigestTiming; now: Date },
): Promise<Reason[]> {
  const failures: Reason[] = [];
  const attempt = async <T>(code: PublishFailureCode, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      failures.push({ code, message: (error as Error).message });
      return undefined;
    }
  };
  publishMetrics(audit);
  await attempt('PAGE_NOT_WRITTEN', async () => store?.putPage(reportPage(audit, stage)));
  const lastMail = await attempt('INCIDENTS_NOT_SENT', notify);
  if (when === 'never' || !topic) return failures;

  const since = new Date(now.getTime() - DAY_MS);
  const runs = await attempt('REPORTS_UNREADABLE', async () => store?.runsSince(since, now));
  const links = await attempt('PAGE_WITHOUT_LINK', async () => store && pageLinksOf(store, reportLink));
  const { good, ...message } = digest(audit, store ? runs : [], links);
  const wasNotified = lastMail !== undefined && now.getTime() - lastMail.getTime() < QUIET_MS;
  if (when === 'always' || (!good && !wasNotified) || failures.length > 0) {
    await attempt('DIGEST_NOT_SENT', () => publishAlert(topic, message));
  }
  return failures;
}

async function pageLinksOf(store: ReportStore, reportLink: PublishTargets['reportLink']): Promise<PageLinks> {
  const console = await store.consolePageLink();
  if (reportLink === 'console') return { console };
  return { console, signed: { link: await store.signedPageLink(), hours: LINK_HOURS } };
}
