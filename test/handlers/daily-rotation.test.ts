import { expect, test } from 'vitest';
import { harness, policy, setTime } from '../harness.ts';

test('after five days of snapshots and rotation with last: 3, the newest three are left', async () => {
  const { cloud, run } = await harness();
  const web = cloud.region('DFW').addServer({ name: 'web-1' });
  for (let day = 1; day <= 5; day++) {
    setTime(`2026-11-0${day}T00:00:20Z`);
    const taken = await run('snapshot', policy());
    expect(taken.totals).toEqual({ taken: 1 });
    expect(taken).toMatchObject({ slot: `2026-11-0${day}T00:00:00Z`, lateSeconds: 20 });
    setTime(`2026-11-0${day}T06:00:00Z`);
    await run('cleanup', policy());
  }
  const images = cloud.region('DFW').images;
  expect(images.map(({ properties }) => properties.autosnap_slot)).toEqual([
    '2026-11-05T00:00:00Z',
    '2026-11-04T00:00:00Z',
    '2026-11-03T00:00:00Z',
  ]);
  expect(images[0]).toMatchObject({ name: 'web-1-daily-20261105T000000Z', status: 'active' });
  expect(images[0]?.properties).toMatchObject({
    autosnap_owner: 'autosnap-test',
    autosnap_policy: 'daily',
    autosnap_server: web.id,
    instance_uuid: web.id,
  });
});
