import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { documentedCommands } from '../docs/commands.ts';
import { ROOT } from '../docs/page.ts';
import { autosnap, type Ended, fleet, PROGRAM } from './local-autosnap.ts';

const adhocImages = (cloud: Cloud, name: string) =>
  cloud.region('DFW').images.filter((image) => image.name.startsWith(`${name}-adhoc-`));

test('each verb has a help with an example, and a wrong command line ends with 2 and does nothing', async () => {
  const { stdout: overview } = await autosnap(['--help']);
  const verbs = [...overview.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, verb = '']) => verb);
  expect(verbs).toContain('status');
  for (const verb of verbs) {
    const { code, stdout } = await autosnap([verb, '--help']);
    expect(stdout).toMatch(
      new RegExp(`^Usage: npx autosnap ${verb}.*\n[\\s\\S]*\nExample: npx autosnap ${verb} `),
    );
    expect(code).toBe(0);
  }
  for (const [args, refusal] of [
    [[], 'Usage: npx autosnap <verb>'],
    [['sattus'], 'There is no command "sattus".'],
    [['status', '--stgae', 'prod'], "Unknown option '--stgae'"],
    [['status', 'web-1'], 'Unexpected argument'],
    [['snapshots'], '--server is missing: the name of the server'],
    [['hold'], 'Name the snapshot: --server and --at, or --image'],
    [['snapshots', '--server', ''], '--server is empty'],
    [['rerun'], 'rerun needs a deployment: give its stage with --stage.'],
  ] as const) {
    const { code, stdout, stderr } = await autosnap([...args]);
    expect(stderr).toContain(refusal);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  }
});

test.each<[string, number, string]>([
  ['take --server web-1 --expires soon', 2, 'The command is refused: --expires: must be a whole number'],
  [
    'hold --image 11111111-1111-4111-8111-111111111111',
    2,
    'The command is refused: --image: this project has no',
  ],
  ['hold --server web-1 --at 2 --until soon', 2, 'snapshots fit: give --at or --image'],
  ['restore --server web-1 --at nonsense', 2, 'The command is refused: --at: must be "latest", a date'],
  ['restore --server web-1 --flavor huge', 2, '--flavor: there is no flavor "huge"'],
  ['restore --server nobody', 2, '--server: there is no "nobody" in DFW, ORD'],
  ['restore --server shop --in-place', 1, '--server: shop is gone: use the command without --in-place'],
  ['plan --policy nightly', 2, 'The command is refused: --policy: there is no policy "nightly"'],
  ['plan --server nobody', 1, '! --server "nobody": the policy daily selects no such server'],
  ['take --server nobody', 1, '! --server "nobody" matches no server'],
  ['drill --server web-1 --policy daily', 1, 'The command is refused: drill: is missing'],
])('%s ends with %i, and says what is wrong with the options', async (command, code, said) => {
  const { env } = await fleet();
  const ended = await autosnap(command.split(' '), { env });
  expect(`${ended.stdout}${ended.stderr}`).toContain(said);
  // Nothing has begun.
  expect(ended.stderr).not.toMatch(/^To see the progress/m);
  expect(ended.code).toBe(code);
});

test('a pipe gets plain lines that are not cut, and JSON alone with --json', async () => {
  const { env } = await fleet();
  const piped = await autosnap(['snapshots', '--server', 'web-1'], { env });
  expect(piped.stdout).toBe(stripVTControlCharacters(piped.stdout));
  expect(piped.stdout).not.toContain('…');
  expect(piped.stderr).toBe('The snapshots of web-1 are listed …\n');
  const { stdout } = await autosnap(['snapshots', '--server', 'web-1', '--json'], { env });
  expect(JSON.parse(stdout)).toContainEqual(
    expect.objectContaining({ name: 'web-1', kind: 'good', codes: ['NO_RULE'], action: 'delete' }),
  );
});

test.each([
  { what: 'colors and lines that fit', env: {}, isColored: true },
  { what: 'no colors with NO_COLOR', env: { NO_COLOR: '1' }, isColored: false },
])('a terminal gets $what', async ({ env, isColored }) => {
  const cloud = await fleet();
  const command = `stty cols 72; '${process.execPath}' '${PROGRAM}' status --stage local 2>/dev/null`;
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const { stdout } = await promisify(execFile)('script', ['-qec', command, '/dev/null'], {
    cwd: ROOT,
    env: { PATH, NODE_COMPILE_CACHE, TERM: 'xterm-256color', ...cloud.env, ...env },
  }).catch((error: Ended) => error);
  const plain = stripVTControlCharacters(stdout);
  expect(plain !== stdout).toBe(isColored);
  const lines = plain.split(/\r?\n/);
  const rows = lines.slice(
    lines.findIndex((line) => line.startsWith('server')),
    lines.indexOf('Times are in UTC.'),
  );
  expect(rows).toHaveLength(10);
  expect(rows.filter((row) => row.length > 72)).toEqual([]);
  expect(plain).toMatch(/db-2 +\d days late/);
});

test('take waits until the snapshot is good, and its line repeats it safely', async () => {
  const { cloud, env } = await fleet({ timing: { queuedMs: 100, savingMs: 100 } });
  const first = await autosnap(['take', '--server', 'web-1', '--expires', '14d', '--wait'], { env });
  expect(first.stdout).toMatch(/^✓ web-1 in DFW: asked for: .*\n1 of 1 snapshots are good\n$/);
  expect(first.code).toBe(0);
  const [, again = ''] = /^To repeat this safely, or to see the progress: npx autosnap (.*)$/m.exec(
    first.stderr,
  )!;
  const second = await autosnap(again.replace('--stage local ', '').split(' '), { env });
  expect(second.stdout).toMatch(/^! web-1 in DFW: skipped: already taken: .*\n1 of 1 snapshots are good\n$/);
  expect(second.code).toBe(0);
  expect(adhocImages(cloud, 'web-1')).toHaveLength(1);
});

