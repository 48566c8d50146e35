import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { simulate } from './decade.ts';
import { Violation } from './invariants.ts';
import { drawDecade } from './picture.ts';

const PICTURE = 'reports/simulation.svg';

/**
 * `npm run simulate -- --seed 7 --years 10`: years of snapshots and rotation in memory, with a
 * check of every cleanup.
 */
function main(): void {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, years: { type: 'string' } } });
  const seed = wholeNumber(values.seed ?? String(Math.floor(Math.random() * 1_000_000)), '--seed', 0);
  const years = wholeNumber(values.years ?? '10', '--years', 1);
  say(`Simulating ${years} years, seed ${seed} …`);
  const startedMs = performance.now();
  try {
    const decade = simulate({ seed, years });
    mkdirSync('reports', { recursive: true });
    writeFileSync(PICTURE, drawDecade(decade));
    say(decade.figures.text(decade.world, (performance.now() - startedMs) / 1000));
    say(`\nNo rule of rotation was broken. The picture: ${PICTURE}`);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    say(`A rule of rotation is broken: ${error.message}`);
    say(`See it again with: npm run simulate -- --seed ${seed} --years ${years}`);
    process.exitCode = 1;
  }
}

function wholeNumber(text: string, option: string, least: number): number {
  const n = Number(text);
  if (/^\d{1,9}$/.test(text) && n >= least) return n;
  say(`${option} must be a whole number of ${least} or more`);
  process.exit(1);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main();
