/**
 * A process that runs the real handlers, one invocation after another, like an execution
 * environment of Lambda. A test forks the process, sends it the invocation and the clock, and can
 * kill it at any time.
 */
import { subscribe } from 'node:diagnostics_channel';
import { lambdaContext } from '../../local/context.ts';

/** Lambda's own id of the invocation. */
const LIMIT_MS = 900_000;

/** An invocation to run. */
export interface Invocation {
  job: string;
  event: unknown;
  requestId: string;
  /** The time of the clock at the beginning. */
  now: number;
  /**
   * The time that each request takes on this clock, which otherwise stands still, so that no test
   * depends on real time.
   */
  requestMs: number;
}

/** The result of an invocation. */
export type FunctionResult = { result: unknown } | { error: string };

let begunMs = 0;
let elapsedMs = 0;
let requestMs = 0;
subscribe('http.client.request.start', () => {
  elapsedMs += requestMs;
});
performance.now = () => elapsedMs;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given: unknown[]) {
    super(...((given.length > 0 ? given : [begunMs + elapsedMs]) as [number]));
  }
  static override now() {
    return begunMs + elapsedMs;
  }
} as DateConstructor;

process.on('message', async (invocation: Invocation) => {
  const { job, event, requestId, now } = invocation;
  begunMs = now;
  elapsedMs = 0;
  requestMs = invocation.requestMs;
  process.send?.(await run(job, event, lambdaContext(`autosnap-test-${job}`, LIMIT_MS, requestId)));
});

async function run(job: string, event: unknown, context: object): Promise<FunctionResult> {
  try {
    const { handler } = await import(`../../handlers/${job}.ts`);
    return { result: await handler(event, context) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
