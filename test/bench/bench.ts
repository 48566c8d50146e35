import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { drawBench } from './chart.ts';
import { cleanup } from './cleanup.ts';
import { imports } from './imports.ts';
import { goalsOf, type Results, tablesOf, whenAndWhere } from './results.ts';
import { original, sweep } from './sweep.ts';

/**
 * `npm run bench`: sweeps and cleanups on embedded clouds with Rackspace's latencies and limits.
 * See docs/bench.md.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
  execFileSync('tsc', ['-p', 'test/bench/tsconfig.json'], { stdio: 'inherit' });
  const results = values.quick ? await measureQuickly() : await measure();
  say(`\n${tablesOf(results)}`);
  if (!values.quick) publish(results);
  const missed = goalsOf(results).filter(({ met, steady }) => !met && (steady || !values.quick));
  for (const { what, got, goal } of missed) say(`\nMissed: ${what}: ${got}, ${goal}`);
  if (missed.length > 0) process.exitCode = 1;
}

/** About five minutes: the small sweeps in real time, the others with a second for a minute. */
async function measure(): Promise<Results> {
  execFileSync('serverless', ['package'], { stdio: 'ignore' });
  const small = await step('a sweep of 10 servers', () => sweep({ servers: 10 }, 1));
  const delayed = await step('of 100', () => sweep({ servers: 100 }, 1));
  const sweeps = [
    small,
    delayed,
    await step('of 1,000', () => sweep({ servers: 1000 }, 60)),
    await step('of 1,000 with three volumes each', () => sweep({ servers: 1000, volumesEach: 3 }, 60)),
    await step('of 10,000', () => sweep({ servers: 10_000 }, 60)),
  ];
  return {
    sweeps,
    delayed,
    cleanups: await cleanups(1000),
    original: await step('100 servers in the way of autosnap.py', () =>
      original({ servers: 100, snapshotsEach: 7 }, 60),
    ),
    ours: await step('the same by Autosnap', () => sweep({ servers: 100, snapshotsEach: 7 }, 60)),
    imports: await step('imports', async () => imports()),
  };
}

/** Less than a minute: for the counts and ratios that do not depend on the load of the machine. */
async function measureQuickly(): Promise<Results> {
  const delayed = await step('a sweep of 100 servers', () => sweep({ servers: 100 }, 60));
  const sweeps = [
    delayed,
    await step('of 100 with three volumes each', () => sweep({ servers: 100, volumesEach: 3 }, 60)),
    await step('of 1,000', () => sweep({ servers: 1000 }, 60)),
  ];
  return { sweeps, delayed, cleanups: await cleanups(300) };
}

/** A cleanup of 30 images per server, for a hundred servers and for `most`. */
async function cleanups(most: number): Promise<Results['cleanups']> {
  return [
    await step('a cleanup of 3,000 images', () => cleanup(100, 60)),
    await step(`of ${(30 * most).toLocaleString('en')}`, () => cleanup(most, 60)),
  ];
}

async function step<T>(what: string, measured: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  process.stdout.write(`${what} … `);
  const result = await measured();
  say(`${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  return result;
}

/** Writes the picture, and the tables into the pages with a place for them. */
function publish(results: Results): void {
  writeFileSync('docs/bench.svg', drawBench(results));
  fill('docs/bench.md', `Measured ${whenAndWhere()}.\n\n${tablesOf(results)}`);
}

/** Inserts a text between the two marks of a page. */
function fill(page: string, text: string): void {
  const marks = /(<!-- npm run bench -->\n)[\s\S]*(<!-- end -->)/;
  const before = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    before.replace(marks, (_, begin, end) => `${begin}${text}\n${end}`),
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
