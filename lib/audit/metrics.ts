import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { METRICS_NAMESPACE } from '../reporting/metrics.ts';
import { droppedFrom } from './coverage/dropped-items.ts';
import { hasFailedDrill } from './drill-results.ts';
import { type Audit, type AuditedSeries, LATE } from './model.ts';
import { isExpected, isWatched } from './series-states.ts';
import { troublesIn } from './troubles.ts';

/**
 * The maximum number of servers with their own metrics. CloudWatch bills metrics by the hour, so
 * only late servers have them.
 */
const MOST_SERVERS = 10;

/**
 * Writes the CloudWatch metrics of an audit, namespace Autosnap. A policy that could not be read
 * completely publishes no metrics, because missing metrics raise its alarm.
 *
 * With the dimensions `service` (the deployment) and `policy`:
 * - Overdue: the intervals of the schedule since the newest good snapshot, the maximum of all
 *   servers; see lateness.ts.
 * - NewestGoodAge (seconds): the age of the newest good snapshot, the maximum of all servers.
 * - Good, Pending: the number of snapshots.
 * - Failed, Stuck: the same, without servers that are gone or no longer selected. Ad-hoc snapshots
 *   count for the first policy of their region.
 * - Unknown: the number of snapshots of the same servers that do not count; only if there are any.
 * - StorageBytes: the size of all snapshots.
 * - NothingSelected: 1 if a selector matches no server, or the policy selects none.
 * - ProvenAge (seconds), with drills: the time since a server was last proven, or else since its
 *   oldest good snapshot, the maximum of all servers.
 * - DrillsFailed, with drills: the servers whose last drill failed.
 * - Dropped: the number of items that dropped out of coverage; only if there are any.
 * - RunOverdue: the longest time since a run of a job succeeded, at least in part, divided by the
 *   time that its schedule allows. From 1 on a run is missing.
 * - Troubles: the number of kinds of trouble; see troubles.ts.
 *
 * With the additional dimension `account`, for a policy with several accounts: Overdue.
 *
 * With `service`, `policy` and `server` (name and id): Overdue and NewestGoodAge of the ten most
 * overdue late servers.
 */
export function publishMetrics(audit: Audit): void {
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: audit.owner });
  const publish = (dimensions: Record<string, string>, add: () => void) => {
    for (const [name, value] of Object.entries(dimensions)) metrics.addDimension(name, value);
    add();
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    metrics.clearDimensions();
  };
  const count = (name: string, n: number) => metrics.addMetric(name, MetricUnit.Count, n);
  const addOverdue = (series: AuditedSeries[]) => {
    const overdue = series.flatMap((s) => s.overdue ?? []);
    if (overdue.length > 0) metrics.addMetric('Overdue', MetricUnit.NoUnit, Math.max(...overdue));
  };
  const addAge = (series: AuditedSeries[]) => {
    addOverdue(series);
    const ages = series.flatMap((s) => (s.overdue === undefined ? [] : (s.ageSeconds ?? [])));
    if (ages.length > 0) metrics.addMetric('NewestGoodAge', MetricUnit.Seconds, Math.max(...ages));
  };

  for (const [policy, its] of Map.groupBy(audit.policies, (p) => p.policy)) {
    const series = audit.series.filter((s) => s.policy === policy);
    const adhocSeries = audit.series.filter(({ countedBy }) => countedBy === policy);
    for (const { account, readable } of its.length > 1 ? its : []) {
      if (readable)
        publish({ policy, account }, () => addOverdue(series.filter((s) => s.account === account)));
    }
    if (!its.every(({ readable }) => readable)) continue;
    const sum = (key: 'good' | 'pending' | 'failed' | 'stuck' | 'unknown' | 'bytes', all = series) =>
      all.reduce((total, s) => total + s[key], 0);
    publish({ policy }, () => {
      addAge(series);
      count('Good', sum('good'));
      count('Pending', sum('pending'));
      const watched = [...series, ...adhocSeries].filter(isWatched);
      count('Failed', sum('failed', watched));
      count('Stuck', sum('stuck', watched));
      const unknown = sum('unknown', watched);
      if (unknown > 0) count('Unknown', unknown);
      count('NothingSelected', its.filter((p) => p.nothingSelected).length);
      metrics.addMetric('StorageBytes', MetricUnit.Bytes, sum('bytes'));
      const drilled = series.filter((s) => s.proof && isExpected(s));
      const ages = drilled.flatMap(({ proof }) => proof?.unprovenSeconds ?? []);
      if (ages.length > 0) metrics.addMetric('ProvenAge', MetricUnit.Seconds, Math.max(...ages));
      if (drilled.length > 0) count('DrillsFailed', drilled.filter(hasFailedDrill).length);
      const overdue = its.flatMap((p) => p.runOverdue ?? []);
      if (overdue.length > 0) metrics.addMetric('RunOverdue', MetricUnit.NoUnit, Math.max(...overdue));
      const dropped = droppedFrom(policy, audit);
      if (dropped.length > 0) count('Dropped', dropped.length);
      count('Troubles', troublesIn(its, [...series, ...adhocSeries], dropped).length);
    });
  }
  const worst = audit.series
    .filter(({ overdue = 0 }) => overdue >= LATE)
    .sort((a, b) => b.overdue! - a.overdue!)
    .slice(0, MOST_SERVERS);
  for (const series of worst) {
    publish({ policy: series.policy, server: dimensionOf(series) }, () => addAge([series]));
  }
}

/**
 * "web-1 5b9c…": the name for people, and the id, because two customers may use one name.
 * CloudWatch accepts only ASCII, and no value that starts with a colon.
 */
function dimensionOf({ name, server }: AuditedSeries): string {
  return `${name.replace(/^:|[^\x20-\x7e]/g, '?')} ${server}`.trim();
}

/** Writes the metric Audits, dimension `service`. Its absence raises an alarm: deploy/alarms.ts. */
export function publishGoodAudit(deployment: string): void {
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: deployment });
  metrics.addMetric('Audits', MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
}
