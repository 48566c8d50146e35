import { publishGoodAudit, publishMetrics } from '../../lib/audit/metrics.ts';
import { SERIES_TROUBLES, type SeriesTrouble, type troublesIn } from '../../lib/audit/troubles.ts';
import { finishReport } from '../../lib/reporting/finish-report.ts';
import { runMetrics } from '../../lib/reporting/metrics.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { JOBS } from '../../lib/runtime/work-item.ts';
import { auditOf, droppedServer, seriesOf, shown } from '../audit/audits.ts';
import { captureLogs, stubEnvironment } from '../harness.ts';
import { read, tableOf } from './page.ts';

/** A metric as CloudWatch receives it. */
export interface Emitted {
  /** The job whose runs write it, or "audit". */
  by: string;
  name: string;
  unit: string;
  /** The dimensions without `service`, which every metric has. */
  dimensions: string[];
}

/** The troubles that are none of series; see `troublesIn`. */
const OTHER_TROUBLES: Record<
  Exclude<ReturnType<typeof troublesIn>[number], SeriesTrouble['name']>,
  string
> = {
  nothingSelected: 'a selector that matches no server',
  missing: 'missing runs',
  dropped: 'a server or account that dropped out of coverage',
};
const countedTroubles = SERIES_TROUBLES.filter(({ isCounted }) => isCounted).map(({ digest }) =>
  digest.title.toLowerCase(),
);

/** The meaning of each metric of runs and of the audit. */
const MEANINGS: Record<'run' | 'audit', Record<string, string>> = {
  run: {
    Succeeded: '1 for a good run, 0 for a bad one',
    Taken: 'servers whose snapshot was requested',
    Copied: 'complete and verified copies',
    Proven: 'snapshots that passed a drill',
    Deleted: 'deleted snapshots; for `offsite`, deleted copies',
    Deferred: 'servers, snapshots or copies that are left to a later run',
    Failed: 'servers, snapshots or copies that failed',
    NothingSelected: '1 for a run in which a selector matched no server; otherwise absent',
    ApiCalls: 'requests to the cloud',
    RateLimited: 'requests that the cloud refused because of a rate limit',
    StartDelay: 'from the slot to the request, a value for each snapshot',
  },
  audit: {
    Overdue:
      'intervals of the schedule since the newest good snapshot, for the worst server: 1 when the next one is due, and late from 1.5 on',
    NewestGoodAge: 'the age of the newest good snapshot, for the worst server',
    Good: 'good snapshots',
    Pending: 'snapshots in progress',
    Failed: 'failed snapshots, of servers that exist and are selected',
    Stuck: 'snapshots that will never finish, of the same servers',
    Unknown: 'snapshots that do not count, such as deactivated ones, of the same servers; otherwise absent',
    NothingSelected: 'accounts in which a selector matches no server, or the policy selects none',
    StorageBytes: 'the storage that the snapshots use',
    ProvenAge:
      'the time since a server was last proven, or else since its oldest good snapshot, for the worst server; with drills',
    DrillsFailed: 'servers whose last drill failed; with drills',
    Dropped:
      'servers, regions, accounts and policies that have [dropped out of coverage](#what-drops-out-of-coverage); otherwise absent',
    RunOverdue:
      'the longest time since a run of a job succeeded, at least in part, over the time that its schedule allows; from 1 on a run is missing',
    Audits: '1 for an audit that was published; absent otherwise',
    Troubles: `kinds of trouble: ${[...countedTroubles, ...Object.values(OTHER_TROUBLES)].join(', ')}`,
  },
};

const HEAD = {
  owner: 'autosnap-test',
  policy: 'daily',
  dryRun: false,
  failures: [],
  warnings: [],
};

/** The metrics that a run of a job writes. */
export function ofRun(job: Report['job'], { troubled }: { troubled: boolean }): Emitted[] {
  return collected(job, () => {
    const metrics = runMetrics('autosnap-test');
    const outcome = troubled ? 'failed' : 'taken';
    const delay = job === 'snapshot' ? { delaySeconds: 20 } : {};
    const entry = { server: 's', name: 'web-1', region: 'DFW', outcome, code: 'TAKEN', ...delay } as const;
    const report = finishReport({
      ...HEAD,
      job,
      account: 'rackspace',
      nothingSelected: troubled,
      entries: [entry],
    });
    const traffic = { calls: 3, rateLimited: 0 };
    metrics.publish(report, !troubled, traffic);
    if (troubled) {
      metrics.publish({ ...report, accounts: 2 }, false, traffic);
    }
  });
}

