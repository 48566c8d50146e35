import { isNarrowed } from '../config/event.ts';
import { redactor } from '../openstack/redact.ts';
import type { PolicyJob } from './failed-run.ts';

const LONGEST_MS = 3_000;

/** A run that is nobody's request: of a policy and a job on their schedule. */
export interface HeartbeatPing {
  job: string;
  policy: string;
  account?: string | undefined;
}

/**
 * The beat of an event, if it is one that a policy's schedule sends; dry runs and parts are
 * nobody's heartbeat.
 */
export function heartbeatPingOf(job: string, event: unknown): PolicyJob | undefined {
  const { policy, account = 'rackspace', dryRun } = (event ?? {}) as Record<string, unknown>;
  const isScheduled =
    job !== 'hold' &&
    typeof policy === 'string' &&
    /^[a-z0-9-]{1,40}$/.test(policy) &&
    dryRun !== true &&
    !isNarrowed(event);
  return isScheduled ? { job, policy, account: String(account) } : undefined;
}

/** What may stand in braces in the URL of a dead man's switch. */
export const PLACEHOLDERS = ['job', 'policy', 'account'] as const;

/**
 * Tells a dead man's switch outside of AWS how a run has ended, as healthchecks services expect it:
 * a GET of the URL after a good run, of the URL with `/fail` after a bad one. `{job}`, `{policy}`
 * and `{account}` in the URL stand for the run's. A user and a password in the URL are sent as HTTP
 * basic authentication.
 *
 * @returns why it could not be told, without the URL, because whoever knows it can use it; undefined
 *   when it was.
 */
export async function sendPing(
  url: string,
  { job, policy, account = '' }: HeartbeatPing,
  good: boolean,
): Promise<string | undefined> {
  const values = { job, policy, account };
  const filled = PLACEHOLDERS.reduce(
    (text, name) => text.replaceAll(`{${name}}`, encodeURIComponent(values[name])),
    url,
  );
  const own = URL.parse(filled);
  if (!own) return 'Invalid URL';
  const { username, password } = own;
  const secrets = redactor(filled, own.href, decoded(password));
  // fetch refuses a URL with a password, and its error quotes the URL.
  own.username = '';
  own.password = '';
  secrets.add(own.href);
  if (!good) own.pathname = `${own.pathname.replace(/\/+$/, '')}/fail`;
  secrets.add(own.href);
  const login = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  try {
    const { ok, status } = await fetch(own, {
      ...(username || password ? { headers: { authorization: `Basic ${login}` } } : {}),
      signal: AbortSignal.timeout(LONGEST_MS),
    });
    return ok ? undefined : `${own.host} answers ${status}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return secrets.redact(cause instanceof Error ? `${message}: ${cause.message}` : message);
  }
}

/** A part of a URL without its percent signs; as it is where they encode nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
