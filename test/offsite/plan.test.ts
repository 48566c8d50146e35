import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { type CopyScope, copiesOf, copyKeyOf, dataKeyOf } from '../../lib/offsite/copies.ts';
import type { CheckedCopy } from '../../lib/offsite/copy-state.ts';
import { describes, readManifest } from '../../lib/offsite/manifest.ts';
import { type OffsitePolicy, planCopies, planRetention } from '../../lib/offsite/plan.ts';
import { partBytesOf } from '../../lib/offsite/upload.ts';
import { findingText } from '../../lib/reporting/sentences.ts';
import { type Snapshot, UNMARKED } from '../../lib/snapshots/snapshot.ts';
import { policy } from '../harness.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const PLACE: CopyScope = { owner: 'autosnap-prod', account: 'flex', policy: 'daily' };

/** The day of November, which is also the id of the image. */
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
    ...UNMARKED,
    ...changes,
  };
}

/**
 * The existing parts of a copy: d(ata), m(anifest), p(rogress), u(pload); x: a manifest of another
 * copy.
 */
function copy(day: number, parts: string, image = `i${day}`): CheckedCopy {
  const original = { region: 'SJC3', server: 's1', slot: slotOf(day), image };
  const key = copyKeyOf(PLACE, original);
  const [data, manifest, other] = ['d', 'm', 'x'].map((part) => parts.includes(part));
  const state = other ? 'disputed' : !manifest ? 'unfinished' : data ? 'good' : 'empty';
  const object = (kind: string) => ({ key: `${key}.${kind}`, bytes: 1, etag: 'e', at: slotOf(day) });
  return {
    ...original,
    key,
    state,
    ...(other ? { problem: { code: 'COPY_OTHER_MANIFEST' as const, key: `${key}.json` } } : {}),
    data: data ? object('qcow2') : undefined,
    manifest: manifest ? object('json') : undefined,
    progress: parts.includes('p') ? object('progress') : undefined,
    uploads: parts.includes('u') ? [{ key: `${key}.qcow2`, id: 'u', at: slotOf(day) }] : [],
  };
}

test.each<[string, Snapshot[], CheckedCopy[], string[], string[]]>([
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
    'leftovers beside a good copy are deleted',
    [snapshot(22)],
    [copy(22, 'dmp'), copy(20, 'dmu')],
    [],
    ['i22', 'i20'],
  ],
  ['data without manifest and snapshot stay', [], [copy(20, 'd')], [], []],
  ['not what is disputed, which stays', [snapshot(22)], [copy(22, 'dmx')], [], []],
  ['not by what is disputed', [snapshot(21), snapshot(22)], [copy(23, 'dmx')], ['i22'], []],
])(
  'the copies that are made, and the leftovers that are deleted: %s',
  (_, snapshots, copies, wanted, discarded) => {
    const plan = planCopies(snapshots, copies, { now: NOW, gone: new Set(['i20']) });
    expect(plan.copy.map(({ id }) => id)).toEqual(wanted);
    expect(plan.discard.map(({ image }) => image)).toEqual(discarded);
  },
);

test('an upload stays until the cloud answers 404 for its snapshot', () => {
  expect(planCopies([snapshot(22)], [copy(20, 'u')], { now: NOW }).discard).toEqual([]);
  expect(
    planCopies([snapshot(20, { state: 'unknown' })], [copy(20, 'u'), copy(20, 'p')], { now: NOW }).discard,
  ).toEqual([]);
});

test('an upload in progress is not aborted with the leftovers of an earlier copy', () => {
  const { discard } = planCopies([snapshot(22)], [copy(22, 'mu')], { now: NOW });
  expect(discard[0]?.uploads).toEqual([]);
});

test('leftovers beside a good copy are deleted without its manifest', () => {
  const { discard } = planCopies([], [copy(22, 'dmpu')], { now: NOW });
  expect(discard).toMatchObject([{ manifest: undefined, progress: {}, uploads: [{}] }]);
});

test('a copy that can no longer be verified is reported, but not while its snapshot may exist', () => {
  const warnings = (gone: string[]) =>
    planCopies([], [copy(20, 'd')], { now: NOW, gone: new Set(gone) })
      .warnings.map(findingText)
      .join();
  expect(warnings(['i20'])).toMatch(/i20 was never verified/);
  expect(warnings([])).toBe('');
});

test('a disputed copy is reported', () => {
  expect(
    planCopies([], [copy(20, 'dmx')], { now: NOW })
      .warnings.map(findingText)
      .join(),
  ).toMatch(/i20.json is not the manifest/);
});

describe('a staged export', () => {
  const plan = (snapshots: Snapshot[], copies: CheckedCopy[], gone: string[] = []) => {
    const found = planCopies(snapshots, copies, {
      now: NOW,
      staged: [copy(20, 'u')],
      gone: new Set(gone),
    });
    return {
      copy: found.copy.map(({ id }) => id),
      toDelete: found.toDelete.map(({ image }) => image),
      warned: found.warnings.length > 0,
    };
  };
  test.each([
    ['is copied first', [snapshot(20), snapshot(22)], [], [], { copy: ['i20', 'i22'], toDelete: [] }],
    ['is deleted once it is copied', [snapshot(20)], [copy(20, 'dm')], [], { copy: [], toDelete: ['i20'] }],
    ['is finished before newer ones', [snapshot(20)], [copy(22, 'dm')], [], { copy: ['i20'], toDelete: [] }],
    ['is deleted for a newer copy', [], [copy(22, 'dm')], ['i20'], { copy: [], toDelete: ['i20'] }],
    [
      'stays while it is unknown whether its image was deleted',
      [],
      [copy(22, 'dm')],
      [],
      { copy: [], toDelete: [] },
    ],
    ['stays without one', [], [copy(19, 'dm')], ['i20'], { copy: [], toDelete: [], warned: true }],
    ['stays for a disputed one', [], [copy(22, 'dmx')], [], { copy: [], toDelete: [], warned: true }],
  ])('%s', (_, snapshots, copies, gone, expected) => {
    expect(plan(snapshots, copies, gone)).toEqual({ warned: false, ...expected });
  });
});

