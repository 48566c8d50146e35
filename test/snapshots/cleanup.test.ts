import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { findingText, sentencesOf } from '../../lib/reporting/sentences.ts';
import { planCleanup } from '../../lib/snapshots/cleanup-plan.ts';
import { suspect } from '../../lib/snapshots/marker.ts';
import type { Reader } from '../../lib/snapshots/ownership.ts';
import { isSnapshot, type Snapshot } from '../../lib/snapshots/snapshot.ts';
import { policy } from '../harness.ts';
import { aRegion, dailies, server, snapshot } from '../snapshots.ts';

const NOW = new Date('2026-11-23T06:00:00Z');
const WEB = server();

/**
 * The plan for a region whose images are read as the given snapshots, as problems, or as foreign
 * images.
 */
function plan(
  read: ReturnType<Reader>[],
  changes: Record<string, unknown> = {},
  servers = [WEB],
  {
    policies,
    gone = [],
    only,
    marked = (image) => image,
  }: { policies?: string[]; gone?: string[]; only?: object; marked?: (image: Image) => Image } = {},
) {
  const idOf = (one: ReturnType<Reader>, i: number) => (isSnapshot(one) ? one.id : String(i));
  const readOf = new Map(read.map((one, i) => [idOf(one, i), one]));
  const images = [...readOf.keys()].map((id) =>
    marked({ id, properties: {} as Record<string, string> } as Image),
  );
  const surveyed = aRegion({ servers, images });
  const parsed = parsePolicy(policy(changes));
  const narrowed = only ? { ...parsed, servers: { ...parsed.servers, only } } : parsed;
  const made = planCleanup(surveyed, narrowed, ({ id }) => readOf.get(id), {
    now: NOW,
    goneEverywhere: new Set(gone),
    ...(policies ? { policies: policies.map((name) => ({ policy: name })) } : {}),
  });
  return { ...made, warnings: made.warnings.map(findingText) };
}

/** The decisions for each series, newest first: "keep 11-23: last 1 of 3". */
function text({ series }: ReturnType<typeof plan>): string[][] {
  return series.map(({ items }) =>
    items.map(
      ({ snapshot: s, action, reasons }) => `${action} ${s.id.slice(5, 10)}: ${sentencesOf(reasons)}`,
    ),
  );
}

const FIVE = dailies('2026-11-23T00:00:00Z', 5);

test("a series consists of the snapshots of one policy of one server, under the server's current name", () => {
  const made = plan(FIVE);
  expect(made.series).toEqual([
    { server: 's', name: 'web', region: 'DFW', policy: 'daily', floor: 1, items: expect.any(Array) },
  ]);
  expect(made).toMatchObject({ region: 'DFW', warnings: [] });
  expect(text(made)).toEqual([
    [
      'keep 11-23: last 1 of 3',
      'keep 11-22: last 2 of 3',
      'keep 11-21: last 3 of 3',
      'delete 11-20: no rule keeps it',
      'delete 11-19: no rule keeps it',
    ],
  ]);
});

test('servers and policies have separate series, and other policies are not in the plan', () => {
  const other = FIVE.map((s) => ({ ...s, id: `${s.id}2`, server: 's2' }));
  const weekly = FIVE.map((s) => ({ ...s, id: `${s.id}3`, policy: 'weekly' }));
  const made = plan([...FIVE, ...other, ...weekly], {}, [WEB, { ...WEB, id: 's2', name: 'db' }]);
  expect(made.series.map(({ name, items }) => `${name} ${items.length}`)).toEqual(['web 5', 'db 5']);
});

test('an image with our marker that is not ours is kept, not counted and reported; one without a marker is not mentioned', () => {
  const made = plan([
    ...FIVE,
    suspect({ id: 'x', name: 'gold' }, { code: 'OWNED_BY_OTHER_PROJECT' }),
    undefined,
  ]);
  expect(made.warnings).toEqual([
    'DFW: gold (x) is marked as ours, but another project owns it: it is kept and not counted',
  ]);
  expect(text(made)[0]).toHaveLength(5);
});

test("the minimum is the policy's atLeast", () => {
  expect(plan(FIVE, { keep: { last: 1, atLeast: 4 } }).series[0]).toMatchObject({ floor: 4 });
});

describe('maxDeletes', () => {
  test.each([
    [1, 'keep keep keep defer delete'],
    [2, 'keep keep keep delete delete'],
    [3, 'keep keep keep delete delete'],
  ])('of %d, for the newest to the oldest snapshot: %s', (maxDeletes, actions) => {
    expect(
      plan(FIVE, { maxDeletes })
        .series[0]?.items.map(({ action }) => action)
        .join(' '),
    ).toBe(actions);
  });

  test('limits the deletions, and does not count kept snapshots between them', () => {
    const oldest = { keep: { last: 1, yearly: 2 }, maxDeletes: 2 };
    expect(
      plan(FIVE, oldest)
        .series[0]?.items.map(({ action }) => action)
        .join(' '),
    ).toBe('keep defer delete delete keep');
  });

  test('is in the reasons of deferred snapshots', () => {
    expect(text(plan(FIVE, { maxDeletes: 1 }))[0]?.[3]).toBe(
      'defer 11-20: no rule keeps it; more than 1 (maxDeletes) in one run',
    );
  });
});

