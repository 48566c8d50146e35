import { parse } from 'yaml';
import { alarmsOf } from '../../deploy/alarms.ts';
import { parseSchedule } from '../../lib/config/schedule.ts';
import { DRILL_RATE } from '../../lib/runtime/work-item.ts';
import { firstPolicy } from '../../local/policies.ts';
import { type Emitted, ofAudit, ofRun } from './metrics.ts';
import { read, tableOf } from './page.ts';

/** Prices in US dollars in us-east-1, from AWS's price lists. */
const PRICES = {
  lambdaGbSecond: 0.0000133334, // arm64
  secret: 0.4,
  alarmMetric: 0.1,
  metric: 0.3, // for a whole month; for fewer hours, less
  sqsRequest: 0.4 / 1e6,
  logByte: 0.5 / 1e9,
  s3Put: 5 / 1e6,
};

const DAYS = 30;
const HOURS = 24 * DAYS;

/** How long a run takes, in seconds; Rackspace takes 100 POSTs a minute. */
const FLEETS = [
  { servers: 10, seconds: { snapshot: 10, cleanup: 3, audit: 3 } },
  { servers: 100, seconds: { snapshot: 60, cleanup: 20, audit: 10 } },
  { servers: 1000, seconds: { snapshot: 600, cleanup: 180, audit: 60 } },
];
/** The size of a report for each server. A report is cut at 240 KB. */
const REPORT_BYTES = { each: 2_000, most: 240_000 };
/**
 * The objects that a run writes to S3: its lease and its release, the report, the time of the good
 * run, the page.
 */
const PUTS_A_RUN = 5;
/** How often Lambda polls an empty queue, per minute. */
const POLLS_A_MINUTE = 15;

interface Functions {
  functions: Record<string, { memorySize: number; events?: { schedule?: { rate: string } }[] }>;
}

const dollars = (amount: number) => amount.toFixed(2);
const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);

/** How often a schedule fires in a month. */
function timesOf(expression: string): number {
  const schedule = parseSchedule(expression);
  const from = Date.parse('2026-11-01T00:00:00Z') - 1000;
  const end = from + DAYS * 24 * 3_600_000;
  let times = 0;
  for (let at = schedule.next(new Date(from)); at && at.getTime() <= end; at = schedule.next(at)) times++;
  return times;
}

/** The price of metrics that are written in that many hours of a month. */
function metricsCost(metrics: Emitted[], hours: number): number {
  return (metrics.length * PRICES.metric * Math.min(hours, HOURS)) / HOURS;
}

/** AWS charges an alarm by the number of metrics that it watches. */
function watchedBy(policies: object): number {
  const alarms = Object.values(alarmsOf({ service: 'autosnap', custom: { policies } }, 'prod'));
  return sum(
    alarms.map(({ Properties: { Metrics = [] } }) =>
      Math.max(1, (Metrics as object[]).filter((one) => 'MetricStat' in one).length),
    ),
  );
}

