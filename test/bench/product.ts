import type { Report } from '../../lib/reporting/report.ts';
import { lambdaContext } from '../../local/context.ts';

/** The measurements of a run of a real handler. */
export interface Run {
  /** The time from the call of the handler to its end. */
  ms: number;
  /** The peak memory of the whole process, in megabytes. */
  peakMb: number;
  /** When the process began, in epoch milliseconds. */
  beganMs: number;
  totals: Report['totals'];
}

const HANDLERS = {
  snapshot: () => import('../../handlers/snapshot.ts'),
  cleanup: () => import('../../handlers/cleanup.ts'),
};

/** Runs a handler in a separate process, like Lambda: `product.js snapshot '{"policy": …}'`. */
async function main([job, event]: string[]): Promise<void> {
  const { handler } = await HANDLERS[job as keyof typeof HANDLERS]();
  const startedMs = performance.now();
  const { totals } = await handler(JSON.parse(event!), lambdaContext(job!));
  const run: Run = {
    ms: performance.now() - startedMs,
    peakMb: process.resourceUsage().maxRSS / 1024,
    beganMs: performance.timeOrigin,
    totals,
  };
  process.send?.(run);
}

await main(process.argv.slice(2));
