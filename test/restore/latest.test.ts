import { describe, expect, test } from 'vitest';
import { verdictMarks } from '../../lib/snapshots/marker.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { addSnapshot, history } from '../history.ts';
import { changes, IN_PLACE, TO_NEW } from './world.ts';

const at = (hour: number) => new Date(Date.UTC(2026, 10, 23, hour));

/** Writes the verdict of a drill on an image. */
function drilled(image: CloudImage, passed: boolean, hour = 1): void {
  Object.assign(image.properties, Object.fromEntries(verdictMarks(image.id, passed, at(hour))));
}

describe('latest does not take a snapshot whose last drill failed while there is one that passed', () => {
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
      'the one that passed is not good any more',
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

  test('nor does a date; by its id it is taken all the same', async () => {
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

  test('one that passed for another server or policy does not count', async () => {
    const h = await history(3);
    const mail = h.cloud.region('DFW').addServer({ name: 'mail' });
    drilled(h.images[0]!, false);
    drilled(addSnapshot(h, mail, 0), true);
    expect((await h.run('restore', { ...TO_NEW, dryRun: true })).image).toBe(h.images[0]!.id);
  });
});

test('the answer says what is taken, and which newer ones are not, and why', async () => {
  const h = await history(4);
  const [newest, second, third] = h.images;
  drilled(newest!, false);
  Object.assign(second!, { status: 'saving', size: null });
  drilled(third!, true);
  const report = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(report.lines.slice(0, 3)).toEqual([
    `the snapshot of 2026-11-21T00:00:00Z (${third!.id}), made at 2026-11-21T00:00:20Z, 2 days old, policy "daily"; proven by a drill at 2026-11-23T01:00:00Z`,
    `passed over: the snapshot of 2026-11-23T00:00:00Z (${newest!.id}): its last drill, at 2026-11-23T01:00:00Z, failed; "at": "${newest!.id}" takes it all the same`,
    `passed over: the snapshot of 2026-11-22T00:00:00Z (${second!.id}): it is saving`,
  ]);
  expect(changes(h)).toEqual([]);
});

test('of many that are passed over, five are named', async () => {
  const h = await history(9);
  for (const image of h.images.slice(0, 8)) Object.assign(image, { status: 'saving', size: null });
  const { codes, lines } = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(codes.filter((code) => code === 'RESTORE_PASSED_OVER')).toHaveLength(5);
  expect(lines[codes.indexOf('RESTORE_PASSED_OVER_MORE')]).toBe('passed over: 3 more');
});