/** The cost of a deployment with the default settings, computed from the code, as Markdown. */
export async function costSection(): Promise<string> {
  const shipped = await firstPolicy();
  const { functions } = parse(read('deploy/functions.yml'), { logLevel: 'error', merge: true }) as Functions;
  const runs = {
    snapshot: timesOf(shipped.schedule as string),
    cleanup: timesOf(shipped.cleanup as string),
    audit: sum(functions.audit!.events!.map(({ schedule }) => timesOf(schedule!.rate))),
  };
  const allRuns = sum(Object.values(runs));
  const secret = PRICES.secret;
  const watched = watchedBy({ daily: shipped });
  const good = {
    snapshot: ofRun('snapshot', { troubled: false }),
    cleanup: ofRun('cleanup', { troubled: false }),
    audit: ofAudit({ troubled: false }),
  };
  const metrics = sum(
    Object.entries(good).map(([job, its]) => metricsCost(its, runs[job as keyof typeof runs])),
  );
  const sqs = POLLS_A_MINUTE * 60 * HOURS * PRICES.sqsRequest;
  const s3 = allRuns * PUTS_A_RUN * PRICES.s3Put;
  const columns = FLEETS.map(({ servers, seconds }) => {
    const gbSeconds = Object.entries(seconds).map(
      ([job, each]) => (functions[job]!.memorySize / 1024) * each * runs[job as keyof typeof runs],
    );
    const logs = allRuns * Math.min(REPORT_BYTES.each * servers, REPORT_BYTES.most) * PRICES.logByte;
    const parts = [
      sum(gbSeconds) * PRICES.lambdaGbSecond,
      secret,
      watched * PRICES.alarmMetric,
      metrics,
      sqs,
      logs,
      s3,
    ];
    // The sum of the rounded numbers, so that the column adds up.
    const all = sum(parts.map((part) => Number(dollars(part))));
    return [...parts.map(dollars), `**${dollars(all)}**`];
  });
  const names = [
    'Lambda',
    'Secrets Manager, one account',
    'CloudWatch alarms',
    'CloudWatch metrics',
    'SQS',
    'CloudWatch logs, at most',
    'S3',
    '**all**',
  ];
  const table = tableOf(
    ['servers', ...FLEETS.map(({ servers }) => servers.toLocaleString('en-US'))],
    names.map((name, row) => [name, ...columns.map((column) => column[row]!)]),
  );

  const another = watchedBy({ daily: shipped, other: shipped }) - watched;
  const policyMore = metrics + another * PRICES.alarmMetric;
  const ofAccount = (job: 'snapshot' | 'cleanup') =>
    ofRun(job, { troubled: true }).filter(({ dimensions }) => dimensions.at(-1) === 'account');
  const auditOfAccount = ofAudit({ troubled: true }).filter(({ dimensions }) =>
    dimensions.includes('account'),
  );
  const accountMetrics =
    metricsCost(ofAccount('snapshot'), runs.snapshot) +
    metricsCost(ofAccount('cleanup'), runs.cleanup) +
    metricsCost(auditOfAccount, runs.audit);
  const accountMore = secret + accountMetrics;
  const option = (key: 'drill' | 'offsite', expression: string, audited: number) =>
    (watchedBy({ daily: { ...shipped, [key]: { schedule: expression } } }) - watched) * PRICES.alarmMetric +
    metricsCost(ofRun(key, { troubled: false }), timesOf(expression)) +
    audited * PRICES.metric;
  const ofDrills = new Set(
    ofAudit({ troubled: true })
      .filter(({ dimensions }) => dimensions.join() === 'policy')
      .map(({ name }) => name),
    // Dropped has nothing to do with drills.
  ).difference(new Set(['Dropped', ...good.audit.map(({ name }) => name)]));
  const [few, some, many] = FLEETS.map(({ seconds }) => seconds);
  const threeOf = (job: 'snapshot' | 'cleanup' | 'audit') =>
    `${few![job]}, ${some![job]} and ${many![job]} seconds`;
  return `${table}

The calculation: one policy with the default settings, ${runs.snapshot} snapshot runs, ${runs.cleanup} cleanups and ${runs.audit} audits.

- Lambda: ${functions.snapshot!.memorySize} MB on arm64 at $${PRICES.lambdaGbSecond} a GB-second. For ${FLEETS.map(({ servers }) => servers.toLocaleString('en-US')).join(', ')} servers a snapshot run of
  ${threeOf('snapshot')} (Rackspace takes 100 such requests a minute), a cleanup of ${threeOf('cleanup')}, an
  audit of ${threeOf('audit')}.
- A secret is $${dollars(PRICES.secret)}. An alarm is $${dollars(PRICES.alarmMetric)} for each metric that it watches: ${watched} in all.
- A metric is $${dollars(PRICES.metric)} for a month in which it is written every hour, and less for fewer hours: ${good.audit.length} of the audit, ${good.snapshot.length} of the
  snapshot run, ${good.cleanup.length} of the cleanup. (The first ten are free, and so is the dashboard.)
- Lambda polls the queue about ${POLLS_A_MINUTE} times a minute, at $${dollars(PRICES.sqsRequest * 1e6)} a million.
- Logs are $${dollars(PRICES.logByte * 1e9)} a GB, about ${REPORT_BYTES.each / 1000} KB for each server and run, at most ${REPORT_BYTES.most / 1000} KB a run. S3 is $${dollars(PRICES.s3Put * 1e6)} for a million
  written objects, about ${PUTS_A_RUN} a run.
- Each further policy adds about $${dollars(policyMore)}: its metrics and an alarm.
- Each further account of a policy adds about $${dollars(accountMore)}: $${dollars(secret)} for its secret, and its metrics. 200 accounts are about
  $${Math.round(199 * accountMore + secret + metrics)}.
- A policy with \`drill\` adds about $${dollars(option('drill', DRILL_RATE, ofDrills.size))} for metrics and alarms, plus the throw-away servers. A policy with
  \`offsite\` every six hours adds about $${dollars(option('offsite', 'rate(6 hours)', 0))} for metrics and alarms, plus the bucket and the transfer.`;
}

/** The rounded cost in the README: dollars a month for 100 servers. */
export async function roundCost(): Promise<string> {
  const [, ten = '', hundred = ''] =
    /\*\*all\*\* \| \*\*([\d.]+)\*\* \| \*\*([\d.]+)\*\*/.exec(await costSection()) ?? [];
  if (!ten) throw new Error('the table of costs has no sum');
  return `$${Math.round(Number(hundred))} a month for 100 servers`;
}
