import { AsyncLocalStorage } from 'node:async_hooks';
import { vi } from 'vitest';
import type { Policy } from '../../lib/config/policy.ts';
import type { Bucket } from '../../lib/offsite/bucket.ts';
import { lambdaContext } from '../../local/context.ts';
import { type AnyJob, FUNCTIONS } from '../functions.ts';

/** What one run of many at once has for itself, where Lambda would give it a process. */
interface Surroundings {
  lines: string[];
  policies: Policy[];
  bucket: Bucket;
}

const surroundings = new AsyncLocalStorage<Surroundings>();

/** Of the run that asks. */
export const deployedPolicies = () => ({ policies: surroundings.getStore()?.policies, problems: [] });
export const bucketNamed = () => surroundings.getStore()?.bucket;

/** Sorts what is logged by the run that logs it. */
export function sortLogs(): void {
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => {
      surroundings.getStore()?.lines.push(args.map(String).join(' '));
    });
  }
}

export interface Invocation extends Pick<Surroundings, 'policies' | 'bucket'> {
  job: AnyJob;
  event: unknown;
  requestId: string;
  /** Until Lambda would end it, in milliseconds. */
  remainingMs: number;
}

/** How one run has ended, and all that it has said. */
export interface Outcome {
  result: unknown;
  error: Error | undefined;
  lines: string[];
}

const HUNG = new Error('the run does not end');

/** Whether Lambda would have had to end it. */
export const hasHung = ({ error }: Outcome) => error === HUNG;

/** Invokes the real handler, beside others. */
export async function invoke(invocation: Invocation): Promise<Outcome> {
  const { job, event, policies, bucket, requestId, remainingMs } = invocation;
  const { handler } = await FUNCTIONS[job]();
  const lines: string[] = [];
  // As for `serverless invoke local`, the event is the policy: each run of many at once has one of
  // its own.
  const context = {
    ...lambdaContext(`autosnap-test-${job}`, remainingMs, requestId),
    invokedFunctionArn: `local:::::${job}`,
  };
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(HUNG), Math.min(remainingMs, 300_000));
  });
  const work = surroundings.run({ lines, policies, bucket }, async () => handler(event, context));
  try {
    return { result: await Promise.race([work, end]), error: undefined, lines };
  } catch (error) {
    return { result: undefined, error: error as Error, lines };
  } finally {
    clearTimeout(timer);
  }
}
