import { describe, expect, test } from 'vitest';
import { behindText, copiedOf, copyText, listCopies } from '../../lib/audit/copied.ts';
import { BucketError } from '../../lib/offsite/bucket-error.ts';
import { copiesOf, keyOf } from '../../lib/offsite/copies.ts';
import { obstacleTo } from '../../lib/offsite/copy.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { parsePolicy } from '../../lib/policy.ts';
import { policy } from '../harness.ts';
import { snapshot } from '../snapshots.ts';
import { seriesOf } from './audits.ts';

const NOW = new Date('2026-11-24T10:00:00Z');
const PLACE = { owner: 'autosnap-prod', account: 'flex' };
const daily = { ...PLACE, policy: 'daily' };

const slotOf = (day: number) => new Date(Date.UTC(2026, 10, day));

/** A copy of the snapshot of that day; one with its data alone is not whole yet. */
function objects(day: number, kinds = ['qcow2', 'json']) {
  const key = keyOf(daily, { region: 'DFW', server: 's', slot: slotOf(day), image: `i${day}` });
  return kinds.map((kind) => ({ key: `${key}.${kind}`, bytes: 1, etag: 'e', at: slotOf(day) }));
}

/** How copies of some days are told of snapshots of some days, daily and copied every six hours. */
function look(snapshots: number[], copied: number[], image: Partial<Image> = {}) {
  const { offsite, schedule } = parsePolicy(
    policy({ offsite: { schedule: 'rate(6 hours)', keep: { last: 2 } } }),
  );
  const series = snapshots.map((day) => snapshot(slotOf(day)));
  const images = series.map(
    ({ id }) =>
      ({ id, volumeSnapshotIds: [], properties: { checksum: 'c' }, ...image }) as Partial<Image> as Image,
  );
  const copies = copiesOf(daily, [...copied.flatMap((day) => objects(day)), ...objects(24, ['qcow2'])], []);
  const imageOf = new Map(images.map((one) => [one.id, one]));
  return copiedOf(series, copies, { schedule, offsite: offsite! }, { imageOf, obstacleTo, now: NOW });
}

describe('whether the copies keep up with the snapshots', () => {
  test.each([
    ['the newest is copied', [24, 23], [24, 23], { newest: 24, behind: false }],
    ["yesterday's is copied, and today's is on its way", [24, 23], [23], { newest: 23, behind: false }],
    ['none since three days', [24, 23, 22, 21], [21], { newest: 21, behind: true }],
    ['old, but so is the newest snapshot', [12], [12], { newest: 12, behind: false }],
    ['of one that is newer than all that is left', [10], [12], { newest: 12, behind: false }],
    ['none, but the first snapshot is of today', [24], [], { behind: false }],
    ['none, and the first snapshot is of last week', [24, 17], [], { behind: true }],
    ['nothing to copy', [], [], { behind: false }],
    ['of a series without a snapshot', [], [12], { newest: 12, behind: false }],
    ['a snapshot from the future', [30, 24], [24], { newest: 24, behind: false }],
  ])('%s', (_, snapshots, copied, { newest, behind }: { newest?: number; behind: boolean }) => {
    const found = look(snapshots, copied);
    expect(found.behind).toBe(behind);
    expect(found.newest).toBe(newest && slotOf(newest).toISOString().replace('.000', ''));
    expect(look(snapshots.toReversed(), copied.toReversed())).toEqual(found);
  });

  test('what can never be copied is not behind', () => {
    const found = look([24, 17], [], { volumeSnapshotIds: ['v'] });
    expect(found).toEqual({ behind: false, obstacle: expect.stringMatching(/^its disk is a volume/) });
  });
});

describe('listing the copies', () => {
  test('once for an account: no object is read', async () => {
    const asked: string[] = [];
    const copies = await listCopies(
      {
        list: async (prefix) => {
          asked.push(prefix);
          return [...objects(24), ...objects(23)];
        },
      },
      PLACE,
    );
    expect(asked).toEqual(['copies/autosnap-prod/flex/']);
    if ('problem' in copies) throw new Error(copies.problem);
    expect(copies.of('daily').map(({ image }) => image)).toEqual(['i24', 'i23']);
    expect(copies.of('weekly')).toEqual([]);
  });

  test('what S3 refuses is a problem, and so is no bucket; anything else is a mistake of ours', async () => {
    const list = (error: Error) => ({ list: () => Promise.reject(error) });
    const refused = new BucketError('FORBIDDEN', 'S3 refuses s3:ListBucket.');
    expect(await listCopies(list(refused), PLACE)).toEqual({
      problem: "offsite: the copies can't be listed: S3 refuses s3:ListBucket.",
    });
    expect(await listCopies(undefined, PLACE)).toEqual({
      problem: expect.stringContaining('custom.copiesBucket'),
    });
    await expect(listCopies(list(new TypeError('oops')), PLACE)).rejects.toThrow('oops');
  });
});

test('in words', () => {
  const copied = { newest: '2026-11-20T00:00:00Z', ageSeconds: 4 * 86_400, behind: true };
  expect(copyText(copied)).toBe('newest copy of 2026-11-20 00:00, 4 days old');
  expect(copyText({ behind: false })).toBe('no copy yet');
  const series = Array.from({ length: 7 }, (_, i) => seriesOf([], { name: `web-${i}` }));
  expect(behindText(series.slice(0, 1))).toBe('copies are behind: web-0 (daily)');
  expect(behindText(series)).toMatch(/^copies are behind: web-0 \(daily\), .*, web-4 \(daily\) and 2 more$/);
});
