import { parseEnv } from 'node:util';
import { test as base } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { start } from '../aws/processes.ts';
import { ROOT } from '../docs/page.ts';
import { inherited, type Programs, programsFor } from './programs.ts';

interface RunningCloud extends Programs {
  /** What `npm run cloud` has printed. */
  printed: string;
  /** The variables in {@link printed}. */
  settings: NodeJS.Dict<string>;
}

async function startRunningCloud(onEnd: (stop: () => Promise<void>) => void): Promise<RunningCloud> {
  // npm does not pass on the signal that ends it.
  const [program = '', ...args] = manifest.scripts.cloud.split(' ');
  const { child, stop, output } = start(program, args, { cwd: ROOT, env: inherited });
  onEnd(stop);
  let printed = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text: string) => {
      printed += text;
    });
    child.stderr?.on('data', (text: string) => {
      if (text.includes('is up')) resolve();
    });
    child.once('close', () => reject(new Error(`npm run cloud has ended:\n${output()}`)));
  });
  const settings = parseEnv(printed);
  return { printed, settings, ...programsFor(settings) };
}

/** A test with an embedded cloud in a separate process, which the tests of a file share. */
// biome-ignore lint/correctness/noEmptyPattern: Vitest reads from here which other fixtures this one needs
export const test = base.extend('cloud', { scope: 'file' }, ({}, { onCleanup }) =>
  startRunningCloud(onCleanup),
);
