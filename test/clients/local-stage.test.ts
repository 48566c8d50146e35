import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
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

test('what npm run cloud prints is read by a shell as it is', ({ cloud }) => {
  const lines = Object.entries(cloud.settings).map(([name, value]) => `${name}=${value}\n`);
  const { stdout } = spawnSync('sh', ['-c', `set -a\n${lines.join('')}env`], { encoding: 'utf8', env: {} });
  for (const line of lines) expect(stdout).toContain(line);
  expect(Object.keys(cloud.settings)).toEqual(
    expect.arrayContaining(['OS_AUTH_URL', 'OS_PASSWORD', 'RACKSPACE_AUTH_URL', 'RACKSPACE_API_KEY']),
  );
});
