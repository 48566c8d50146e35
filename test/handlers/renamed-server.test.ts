import { beforeEach, expect, test } from 'vitest';
import { statusText } from '../../deploy/commands/status.ts';
import type { CloudServer } from '../../local/cloud/state.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';

// A server that was renamed, and deleted afterwards, is found by each of its names and by its id.

const DAILY = policy({ servers: { all: true }, keep: { last: 7 } });
const NAMES = ['web', 'shop'];

let h: Harness;
let web: CloudServer;

beforeEach(async () => {
  setTime('2026-11-22T00:00:10Z');
  h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 0 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  deploy([DAILY]);
  const region = h.cloud.region('DFW');
  const data = region.addVolume({ name: 'web-data', size: 10 });
  web = region.addServer({ name: 'web', volumeIds: [data.id], flavor: 'general1-2' });
  region.addServer({ name: 'other' });
  await h.run('snapshot', { policy: 'daily' });
  setTime('2026-11-23T00:00:10Z');
  web.name = 'shop';
  await h.run('snapshot', { policy: 'daily' });
  region.servers.splice(region.servers.indexOf(web), 1);
  setTime('2026-11-23T09:00:00Z');
});

test('the list of snapshots has those of the server and of its volumes', async () => {
  for (const of of [...NAMES, web.id]) {
    const { snapshots } = await h.run('audit', { list: 'snapshots', of });
    expect(
      snapshots!.map(({ server, volume }) => [server, volume?.name]),
      of,
    ).toEqual([
      [web.id, undefined],
      [web.id, undefined],
      [web.id, 'web-data'],
      [web.id, 'web-data'],
    ]);
  }
});

test('it is restored', async () => {
  for (const server of [...NAMES, web.id]) {
    const plan = await h.run('restore', { server, to: 'new', dryRun: true });
    expect(plan, server).toMatchObject({ state: 'planned', server: web.id, name: 'shop' });
  }
});

test('the status names both', async () => {
  const found = await h.run('audit', { list: 'servers' });
  const style = (_: unknown, text: string) => text;
  expect(statusText(found, { columns: undefined, style } as never)).toContain('shop, was web');
});
