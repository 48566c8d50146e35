import { describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { harness, policy, setTime } from '../harness.ts';
import {
  addSnapshot,
  daysIn,
  decisionOn,
  deletions,
  history,
  idsIn,
  idsOf,
  slotOf,
  take,
} from '../history.ts';

// Losses in other tools that counted snapshots from which no restore is possible. See
// CONTRIBUTING.md.

describe('L1 (backube/snapscheduler#688): lost the last valid snapshots, because snapshots that were not ready counted towards the maximum', () => {
  test.each<[string, Partial<CloudImage>]>([
    ['queued', { status: 'queued', size: null }],
    ['saving', { status: 'saving', size: null }],
    ['importing', { status: 'importing', size: null }],
    ['killed', { status: 'killed', size: null }],
    ['error', { status: 'error', size: null }],
    ['deactivated', { status: 'deactivated' }],
  ])('as many newer snapshots that are %s displace no good snapshot', async (_, changes) => {
    const h = await history(0);
    const good = [3, 4, 5].map((age) => addSnapshot(h, h.web, age));
    for (const age of [0, 1, 2]) addSnapshot(h, h.web, age, changes);
    const surplus = addSnapshot(h, h.web, 6);
    const report = await h.run('cleanup', policy());
    expect(deletions(h).map(({ path }) => path)).toEqual([`/v2/images/${surplus.id}`]);
    expect(good.map((image) => decisionOn(report, image))).toEqual([
      'kept: last 1 of 3',
      'kept: last 2 of 3',
      'kept: last 3 of 3',
    ]);
  });
});

test('L2 (vatesfr/xen-orchestra#2524): lost good exports, because failed exports of 0 bytes counted towards the retention', async () => {
  const h = await history(0);
  const good = [3, 4, 5].map((age) => addSnapshot(h, h.web, age));
  const empty = [0, 1, 2].map((age) => addSnapshot(h, h.web, age, { size: 0 }));
  const report = await h.run('cleanup', policy());
  expect(idsIn(h)).toEqual(idsOf([...good, ...empty]));
  expect(good.map((image) => decisionOn(report, image))).toContain('kept: last 3 of 3');
});

describe('L3 (ghettoVCB#107): lost the only good copy, because rotation ran although the new backup had failed', () => {
  const outcomes = ['killed', 'vanishes', 'stuck'] as const;
  test.each(outcomes)('the cloud accepts the new snapshot, which ends as: %s', async (outcome) => {
    const h = await harness();
    const web = h.cloud.region('DFW').addServer({ name: 'web' });
    await take(h, slotOf(1));
    const [only] = h.cloud.region('DFW').images;
    web.snapshotOutcome = outcome;
    expect((await take(h, slotOf(0))).totals).toEqual({ taken: 1 });
    const report = await h.run('cleanup', policy({ keep: { last: 1 } }));
    expect(decisionOn(report, only!)).toBe('kept: last 1 of 1');
    expect(deletions(h)).toEqual([]);
  });

  test('the cloud refuses the new snapshot', async () => {
    const h = await harness();
    h.cloud.region('DFW').addServer({ name: 'web' });
    await take(h, slotOf(1));
    h.cloud.faults.push({ service: 'compute', method: 'POST', answer: answers.glanceQuota });
    await expect(take(h, slotOf(0))).rejects.toThrow('quota');
    expect((await h.run('cleanup', policy({ keep: { last: 1 } }))).totals).toEqual({ kept: 1 });
    expect(daysIn(h)).toEqual(['11-22']);
  });
});

test('L4 (thelastpickle/cassandra-medusa#607): lost all complete backups, because the count ignored their status', async () => {
  const h = await history(0);
  const complete = [5, 6, 7, 8, 9].map((age) => addSnapshot(h, h.web, age));
  const incomplete = [0, 1, 2, 3, 4].map((age) =>
    addSnapshot(h, h.web, age, { status: 'saving', size: null }),
  );
  expect((await h.run('cleanup', policy({ keep: { last: 5 } }))).totals).toEqual({ kept: 10 });
  expect(idsIn(h)).toEqual(idsOf([...complete, ...incomplete]));
});

test('L5 (MythTV/mythtv#1185): lost three good dumps, because the failed tries of one hour were counted', async () => {
  const h = await harness();
  const web = h.cloud.region('DFW').addServer({ name: 'web', snapshotOutcome: 'killed' });
  const good = [1, 2, 3].map((age) => addSnapshot(h, web, age));
  for (const time of ['00:00:10', '00:20:10', '00:40:10']) {
    setTime(`2026-11-23T${time}Z`);
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
  }
  web.snapshotOutcome = 'active';
  setTime('2026-11-23T01:00:10Z');
  await h.run('snapshot', policy());
  h.cloud.advance(3_600_000);
  expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 6 });
  expect(deletions(h).map(({ path }) => path)).toEqual([`/v2/images/${good[2]?.id}`]);

  await take(h, slotOf(-1));
  setTime('2026-11-24T12:00:00Z');
  expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 4, kept: 3 });
  expect(daysIn(h)).toEqual(['11-24', '11-23', '11-22']);
});

