import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { ADHOC } from '../config/adhoc-event.ts';
import type { Traffic } from '../openstack/http.ts';
import type { HeartbeatPing } from './heartbeat.ts';
import type { Report } from './report.ts';

/** The CloudWatch namespace of all metrics. */
export const METRICS_NAMESPACE = 'Autosnap';
/**
 * The maximum number of values of a metric in one log line. With more, powertools would start a new
 * line without the dimensions.
 */
const MOST_VALUES = 99;

/** The outcomes that each job counts. Zeros are published too, so that graphs have no gaps. */
const COUNTED = {
  snapshot: { Taken: 'taken', Deferred: 'deferred', Failed: 'failed' },
  cleanup: { Deleted: 'deleted', Deferred: 'deferred', Failed: 'failed' },
  offsite: { Copied: 'copied', Deleted: 'deleted', Deferred: 'deferred', Failed: 'failed' },
  drill: { Proven: 'proven', Deferred: 'deferred', Failed: 'failed' },
} as const;

/**
 * The CloudWatch metrics of a run in the namespace Autosnap, with the dimensions `service` (the
 * deployment), `policy` and `job`:
 * - Taken, Copied, Proven, Deleted, Deferred, Failed: the number of servers (`snapshot`, `drill`),
 *   snapshots (`cleanup`) or copies (`offsite`) with this outcome.
 * - Succeeded: 1 for a good run, 0 for a failed one. A run that ended before it had a report
 *   publishes only this metric.
 * - ApiCalls, RateLimited: the number of requests, and of requests that the cloud refused because
 *   of a rate limit.
 * - NothingSelected: 1 if a selector matched no server.
 * - StartDelay (seconds): the time from the slot to the request, a value for each snapshot.
 *
 * For a policy with several accounts, Succeeded and Failed are also published with the dimension
 * `account`. Failed is also published with the dimension `region` for each region with failures, so
 * that a good day costs nothing.
 */
export function runMetrics(deployment: string) {
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: deployment });
  const count = (name: string, n: number) => metrics.addMetric(name, MetricUnit.Count, n);
  const address = ({ job, policy, account }: HeartbeatPing) => {
    metrics.addDimension('policy', policy);
    metrics.addDimension('job', job);
    if (account) metrics.addDimension('account', account);
  };
  return {
    /**
     * Publishes the metrics of a finished run. Dry runs have no metrics, and neither have jobs such
     * as hold.
     *
     * @param succeeded undefined for a run of a part of a policy, because a good partial run does
     *   not show that the scheduled run succeeded.
     */
    publish(
      { job, policy, account, accounts, dryRun, totals, failedIn = {}, nothingSelected, entries }: Report,
      succeeded: boolean | undefined,
      traffic: Traffic,
    ): void {
      const counted = COUNTED[job as keyof typeof COUNTED];
      if (dryRun || !counted) return;
      const delays = policy === ADHOC ? [] : entries.flatMap(({ delaySeconds }) => delaySeconds ?? []);
      for (let i = 0; i < delays.length; i += MOST_VALUES) {
        address({ job, policy });
        for (const seconds of delays.slice(i, i + MOST_VALUES)) {
          metrics.addMetric('StartDelay', MetricUnit.Seconds, seconds);
        }
        metrics.publishStoredMetrics();
      }
      for (const [region, n] of Object.entries(failedIn)) {
        address({ job, policy, ...(accounts ? { account } : {}) });
        metrics.addDimension('region', region);
        count('Failed', n);
        metrics.publishStoredMetrics();
      }
      if (accounts) {
        address({ job, policy, account });
        if (succeeded !== undefined) count('Succeeded', succeeded ? 1 : 0);
        count('Failed', totals.failed ?? 0);
        metrics.publishStoredMetrics();
      }
      address({ job, policy });
      if (succeeded !== undefined) count('Succeeded', succeeded ? 1 : 0);
      for (const [name, outcome] of Object.entries(counted)) count(name, totals[outcome] ?? 0);
      if (nothingSelected) count('NothingSelected', 1);
      count('ApiCalls', traffic.calls);
      count('RateLimited', traffic.rateLimited);
      // An invocation may run several accounts, and each report has dimensions of its own.
      metrics.publishStoredMetrics();
    },
    /** Publishes the metrics of a run that ended before it had a report. */
    publishCrash({ job, policy, account }: HeartbeatPing, isOneOfSeveral: boolean): void {
      if (isOneOfSeveral) {
        address({ job, policy, account });
        count('Succeeded', 0);
        metrics.publishStoredMetrics();
      }
      address({ job, policy });
      count('Succeeded', 0);
      metrics.publishStoredMetrics();
    },
  };
}