test('report --stage local writes the page, with the command that restores each server', async () => {
  const { env } = await fleet();
  const { code, stdout } = await autosnap(['report'], { env });
  expect(code).toBe(0);
  const file = join(ROOT, stdout.trim());
  onTestFinished(() => rmSync(file));
  expect(readFileSync(file, 'utf8')).toContain('npx autosnap restore --stage local --server web-1');
});

test('status has the servers that no policy selects', async () => {
  const { cloud, env } = await fleet();
  cloud.region('DFW').addServer({ name: 'bare' });
  const { stdout } = await autosnap(['status'], { env });
  expect(stdout).toMatch(/\nbare +in no policy .* DFW\n/);
});

test('take says that a snapshot has failed, and that no server has the name', async () => {
  const { env } = await fleet();
  const failed = await autosnap(['take', '--server', 'db-2', '--wait'], { env });
  expect(failed.stdout).toMatch(/^✗ db-2 in DFW: failed: image \S+ failed \(killed\)/);
  expect(failed.code).toBe(1);
  const unknown = await autosnap(['take', '--server', 'wbe-1'], { env });
  expect(unknown.stdout).toBe('! --server "wbe-1" matches no server\n');
  expect(unknown.code).toBe(1);
});

test('after Ctrl-C the snapshot goes on, and the command has said how to see the progress', async () => {
  const { cloud, env } = await fleet({ timing: { queuedMs: 1e9, savingMs: 1e9 } });
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const command = [PROGRAM, 'take', '--server', 'web-1', '--wait', '--stage', 'local'];
  const child = spawn(process.execPath, command, { cwd: ROOT, env: { PATH, NODE_COMPILE_CACHE, ...env } });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (/0 of 1 .* pending …\n$/.test(stderr)) child.kill('SIGINT');
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(130);
  expect(stderr).toMatch(
    /see the progress: npx autosnap take .* --request take-\w+ --wait\n[\s\S]*\nInterrupted\./,
  );
  expect(adhocImages(cloud, 'web-1')).toHaveLength(1);
});

test('hold and release find the snapshot by server and time, and by a part of its id', async () => {
  const { cloud, env } = await fleet();
  const image = cloud.region('DFW').images.find(({ name }) => name.startsWith('web-1-daily-'))!;
  const day = /-(\d{4})(\d\d)(\d\d)T/.exec(image.name)!.slice(1).join('-');
  const commands = documentedCommands(/^npx autosnap (hold|release) .* --at /).sort();
  const marks: (string | undefined)[] = [];
  for (const command of commands) {
    const args = command
      .replace('npx autosnap ', '')
      .replace(' --stage prod', '')
      .replace(/--at \S+/, `--at ${day}`);
    expect(await autosnap(args.split(' '), { env })).toMatchObject({ code: 0 });
    marks.push(image.properties.autosnap_hold);
  }
  expect(commands).toHaveLength(2);
  expect(marks).toEqual(['2027-01-01', 'none']);
  const byId = await autosnap(['hold', '--image', image.id.slice(0, 8)], { env });
  expect(byId.stdout).toMatch(/^✓ web-1-daily-\S+ in DFW: held forever\n$/);
  expect(image.properties.autosnap_hold).toBe('forever');
  expect(await autosnap(['release', '--image', image.id], { env })).toMatchObject({ code: 0 });
  const [part] = cloud.region('DFW').volumeSnapshots;
  const byPart = await autosnap(['hold', '--image', part!.id.slice(0, 8)], { env });
  expect(byPart).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('in DFW: held forever'),
  });
  expect(part!.metadata?.autosnap_hold).toBe('forever');
  const several = await autosnap(['hold', '--server', 'web-1'], { env });
  expect(several.stderr).toMatch(/^\d+ snapshots fit: give --at or --image, so that one does:\n/m);
  expect(several.code).toBe(2);
  const none = await autosnap(['hold', '--server', 'web-1', '--at', '1999'], { env });
  expect(none.stderr).toContain('No snapshot fits.');
  expect(none.code).toBe(1);
});

test('drill boots the newest snapshot of one server, whatever the schedule says', async () => {
  const { cloud, env } = await fleet({ timing: { queuedMs: 0, savingMs: 0, buildMs: 0 } });
  const directory = mkdtempSync(join(tmpdir(), 'drill-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(join(ROOT, 'deploy'), join(directory, 'deploy'), { recursive: true });
  const withDrill = readFileSync(join(ROOT, 'serverless.yml'), 'utf8').replace(
    '      maxDeletes: 10',
    '      drill: { schedule: cron(0 3 * * ? *), networks: [11111111-1111-1111-1111-111111111111] }\n      maxDeletes: 10',
  );
  writeFileSync(join(directory, 'serverless.yml'), withDrill);
  const run = () => autosnap(['drill', '--server', 'web-2'], { env, cwd: directory });
  const { code, stdout } = await run();
  expect(stdout).toMatch(/^✓ web-2 in DFW, the snapshot of \d{4}-\d\d-\d\d 00:00: proven: /);
  expect(code).toBe(0);
  const [newest] = cloud.region('DFW').images.filter(({ name }) => name.startsWith('web-2-daily-'));
  expect(newest!.properties.autosnap_proven).toContain(newest!.id);
  const again = await run();
  expect(again.stderr).toContain('No drill was begun: the newest good snapshot of web-2 has passed one');
  expect(
    cloud
      .region('DFW')
      .servers.map(({ name }) => name)
      .filter((name) => name.includes('drill')),
  ).toEqual([]);
});
