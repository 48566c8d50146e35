/**
 * A process that runs the real handlers, one invocation after another, as an execution environment
 * of Lambda's does: a test forks it, tells it what to run and by which clock, and can kill it at
 * any moment.
 */
import { subscribe } from 'node:diagnostics_channel';
import { lambdaContext } from '../../local/context.ts';

/** Lambda's own. */
const LIMIT_MS = 900_000;

/** What to run. */
export interface Invocation {
  job: string;
  event: unknown;
  requestId: string;
  /** What the clock says when it begins. */
  now: number;
  /**
   * How long each of its requests takes by that clock, which stands still otherwise: so no test is
   * about time.
   */
  requestMs: number;
}

/** What it has ended with. */
export type Outcome = { result: unknown } | { error: string };

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

async function run(job: string, event: unknown, context: object): Promise<Outcome> {
  try {
    const { handler } = await import(`../../handlers/${job}.ts`);
    return { result: await handler(event, context) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