describe('rotation of copies', () => {
  const days = [22, 21, 20, 19];
  const actions = (keep: object, more: CheckedCopy[] = [], serverIsListed = true) => {
    const parsed = parsePolicy(policy({ offsite: { schedule: 'rate(1 day)', keep } }));
    const copies = [...days.map((day) => copy(day, 'dm')), copy(23, 'd'), ...more];
    return planRetention(copies, parsed as OffsitePolicy, { now: NOW, serverIsListed }).map(
      ({ copy: { image }, action }) => `${image} ${action}`,
    );
  };
  test.each<[string, string[], string[]]>([
    ['by keep, good ones only', actions({ last: 2 }), ['i22 keep', 'i21 keep', 'i20 delete', 'i19 delete']],
    [
      'disputed and empty copies do not count',
      actions({ last: 2 }, [copy(23, 'dmx'), copy(23, 'm', 'e')]),
      ['i22 keep', 'i21 keep', 'i20 delete', 'i19 delete'],
    ],
    [
      'two copies of one slot count once and have the same action',
      actions({ last: 2 }, [copy(22, 'dm', 'twin'), copy(20, 'dm', 'other')]),
      ['i22 keep', 'twin keep', 'i21 keep', 'i20 delete', 'other delete', 'i19 delete'],
    ],
    ['a floor', actions({ last: 1, atLeast: 3 }), ['i22 keep', 'i21 keep', 'i20 keep', 'i19 delete']],
    ['a server that is not listed', actions({ last: 1 }, [], false), days.map((day) => `i${day} keep`)],
  ])('%s', (_, found, expected) => {
    expect(found).toEqual(expected);
  });
});

describe('the copy of an object', () => {
  const key = copyKeyOf(
    PLACE,
    snapshot(22) && { region: 'SJC3', server: 's1', slot: slotOf(22), image: 'i22' },
  );
  const found = (...keys: string[]) =>
    copiesOf(
      PLACE,
      keys.map((one) => ({ key: one, bytes: 1, etag: 'e', at: NOW })),
      [],
    ).length;

  test('the server, slot and image of a copy come from its key', () => {
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
  const manifest = { ...PLACE, ...original, slot: '2026-11-22T00:00:00Z', sizeBytes: 7 };
  test('a manifest has to match its key in every part', () => {
    expect(readManifest(JSON.stringify(manifest), PLACE, original)).toEqual(manifest);
    for (const field of Object.keys(manifest)) {
      const other = JSON.stringify({ ...manifest, [field]: 'x' });
      expect(readManifest(other, PLACE, original)).toBeUndefined();
    }
    for (const text of ['', '{', '[]', 'null']) {
      expect(readManifest(text, PLACE, original)).toBeUndefined();
    }
  });

  test('a manifest has to match the size of its data, and their ETag if there is one', () => {
    expect(describes(manifest, { bytes: 7, etag: 'any' })).toBe(true);
    expect(describes(manifest, { bytes: 8, etag: 'any' })).toBe(false);
    expect(describes({ ...manifest, etag: 'e' }, { bytes: 7, etag: 'e' })).toBe(true);
    expect(describes({ ...manifest, etag: 'e' }, { bytes: 7, etag: 'f' })).toBe(false);
  });

  test.each([
    ['server', '../../../../..'],
    ['server', 'a/b'],
    ['server', '.'],
    ['server', ''],
    ['image', '..'],
    ['image', 'i.json'],
    ['region', '..'],
    ['region', 'a/b'],
  ])('there is no key for the %s "%s"', (field, value) => {
    expect(() => copyKeyOf(PLACE, { ...original, [field]: value })).toThrow("can't be part of the key");
  });

  test.each([
    ['account', '..'],
    ['account', '.'],
    ['owner', 'a/b'],
    ['owner', '...'],
    ['policy', '../x'],
  ])('there is no key for the %s "%s"', (field, value) => {
    expect(() => copyKeyOf({ ...PLACE, [field]: value }, original)).toThrow("can't be part of the key");
  });

  test('an owner of service, stage, AWS account and region, and an account with dots, have keys', () => {
    const place = { owner: 'autosnap_prod_123456789012_us-east-1', account: 'o.k+x=1@y-z', policy: 'daily' };
    const own = copyKeyOf(place, original);
    expect(own).toBe(
      'copies/autosnap_prod_123456789012_us-east-1/o.k+x=1@y-z/SJC3/s1/daily/2026-11-22T00:00:00Z/i22',
    );
    const listed = [{ key: `${own}.json`, bytes: 1, etag: 'e', at: NOW }];
    expect(copiesOf(place, listed, [])).toHaveLength(1);
    expect(copiesOf({ ...place, owner: 'autosnap_prod_123456789012_us-east-2' }, listed, [])).toEqual([]);
  });

  test.each([
    ['qcow2', 'qcow2'],
    ['../x', 'x'],
    [undefined, 'img'],
    ['', 'img'],
    ['json', 'img'],
    ['progress', 'img'],
  ])('the data of the format %s end in %s', (format, end) => {
    expect(dataKeyOf('k', format)).toBe(`k.${end}`);
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
