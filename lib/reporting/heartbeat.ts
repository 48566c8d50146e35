import { isNarrowed } from '../config/event.ts';
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
 * and `{account}` in the URL stand for the run's.
 *
 * @returns why it could not be told; undefined when it was.
 */
export async function sendPing(
  url: string,
  { job, policy, account = '' }: HeartbeatPing,
  good: boolean,
): Promise<string | undefined> {
  try {
    const values = { job, policy, account };
    const filled = PLACEHOLDERS.reduce(
      (text, name) => text.replaceAll(`{${name}}`, encodeURIComponent(values[name])),
      url,
    );
    const own = new URL(filled);
    if (!good) own.pathname = `${own.pathname.replace(/\/+$/, '')}/fail`;
    const { ok, status } = await fetch(own, { signal: AbortSignal.timeout(LONGEST_MS) });
    return ok ? undefined : `${own.host} answers ${status}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return cause instanceof Error ? `${message}: ${cause.message}` : message;
  }
}
