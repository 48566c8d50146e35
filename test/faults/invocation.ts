import { AsyncLocalStorage } from 'node:async_hooks';
import { vi } from 'vitest';
import type { Policy } from '../../lib/config/policy.ts';
import type { Bucket } from '../../lib/offsite/bucket.ts';
import { lambdaContext } from '../../local/context.ts';
import { type AnyJob, FUNCTIONS } from '../functions.ts';

/** Data of one of many simultaneous runs, for which Lambda would use a process. */
interface Surroundings {
  lines: string[];
  policies: Policy[];
  bucket: Bucket;
  /** How far the clock of this run is ahead of the others', in milliseconds. */
  laterMs?: number;
}

const surroundings = new AsyncLocalStorage<Surroundings>();

/** The data of the current run. */
export const deployedPolicies = () => ({ policies: surroundings.getStore()?.policies, problems: [] });
export const bucketNamed = () => surroundings.getStore()?.bucket;

/** Assigns log lines to the run that writes them. */
export function sortLogs(): void {
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => {
      surroundings.getStore()?.lines.push(args.map(String).join(' '));
    });
  }
}

/** Lets the clock of a run be ahead of that of the others. */
export function sortClocks(): void {
  const Common = Date;
  const now = () => Common.now() + (surroundings.getStore()?.laterMs ?? 0);
  vi.stubGlobal(
    'Date',
    new Proxy(Common, {
      construct: (_, args: []) => (args.length === 0 ? new Common(now()) : new Common(...args)),
      get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
    }),
  );
}

export interface Invocation extends Omit<Surroundings, 'lines'> {
  job: AnyJob;
  event: unknown;
  requestId: string;
  /** The time until Lambda would end the run, in milliseconds. */
  remainingMs: number;
}

/** The result of a run, with everything that it logged. */
export interface InvocationResult {
  result: unknown;
  error: Error | undefined;
  lines: string[];
}

const HUNG = new Error('the run does not end');

/** Whether Lambda would have had to end the run. */
export const hasHung = ({ error }: InvocationResult) => error === HUNG;

/** Invokes the real handler, simultaneously with others. */
export async function invoke(invocation: Invocation): Promise<InvocationResult> {
  const { job, event, policies, bucket, laterMs = 0, requestId, remainingMs } = invocation;
  const { handler } = await FUNCTIONS[job]();
  const lines: string[] = [];
  // As with `serverless invoke local`, the event is the policy, so simultaneous runs have different
  // ones.
  const context = {
    ...lambdaContext(`autosnap-test-${job}`, remainingMs, requestId),
    invokedFunctionArn: `local:::::${job}`,
  };
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(HUNG), Math.min(remainingMs, 300_000));
  });
  const work = surroundings.run({ lines, policies, bucket, laterMs }, async () => handler(event, context));
  try {
    return { result: await Promise.race([work, end]), error: undefined, lines };
  } catch (error) {
    return { result: undefined, error: error as Error, lines };
  } finally {
    clearTimeout(timer);
  }
}