describe('ad-hoc snapshots', () => {
  const ended = snapshot('2026-11-01T00:00:00Z', {
    policy: 'adhoc',
    expires: new Date('2026-11-08T00:00:00Z'),
  });
  const endless = snapshot('2026-10-01T00:00:00Z', { policy: 'adhoc' });

  test('are planned with every policy, each with its own expiry', () => {
    expect(text(plan([ended, endless]))).toEqual([
      [
        'delete 11-01: ad hoc, ended 2026-11-08T00:00:00Z',
        'keep 10-01: ad-hoc snapshot without an expiry date',
      ],
    ]);
  });

  test.each([[[]], [['s']]])(
    'of a server that does not exist are kept after their expiry; servers gone everywhere: %j',
    (gone) => {
      expect(text(plan([ended], {}, [], { gone }))).toEqual([
        ['keep 11-01: its server is not in this region: it is kept'],
      ]);
    },
  );
});

const actions = (made: ReturnType<typeof plan>) =>
  made.series[0]?.items.map(({ action }) => action).join(' ');

test('the series of a server that is not in the region is kept completely, even with orphans', () => {
  const made = plan(FIVE, { orphans: { after: '1h', keep: 1 } }, [], { gone: ['another'] });
  expect(actions(made)).toBe('keep keep keep keep keep');
  expect(text(made)[0]?.[3]).toBe('keep 11-20: its server is not in this region: the series is kept whole');
  expect(made.warnings).toEqual(['DFW: server web-1 (s) is not in this region: all 5 daily snapshots stay']);
});

test('a server in the listing does not count as deleted, even if a request by id says so', () => {
  const made = plan(FIVE, { orphans: { after: '1h', keep: 1 } }, [WEB], { gone: ['s'] });
  expect(actions(made)).toBe('keep keep keep delete delete');
});

describe('a server that was deleted in every region', () => {
  const gone = (changes: Record<string, unknown> = {}, series: Snapshot[] = FIVE) =>
    plan(series, changes, [], { gone: ['s'] });

  test('keeps its series completely, with the reasons of its policy, and is reported', () => {
    const made = gone();
    expect(text(made)[0]?.slice(2, 4)).toEqual([
      'keep 11-21: last 3 of 3',
      'keep 11-20: its server is gone: the series is kept whole',
    ]);
    expect(made.warnings).toEqual(['DFW: server web-1 (s) no longer exists: 5 of 5 daily snapshots stay']);
    expect(made.series[0]).toMatchObject({ name: 'web-1', server: 's', floor: 1 });
  });

  test.each([
    ['6h', 'keep delete delete delete delete'],
    ['7h', 'keep keep keep keep keep'],
  ])('has its series reduced by orphans once its newest good snapshot is %s old: %s', (after, expected) => {
    expect(actions(gone({ orphans: { after, keep: 1 } }))).toBe(expected);
  });

  test('has the age of its newest good snapshot, even if a newer one has failed', () => {
    const failed = snapshot('2026-11-23T05:00:00Z', { state: 'failed', status: 'killed' });
    expect(actions(gone({ orphans: { after: '6h', keep: 1 } }, [failed, ...FIVE]))).toBe(
      'keep keep delete delete delete delete',
    );
  });

  test('keeps the larger number of snapshots: that of orphans or the minimum of the policy', () => {
    const orphans = { after: '1h', keep: 2 };
    expect(gone({ orphans }).series[0]).toMatchObject({ floor: 2 });
    const floored = gone({ orphans, keep: { last: 1, atLeast: 3 } });
    expect(floored.series[0]).toMatchObject({ floor: 3 });
    expect(actions(floored)).toBe('keep keep keep delete delete');
    expect(text(floored)[0]?.[3]).toBe('delete 11-20: its server is gone, and orphans keeps 3');
    expect(floored.warnings).toEqual(['DFW: server web-1 (s) no longer exists: 3 of 5 daily snapshots stay']);
  });

  test('keeps a series without any good snapshot', () => {
    const failed = FIVE.map((s): Snapshot => ({ ...s, state: 'failed', status: 'killed' }));
    expect(actions(gone({ orphans: { after: '1h', keep: 1 } }, failed))).toBe('keep keep keep keep keep');
  });

  test('keeps snapshots with their data in volume snapshots, and does not count them', () => {
    const onVolumes = FIVE.map((s, i) => (i % 2 === 0 ? { ...s, volumeSnapshots: ['v'] } : s));
    const made = gone({ orphans: { after: '1h', keep: 1 } }, onVolumes);
    expect(actions(made)).toBe('keep keep keep delete keep');
    expect(made.series[0]?.items.map(({ uncounted }) => uncounted ?? false)).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    expect(text(made)[0]?.[0]).toBe(
      'keep 11-23: its server is gone, so nothing shows any more whose volume snapshots it names: it is kept and not counted',
    );
  });
});

