import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { run, start, succeed } from '../aws/processes.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder with the programs of the clients. */
    clients: string;
    /** The socket of fork_server.py. */
    forkServer: string;
  }
}

const VENV = join(import.meta.dirname, '../../.venv-clients');
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');
/** A file that lists what was installed into a complete environment. */
const INSTALLED = join(VENV, 'installed.txt');

/**
 * Installs other clients from PyPI into a virtual environment of the project, unless they are
 * installed already, and starts the process that runs the `openstack` commands.
 *
 * @returns a function that ends this process.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await install();
  const folder = mkdtempSync(join(tmpdir(), 'autosnap-clients-'));
  const socket = join(folder, 'socket');
  const server = start(join(VENV, 'bin', 'python'), [join(import.meta.dirname, 'fork_server.py'), socket]);
  const ended = once(server.child, 'close').then(() => {
    throw new Error(`fork_server.py has ended:\n${server.output()}`);
  });
  await Promise.race([once(server.child.stdout!, 'data'), ended]);
  ended.catch(() => {});
  project.provide('clients', join(VENV, 'bin'));
  project.provide('forkServer', socket);
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  };
}

async function install(): Promise<void> {
  const wanted = readFileSync(REQUIREMENTS, 'utf8');
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === wanted) return;
  if ((await run('python3', ['-m', 'venv', '--help'])).code !== 0) {
    throw new Error(
      'The clients of others are written in Python: install python3 with venv (Debian: python3-venv).',
    );
  }
  await succeed('python3', ['-m', 'venv', '--clear', VENV]);
  const pip = [
    'install',
    '--quiet',
    '--no-compile',
    '--disable-pip-version-check',
    '--requirement',
    REQUIREMENTS,
  ];
  await succeed(join(VENV, 'bin', 'pip'), pip);
  writeFileSync(INSTALLED, wanted);
}
