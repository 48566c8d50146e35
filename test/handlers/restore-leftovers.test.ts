import { beforeEach, expect, test } from 'vitest';
import { textsOf } from '../finding-texts.ts';
import { deploy, policy, setTime } from '../harness.ts';
import { finishRestore, type TwoVolumes, twoVolumes } from '../restore/two-volumes.ts';

// What restores in place leave: people are reminded of it after a week.

let w: TwoVolumes;

beforeEach(async () => {
  w = await twoVolumes();
  const { h } = w;
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  deploy([policy()]);
  await h.run('snapshot', { policy: 'daily' });
  setTime('2026-11-22T06:00:00Z');
  await finishRestore(h, await h.run('restore', { server: 'db', to: 'in-place', confirm: 'db' }), 14);
}, 60_000);

const safety = () => w.region.images.find(({ name }) => name.startsWith('db-before-restore-adhoc-'))!;

async function warnings(at: string): Promise<string[]> {
  setTime(at);
  const { warnings: found } = await w.h.run('audit', {});
  return textsOf(found).filter((text) => / of restores | restores have replaced /.test(text));
}

test('for a week, nobody is reminded', async () => {
  expect(await warnings('2026-11-28T06:00:00Z')).toEqual([]);
});

test('after a week, the audit names each with its age and the command that deletes it', async () => {
  const found = await warnings('2026-12-01T12:00:00Z');
  expect(found).toEqual([
    `DFW: 1 safety snapshot of restores is older than a week: ${safety().name}, 9 days old (openstack image delete ${safety().id}): delete what you no longer need`,
    expect.stringContaining(
      `DFW: 2 volumes that restores have replaced are older than a week: ${w.data.name}, 9 days old (openstack volume delete ${w.data.id})`,
    ),
  ]);
  expect(found[1]).toContain(`(openstack volume delete ${w.logs.id})`);
});

test('a safety snapshot with a hold, and a volume that is attached, are not named', async () => {
  safety().properties.autosnap_hold = 'forever';
  const other = w.region.addServer({ name: 'other', volumeIds: [w.data.id, w.logs.id] });
  expect(await warnings('2026-12-01T12:00:00Z')).toEqual([]);
  w.region.servers.splice(w.region.servers.indexOf(other), 1);
  safety().properties.autosnap_hold = 'none';
  expect(await warnings('2026-12-01T12:00:00Z')).toHaveLength(2);
});

test('those of another deployment are not named', async () => {
  safety().properties.autosnap_owner = 'somebody-else';
  expect(await warnings('2026-12-01T12:00:00Z')).toHaveLength(1);
});