test('a run for a part of a policy is planned only for the named servers', () => {
  const other = FIVE.map((s) => ({ ...s, id: `${s.id}2`, server: 's2' }));
  const of = (only: object, servers = [WEB, { ...WEB, id: 's2', name: 'db' }]) =>
    plan([...FIVE, ...other], { servers: { all: true } }, servers, { only }).series.map(
      ({ server }) => server,
    );
  expect(of({ names: ['db'] })).toEqual(['s2']);
  expect(of({ ids: ['s'] })).toEqual(['s']);
  // A server that is not in the region has no current name.
  expect(of({ names: ['db'] }, [WEB])).toEqual([]);
  expect(of({ ids: ['s2'] }, [WEB])).toEqual(['s2']);
});

test('snapshots in use by a drill or a restore are kept, and the reasons of other kept snapshots are unchanged', () => {
  const marked = (image: Image) => ({
    ...image,
    properties: {
      autosnap_drill: `${image.id} 0c9b8a7d-0000-4000-8000-00000000abcd/2026-11-23T05:59:00Z/`,
    },
  });
  const made = plan(FIVE, {}, [WEB], { marked });
  expect(text(made)[0]?.slice(2)).toEqual([
    'keep 11-21: last 3 of 3',
    'keep 11-20: a drill of it may still be running',
    'keep 11-19: a drill of it may still be running',
  ]);
});

describe('a plan warns', () => {
  const pending = (changes: Partial<Snapshot> = {}) =>
    snapshot('2026-11-23T00:00:00Z', { state: 'pending', status: 'queued', ...changes });

  test('about a stuck snapshot', () => {
    expect(plan([pending()]).warnings).toEqual([
      'DFW: image 2026-11-23T00:00:00.000Z of web is queued since 2026-11-23T00:00:20Z and its server is idle: it will never finish; delete it',
    ]);
    expect(plan([pending()], {}, [{ ...WEB, taskState: 'image_uploading' }]).warnings).toEqual([]);
    expect(plan([pending()], {}, []).warnings[0]).toContain('its server is not here: it will never finish');
  });

  test('about a snapshot that others can see', () => {
    expect(plan([snapshot('2026-11-23T00:00:00Z', { exposure: 'shared' })]).warnings).toEqual([
      'DFW: image 2026-11-23T00:00:00.000Z of web counts, and the image is shared: it stays until it is private again',
    ]);
  });

  test('about a snapshot dated in the future', () => {
    expect(plan([snapshot('2026-11-24T00:00:00Z')]).warnings).toEqual([
      'DFW: image 2026-11-24T00:00:00.000Z of web is dated in the future (2026-11-24T00:00:00Z): it is kept and not counted',
    ]);
    expect(plan([snapshot(NOW)]).warnings).toEqual([]);
  });

  test('about a slot with two snapshots', () => {
    const slot = '2026-11-23T00:00:00Z';
    const twins = ['a', 'b'].map((id) => snapshot(slot, { id }));
    expect(plan(twins).warnings).toEqual([
      'DFW: web has 2 snapshots of 2026-11-23T00:00:00Z, which count as one: a, b',
    ]);
    expect(plan([twins[0], snapshot(slot, { id: 'c', state: 'failed' })]).warnings).toEqual([]);
    expect(plan(twins.map((s) => ({ ...s, policy: 'adhoc' }))).warnings).toEqual([]);
    expect(plan(twins, {}, []).warnings[0]).toBe(
      'DFW: web-1 has 2 snapshots of 2026-11-23T00:00:00Z, which count as one: a, b',
    );
  });

  test('about the snapshots of a policy that is no longer deployed, which are kept', () => {
    const of = (name: string) => FIVE.map((s) => ({ ...s, id: `${s.id} ${name}`, policy: name }));
    const [old, weekly] = [of('old'), of('weekly')];
    const adhoc = snapshot('2026-11-01T00:00:00Z', { policy: 'adhoc' });
    const made = plan([...old, ...weekly, adhoc], {}, [WEB], { policies: ['daily', 'weekly'] });
    expect(made.warnings).toEqual([
      'DFW: the policy old is no longer configured: its 5 snapshots, 10.0 GB, are all kept',
    ]);
    expect(made.series.map((series) => series.policy)).toEqual(['adhoc']);
    expect(plan(old).warnings).toEqual([]);
  });

  test('about the number of adopted images', () => {
    const adopted = FIVE.slice(0, 2).map((s) => ({ ...s, adopted: true }));
    expect(plan([...adopted, ...FIVE.slice(2)]).warnings).toEqual([
      'DFW: 2 images of web made by autosnap.py are adopted',
    ]);
  });
});
