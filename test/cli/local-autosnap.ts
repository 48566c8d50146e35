import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { type Cloud, type CloudOptions, startCloud } from '../../local/cloud/cloud.ts';
import { settingsOf } from '../../local/environment.ts';
import { addFleet } from '../../local/fleet.ts';
import { ROOT } from '../docs/page.ts';

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

export const PROGRAM = join(ROOT, 'deploy/autosnap.ts');

/** Runs `npx autosnap` for the stage `local`, against a running cloud if there is one. */
export async function autosnap(
  args: string[],
  { env = {}, cwd = ROOT }: Partial<Options> = {},
): Promise<Ended> {
  const { NODE_COMPILE_CACHE, PATH } = process.env;
  const command = [PROGRAM, ...args, '--stage', 'local'];
  return promisify(execFile)(process.execPath, command, {
    cwd,
    env: { NODE_COMPILE_CACHE, PATH, ...env },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  );
}

interface Options {
  env: Record<string, string>;
  cwd: string;
}

/** An embedded cloud with the demo fleet, which several commands use one after another. */
export async function fleet(
  options: CloudOptions = {},
): Promise<{ cloud: Cloud; env: Record<string, string> }> {
  const cloud = await startCloud({ timing: { queuedMs: 0, savingMs: 0 }, ...options });
  onTestFinished(() => cloud.close());
  addFleet(cloud, 'autosnap-local', 0);
  return { cloud, env: settingsOf(cloud, { stage: 'local' }) };
}
