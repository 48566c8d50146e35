import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from '../docs/page.ts';

/** A fresh checkout after `npm ci`: nothing in node_modules links to the command itself. */
function checkout(): string {
  const directory = mkdtempSync(join(tmpdir(), 'checkout-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const part of [
    'deploy',
    'lib',
    'local',
    'handlers',
    'package.json',
    'serverless.yml',
    'tsconfig.json',
  ])
    cpSync(join(ROOT, part), join(directory, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}

// The npm of this machine; without network, so that it does not look for a package of this name.
test.each([
  ['npx', ['autosnap', '--help']],
  ['npm', ['exec', '--', 'autosnap', '--help']],
])('%s finds the command in a fresh checkout', async (command, args) => {
  const { stdout } = await promisify(execFile)(command, args, {
    cwd: checkout(),
    env: { ...process.env, npm_config_offline: 'true' },
  });
  expect(stdout).toMatch(/^Usage: npx autosnap <verb> /);
});
