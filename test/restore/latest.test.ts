import { describe, expect, test } from 'vitest';
import { verdictMarks } from '../../lib/snapshots/drill-marks.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { addSnapshot, history } from '../history.ts';
import { changes, IN_PLACE, TO_NEW } from './world.ts';

const at = (hour: number) => new Date(Date.UTC(2026, 10, 23, hour));

/** Records the verdict of a drill on an image. */
function drilled(image: CloudImage, passed: boolean, hour = 1): void {
  Object.assign(image.properties, Object.fromEntries(verdictMarks(image.id, passed, at(hour))));
}

describe('latest passes over a snapshot whose last drill failed if another one passed', () => {
  test.each<[string, (images: CloudImage[]) => void, number]>([
    ['no drill ever', () => {}, 0],
    [
      'the newest failed, the next was never tried, an older one passed',
      ([a, , c]) => {
        drilled(a!, false);
        drilled(c!, true);
      },
      1,
    ],
    [
      'the newest two failed',
      ([a, b, c]) => {
        drilled(a!, false);
        drilled(b!, false);
        drilled(c!, true);
      },
      2,
    ],
    [
      'the newest passed, and failed since',
      ([a, b]) => {
        drilled(a!, true, 1);
        drilled(a!, false, 2);
        drilled(b!, true);
      },
      1,
    ],
    [
      'the newest failed, and passed since',
      ([a, b]) => {
        drilled(a!, false, 1);
        drilled(a!, true, 2);
        drilled(b!, true);
      },
      0,
    ],
    ['none passed: then it is the drill that may be wrong', ([a]) => drilled(a!, false), 0],
    [
      'the one that passed is no longer good',
      ([a, b]) => {
        drilled(a!, false);
        drilled(b!, true);
        b!.status = 'deactivated';
      },
      0,
    ],
  ])('%s', async (_, prepare, taken) => {
    const h = await history(4);
    prepare(h.images);
    for (const event of [TO_NEW, IN_PLACE]) {
      const report = await h.run('restore', { ...event, dryRun: true });
      expect(report.image).toBe(h.images[taken]!.id);
    }
  });

  test('a date passes over the snapshot as well, and its id does not', async () => {
    const h = await history(4);
    const [newest, , third] = h.images;
    drilled(newest!, false);
    drilled(third!, true);
    const dated = await h.run('restore', { ...TO_NEW, at: '2026-11-23', dryRun: true });
    expect(dated.image).toBe(h.images[1]!.id);
    const named = await h.run('restore', { ...TO_NEW, at: newest!.id, dryRun: true });
    expect(named).toMatchObject({ image: newest!.id });
    expect(named.lines[0]).toMatch(/its last drill, at 2026-11-23T01:00:00Z, failed/);
  });

  test('a snapshot that passed for another server or policy does not count', async () => {
    const h = await history(3);
    const mail = h.cloud.region('DFW').addServer({ name: 'mail' });
    drilled(h.images[0]!, false);
    drilled(addSnapshot(h, mail, 0), true);
    expect((await h.run('restore', { ...TO_NEW, dryRun: true })).image).toBe(h.images[0]!.id);
  });
});

test('the answer names the snapshot, and newer ones that were passed over, with the reasons', async () => {
  const h = await history(4);
  const [newest, second, third] = h.images;
  drilled(newest!, false);
  Object.assign(second!, { status: 'saving', size: null });
  drilled(third!, true);
  const report = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(report.lines.slice(0, 3)).toEqual([
    `the snapshot of 2026-11-21T00:00:00Z (${third!.id}), made at 2026-11-21T00:00:20Z, 2 days old, policy "daily"; proven by a drill at 2026-11-23T01:00:00Z`,
    `passed over: the snapshot of 2026-11-23T00:00:00Z (${newest!.id}): its last drill, at 2026-11-23T01:00:00Z, failed; to restore it anyway, give "at": "${newest!.id}"`,
    `passed over: the snapshot of 2026-11-22T00:00:00Z (${second!.id}): it is saving`,
  ]);
  expect(changes(h)).toEqual([]);
});

