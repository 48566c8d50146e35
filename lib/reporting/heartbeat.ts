import { isNarrowed } from '../config/event.ts';
import { percentDecoded } from '../config/percent-encoding.ts';
import { redactor } from '../openstack/redact.ts';
import type { AccountJob } from './failed-run.ts';

const LONGEST_MS = 3_000;

/** A scheduled run of a policy's job. */
export interface HeartbeatPing {
  job: string;
  policy: string;
  account?: string | undefined;
}

/**
 * The heartbeat ping for an event of a schedule; undefined for others. Dry runs and partial runs
 * send no heartbeat.
 */
export function heartbeatPingOf(job: string, event: unknown): AccountJob | undefined {
  const { policy, account = 'rackspace', dryRun } = (event ?? {}) as Record<string, unknown>;
  const isScheduled =
    job !== 'hold' &&
    typeof policy === 'string' &&
    /^[a-z0-9-]{1,40}$/.test(policy) &&
    dryRun !== true &&
    !isNarrowed(event);
  return isScheduled ? { job, policy, account: String(account) } : undefined;
}

/** The placeholders, in braces, in the URL of a heartbeat. */
export const PLACEHOLDERS = ['job', 'policy', 'account'] as const;

/**
 * Notifies a heartbeat monitor outside of AWS of the result of a run: GET of the URL after a good
 * run, of the URL with `/fail` after a bad one, as healthchecks services expect it. `{job}`,
 * `{policy}` and `{account}` in the URL are replaced. A user and a password in the URL are sent as
 * HTTP basic authentication.
 *
 * @returns why the ping failed, without the URL, because the URL is a secret; undefined after a
 *   successful ping.
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
  const secrets = redactor(filled, own.href, percentDecoded(password));
  // fetch refuses a URL with a password, and its error quotes the URL.
  own.username = '';
  own.password = '';
  secrets.add(own.href);
  if (!good) own.pathname = `${own.pathname.replace(/\/+$/, '')}/fail`;
  secrets.add(own.href);
  const login = Buffer.from(`${percentDecoded(username)}:${percentDecoded(password)}`).toString('base64');
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
