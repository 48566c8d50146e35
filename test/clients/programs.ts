import { delimiter, join } from 'node:path';
import { inject } from 'vitest';
import { succeed } from '../aws/processes.ts';
import { ROOT } from '../docs/page.ts';

/** Runs programs as a user of a cloud does, with the clients of test/clients/requirements.txt. */
export interface Programs {
  /** Runs a program, which has to succeed. Returns its output. */
  run(program: string, ...args: string[]): Promise<string>;
  /** Runs a command of a shell, as {@link Programs.run}, in a folder: by default the project's. */
  shell(command: string, cwd?: string): Promise<string>;
  /** The JSON output of `openstack`. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of many forms, each compared as a whole
  openstack(...args: string[]): Promise<any>;
  /** The JSON output of a script in this folder. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  python(script: string): Promise<any>;
}

/** The environment of this process. The developer's own settings of a cloud must not be used. */
export const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(OS|RACKSPACE|ST|AWS|AUTOSNAP)_/.test(name)),
);

/** The programs, with the settings of a cloud in their environment. */
export function programsFor(settings: NodeJS.Dict<string>): Programs {
  const env = () => ({
    ...inherited,
    ...settings,
    PATH: [join(import.meta.dirname, 'bin'), inject('clients'), inherited.PATH].join(delimiter),
    OPENSTACK_FORK_SERVER: inject('forkServer'),
  });
  const run: Programs['run'] = (program, ...args) => succeed(program, args, { cwd: ROOT, env: env() });
  return {
    run,
    shell: (command, cwd = ROOT) => succeed('bash', ['-euo', 'pipefail', '-c', command], { cwd, env: env() }),
    openstack: async (...args) => JSON.parse(await run('openstack', ...args, '-f', 'json')),
    python: async (script) => JSON.parse(await run('python', join(import.meta.dirname, script))),
  };
}
