import { delimiter, join } from 'node:path';
import { parseEnv } from 'node:util';
import { test as base, inject } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { start, succeed } from '../aws/processes.ts';

const ROOT = join(import.meta.dirname, '../..');

interface RunningCloud {
  /** What `npm run cloud` has printed. */
  settings: NodeJS.Dict<string>;
  /** Runs a program, which has to succeed, with these settings. Returns its output. */
  run(program: string, ...args: string[]): Promise<string>;
  /** The JSON output of `openstack`. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of many forms, each compared as a whole
  openstack(...args: string[]): Promise<any>;
  /** The JSON output of a script in this folder. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  python(script: string): Promise<any>;
}

/** The developer's own settings of a cloud must not be used. */
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(OS|RACKSPACE|ST|AWS|AUTOSNAP)_/.test(name)),
);

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
  const PATH = `${inject('clients')}${delimiter}${inherited.PATH}`;
  const run: RunningCloud['run'] = (program, ...args) =>
    succeed(program, args, { cwd: ROOT, env: { ...inherited, ...settings, PATH } });
  return {
    settings,
    run,
    openstack: async (...args) => JSON.parse(await run('openstack', ...args, '-f', 'json')),
    python: async (script) => JSON.parse(await run('python', join(import.meta.dirname, script))),
  };
}

/** A test with an embedded cloud in a separate process, which the tests of a file share. */
// biome-ignore lint/correctness/noEmptyPattern: Vitest reads from here which other fixtures this one needs
export const test = base.extend('cloud', { scope: 'file' }, ({}, { onCleanup }) =>
  startRunningCloud(onCleanup),
);
