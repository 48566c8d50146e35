import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

describe('npm start', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'start-'));
    cpSync(join(ROOT, 'deploy'), join(directory, 'deploy'), { recursive: true });
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** Runs the demo on the project's serverless.yml after a change. */
  async function start(change: (yml: string) => string) {
    writeFileSync(
      join(directory, 'serverless.yml'),
      change(readFileSync(join(ROOT, 'serverless.yml'), 'utf8')),
    );
    const { AUTOSNAP_POLICIES: _, ...env } = process.env;
    return promisify(execFile)(process.execPath, [join(ROOT, 'local/start.ts')], {
      cwd: directory,
      env,
    }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    );
  }

  test.each<[string, (yml: string) => string]>([
    ['as it is shipped', (yml) => yml],
    ['of several accounts', (yml) => yml.replace('account: rackspace', 'account: [one, other]')],
    ['of all accounts that begin so', (yml) => yml.replace('account: rackspace', 'account: customer-*')],
    [
      'of another name, with servers and regions that the embedded cloud does not have',
      (yml) =>
        yml
          .replace('    daily: #', '    web: #')
          .replace('# regions: [DFW, ORD]', 'regions: [LON]')
          .replace('tagged: { autosnap: daily }', 'ids: [59818cee-bc8c-44eb-8073-673ee65105f7]'),
    ],
    ['with the `orphans` that serverless.yml suggests', (yml) => yml.replace('# orphans:', 'orphans:')],
    [
      'with a variable',
      (yml) =>
        yml
          // biome-ignore lint/suspicious/noTemplateCurlyInString: of Serverless
          .replace('timezone: UTC', 'timezone: ${self:custom.zone}')
          .replace('  digest:', '  zone: UTC\n  digest:'),
    ],
  ])('shows a policy %s', async (_, change) => {
    const { code, stdout, stderr } = await start(change);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/6 taken, 1 skipped[\s\S]*[1-9]\d* deleted, [1-9]\d* kept/);
    expect(stdout).toMatch(/kept, and why[\s\S]* failed, no newer[│\s]*good one 5/);
    expect(code).toBe(0);
  });

  test('shows how many snapshots each server has that later runs delete', async () => {
    const { stdout } = await start((yml) => yml.replace('maxDeletes: 10', 'maxDeletes: 2'));
    const columns = stdout.split('\n').flatMap((line: string) => {
      const cells = line.split('│').map((cell: string) => cell.trim());
      return ['server', 'db-1', 'web-2'].includes(cells[1] ?? '') ? [`${cells[1]}: ${cells[6]}`] : [];
    });
    expect(columns).toEqual(['server: deferred', 'db-1: 6', 'web-2: none']);
  });

  test.each<[string, (yml: string) => string, string]>([
    [
      'is refused',
      (yml) => yml.replace('last: 7', 'last: 0'),
      '- custom.policies.daily.keep.last: must be a whole',
    ],
    [
      'is not there',
      (yml) => yml.replace(/ {4}daily:[\s\S]*?\n\n/, '\n'),
      '- custom.policies: has no policy: add one',
    ],
  ])('reports a remedy if the policy %s, without a stack', async (_, change, problem) => {
    const { code, stderr } = await start(change);
    expect(stderr).toContain(problem);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
  });
});
