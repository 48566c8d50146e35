import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../lib/marker.ts';
import { type Copy, copiesOf, keyOf, type Place } from '../../lib/offsite/copies.ts';
import { isManifestOf } from '../../lib/offsite/manifest.ts';
import { type OffsitePolicy, planCopies, planRetention } from '../../lib/offsite/plan.ts';
import { partBytesOf } from '../../lib/offsite/upload.ts';
import { parsePolicy } from '../../lib/policy.ts';
import { policy } from '../harness.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const PLACE: Place = { owner: 'autosnap-prod', account: 'flex', policy: 'daily' };

/** The day of November is the image's id as well. */
const slotOf = (day: number) => new Date(Date.UTC(2026, 10, day));

function snapshot(day: number, changes: Partial<Snapshot> = {}): Snapshot {
  return {
    id: `i${day}`,
    name: '',
    region: 'SJC3',
    server: 's1',
    policy: 'daily',
    slot: slotOf(day),
    createdAt: slotOf(day),
    status: 'active',
    state: 'good',
    sizeBytes: 1,
    volumeSnapshots: [],
    hold: undefined,
    exposure: undefined,
    expires: undefined,
    request: undefined,
    proven: undefined,
    drilled: undefined,
    adopted: false,
    ...changes,
  };
}

/** What is there of a copy: d(ata), m(anifest), p(rogress), u(pload). */
function copy(day: number, parts: string): Copy {
  const original = { region: 'SJC3', server: 's1', slot: slotOf(day), image: `i${day}` };
  const key = keyOf(PLACE, original);
  const object = (kind: string) => ({ key: `${key}.${kind}`, bytes: 1, etag: 'e', at: slotOf(day) });
  return {
    ...original,
    key,
    data: parts.includes('d') ? object('qcow2') : undefined,
    manifest: parts.includes('m') ? object('json') : undefined,
    progress: parts.includes('p') ? object('progress') : undefined,
    uploads: parts.includes('u') ? [{ key: `${key}.qcow2`, id: 'u', at: slotOf(day) }] : [],
  };
}

test.each<[string, Snapshot[], Copy[], string[], string[]]>([
  ['nothing', [], [], [], []],
  ['the newest good one', [snapshot(20), snapshot(22)], [], ['i22'], []],
  ['not one that has failed', [snapshot(21), snapshot(22, { state: 'failed' })], [], ['i21'], []],
  ['not one that is being made', [snapshot(21), snapshot(22, { state: 'pending' })], [], ['i21'], []],
  ['not one from the future', [snapshot(21), snapshot(29)], [], ['i21'], []],
  ['not what is copied', [snapshot(22)], [copy(22, 'dm')], [], []],
  ['nothing older than what is copied', [snapshot(20)], [copy(22, 'dm')], [], []],
  ['what was begun first', [snapshot(20), snapshot(22)], [copy(20, 'u')], ['i20', 'i22'], []],
  ['what is not verified', [snapshot(20), snapshot(22)], [copy(20, 'dp')], ['i20', 'i22'], []],
  ['each once', [snapshot(22)], [copy(22, 'u')], ['i22'], []],
  ['an upload without its snapshot goes', [snapshot(22)], [copy(20, 'u')], ['i22'], ['i20']],
  ['a manifest without data goes', [snapshot(22)], [copy(20, 'm'), copy(22, 'dm')], [], ['i20']],
  ['also before it is copied again', [snapshot(22)], [copy(22, 'mu')], ['i22'], ['i22']],
  [
    'what is left beside a good copy goes',
    [snapshot(22)],
    [copy(22, 'dmp'), copy(20, 'dmu')],
    [],
    ['i22', 'i20'],
  ],
  ['data without manifest and snapshot stay', [], [copy(20, 'd')], [], []],
])('copied is %s', (_, snapshots, copies, wanted, discarded) => {
  const plan = planCopies(snapshots, copies, NOW);
  expect(plan.copy.map(({ id }) => id)).toEqual(wanted);
  expect(plan.discard.map(({ image }) => image)).toEqual(discarded);
});

test('an upload that is wanted is not taken away with what is left of an earlier copy', () => {
  const { discard } = planCopies([snapshot(22)], [copy(22, 'mu')], NOW);
  expect(discard[0]?.uploads).toEqual([]);
});

