import { METRICS_NAMESPACE } from '../lib/metrics.ts';
import { jobsOf, type Service } from './policies.ts';

type Metric = (string | { label: string; stat: string })[];
type Graph = [title: string, metrics: Metric[]];

/**
 * The deployment's CloudWatch dashboard, as a CloudFormation resource by its logical id: the age of the newest snapshots by policy, the runs and their
 * failures, what was taken and deleted, storage, and how much the cloud's rate limits were met.
 *
 * Source: Amazon CloudWatch API reference, "Dashboard body structure and syntax".
 */
export function dashboardOf(service: Pick<Service, 'service' | 'custom'>, stage: string) {
  const deployment = `${service.service}-${stage}`;
  const jobs = jobsOf(service);
  const policies = [...new Set(jobs.map(({ policy }) => policy))];
  const drilled = jobs.filter(({ job }) => job === 'drill').map(({ policy }) => policy);
  const ofPolicies = (metric: string, stat: string, some = policies): Metric[] =>
    some.map((policy) => [
      METRICS_NAMESPACE,
      metric,
      'service',
      deployment,
      'policy',
      policy,
      { label: `${policy} ${metric}`, stat },
    ]);
  const ofJobs = (metric: string, job?: string): Metric[] =>
    jobs
      .filter((one) => job === undefined || one.job === job)
      .map((one) => [
        METRICS_NAMESPACE,
        metric,
        'service',
        deployment,
        'policy',
        one.policy,
        'job',
        one.job,
        { label: `${one.policy} ${metric} (${one.job})`, stat: 'Sum' },
      ]);
  const unproven: Graph = [
    'Seconds without a passed drill, of the server with the most',
    ofPolicies('ProvenAge', 'Maximum', drilled),
  ];
  const graphs: Graph[] = [
    ['Age of the oldest newest snapshot, in intervals: 1.5 is late', ofPolicies('Overdue', 'Maximum')],
    ['Good runs', ofJobs('Succeeded')],
    ['Failures', ofJobs('Failed')],
    [
      'Taken, copied, proven and deleted',
      [
        ...ofJobs('Taken', 'snapshot'),
        ...ofJobs('Deleted', 'cleanup'),
        ...ofJobs('Copied', 'offsite'),
        ...ofJobs('Deleted', 'offsite'),
        ...ofJobs('Proven', 'drill'),
      ],
    ],
    [
      'Snapshots that are there',
      ['Good', 'Pending', 'Failed', 'Stuck'].flatMap((m) => ofPolicies(m, 'Maximum')),
    ],
    ['Stored bytes', ofPolicies('StorageBytes', 'Maximum')],
    ['API calls, and those refused for their rate', [...ofJobs('ApiCalls'), ...ofJobs('RateLimited')]],
    ...(drilled.length > 0 ? [unproven] : []),
    ['Seconds from the slot to the request', ofJobs('StartDelay', 'snapshot')],
  ];
  const [width, height] = [12, 6];
  const widgets = graphs.map(([title, metrics], i) => ({
    type: 'metric',
    x: (i % 2) * width,
    y: Math.floor(i / 2) * height,
    width,
    height,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: for Fn::Sub
    properties: { title, metrics, region: '${AWS::Region}', view: 'timeSeries', period: 3600 },
  }));
  return {
    Dashboard: {
      Type: 'AWS::CloudWatch::Dashboard',
      Properties: { DashboardName: deployment, DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets }) } },
    },
  };
}
