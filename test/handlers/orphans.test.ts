import { describe, expect, test } from 'vitest';
import { answers, type Fault, leavingOut } from '../../local/cloud/faults.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, policy } from '../harness.ts';
import { addSnapshot, decisionOn, deletions, history, idsIn, idsOf } from '../history.ts';

const gone = { id: 'gone-1', name: 'old' };

/** Snapshots of a deleted server, and three of an existing one; `ages` are newest first. */
async function orphaned(ages: number[], regions?: string[]) {
  const h = await history(3, regions);
  return { ...h, orphans: ages.map((age) => addSnapshot(h, gone, age)) };
}

const shrinking = (orphans: object, changes: Record<string, unknown> = {}) => policy({ orphans, ...changes });

describe('a policy without orphans', () => {
  test('keeps the whole series of a deleted server, however old, and reports it', async () => {
    const h = await orphaned([400, 401, 402, 403, 404]);
    const report = await h.run('cleanup', policy({ keep: { last: 1 } }));
    expect(report.totals).toEqual({ deleted: 2, kept: 6 });
    expect(textsOf(report.warnings)).toEqual([
      'DFW: server old (gone-1) no longer exists: 5 of 5 daily snapshots stay',
    ]);
    expect(decisionOn(report, h.orphans[4]!)).toBe('kept: its server is gone: the series is kept whole');
    expect(idsIn(h)).toEqual(idsOf([h.images[0]!, ...h.orphans]));
  });

  test('keeps failed snapshots of a deleted server as well', async () => {
    const h = await orphaned([60]);
    const failed = addSnapshot(h, gone, 61, { status: 'killed', size: null });
    expect((await h.run('cleanup', policy())).totals).toEqual({ kept: 5 });
    expect(idsIn(h)).toContain(failed.id);
  });
});

describe('with orphans a series is reduced once its newest good snapshot is old enough', () => {
  // Midnight was six hours ago: 29.75 days before midnight is 30 days before now.
  test.each([
    ['a minute short of it', 29.75 - 1 / 1440, 4],
    ['to the second', 29.75, 2],
    ['long after', 90, 2],
  ])('%s', async (_, age, left) => {
    const h = await orphaned([age, age + 1, age + 2, age + 3]);
    const report = await h.run('cleanup', shrinking({ after: '30d', keep: 2 }));
    expect(idsIn(h)).toEqual(idsOf([...h.images, ...h.orphans.slice(0, left)]));
    expect(textsOf(report.warnings)).toEqual([
      `DFW: server old (gone-1) no longer exists: ${left} of 4 daily snapshots stay`,
    ]);
    if (left === 2)
      expect(decisionOn(report, h.orphans[3]!)).toBe('deleted: its server is gone, and orphans keeps 2');
  });

  test('the age is that of the newest good snapshot, whatever newer failed ones there are', async () => {
    const h = await orphaned([31, 32, 33]);
    for (const status of ['killed', 'saving', 'deactivated']) addSnapshot(h, gone, 1, { status, size: null });
    const { totals } = await h.run('cleanup', shrinking({ after: '30d', keep: 1 }));
    expect(totals.deleted).toBe(2);
    expect(idsIn(h)).toContain(h.orphans[0]?.id);
  });

  test('a single good snapshot that is too young keeps all', async () => {
    const h = await orphaned([29, 300, 301, 302]);
    expect((await h.run('cleanup', shrinking({ after: '30d', keep: 1 }))).totals).toEqual({ kept: 7 });
  });

  test('a series without a good snapshot stays', async () => {
    const h = await history(0, ['DFW', 'ORD']);
    const failed = [60, 61].map((age) => addSnapshot(h, gone, age, { status: 'killed', size: null }));
    expect((await h.run('cleanup', shrinking({ after: '1d', keep: 1 }))).totals).toEqual({ kept: 2 });
    expect(idsIn(h)).toEqual(idsOf(failed));
  });

  test.each([
    [1, 3, 3],
    [4, 2, 4],
    [1, 1, 1],
    [9, 1, 6],
  ])('a series with keep %d and atLeast %d is reduced to %d of 6 snapshots', async (keep, atLeast, left) => {
    const h = await orphaned([60, 61, 62, 63, 64, 65]);
    await h.run('cleanup', shrinking({ after: '30d', keep }, { keep: { last: 3, atLeast } }));
    expect(idsIn(h)).toEqual(idsOf([...h.images, ...h.orphans.slice(0, left)]));
  });
});