test('what is left beside a good copy goes without its manifest', () => {
  const { discard } = planCopies([], [copy(22, 'dmpu')], NOW);
  expect(discard).toMatchObject([{ manifest: undefined, progress: {}, uploads: [{}] }]);
});

test('a copy that was never verified, and never will be, is said', () => {
  expect(planCopies([], [copy(20, 'd')], NOW).warnings.join()).toMatch(/i20 was never verified/);
});

describe('rotation of copies', () => {
  const days = [22, 21, 20, 19];
  const fates = (keep: object, more: object = {}, serverIsGone = false) => {
    const parsed = parsePolicy(policy({ offsite: { schedule: 'rate(1 day)', keep }, ...more }));
    const copies = [...days.map((day) => copy(day, 'dm')), copy(23, 'd')];
    return planRetention(copies, parsed as OffsitePolicy, { now: NOW, serverIsGone }).map(
      ({ copy: { image }, fate }) => `${image} ${fate}`,
    );
  };
  test.each<[string, string[], string[]]>([
    ['by keep, good ones only', fates({ last: 2 }), ['i22 keep', 'i21 keep', 'i20 delete', 'i19 delete']],
    [
      'maxDeletes',
      fates({ last: 1 }, { maxDeletes: 1 }),
      ['i22 keep', 'i21 defer', 'i20 defer', 'i19 delete'],
    ],
    ['a floor', fates({ last: 1, atLeast: 3 }), ['i22 keep', 'i21 keep', 'i20 keep', 'i19 delete']],
    ['a server that is gone', fates({ last: 1 }, {}, true), days.map((day) => `i${day} keep`)],
  ])('%s', (_, found, expected) => {
    expect(found).toEqual(expected);
  });
});

describe('whose an object is', () => {
  const key = keyOf(PLACE, snapshot(22) && { region: 'SJC3', server: 's1', slot: slotOf(22), image: 'i22' });
  const found = (...keys: string[]) =>
    copiesOf(
      PLACE,
      keys.map((one) => ({ key: one, bytes: 1, etag: 'e', at: NOW })),
      [],
    ).length;

  test('that of its key', () => {
    expect(key).toBe('copies/autosnap-prod/flex/SJC3/s1/daily/2026-11-22T00:00:00Z/i22');
    expect(found(`${key}.qcow2`, `${key}.json`, `${key}.progress`)).toBe(1);
  });

  test.each([
    `${key}`,
    `${key}.qcow2/x`,
    `${key}.QCOW2`,
    `x${key}.qcow2`,
    `${key}.qcow2`.replace('autosnap-prod', 'autosnap-dev'),
    `${key}.qcow2`.replace('flex', 'other'),
    `${key}.qcow2`.replace('daily', 'weekly'),
    `${key}.qcow2`.replace('2026-11-22T00:00:00Z', 'yesterday'),
    `${key}.qcow2`.replace('T00:00:00Z', ''),
    `${key}.qcow2`.replace('s1/', '/'),
  ])("%s is nobody's", (other) => {
    expect(found(other)).toBe(0);
  });

  const original = { region: 'SJC3', server: 's1', slot: slotOf(22), image: 'i22' };
  const manifest = { ...PLACE, ...original, slot: '2026-11-22T00:00:00Z' };
  test('a manifest has to agree with its key in all that the key says', () => {
    expect(isManifestOf(JSON.stringify(manifest), PLACE, original)).toBe(true);
    for (const field of Object.keys(manifest)) {
      expect(isManifestOf(JSON.stringify({ ...manifest, [field]: 'x' }), PLACE, original)).toBe(false);
    }
    for (const text of [undefined, '', '{', '[]', 'null'])
      expect(isManifestOf(text, PLACE, original)).toBe(false);
  });
});

test.each([1, 16 * 2 ** 20, 160e9, 168e9, 1e12, 5e12])(
  '%d bytes fit into 10,000 parts of whole MiB',
  (bytes) => {
    const part = partBytesOf(bytes);
    expect(part % 2 ** 20).toBe(0);
    expect(part).toBeGreaterThanOrEqual(16 * 2 ** 20);
    expect(Math.ceil(bytes / part)).toBeLessThanOrEqual(10_000);
  },
);
