const LONGEST_MS = 3_000;

/** A run that is nobody's request: of a policy and a job on their schedule. */
export interface Beat {
  job: string;
  policy: string;
}

/** The beat of an event, if it is one that a policy's schedule sends; by hand and dry runs are nobody's heartbeat. */
export function beatOf(job: string, event: unknown): Beat | undefined {
  const { policy, dryRun } = (event ?? {}) as Record<string, unknown>;
  const isScheduled =
    job !== 'hold' && typeof policy === 'string' && /^[a-z0-9-]{1,40}$/.test(policy) && dryRun !== true;
  return isScheduled ? { job, policy } : undefined;
}

/**
 * Tells a dead man's switch outside of AWS how a run has ended, as healthchecks services expect it: a GET of the URL
 * after a good run, of the URL with `/fail` after a bad one. `{job}` and `{policy}` in the URL stand for the run's.
 *
 * @returns why it could not be told; undefined when it was.
 */
export async function tell(url: string, { job, policy }: Beat, good: boolean): Promise<string | undefined> {
  try {
    const own = new URL(url.replaceAll('{job}', job).replaceAll('{policy}', policy));
    if (!good) own.pathname = `${own.pathname.replace(/\/+$/, '')}/fail`;
    const { ok, status } = await fetch(own, { signal: AbortSignal.timeout(LONGEST_MS) });
    return ok ? undefined : `${own.host} answers ${status}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return cause instanceof Error ? `${message}: ${cause.message}` : message;
  }
}
