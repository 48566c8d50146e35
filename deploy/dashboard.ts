import { METRICS_NAMESPACE } from '../lib/reporting/metrics.ts';
import type { Service } from './policies.ts';
import { namePrefix, type Resources } from './resources.ts';

type Graph = [title: string, searches: string[]];

/**
 * The deployment's CloudWatch dashboard, as a CloudFormation resource by its logical id: the age of
 * the newest snapshots by policy, the runs and their failures, created and deleted snapshots,
 * storage, and rate limits. The dashboard searches for the metrics of all policies instead of
 * naming them, because a dashboard is limited to 2,500 named metrics and a graph to 500. The name
 * contains the region, because dashboards belong to an AWS account as a whole.
 *
 * Source: Amazon CloudWatch API reference, "PutDashboard" and "Dashboard body structure and
 * syntax"; user guide, "Search expression syntax".
 */
export function dashboardOf({ service }: Pick<Service, 'service'>, stage: string): Resources {
  const deployment = `${service}-${stage}`;
  const search = (dimensions: string, stat: string, filter: string) =>
    `SEARCH('{${METRICS_NAMESPACE},${dimensions}} service="${deployment}" ${filter}', '${stat}', 3600)`;
  const ofPolicies = (metric: string) => search('service,policy', 'Maximum', `MetricName="${metric}"`);
  const ofJobs = (metric: string, job?: string) =>
    search('service,policy,job', 'Sum', `MetricName="${metric}"${job ? ` job="${job}"` : ''}`);
  const graphs: Graph[] = [
    ['Largest age of a newest snapshot, in intervals: 1.5 is late', [ofPolicies('Overdue')]],
    ['Successful runs', [ofJobs('Succeeded')]],
    ['Failures', [ofJobs('Failed')]],
    [
      'Taken, copied, proven and deleted',
      [
        ofJobs('Taken', 'snapshot'),
        ofJobs('Deleted', 'cleanup'),
        ofJobs('Copied', 'offsite'),
        ofJobs('Deleted', 'offsite'),
        ofJobs('Proven', 'drill'),
      ],
    ],
    ['Snapshots by state', ['Good', 'Pending', 'Failed', 'Stuck'].map(ofPolicies)],
    ['Stored bytes', [ofPolicies('StorageBytes')]],
    ['API calls and rate-limited calls', [ofJobs('ApiCalls'), ofJobs('RateLimited')]],
    ['Longest time without a passed drill, in seconds', [ofPolicies('ProvenAge')]],
    ['Delay from the slot to the request, in seconds', [ofJobs('StartDelay', 'snapshot')]],
  ];
  const [width, height] = [12, 6];
  const widgets = graphs.map(([title, searches], i) => ({
    type: 'metric',
    x: (i % 2) * width,
    y: Math.floor(i / 2) * height,
    width,
    height,
    properties: {
      title,
      metrics: searches.map((expression, n) => [{ expression, id: `e${n + 1}` }]),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: for Fn::Sub
      region: '${AWS::Region}',
      view: 'timeSeries',
      period: 3600,
    },
  }));
  return {
    Dashboard: {
      Type: 'AWS::CloudWatch::Dashboard',
      Properties: {
        DashboardName: { 'Fn::Sub': `${namePrefix({ service }, stage)}\${AWS::Region}` },
        DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets }) },
      },
    },
  };
}
