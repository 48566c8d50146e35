import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { ADHOC } from '../config/policy.ts';
import type { Traffic } from '../openstack/http.ts';
import type { HeartbeatPing } from './heartbeat.ts';
import type { Report } from './report.ts';

export const METRICS_NAMESPACE = 'Autosnap';
/**
 * Of one metric in one log line; with more, powertools would begin a line without these dimensions.
 */
const MOST_VALUES = 99;

/** What each job counts; in every run, so that a graph has no holes. */
const COUNTED = {
  snapshot: { Taken: 'taken', Deferred: 'deferred', Failed: 'failed' },
  cleanup: { Deleted: 'deleted', Deferred: 'deferred', Failed: 'failed' },
  offsite: { Copied: 'copied', Deleted: 'deleted', Deferred: 'deferred', Failed: 'failed' },
  drill: { Proven: 'proven', Deferred: 'deferred', Failed: 'failed' },
} as const;

/**
 * A run's CloudWatch metrics in the namespace Autosnap, with the dimensions `service` (the
 * deployment), `policy` and `job`. Counts: of `snapshot` servers, of `cleanup` snapshots, of
 * `offsite` copies, of `drill` servers, Taken, Copied, Proven, Deleted, Deferred, Failed; of all
 * Succeeded, 1 for a good run and 0 for a bad one, ApiCalls and RateLimited (calls that the cloud
 * refused for their rate), and NothingSelected, 1 for a run in which a selector matched no server.
 * StartDelay: from the slot to the request, in seconds, a value for each snapshot. A run that could
 * not begin has Succeeded alone. Succeeded and Failed of a policy with several accounts are there
 * with the dimension `account`, too; and Failed with `region`, of the regions where something
 * failed or which could not be read: on a good day there are none to pay for.
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
     * The metrics of a finished run; a dry run has none, nor has one by hand that neither takes nor
     * deletes.
     *
     * @param succeeded undefined for a part of a policy: a run of the whole may be missing all the
     *   same.
     */
    add(
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
    },
    /** The metrics of a run of a policy that ended before it had a report. */
    addCrash({ job, policy, account }: HeartbeatPing, isOneOfSeveral: boolean): void {
      if (isOneOfSeveral) {
        address({ job, policy, account });
        count('Succeeded', 0);
        metrics.publishStoredMetrics();
      }
      address({ job, policy });
      count('Succeeded', 0);
    },
    /** Writes out what there is, however the run ended. */
    publish(): void {
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    },
  };
}