test('L6 (borgbackup/borg#997): lost the complete archive of a day, because the newest archive of that day was incomplete', async () => {
  const h = await history(3);
  const interrupted = ['killed', 'saving', 'deactivated'].map((status, i) =>
    addSnapshot(h, h.web, i - 0.2, { status, size: null }),
  );
  const report = await h.run('cleanup', policy({ keep: { daily: 2 } }));
  expect(h.images.map((image) => decisionOn(report, image))).toEqual([
    'kept: daily 2026-11-23',
    'kept: daily 2026-11-22',
    'deleted: no rule keeps it',
  ]);
  expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 2), ...interrupted]));
});

test('L12 (velero-io/velero#9061): lost the last good backup, which expired while every later backup failed', async () => {
  const h = await history(5);
  h.web.snapshotOutcome = 'killed';
  const keep = { within: '5d' };
  for (let day = 1; day <= 10; day++) {
    expect((await take(h, slotOf(-day))).totals).toEqual({ taken: 1 });
    expect((await h.run('cleanup', policy({ keep }))).totals).toEqual({ kept: 5 + day });
  }
  expect(idsIn(h)).toEqual(expect.arrayContaining(idsOf(h.images)));
});

test('X2 (autosnap.py): lost 8 of 8 good snapshots, because eight runs that ended in ERROR were counted, and a rename orphaned the others', async () => {
  const h = await harness();
  const web = h.cloud.region('DFW').addServer({ name: 'web' });
  const keep = { last: 8 };
  for (let age = 16; age > 8; age--) await take(h, slotOf(age));
  const good = h.cloud.region('DFW').images;
  web.snapshotOutcome = 'killed';
  web.name = 'renamed';
  for (let age = 8; age > 0; age--) {
    await take(h, slotOf(age));
    await h.run('cleanup', policy({ keep }));
  }
  expect(idsIn(h)).toEqual(expect.arrayContaining(idsOf(good)));

  web.snapshotOutcome = 'active';
  await take(h, slotOf(0));
  await h.run('cleanup', policy({ keep }));
  const left = h.cloud.region('DFW').images.filter(({ status }) => status === 'active');
  expect(idsOf(left.slice(1))).toEqual(idsOf(good.slice(0, 7)));
  expect(left.map(({ name }) => name.split('-')[0])).toEqual(['renamed', ...Array(7).fill('web')]);
});

test('X6 (hcloud-snapshot-as-backup): lost good snapshots, because rotation ran right after the request for a new one', async () => {
  const h = await history(0);
  for (const age of [1, 2, 3]) addSnapshot(h, h.web, age);
  setTime('2026-11-23T00:00:10Z');
  await h.run('snapshot', policy());
  expect((await h.run('cleanup', policy())).totals).toEqual({ kept: 4 });
  h.cloud.advance(3_600_000);
  expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
  expect(daysIn(h)).toEqual(['11-23', '11-22', '11-21']);
});
