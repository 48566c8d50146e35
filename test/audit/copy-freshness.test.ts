import { describe, expect, test } from 'vitest';
import { copiedOf, listCopies } from '../../lib/audit/copy-freshness.ts';
import { namingOf } from '../../lib/audit/naming.ts';
import { SERIES_TROUBLES } from '../../lib/audit/troubles.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import { BucketError } from '../../lib/offsite/bucket-error.ts';
import { copiesOf, copyKeyOf } from '../../lib/offsite/copies.ts';
import { obstacleTo } from '../../lib/offsite/copy.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { copyText } from '../../lib/reporting/sentences/format.ts';
import { sentencesOf } from '../../lib/reporting/sentences.ts';
import { policy } from '../harness.ts';
import { snapshot } from '../snapshots.ts';
import { auditOf, seriesOf } from './audits.ts';

const NOW = new Date('2026-11-24T10:00:00Z');
const PLACE = { owner: 'autosnap-prod', account: 'flex' };
const daily = { ...PLACE, policy: 'daily' };

const slotOf = (day: number) => new Date(Date.UTC(2026, 10, day));

/** A copy of the snapshot of that day; without a manifest it is incomplete. */
function objects(day: number, kinds = ['qcow2', 'json']) {
  const key = copyKeyOf(daily, { region: 'DFW', server: 's', slot: slotOf(day), image: `i${day}` });
  return kinds.map((kind) => ({ key: `${key}.${kind}`, bytes: 1, etag: 'e', at: slotOf(day) }));
}

/**
 * The result for copies of some days and snapshots of some days, taken daily and copied every six
 * hours.
 */
function look(
  snapshots: number[],
  copied: number[],
  image: Partial<Image> = {},
  { isDeselected = false, isHomeKnown = true } = {},
) {
  const { offsite, schedule } = parsePolicy(
    policy({ offsite: { schedule: 'rate(6 hours)', keep: { last: 2 } } }),
  );
  const series = snapshots.map((day) => snapshot(slotOf(day)));
  const images = series.map(
    ({ id }) =>
      ({ id, volumeSnapshotIds: [], properties: { checksum: 'c' }, ...image }) as Partial<Image> as Image,
  );
  const copies = copiesOf(
    daily,
    copied.flatMap((day) => objects(day)),
    [],
  ).map((copy) => ({ ...copy, state: 'good' as const }));
  const imageOf = new Map(images.map((one) => [one.id, one]));
  return copiedOf(
    series,
    copies,
    { schedule, offsite: offsite! },
    { imageOf, obstacleTo, isDeselected, isHomeKnown: () => isHomeKnown, now: NOW },
  );
}

describe('whether the copies of a series are behind', () => {
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
  ])(
    '%s: the copies are as in $3',
    (_, snapshots, copied, { newest, behind }: { newest?: number; behind: boolean }) => {
      const found = look(snapshots, copied);
      expect(found.behind).toBe(behind);
      expect(found.newest).toBe(newest && slotOf(newest).toISOString().replace('.000', ''));
      expect(look(snapshots.toReversed(), copied.toReversed())).toEqual(found);
    },
  );

  test.each([
    ['no copy', [], {}],
    ['an older copy', [17], { newest: '2026-11-17T00:00:00Z', ageSeconds: 640_800 }],
  ])('snapshots of which the region is unknown are not behind: %s', (_, copied, newest) => {
    const obstacle = { code: 'COPY_REGION_UNKNOWN' };
    const found = look([24, 17], copied, {}, { isHomeKnown: false });
    expect(found).toEqual({ ...newest, behind: false, obstacle });
    expect(look([24], [24], {}, { isHomeKnown: false })).not.toHaveProperty('obstacle');
  });

  test('snapshots that can never be copied are not behind', () => {
    const found = look([24, 17], [], { volumeSnapshotIds: ['v'] });
    expect(found).toEqual({ behind: false, obstacle: { code: 'COPY_OF_VOLUMES' } });
  });
});

test('the copies of a server that the policy no longer selects are not behind', () => {
  expect(look([24, 17], [], {}, { isDeselected: true }).behind).toBe(false);
});

