import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { ReasonCode } from '../lib/reporting/reasons.ts';
import type { Entry, Outcome, Report, SnapshotLine } from '../lib/reporting/report.ts';
import { type Cloud, startCloud } from './cloud/cloud.ts';
import { lambdaContext } from './context.ts';
import { pointAt } from './environment.ts';
import { addFleet, DEMO_IMAGE_BYTES } from './fleet.ts';
import { demoPolicy } from './policies.ts';
import { writeReport } from './report.ts';

const OWNER = 'autosnap-local';
const ARROW = styleText('cyan', '▸');

/**
 * `npm start`: runs the real handlers once each, to take and to rotate snapshots of a small fleet
 * on the embedded cloud.
 */
async function main(): Promise<void> {
  // Locally there are no deployed policies that an event could name, so the event is the whole
  // policy.
  const event = await demoPolicy();
  const cloud = await startCloud({ imageBytes: DEMO_IMAGE_BYTES });
  // Without unref, the cloud would keep the process running after an error.
  cloud.unref();
  addFleet(cloud, OWNER);
  pointAt(cloud, { stage: 'local' });
  process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';
  process.env.POWERTOOLS_METRICS_DISABLED = 'true';
  const { handler: snapshot } = await import('../handlers/snapshot.ts');
  const { handler: cleanup } = await import('../handlers/cleanup.ts');

  print(`An embedded Rackspace is up: ${fleetText(cloud)}. Nothing leaves this machine.
The rules are those of the first policy in serverless.yml; the account and the servers are the embedded ones.\n`);
  const taken = await step('snapshot', 'requests a snapshot of every server tagged autosnap=daily', () =>
    snapshot(event, lambdaContext('snapshot')),
  );
  print(`${ARROW} the cloud creates them, which can take hours: its clock is advanced`);
  cloud.advance(3 * 3_600_000);
  const cleaned = await step('cleanup', `keeps ${keepText(event.keep)}, deletes the rest`, () =>
    cleanup(event, lambdaContext('cleanup')),
  );

  print(`\n${table(taken, cleaned)}
A line with + is a volume of the server above it. A snapshot may be kept for several reasons.
proven: it passed a drill; oldest: kept while the rules have too few.`);
  for (const { text } of [...taken.warnings, ...cleaned.warnings])
    print(`${styleText('yellow', '!')} ${text}`);
  print(`
Images that are not Autosnap's own, such as "golden-web-2026", were not touched. Each decision has its reasons:
${examples(cleaned)}

How well every server is protected now, as a page for a browser: ${await writeReport(cloud, OWNER)}

Next steps:
  how well all is protected:      npx autosnap status --stage local
  an ad-hoc snapshot:             npx autosnap take --stage local --server web-1 --wait
  what would be deleted:          npx autosnap plan --stage local
  the report page, in a browser:  npx autosnap report --stage local --open
  schedules firing, until Ctrl-C: npm run dev
  for real, see the README:       npx serverless deploy --stage prod`);
  await cloud.close();
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function step(job: string, what: string, run: () => Promise<Report>): Promise<Report> {
  process.stdout.write(`${ARROW} ${styleText('bold', job)} ${what} … `);
  const report = await run();
  print(styleText('green', totalsText(report)));
  return report;
}

function totalsText({ totals }: Report): string {
  return Object.entries(totals)
    .map(([outcome, n]) => `${n} ${outcome}`)
    .join(', ');
}

function fleetText(cloud: Cloud): string {
  const regions = ['DFW', 'ORD'].map((name) => cloud.region(name));
  const servers = regions.reduce((sum, { servers: s }) => sum + s.length, 0);
  const images = regions.reduce((sum, { images: i }) => sum + i.length, 0);
  const volumes = regions.reduce((sum, { volumes: v }) => sum + v.length, 0);
  return `${servers} servers in ${regions.map(({ name }) => name).join(' and ')}, ${volumes} volumes, ${images} images`;
}

function keepText(keep: Record<string, number | string>): string {
  return Object.entries(keep)
    .map(([rule, n]) => `${rule} ${n}`)
    .join(', ');
}

/**
 * A row for each server, with the images of all its series, one for each of its volumes, and one
 * with the sums.
 */
function table(taken: Report, cleaned: Report): string {
  const rows = new Table({
    head: ['server', 'region', 'taken', 'kept, and why', 'deleted', 'deferred'].map((h) =>
      styleText('bold', h),
    ),
    colWidths: [13, 8, 28, 34, 16, 10],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  const servers = Map.groupBy(
    [...taken.entries, ...cleaned.entries].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    ({ server, region }) => `${region} ${server}`,
  );
  for (const [{ server, name, region }] of servers.values() as Iterable<[Entry, ...Entry[]]>) {
    const isOfIt = (one: Entry) => one.server === server && one.region === region;
    const its = cleaned.entries.filter(isOfIt);
    const snapshotsOf = (volume?: string) =>
      its.filter((series) => series.volume?.id === volume).flatMap((series) => series.snapshots ?? []);
    const entry = taken.entries.find(isOfIt);
    rows.push([name, region, takenText(entry), ...countsOf(snapshotsOf())]);
    for (const one of entry?.volumes ?? [])
      rows.push([`+ ${one.name}`, region, takenText(one), ...countsOf(snapshotsOf(one.volume))]);
  }
  const all = cleaned.entries.flatMap(({ snapshots = [] }) => snapshots);
  const sumOf = (wanted: Outcome) => all.filter(({ outcome }) => outcome === wanted).length;
  const volumes = taken.entries.flatMap((entry) => entry.volumes ?? []);
  const ofVolumes = volumes.filter(({ outcome }) => outcome === 'taken').length;
  const takenSum = `${taken.totals.taken ?? 0} + ${ofVolumes}`;
  const sums = [takenSum, sumOf('kept'), sumOf('deleted'), sumOf('deferred')];
  rows.push(['all', '', ...sums].map((cell) => styleText('bold', String(cell))));
  return rows.toString();
}

function takenText(entry: Pick<Entry, 'outcome' | 'reason'> | undefined): string {
  if (!entry) return 'no: the server is gone';
  const { outcome, reason } = entry;
  return outcome === 'taken' ? styleText('green', 'yes') : styleText('yellow', `${outcome}: ${reason}`);
}

function countsOf(snapshots: readonly SnapshotLine[]): string[] {
  return snapshots.length === 0
    ? ['-', '-', '-']
    : [keptText(snapshots), deletedText(snapshots), deferredText(snapshots)];
}

function keptText(snapshots: readonly SnapshotLine[]): string {
  const kept = snapshots.filter(({ outcome }) => outcome === 'kept');
  const counts = Map.groupBy(
    kept.flatMap(({ codes }) => codes),
    labelOf,
  );
  return `${kept.length}: ${[...counts].map(([label, { length }]) => `${label} ${length}`).join(', ')}`;
}

/** The labels of reasons that are not like their codes. */
const LABELS: Partial<Record<ReasonCode, string>> = {
  HELD_UNTIL: 'held',
  PROTECTED: 'held',
  FAILED_ALONE: 'failed, no newer good one',
};

/** A reason to keep a snapshot in one or two words: `weekly`, `failed lately`. */
function labelOf(code: ReasonCode): string {
  return LABELS[code] ?? code.toLowerCase().replaceAll('_', ' ');
}

function deletedText(snapshots: readonly SnapshotLine[]): string {
  const gone = snapshots.filter(({ outcome }) => outcome === 'deleted').map(({ slot }) => slot.slice(0, 10));
  if (gone.length < 2) return gone.length === 0 ? 'none' : `1: ${gone[0]}`;
  return `${gone.length}: ${gone.at(-1)} to ${gone[0]}`;
}

/**
 * The number of snapshots that the next runs delete, because of `maxDeletes` or the run deadline.
 */
function deferredText(snapshots: readonly SnapshotLine[]): string {
  const count = snapshots.filter(({ outcome }) => outcome === 'deferred').length;
  return count === 0 ? 'none' : String(count);
}

/** One decision for each of several reasons. */
function examples({ entries }: Report): string {
  const lines = entries.flatMap(({ name, snapshots = [] }) => snapshots.map((s) => ({ name, ...s })));
  const picks = (['LAST', 'WEEKLY', 'OLDEST', 'HELD', 'FAILED', 'NO_RULE'] as const).flatMap(
    (code) => lines.find(({ codes }) => codes.includes(code)) ?? [],
  );
  return [...new Set(picks)]
    .map(
      ({ name, slot, outcome, reasons }) =>
        `  ${name.padEnd(7)} ${slot.slice(0, 10)}  ${outcome.padEnd(7)}  ${reasons.join('; ')}`,
    )
    .join('\n');
}

try {
  await main();
} catch (error) {
  // For example the problems of an invalid policy, each with its field and remedy.
  console.error(`\n${(error as Error).message}`);
  process.exitCode = 1;
}