describe('a listing that lacks the newest snapshot of a deleted server does not make its series older', () => {
  const listing = { service: 'image', region: 'DFW', path: /\/images$/ } as const;

  test('all snapshots stay if another listing has it', async () => {
    const h = await orphaned([10, 40, 41, 42]);
    const answer = leavingOut(h.orphans[0]!.id);
    // Hidden images have a listing of their own.
    h.cloud.faults.push({ ...listing, times: 2, answer });
    const report = await h.run('cleanup', shrinking({ after: '30d', keep: 1 }));
    expect(report.totals).toEqual({ kept: 6 });
    expect(deletions(h)).toEqual([]);
  });

  test('all snapshots stay, and the run fails, if the other listing cannot be read', async () => {
    const h = await orphaned([40, 41, 42]);
    h.cloud.faults.push({ ...listing, skip: 2, answer: answers.forbidden });
    const { report } = await h.fail('cleanup', shrinking({ after: '30d', keep: 1 }));
    expect(report?.totals).toEqual({ kept: 6 });
    expect(textsOf(report?.failures).join()).toContain('it is not certain that a server is gone');
    expect(deletions(h)).toEqual([]);
  });
});

describe('images that stay in spite of orphans', () => {
  test.each<[string, (h: Harness) => CloudImage]>([
    ['a held one', (h) => addSnapshot(h, gone, 70, { properties: { autosnap_hold: 'forever' } })],
    ['a protected one', (h) => addSnapshot(h, gone, 70, { protected: true })],
    ['a pending one', (h) => addSnapshot(h, gone, 70, { status: 'saving', size: null })],
    ['one whose status nobody knows', (h) => addSnapshot(h, gone, 70, { status: 'deactivated' })],
    [
      'an ad-hoc one',
      (h) =>
        addSnapshot(h, gone, 70, {
          properties: { autosnap_policy: 'adhoc', autosnap_expires: '2026-10-01T00:00:00Z r' },
        }),
    ],
    [
      'one whose data are in a volume snapshot: whose that is can not be shown',
      (h) => {
        const mapping = JSON.stringify([{ source_type: 'snapshot', snapshot_id: 'v1' }]);
        const image = addSnapshot(h, gone, 70, { size: 0, properties: { block_device_mapping: mapping } });
        const { createdAt } = image;
        const name = `snapshot for ${image.name}`;
        h.cloud.region('DFW').addVolumeSnapshot({ id: 'v1', volumeId: 'v', name, createdAt });
        return image;
      },
    ],
    ["another policy's", (h) => addSnapshot(h, gone, 70, { properties: { autosnap_policy: 'weekly' } })],
    [
      "another deployment's",
      (h) => addSnapshot(h, gone, 70, { properties: { autosnap_owner: 'autosnap-prod' } }),
    ],
  ])('%s', async (_, add) => {
    const h = await orphaned([60, 61, 62]);
    const image = add(h);
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
    expect((await h.run('cleanup', shrinking({ after: '30d', keep: 1 }))).totals.deleted).toBe(2);
    expect(idsIn(h)).toEqual(idsOf([...h.images, h.orphans[0]!, image]));
  });

  test('held images do not count towards the minimum', async () => {
    const h = await orphaned([60, 61, 62]);
    h.orphans[0]!.properties.autosnap_hold = 'forever';
    await h.run('cleanup', shrinking({ after: '30d', keep: 1 }));
    expect(idsIn(h)).toEqual(idsOf([...h.images, ...h.orphans.slice(0, 2)]));
  });
});

describe('no series is reduced if not all servers could be listed', () => {
  test.each<[string, Pick<Fault, 'skip' | 'answer'>]>([
    ['not at all', { answer: answers.forbidden }],
    ['but the first page', { skip: 1, answer: answers.forbidden }],
    ['a server in it can not be read', { answer: { status: 200, body: { servers: [{ id: 'x' }] } } }],
  ])('%s', async (_, fault) => {
    const h = await orphaned([60, 61, 62]);
    h.cloud.pageSize = 1;
    h.cloud.region('DFW').addServer(gone);
    h.cloud.faults.push({
      service: 'compute',
      region: 'DFW',
      path: /detail$/,
      times: Number.POSITIVE_INFINITY,
      ...fault,
    });
    const { error } = await h.fail('cleanup', shrinking({ after: '30d', keep: 1 }));
    expect(error.message).toMatch("DFW can't be read, so nothing is deleted there");
    expect(deletions(h)).toEqual([]);
  });
});

test('a deleted server whose snapshots name no region stays whole with a warning, and fails no run', async () => {
  const h = await orphaned([60, 61, 62]);
  const other = { id: 'gone-2', name: 'older' };
  const unknown = [70, 71].map((age) => addSnapshot(h, other, age));
  for (const { properties } of unknown) properties.autosnap_restore_as = 'unknown';
  const report = await h.run('cleanup', shrinking({ after: '30d', keep: 1 }));
  expect(report.warnings.map(({ code }) => code)).toContain('SERVER_DOUBTFUL');
  expect(textsOf(report.warnings).join()).toContain(
    'no snapshot of server gone-2 says in which region it was: if the server is gone, delete its snapshots by hand',
  );
  expect(idsIn(h)).toEqual(idsOf([...h.images, h.orphans[0]!, ...unknown]));
});

