import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');

/** A clone of a local repository, as an operator has it. */
function clone(from: string) {
  const folder = mkdtempSync(join(tmpdir(), 'clone-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=somebody', '-c', 'user.email=somebody@example.com', ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
  git('clone', '--quiet', from, '.');
  const path = (file: string) => join(folder, file);
  return {
    folder,
    git,
    read: (file: string) => readFileSync(path(file), 'utf8'),
    /** Replaces a text that occurs exactly once. */
    edit(file: string, from: string, to: string) {
      const parts = readFileSync(path(file), 'utf8').split(from);
      expect(parts, `${file} has "${from}" once`).toHaveLength(2);
      writeFileSync(path(file), parts.join(to));
    },
  };
}

test('the upgrade in docs/upgrading.md gets a new version, and keeps the settings and policies of the operator', () => {
  const product = clone(ROOT);
  // The tested commit may be on no branch.
  product.git('checkout', '--quiet', '-B', 'main');
  const operator = clone(product.folder);
  operator.edit('serverless.yml', 'last: 7', 'last: 30');
  operator.edit('serverless.yml', 'alerts: []', 'alerts: [{ Protocol: email, Endpoint: ops@example.com }]');
  operator.edit(
    'serverless.yml',
    '\n  # Who gets e-mails',
    '    weekly: { schedule: cron(0 6 ? * SUN *), cleanup: rate(1 day), servers: { all: true }, keep: { last: 8 } }\n\n  # Who gets e-mails',
  );
  const [, commit = ''] = /^git (commit .+)$/m.exec(product.read('docs/upgrading.md')) ?? [];
  operator.git(...[...commit.matchAll(/"([^"]+)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!));

  product.edit('deploy/functions.yml', 'memorySize: 512', 'memorySize: 1024');
  product.edit('deploy/functions.yml', 'cron(0 7 * * ? *)', 'cron(0 8 * * ? *)');
  product.edit('deploy/resources.yml', 'maxReceiveCount: 100', 'maxReceiveCount: 200');
  product.git('commit', '--quiet', '-am', 'feat: a new version');

  const [, pull = ''] = /^git (pull.*?) &&/m.exec(product.read('docs/upgrading.md')) ?? [];
  operator.git(...pull.split(' '));
  expect(operator.git('status', '--porcelain')).toBe('');
  expect(operator.read('deploy/functions.yml')).toBe(product.read('deploy/functions.yml'));
  expect(operator.read('deploy/resources.yml')).toBe(product.read('deploy/resources.yml'));
  expect(parse(operator.read('serverless.yml'), { logLevel: 'error' })).toMatchObject({
    custom: {
      policies: { daily: { keep: { last: 30 } }, weekly: { keep: { last: 8 } } },
      alerts: [{ Endpoint: 'ops@example.com' }],
    },
  });
});

test('serverless.yml contains only settings and policies, and fits on one screen', () => {
  const yml = readFileSync(join(ROOT, 'serverless.yml'), 'utf8');
  expect(yml.split('\n').length).toBeLessThanOrEqual(64);
  expect(yml).not.toMatch(/handler:|AWS::/);
});
