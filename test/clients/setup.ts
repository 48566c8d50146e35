import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { run, succeed } from '../aws/processes.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder with the programs of the clients. */
    clients: string;
  }
}

const VENV = join(import.meta.dirname, '../../.venv-clients');
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');
/** A file that lists what was installed into a complete environment. */
const INSTALLED = join(VENV, 'installed.txt');

/**
 * Installs other clients from PyPI into a virtual environment of the project, unless they are
 * installed already.
 */
export default async function setup(project: TestProject): Promise<void> {
  project.provide('clients', join(VENV, 'bin'));
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
