import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { test as base, inject } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { run, start } from '../aws/processes.ts';

const ROOT = join(import.meta.dirname, '../..');

interface RunningCloud {
  /** What `npm run cloud` has printed. */
  settings: NodeJS.Dict<string>;
  /** Runs a program of the clients, or of the project, against the cloud; what it writes, errors included, where it fails. */
  succeed(program: string, ...args: string[]): Promise<string>;
  /** The JSON that `openstack` answers. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of many forms, each compared as a whole
  openstack(...args: string[]): Promise<any>;
  /** The JSON that a script beside this file writes. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  python(script: string): Promise<any>;
}

/** Nobody's own settings of a cloud lead elsewhere. */
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(OS|RACKSPACE|ST|AWS|AUTOSNAP)_/.test(name)),
);

async function startRunningCloud(onEnd: (stop: () => Promise<void>) => void): Promise<RunningCloud> {
  // npm does not pass the signal on that ends it.
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
  const env = { ...inherited, ...settings };
  const succeed = async (program: string, ...args: string[]) => {
    const ended = await run(program, args, { cwd: ROOT, env });
    if (ended.code !== 0)
      throw new Error(`${program} ${args.join(' ')} ended with ${ended.code}:\n${ended.output}`);
    return ended.output;
  };
  const client = (name: string) => join(inject('clients'), name);
  return {
    settings,
    succeed,
    async openstack(...args) {
      return JSON.parse(await succeed(client('openstack'), ...args, '-f', 'json'));
    },
    async python(script) {
      return JSON.parse(await succeed(client('python'), join(import.meta.dirname, script)));
    },
  };
}

/** A test with an embedded cloud in a process of its own, which the tests of a file share. */
export const test = base.extend(
  'cloud',
  { scope: 'file' },
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the names of fixtures from here
  ({}, { onCleanup }) => startRunningCloud(onCleanup),
);