describe('Y4: a server that a listing lacks is read by its id in every region', () => {
  const event = shrinking({ after: '30d', keep: 1 }, { regions: ['DFW'] });
  const GONE = /servers\/gone-1$/;

  test('its series follows keep if the server is in this region', async () => {
    const h = await orphaned([60, 61, 62, 63], ['DFW', 'ORD']);
    h.cloud.region('DFW').addServer(gone);
    const leaveOut = async (answer: Response) => {
      const { servers } = (await answer.json()) as { servers: { id: string }[] };
      return Response.json({ servers: servers.filter(({ id }) => id !== gone.id) });
    };
    h.cloud.faults.push({ service: 'compute', path: /detail$/, times: 9, answer: { edit: leaveOut } });
    const report = await h.run('cleanup', event);
    expect(report.warnings).toEqual([]);
    expect(idsIn(h)).toEqual(idsOf([...h.images, ...h.orphans.slice(0, 3)]));
  });

  test('all images are kept if the server is in another region, which may own them', async () => {
    const h = await orphaned([60, 61, 62, 63], ['DFW', 'ORD']);
    h.cloud.region('ORD').addServer(gone);
    const report = await h.run('cleanup', event);
    expect(textsOf(report.warnings)).toEqual([
      'DFW: server old (gone-1) is not in this region: all 4 daily snapshots stay',
    ]);
    expect(deletions(h)).toEqual([]);
  });

  test('nothing is deleted in a region that does not answer, which is a failure', async () => {
    const h = await history(5, ['DFW', 'ORD']);
    addSnapshot(h, gone, 60);
    h.cloud.faults.push({
      service: 'compute',
      region: 'DFW',
      path: GONE,
      times: 9,
      answer: answers.forbidden,
    });
    const { error } = await h.fail('cleanup', policy());
    expect(error.message).toMatch("DFW can't be read, so nothing is deleted there");
    expect(deletions(h)).toEqual([]);
  });

  test('the series is kept and the others are rotated if another region does not answer', async () => {
    const h = await history(5, ['DFW', 'ORD']);
    const orphans = [60, 61].map((age) => addSnapshot(h, gone, age));
    h.cloud.faults.push({
      service: 'compute',
      region: 'ORD',
      path: GONE,
      times: 9,
      answer: answers.forbidden,
    });
    const { error } = await h.fail('cleanup', event);
    expect(error.message).toMatch('it is not certain that a server is gone, so its snapshots stay');
    expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 3), ...orphans]));
  });

  test('without orphans a region that does not answer fails no run, because all are kept anyway', async () => {
    const h = await orphaned([60, 61], ['DFW', 'ORD']);
    h.cloud.faults.push({ service: 'compute', region: 'ORD', times: 9, answer: answers.forbidden });
    const { warnings } = await h.run('cleanup', policy({ regions: ['DFW'] }));
    expect(textsOf(warnings)).toEqual([
      'DFW: server old (gone-1) is not in this region: all 2 daily snapshots stay',
    ]);
  });
});

test('a dry run shows what would be deleted, and maxDeletes applies, the oldest first', async () => {
  const h = await orphaned([60, 61, 62, 63]);
  const event = shrinking({ after: '30d', keep: 1 }, { maxDeletes: 2 });
  const dry = await h.run('cleanup', { ...event, dryRun: true });
  expect(dry.totals).toEqual({ planned: 2, deferred: 1, kept: 4 });
  expect(deletions(h)).toEqual([]);
  await h.run('cleanup', event);
  expect(idsIn(h)).toEqual(idsOf([...h.images, ...h.orphans.slice(0, 2)]));
});

test('the series of existing servers follow keep, not orphans', async () => {
  const h = await history(5);
  await h.run('cleanup', shrinking({ after: '1h', keep: 1 }));
  expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 3)));
});

describe('invalid orphans', () => {
  test.each<[string, unknown, string]>([
    ['without keep', { after: '30d' }, 'orphans.keep: is missing'],
    ['without after', { keep: 1 }, 'orphans.after: is missing'],
    ['keeping none', { after: '30d', keep: 0 }, 'orphans.keep: must be a whole number of 1 or more'],
    [
      'after no time',
      { after: '0d', keep: 1 },
      'orphans.after: must be a whole number of hours, days or weeks',
    ],
    [
      'after a number',
      { after: 30, keep: 1 },
      'orphans.after: must be a whole number of hours, days or weeks',
    ],
    ['with an unknown key', { after: '30d', keep: 1, last: 1 }, 'orphans.last: is not a known key'],
    ['as true', true, 'orphans: must be an object'],
  ])('%s', async (_, orphans, problem) => {
    const h = await orphaned([60, 61]);
    const { error } = await h.fail('cleanup', policy({ orphans }));
    expect(error.message).toMatch(problem);
    expect(h.cloud.received).toEqual([]);
  });
});
