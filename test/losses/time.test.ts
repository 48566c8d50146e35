import { expect, test } from 'vitest';
import { harness, policy, setTime } from '../harness.ts';
import { DAY_MS, daysIn, deletions, history, idsIn, idsOf, MIDNIGHT, slotOf, take } from '../history.ts';

// Losses in other tools caused by time: a pause, a cleanup that continues without new backups, a
// period of the wrong length.

const SIX_HOURS_MS = DAY_MS / 4;

test('L11 (kopia/kopia#3758, timeshift#272): lost all snapshots after a pause, because their age was measured by the current time', async () => {
  const h = await history(30);
  setTime(slotOf(-300));
  const keep = { within: '30d' };
  expect((await h.run('cleanup', policy({ keep, maxDeletes: 100 }))).totals).toEqual({ kept: 30 });
  // The first snapshot after the pause displaces nothing before it is good.
  await h.run('snapshot', policy());
  expect((await h.run('cleanup', policy({ keep, maxDeletes: 100 }))).totals).toEqual({ kept: 31 });
  expect(idsIn(h)).toEqual(expect.arrayContaining(idsOf(h.images)));
});

test('L11 (kopia/kopia#3758, timeshift#272): the first good snapshot after a pause displaces one snapshot, not all', async () => {
  const h = await history(7);
  await take(h, slotOf(-300));
  await h.run('cleanup', policy({ keep: { last: 7, daily: 7 }, maxDeletes: 100 }));
  expect(daysIn(h)).toEqual(['09-19', '11-23', '11-22', '11-21', '11-20', '11-19', '11-18']);
});

test('L18 (zfsonlinux/zfs-auto-snapshot#66): lost one snapshot more in each run, because the count before destroying was wrong by one', async () => {
  const h = await history(9);
  const keep = { last: 2, daily: 3, weekly: 3 };
  expect((await h.run('cleanup', policy({ keep }))).totals).toEqual({ deleted: 5, kept: 4 });
  expect((await h.run('cleanup', policy({ keep }))).totals).toEqual({ kept: 4 });
  expect(daysIn(h)).toEqual(['11-23', '11-22', '11-21', '11-15']);
});

test('L19 (rsnapshot/rsnapshot#284): lost whole levels, because rotation continued without new backups', async () => {
  const h = await history(12);
  const keep = { last: 2, daily: 4, weekly: 2, monthly: 2, within: '3d' };
  await h.run('cleanup', policy({ keep, maxDeletes: 100 }));
  const after = idsIn(h);
  const deleted = deletions(h).length;
  for (let day = 1; day <= 20; day++) {
    setTime(new Date(MIDNIGHT.getTime() + day * DAY_MS + SIX_HOURS_MS));
    await h.run('cleanup', policy({ keep, maxDeletes: 100 }));
  }
  expect(deleted).toBeGreaterThan(0);
  expect(deletions(h)).toHaveLength(deleted);
  expect(idsIn(h)).toEqual(after);
});

test('L20 (nixys/nxs-backup#20): lost the hourly backups of a day, because retention was set in days and the runs in hours', async () => {
  const h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web' });
  const hourly = { policy: 'hourly', schedule: 'cron(0 * * * ? *)', keep: { hourly: 24 } };
  for (let hour = 30; hour >= 0; hour--) {
    expect((await take(h, slotOf(hour / 24), hourly)).totals).toEqual({ taken: 1 });
    await h.run('cleanup', policy(hourly));
    expect(h.cloud.region('DFW').images).toHaveLength(Math.min(31 - hour, 24));
  }
  const slots = h.cloud.region('DFW').images.map(({ properties }) => properties.autosnap_slot);
  expect([slots[0], slots[23]]).toEqual(['2026-11-23T00:00:00Z', '2026-11-22T01:00:00Z']);
});

test('X9 (base2Services/shelvery): lost all backups by age alone, because backups had stopped while cleanup continued', async () => {
  const h = await history(7);
  for (let week = 1; week <= 10; week++) {
    setTime(slotOf(-7 * week));
    const { totals } = await h.run('cleanup', policy({ keep: { within: '7d' } }));
    expect(totals).toEqual({ kept: 7 });
  }
  expect(idsIn(h)).toEqual(idsOf(h.images));
});
