import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Report } from './report.ts';

/** How the outcomes are called as metrics; each is counted in every run, so that a graph has no holes. */
const OUTCOMES = { taken: 'Taken', failed: 'Failed', deferred: 'Deferred', deleted: 'Deleted' } as const;

/**
 * CloudWatch metrics in the namespace Autosnap, with the dimensions `service` (the deployment) and `policy`. All are
 * counts: Taken, Failed, Deferred, Deleted, and NothingSelected for a run in which a selector matched no server. A
 * run that fails shows in Lambda's own metric Errors.
 */
export function runMetrics(deployment: string) {
  const metrics = new Metrics({ namespace: 'Autosnap', serviceName: deployment });
  return {
    /** The metrics of a finished run; a dry run has none. */
    add({ policy, dryRun, totals, nothingSelected }: Report): void {
      if (dryRun) return;
      metrics.addDimension('policy', policy);
      for (const [outcome, name] of Object.entries(OUTCOMES)) {
        metrics.addMetric(name, MetricUnit.Count, totals[outcome as keyof typeof OUTCOMES] ?? 0);
      }
      if (nothingSelected) metrics.addMetric('NothingSelected', MetricUnit.Count, 1);
    },
    /** Writes out what there is, however the run ended. */
    publish(): void {
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    },
  };
}
