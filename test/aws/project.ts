import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, run, succeed } from './processes.ts';

const ROOT = join(import.meta.dirname, '../..');

/**
 * A temporary copy of this project, whose serverless.yml may be changed. It is deleted after the
 * tests.
 */
export interface Project {
  directory: string;
  /** Runs `serverless` in the copy until it ends. */
  serverless(...args: string[]): Promise<Ended>;
  /** Runs `npx autosnap` in the copy until it ends, with additional variables. */
  autosnap(args: string[], env?: Record<string, string>): Promise<Ended>;
  /**
   * Deploys a stage; returns what `serverless deploy` has said.
   *
   * @throws when it fails.
   */
  deploy(stage: string): Promise<string>;
  /**
   * Changes a file, serverless.yml by default.
   *
   * @throws when nothing changes.
   */
  edit(change: (yml: string) => string, file?: string): void;
  /** A file of the copy, such as the output of `serverless package`. */
  path(...parts: string[]): string;
}

/** Copies all files that git tracks or would add, and all installed packages. */
export async function copyProject(): Promise<Project> {
  const directory = mkdtempSync(join(tmpdir(), 'project-'));
  const listed = await succeed('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
  });
  for (const file of listed.split('\0').filter(Boolean)) {
    // The list also contains deleted files that are not committed yet.
    if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(directory, file), { recursive: true });
  }
  const packages = join(directory, 'node_modules');
  // Hundreds of megabytes, so they are hard links, unless the copy is on another disk.
  const linked = await run('cp', ['-al', join(ROOT, 'node_modules'), packages]);
  if (linked.code !== 0) {
    rmSync(packages, { recursive: true, force: true });
    await succeed('cp', ['-a', join(ROOT, 'node_modules'), packages]);
  }

  const path = (...parts: string[]) => join(directory, ...parts);
  const serverless = (...args: string[]) =>
    run(path('node_modules/.bin/node'), [path('node_modules/.bin/serverless'), ...args], {
      cwd: directory,
      // The interval at which it checks whether CloudFormation is ready; the emulator always is.
      env: { ...process.env, SLS_AWS_MONITORING_FREQUENCY: '100' },
    });
  const autosnap = (args: string[], env: Record<string, string> = {}) =>
    run(path('node_modules/.bin/node'), [path('deploy/autosnap.ts'), ...args], {
      cwd: directory,
      env: { ...process.env, ...env },
    });
  return {
    directory,
    path,
    serverless,
    autosnap,
    async deploy(stage) {
      const { code, output } = await serverless('deploy', '--stage', stage);
      if (code !== 0) throw new Error(`serverless deploy --stage ${stage} ended with ${code}:\n${output}`);
      return output;
    },
    edit(change, file = 'serverless.yml') {
      const yml = readFileSync(path(file), 'utf8');
      const changed = change(yml);
      if (changed === yml) throw new Error(`${file} has stayed as it was`);
      writeFileSync(path(file), changed);
    },
  };
}

/** Replaces a text that occurs exactly once in `yml`. */
export function replaceOnce(yml: string, from: string, to: string): string {
  const parts = yml.split(from);
  if (parts.length !== 2) throw new Error(`the file has "${from}" ${parts.length - 1} times, not once`);
  return parts.join(to);
}

/** A second policy, as an operator adds it to serverless.yml. */
export const WEEKLY = `    weekly:
      schedule: cron(0 6 ? * SUN *)
      cleanup: rate(6 hours)
      servers: { names: [db-*] }
      keep: { last: 8 }
`;

/** serverless.yml with another policy at the end. */
export function addPolicy(yml: string, block = WEEKLY): string {
  const after = '\n  # Who gets e-mails';
  return replaceOnce(yml, after, `${block}${after}`);
}
