import type { Report } from '../lib/reporting/report.ts';
import { lambdaContext } from '../local/context.ts';
import { FUNCTIONS } from './functions.ts';
import type { Harness, Job } from './harness.ts';

/**
 * Runs a job for the same event in several independent processes at once: without a bucket, the
 * lease of one does not exclude the others.
 */
export async function inProcesses(h: Harness, count: number, job: Job, event: unknown): Promise<Report[]> {
  const runs: (() => Promise<unknown>)[] = [];
  for (let i = 0; i < count; i++) {
    h.cold();
    const { handler } = await FUNCTIONS[job]();
    runs.push(() => handler(event as never, lambdaContext(`autosnap-test-${job}`)));
  }
  return (await Promise.all(runs.map((run) => run()))) as Report[];
}

/** Runs a job in another process. */
export function elsewhere(h: Harness, job: Job, event: unknown): Promise<Report> {
  h.cold();
  return h.run(job, event);
}