/** The metrics that an audit writes. */
export function ofAudit({ troubled }: { troubled: boolean }): Emitted[] {
  return collected('audit', () => {
    const proof = { proof: { failed: '2026-11-24T04:00:00Z', unprovenSeconds: 86_400 } };
    const series = troubled
      ? seriesOf([shown(4), shown(5, { state: 'unknown' })], proof)
      : seriesOf([shown(0)]);
    const audit = auditOf([series]);
    const policies = audit.policies.map((one) => ({ ...one, runOverdue: 0.2 }));
    publishMetrics({ ...audit, policies });
    publishGoodAudit('autosnap-test');
    if (!troubled) return;
    const [policy] = policies;
    const two = [policy!, { ...policy!, account: 'customer-b' }];
    publishMetrics({ ...audit, policies: two, dropped: [droppedServer()] });
  });
}

/** All metrics that the functions ever write. */
export function everyMetric(): Emitted[] {
  return [...JOBS.flatMap((job) => ofRun(job, { troubled: true })), ...ofAudit({ troubled: true })];
}

/** The names of all metrics in the code, even if they are never written. */
export function namesInCode(): string[] {
  const code = read('lib/reporting/metrics.ts') + read('lib/audit/metrics.ts');
  const written = [...code.matchAll(/(?:addMetric|count)\(\s*'(\w+)'/g)];
  const counted = [.../const COUNTED = {([\s\S]*?)} as const/.exec(code)![1]!.matchAll(/([A-Z]\w+): '/g)];
  return [...new Set([...written, ...counted].map(([, name]) => name!))].sort();
}

/** All metrics as a table in Markdown. */
export function metricsTable(): string {
  const all = everyMetric();
  const kinds = [
    { kind: 'run', its: all.filter(({ by }) => by !== 'audit') },
    { kind: 'audit', its: all.filter(({ by }) => by === 'audit') },
  ] as const;
  const rows = kinds.flatMap(({ kind, its }) =>
    [...Map.groupBy(its, ({ name }) => name)].map(([name, same]) => {
      const meaning = MEANINGS[kind][name];
      if (!meaning) throw new Error(`test/docs/metrics.ts does not say what ${name} of ${kind} means`);
      const jobs = [...new Set(same.map(({ by }) => by))].join(', ');
      return [`\`${name}\``, same[0]!.unit, dimensionsOf(same), jobs, meaning];
    }),
  );
  return tableOf(['metric', 'unit', 'dimensions', 'written by', 'meaning'], rows);
}

/** "service, policy; also with account" */
function dimensionsOf(same: readonly Emitted[]): string {
  const sets = [...new Map(same.map(({ dimensions }) => [dimensions.join(), dimensions])).values()];
  const common = sets.reduce((some, set) => some.filter((one) => set.includes(one)));
  const also = sets
    .map((set) => set.filter((one) => !common.includes(one)))
    .filter((more) => more.length > 0)
    .map((more) => more.join(' and '));
  const all = ['service', ...common].join(', ');
  return also.length > 0 ? `${all}; also with ${also.join(', with ')}` : all;
}

function collected(by: string, write: () => void): Emitted[] {
  stubEnvironment('http://127.0.0.1:9');
  const lines = captureLogs();
  write();
  const found = lines
    .filter((line) => line.includes('CloudWatchMetrics'))
    .flatMap((line) => {
      const [{ Dimensions, Metrics }] = JSON.parse(line)._aws.CloudWatchMetrics;
      const dimensions = Dimensions[0].filter((name: string) => name !== 'service').toSorted(byPlace);
      return Metrics.map(({ Name, Unit }: { Name: string; Unit: string }) => ({
        by,
        name: Name,
        unit: Unit,
        dimensions,
      }));
    });
  return [...new Map(found.map((one: Emitted) => [JSON.stringify(one), one] as const)).values()] as Emitted[];
}

const PLACES = ['policy', 'job', 'account', 'region', 'server'];
function byPlace(a: string, b: string): number {
  return PLACES.indexOf(a) - PLACES.indexOf(b);
}