test('a date without a time is a day in UTC, and the answer says so', async () => {
  const h = await history(3);
  const { lines, image } = await h.run('restore', { ...TO_NEW, at: '2026-11-22', dryRun: true });
  expect(image).toBe(h.images[1]!.id);
  expect(lines[1]).toBe(
    '"at": "2026-11-22" is a day in UTC, up to 2026-11-22T23:59:59Z; give a time with it for another moment',
  );
  for (const at of ['latest', '2026-11-22T12:00:00Z']) {
    const { codes } = await h.run('restore', { ...TO_NEW, at, dryRun: true });
    expect(codes).not.toContain('RESTORE_UTC_DAY');
  }
});

test('the answer names five of many snapshots that were passed over', async () => {
  const h = await history(9);
  for (const image of h.images.slice(0, 8)) Object.assign(image, { status: 'saving', size: null });
  const { codes, lines } = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(codes.filter((code) => code === 'RESTORE_PASSED_OVER')).toHaveLength(5);
  expect(lines[codes.indexOf('RESTORE_PASSED_OVER_MORE')]).toBe('passed over: 3 more');
});

describe('images with our marker that do not count', () => {
  test('are named if there is no good snapshot, and can be restored by their ids', async () => {
    const h = await history(3);
    const [renamed, halfMade, older] = h.images;
    Object.assign(renamed!, { name: 'golden' });
    Object.assign(halfMade!, { name: 'golden too', status: 'saving', size: null });
    Object.assign(older!, { name: 'old gold' });
    const { error } = await h.fail('restore', { ...TO_NEW, dryRun: true });
    expect(error.message).toContain(
      [
        'at: there is no good snapshot of web',
        `passed over: golden (${renamed!.id}) is marked as ours, but its name does not end in -daily-20261123T000000Z: it was renamed, or something else made it; to restore it anyway, give "at": "${renamed!.id}"`,
        `passed over: old gold (${older!.id}) is marked as ours, but its name does not end in -daily-20261121T000000Z: it was renamed, or something else made it; to restore it anyway, give "at": "${older!.id}"`,
      ].join('; '),
    );
    expect(error.message).not.toContain(halfMade!.id);
    const dated = await h.fail('restore', { ...TO_NEW, at: '2026-11-22', dryRun: true });
    expect(dated.error.message).toContain(older!.id);
    expect(dated.error.message).not.toContain(renamed!.id);
    expect((await h.run('restore', { ...TO_NEW, at: renamed!.id, dryRun: true })).image).toBe(renamed!.id);
  });

  test('are named if they are newer than the restored snapshot', async () => {
    const h = await history(3);
    const [newest, second, third] = h.images;
    for (const image of [newest!, third!]) Object.assign(image, { name: 'golden' });
    const { image, codes, lines } = await h.run('restore', { ...TO_NEW, dryRun: true });
    expect(image).toBe(second!.id);
    expect(codes.filter((code) => code === 'RESTORE_NOT_COUNTED')).toHaveLength(1);
    expect(lines[1]).toMatch(`passed over: golden (${newest!.id}) is marked as ours`);
  });

  test('are not named if they are of another server, region or policy', async () => {
    const h = await history(1, ['DFW', 'ORD']);
    const ord = h.cloud.region('ORD');
    const mail = h.cloud.region('DFW').addServer({ name: 'mail' });
    const others = [
      addSnapshot(h, mail, 0, { name: 'golden' }),
      addSnapshot(h, { id: h.web.id, name: 'web' }, 0, { name: 'golden' }, 'ORD'),
      addSnapshot(h, h.web, 0, { name: 'golden', properties: { autosnap_policy: 'weekly' } }),
    ];
    expect(ord.images).toHaveLength(1);
    h.images[0]!.status = 'deactivated';
    const { error } = await h.fail('restore', { ...TO_NEW, policy: 'daily', dryRun: true });
    for (const { id } of others) expect(error.message).not.toContain(id);
  });

  test('are named with the problem if their data are in volume snapshots, and cannot be restored by their ids', async () => {
    const h = await history(1);
    const { id } = h.images[0]!;
    Object.assign(h.images[0]!, { name: 'golden', size: 0 });
    const mapping = JSON.stringify([{ snapshot_id: 'b5d2a0a1-0000-4000-8000-000000000001' }]);
    h.images[0]!.properties.block_device_mapping = mapping;
    const { error } = await h.fail('restore', { ...TO_NEW, dryRun: true });
    expect(error.message).toMatch(new RegExp(`passed over: golden \\(${id}\\) is marked as ours`));
    expect(error.message).not.toContain(`"at": "${id}"`);
  });
});
