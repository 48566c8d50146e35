import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { documentedCommands } from '../docs/commands.ts';
import { ROOT } from '../docs/page.ts';
import { autosnap, fleet, PROGRAM } from './local-autosnap.ts';

const FAST = { timing: { queuedMs: 0, savingMs: 0, buildMs: 100, volumeMs: 100 } };

const restoredIn = (cloud: Cloud) =>
  cloud.region('DFW').servers.filter(({ metadata }) => / new /.test(metadata.autosnap_restore ?? ''));
const changesIn = (cloud: Cloud) =>
  cloud.received.filter(
    ({ service, method }) => method !== 'GET' && service !== 'identity' && service !== 'secrets',
  );

/** Runs the command on a pseudo-terminal, and answers its question. */
async function onTerminal(args: string[], env: Record<string, string>, answer: string) {
  const { NODE_COMPILE_CACHE, PATH } = process.env;
  const command = [process.execPath, PROGRAM, ...args, '--stage', 'local'].map((one) => `'${one}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: ROOT,
    env: { NODE_COMPILE_CACHE, PATH, TERM: 'xterm-256color', ...env },
  });
  let output = '';
  let isAnswered = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (isAnswered || !/(\[y\/N\]|type its name:) /.test(output)) return;
    isAnswered = true;
    child.stdin.write(answer);
  });
  const [code] = await once(child, 'close');
  return { code: code as number, output: stripVTControlCharacters(output) };
}

describe('each command of the docs restores once, with its steps and their times', () => {
  const commands = documentedCommands(/^npx autosnap restore .*--(server web-1|volume db-data)/).filter(
    (command) => !command.endsWith('--list'),
  );

  test('there are five', () => expect(commands).toHaveLength(5));

  test.each(commands)('%s', async (command) => {
    const { cloud, env } = await fleet(FAST);
    const image = cloud.region('DFW').images.find(({ name }) => name.startsWith('web-1-daily-'))!;
    const day = /-(\d{4})(\d\d)(\d\d)T/.exec(image.name)!.slice(1).join('-');
    const args = [...command.replace('npx autosnap ', '').matchAll(/"([^"]+)"|(\S+)/g)]
      .map(([, quoted, word]) => quoted ?? word!)
      .filter((word) => !['--stage', 'prod'].includes(word))
      .map((word) => word.replace('2026-11-23', day).replace('db-data', 'db-1-data'));
    const { code, stdout } = await autosnap([...args, '--yes'], { env });
    expect(stdout).toMatch(/^(web-1|db-1-data) in DFW would be restored\n {2}the (volume )?snapshot of /);
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d {2}.* (is ACTIVE, at|is ready)/m);
    expect(stdout).toMatch(/\n(web-1|db-1-data) in DFW is restored(?: as \S+ \(\S+\))?\.\n$/);
    expect(code).toBe(0);
    if (args.includes('--new-name')) {
      expect(restoredIn(cloud)).toMatchObject([{ name: 'web-1b', image: image.id }]);
    }
    expect(restoredIn(cloud)).toHaveLength(/in-place|volume/.test(command) ? 0 : 1);
  });
});

test('without a terminal and without --yes it shows the plan, changes nothing and ends with 2', async () => {
  const { cloud, env } = await fleet(FAST);
  for (const more of [[], ['--in-place']]) {
    const { code, stdout, stderr } = await autosnap(['restore', '--server', 'web-1', ...more], { env });
    expect(stdout).toContain('web-1 in DFW would be restored\n');
    expect(stderr).toContain('Nothing was changed: there is no terminal to ask on.');
    expect(code).toBe(2);
  }
  expect(changesIn(cloud)).toEqual([]);
});

test.each([
  [['restore'], 'Name what to restore: --server or --volume'],
  [
    ['restore', '--request', 'mine'],
    'The stage "local" keeps no record of a restore: repeat the whole command',
  ],
  [['restore', '--list'], 'Name whose snapshots to list: --server or --volume'],
  [['restore', '--server', 'web-1', '--volume', 'db-1-data'], 'Give --server or --volume, not both'],
  [['restore', '--volume', 'db-1-data', '--in-place'], 'A volume is restored as a new volume'],
  [['restore', '--server', 'web-1', '--in-place', '--new-name', 'a'], 'keeps what the server has'],
])('%j is a wrong command line', async (args, refusal) => {
  const { env } = await fleet();
  const { code, stdout, stderr } = await autosnap(args, { env });
  expect(stderr).toContain(refusal);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('the same words make no second server: a script makes none, a person is asked', async () => {
  const { cloud, env } = await fleet(FAST);
  const args = ['restore', '--server', 'web-1'];
  expect(await autosnap([...args, '--yes'], { env })).toMatchObject({ code: 0 });
  const again = await autosnap([...args, '--yes'], { env });
  expect(again.stderr).toContain('Nothing was changed. To restore it once more, give another --new-name');
  expect(again.code).toBe(2);
  expect(restoredIn(cloud)).toHaveLength(1);
  const declined = await onTerminal(args, env, 'n\r');
  expect(declined.output).toContain('Restore it once more? [y/N] ');
  expect(declined.code).toBe(2);
  expect(restoredIn(cloud)).toHaveLength(1);
  const wanted = await onTerminal(args, env, 'y\r');
  expect(wanted.output).toMatch(/web-1 in DFW is restored as web-1-restored-\S+ \(\S+\)\./);
  expect(restoredIn(cloud)).toHaveLength(2);
});

test('a restore that is done is done: with its name, the same words say so and change nothing', async () => {
  const { cloud, env } = await fleet(FAST);
  const args = ['restore', '--server', 'web-1', '--yes', '--request', 'mine'];
  expect(await autosnap(args, { env })).toMatchObject({ code: 0 });
  const again = await autosnap(args, { env });
  expect(again.stderr).toContain('This restore was done before: nothing was changed now.');
  expect(again.stdout).not.toMatch(/^\d\d:\d\d:\d\d /m);
  expect(again.code).toBe(0);
  expect(restoredIn(cloud)).toHaveLength(1);
});

test('in place asks for the name of the server, and another answer changes nothing', async () => {
  const { cloud, env } = await fleet(FAST);
  const args = ['restore', '--server', 'web-1', '--in-place'];
  const wrong = await onTerminal(args, env, 'y\r');
  expect(wrong.output).toContain('Everything on web-1 is replaced. To go on, type its name: ');
  expect(wrong.output).toContain('Nothing was changed.');
  expect(wrong.code).toBe(2);
  expect(changesIn(cloud)).toEqual([]);
  const right = await onTerminal(args, env, 'web-1\r');
  expect(right.output).toContain('web-1 in DFW is restored.');
  expect(right.code).toBe(0);
});

test('after Ctrl-C, the line that it has printed goes on with the same restore', async () => {
  const { cloud, env } = await fleet({ timing: { ...FAST.timing, buildMs: 1e9 } });
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const command = [PROGRAM, 'restore', '--server', 'web-1', '--yes', '--stage', 'local'];
  const child = spawn(process.execPath, command, { cwd: ROOT, env: { PATH, NODE_COMPILE_CACHE, ...env } });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (/is being restored[^\n]* …\n$/.test(stderr)) child.kill('SIGINT');
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(130);
  const [, again = ''] = /^To see the progress: npx autosnap (.*)$/m.exec(stderr)!;
  cloud.advance(2e9);
  const second = await autosnap(again.replace('--stage local ', '').split(' '), { env });
  expect(second.stdout).toContain('web-1 in DFW is restored');
  expect(second.code).toBe(0);
  expect(restoredIn(cloud)).toHaveLength(1);
});

test('--no-wait ends after the first step, and --json prints the record alone', async () => {
  const { cloud, env } = await fleet({ timing: { ...FAST.timing, buildMs: 1e9 } });
  const { code, stdout } = await autosnap(['restore', '--server', 'web-1', '--yes', '--no-wait', '--json'], {
    env,
  });
  expect(JSON.parse(stdout)).toMatchObject({
    last: { state: 'building', restored: restoredIn(cloud)[0]!.id },
    steps: [{ state: 'building' }],
  });
  expect(code).toBe(0);
});