/**
 * A store of some objects. The manifests of the days `spoilt` belong to other copies, the data of
 * the days `lost` are missing.
 */
function storeOf(
  days: number[],
  { spoilt = [] as number[], lost = [] as number[], hidden = [] as number[] } = {},
) {
  const asked: string[] = [];
  const stored = days.flatMap((day) => objects(day));
  const dayOf = (key: string) => Number(/i(\d+)\.\w+$/.exec(key)?.[1]);
  const store = {
    list: async (prefix: string) => {
      asked.push(prefix);
      return stored.filter(({ key }) => !(key.endsWith('qcow2') && hidden.includes(dayOf(key))));
    },
    readText: async (key: string) => {
      asked.push(`read i${dayOf(key)}`);
      const day = dayOf(key);
      const original = { region: 'DFW', server: 's', slot: slotOf(day), image: `i${day}` };
      const image = spoilt.includes(day) ? 'other' : original.image;
      const slot = slotOf(day).toISOString().replace('.000', '');
      return JSON.stringify({ ...daily, ...original, image, slot, sizeBytes: 1, disk_format: 'qcow2' });
    },
    head: async (key: string) => {
      asked.push(`head i${dayOf(key)}`);
      return lost.includes(dayOf(key)) ? undefined : stored.find((one) => one.key === key);
    },
  };
  return { store, asked };
}

async function newestIn(given: ReturnType<typeof storeOf>, policyName = 'daily'): Promise<string[]> {
  const copies = await listCopies([given], PLACE);
  if ('problem' in copies) throw new Error(copies.problem.code);
  return (await copies.of(policyName)).map(({ image }) => image);
}

describe('the listing of copies', () => {
  test('is read once for an account, and the newest manifest of each series is read', async () => {
    const given = storeOf([22, 24, 23]);
    expect(await newestIn(given)).toEqual(['i24']);
    expect(given.asked).toEqual(['copies/autosnap-prod/flex/', 'read i24']);
    expect(await newestIn(given, 'weekly')).toEqual([]);
  });

  test.each([
    ['a manifest of something else does not count', { spoilt: [24] }, ['i23']],
    ['one whose data are gone does not', { hidden: [24], lost: [24] }, ['i23']],
    ['one whose data only the listing lacks does', { hidden: [24] }, ['i24']],
    ['none counts', { spoilt: [22, 23, 24] }, []],
  ])('%s', async (_, changes, expected) => {
    expect(await newestIn(storeOf([22, 24, 23], changes))).toEqual(expected);
  });

  test('an error of S3 or a missing bucket is a problem; any other error is thrown', async () => {
    const list = (error: Error) => [{ store: { ...storeOf([]).store, list: () => Promise.reject(error) } }];
    const refused = new BucketError('FORBIDDEN', 'S3 refuses s3:ListBucket.');
    expect(await listCopies(list(refused), PLACE)).toEqual({
      problem: {
        code: 'POLICY_COPIES_UNREADABLE',
        error: 'FORBIDDEN',
        message: 'S3 refuses s3:ListBucket.',
      },
    });
    expect(await listCopies(undefined, PLACE)).toEqual({
      problem: { code: 'POLICY_COPIES_WITHOUT_BUCKET' },
    });
    await expect(listCopies(list(new TypeError('oops')), PLACE)).rejects.toThrow('oops');
  });
});

test('the age of the newest copy is a text for people', () => {
  const copied = { newest: '2026-11-20T00:00:00Z', ageSeconds: 4 * 86_400, behind: true };
  expect(copyText(copied)).toBe('newest copy of 2026-11-20 00:00, 4 days old');
  expect(copyText({})).toBe('no copy yet');
  const series = Array.from({ length: 7 }, (_, i) => seriesOf([], { name: `web-${i}` }));
  const behindText = (some: typeof series) =>
    sentencesOf(
      SERIES_TROUBLES.find(({ name }) => name === 'behind')!.noticesOf!(some, namingOf(auditOf(some))),
    );
  expect(behindText(series.slice(0, 1))).toBe('copies are behind: web-0 in DFW, daily');
  expect(behindText(series)).toMatch(
    /^copies are behind: web-0 in DFW, daily; .*; web-4 in DFW, daily; and 2 more$/,
  );
});
