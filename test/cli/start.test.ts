import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** The cells of the table that the demo prints, a list a line. */
function tableIn(stdout: string): string[][] {
  const lines = stdout.split('\n').filter((line) => line.startsWith('│'));
  return lines.map((line) =>
    line
      .split('│')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

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

  test('shows a table whose columns add up to the totals of the runs', async () => {
    const { stdout } = await start((yml) => yml);
    const rows = tableIn(stdout).filter(([name]) => name !== '' && name !== 'server');
    const numbers = rows.map(([, , taken, kept, deleted, deferred]) =>
      [taken === 'yes' ? '1' : taken, kept, deleted, deferred].map((cell) => Number.parseInt(cell!, 10) || 0),
    );
    const [sums, ...servers] = numbers.toReversed();
    const names = ['shop', 'mail-1', '+ db-1-data', '+ db-1-logs', 'all'];
    expect(rows.map(([name]) => name)).toEqual(expect.arrayContaining(names));
    const ofVolumes = rows.filter(([name, , is]) => name?.startsWith('+') && is === 'yes').length;
    expect(rows.at(-1)![2]).toBe(`${sums![0]} + ${ofVolumes}`);
    expect([sums![0]! + ofVolumes, ...sums!.slice(1)]).toEqual(
      [0, 1, 2, 3].map((i) => servers.reduce((sum, row) => sum + row[i]!, 0)),
    );
    const [, taken, deleted, kept] = /(\d+) taken[\s\S]* (\d+) deleted, (\d+) kept/.exec(stdout)!;
    expect(sums).toEqual([taken, kept, deleted, 0].map(Number));
  });

  test('shows how many snapshots each server has that later runs delete', async () => {
    const { stdout } = await start((yml) => yml.replace('maxDeletes: 10', 'maxDeletes: 2'));
    const columns = tableIn(stdout).flatMap(([name = '', , , , , deferred]) =>
      ['server', 'db-1', 'web-2'].includes(name) ? [`${name}: ${deferred}`] : [],
    );
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
