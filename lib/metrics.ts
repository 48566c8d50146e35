import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Report } from './report.ts';

export const METRICS_NAMESPACE = 'Autosnap';

/** What each job counts; in every run, so that a graph has no holes. */
const COUNTED = {
  snapshot: { Taken: 'taken', Deferred: 'deferred', Failed: 'failed' },
  cleanup: { Deleted: 'deleted', Deferred: 'deferred', Failed: 'failed' },
} as const;

/**
 * CloudWatch metrics in the namespace Autosnap, with the dimensions `service` (the deployment), `policy` and `job`.
 * All are counts. Of `snapshot` servers, of `cleanup` snapshots: Taken, Deleted, Deferred, Failed. Of both runs:
 * Succeeded, 1 for a good run and 0 for one with failures, and NothingSelected, 1 for a run in which a selector
 * matched no server. A run that could not even begin shows in Lambda's own metric Errors.
 */
export function runMetrics(deployment: string) {
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: deployment });
  const count = (name: string, n: number) => metrics.addMetric(name, MetricUnit.Count, n);
  return {
    /** The metrics of a finished run; a dry run has none, nor has one by hand that neither takes nor deletes. */
    add({ job, policy, dryRun, totals, nothingSelected }: Report, succeeded: boolean): void {
      const counted = COUNTED[job as keyof typeof COUNTED];
      if (dryRun || !counted) return;
      metrics.addDimension('policy', policy);
      metrics.addDimension('job', job);
      count('Succeeded', succeeded ? 1 : 0);
      for (const [name, outcome] of Object.entries(counted)) count(name, totals[outcome] ?? 0);
      if (nothingSelected) count('NothingSelected', 1);
    },
    /** Writes out what there is, however the run ended. */
    publish(): void {
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    },
  };
}
