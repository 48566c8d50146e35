import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { succeed } from '../aws/processes.ts';
import { documentedCommands } from '../docs/commands.ts';
import { test } from './running-cloud.ts';

interface Row {
  Name: string;
}

const INVOKE = [
  'serverless',
  'invoke',
  'local',
  '-f',
  'snapshot',
  '--stage',
  'local',
  '-p',
  'events/adhoc.json',
];

test('invoke local --stage local uses the running cloud that its environment names', async ({ cloud }) => {
  const output = await cloud.run('npx', ...INVOKE);
  expect(output).toMatch(/"failures": \[\]/);
  const images: Row[] = await cloud.openstack('image', 'list', '--property', 'autosnap_policy=adhoc');
  expect(images.map(({ Name }) => Name)).toContainEqual(expect.stringMatching(/^web-1-adhoc-/));
});

test('a shell reads what npm run cloud prints with the command of CONTRIBUTING.md', async ({ cloud }) => {
  const folder = mkdtempSync(join(tmpdir(), 'autosnap-cloud-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'cloud.env'), cloud.printed);
  const [command, ...others] = documentedCommands(/^set -a; /);
  expect(others).toEqual([]);
  const environment = await succeed('sh', ['-c', `${command}; env`], { cwd: folder, env: {} });
  for (const [name, value] of Object.entries(cloud.settings)) {
    expect(environment.split('\n')).toContain(`${name}=${value}`);
  }
  expect(Object.keys(cloud.settings)).toEqual(
    expect.arrayContaining(['OS_AUTH_URL', 'OS_PASSWORD', 'RACKSPACE_AUTH_URL', 'RACKSPACE_API_KEY']),
  );
});
