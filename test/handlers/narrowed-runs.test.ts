import { describe, expect, test } from 'vitest';
import { deploy, type Harness, policy, setTime } from '../harness.ts';
import { addSnapshot, deletions, history, idsIn, idsOf } from '../history.ts';

// A manual run for a part of a policy never does more than the policy allows, and nothing outside
// that part.

/**
 * Two servers of the policy in DFW and one in ORD, with six snapshots each of which three stay, and
 * a server that the policy excludes.
 */
async function fleet(changes: Record<string, unknown> = {}) {
  const h = await history(6, ['DFW', 'ORD']);
  deploy([policy({ servers: { all: true, except: { names: ['stranger'] } }, ...changes })]);
  const [dfw, ord] = [h.cloud.region('DFW'), h.cloud.region('ORD')];
  const db = dfw.addServer({ name: 'db', metadata: { tier: 'data' } });
  const far = ord.addServer({ name: 'far' });
  const stranger = dfw.addServer({ name: 'stranger' });
  const six = (server: typeof db, region?: string) =>
    Array.from({ length: 6 }, (_, age) => addSnapshot(h, server, age, {}, region));
  const of = { web: h.images, db: six(db), far: six(far, 'ORD') };
  return { ...h, db, far, stranger, of };
}

type Fleet = Awaited<ReturnType<typeof fleet>>;

/** The servers whose snapshots were deleted, with their numbers. */
function gone({ cloud, of }: Fleet): Record<string, number> {
  const left = new Set(['DFW', 'ORD'].flatMap((region) => cloud.region(region).images.map(({ id }) => id)));
  const counts = Object.entries(of).map(([name, its]) => [
    name,
    its.filter(({ id }) => !left.has(id)).length,
  ]);
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}

describe('cleanup', () => {
  test.each<[string, (h: Fleet) => object, object]>([
    ['the whole', () => ({}), { web: 3, db: 3, far: 3 }],
    ['a name', () => ({ servers: { names: ['web'] } }), { web: 3 }],
    ['an id', ({ db }) => ({ servers: { ids: [db.id] } }), { db: 3 }],
    ['metadata', () => ({ servers: { tagged: { tier: 'data' } } }), { db: 3 }],
    ['all but one', () => ({ servers: { all: true, except: { names: ['web'] } } }), { db: 3, far: 3 }],
    ['a region', () => ({ regions: ['ORD'] }), { far: 3 }],
    [
      'a server in a region',
      () => ({ servers: { names: ['web', 'far'] }, regions: ['ORD', 'DFW'] }),
      { web: 3, far: 3 },
    ],
  ])('of %s rotates this part and nothing else', async (_, part, expected) => {
    const h = await fleet();
    await h.run('cleanup', { policy: 'daily', ...part(h) });
    expect(gone(h)).toEqual(expected);
  });

  test.each<[string, (h: Fleet) => object, RegExp]>([
    [
      'an id that no server has',
      () => ({ ids: ['nobody'] }),
      /servers\.ids "nobody": the policy daily selects no such server/,
    ],
    [
      'a server that the policy leaves out',
      ({ stranger }) => ({ ids: [stranger.id] }),
      /the policy daily selects no such server/,
    ],
    [
      'a name of nobody',
      () => ({ names: ['web', 'mail-*'] }),
      /servers\.names "mail-\*": the policy daily selects no such server/,
    ],
  ])('of %s is an error', async (_, part, message) => {
    const h = await fleet();
    const { error } = await h.fail('cleanup', { policy: 'daily', servers: part(h) });
    expect(error.message).toMatch(message);
    expect(gone(h).db).toBeUndefined();
  });

  test('of a deleted server names its id, and keeps its series as always', async () => {
    const h = await fleet();
    const { servers } = h.cloud.region('DFW');
    servers.splice(servers.indexOf(servers.find(({ id }) => id === h.db.id)!), 1);
    const report = await h.run('cleanup', { policy: 'daily', servers: { ids: [h.db.id] } });
    expect(report.totals).toEqual({ kept: 6 });
    expect(deletions(h)).toEqual([]);
  });

  test('of servers deletes their expired ad-hoc snapshots, and no others', async () => {
    const h = await fleet();
    const properties = { autosnap_policy: 'adhoc', autosnap_expires: '2026-11-22T00:00:00Z' };
    const [webs, dbs] = [h.web, h.db].map((server) => addSnapshot(h, server, 9, { properties }));
    await h.run('cleanup', { policy: 'daily', servers: { names: ['db'] } });
    expect(idsIn(h)).toContain(webs!.id);
    expect(idsIn(h)).not.toContain(dbs!.id);
    expect(gone(h)).toEqual({ db: 3 });
  });

  test('a region that the policy excludes is refused', async () => {
    const h = await fleet({ regions: ['DFW'] });
    const { error } = await h.fail('cleanup', { policy: 'daily', regions: ['ORD'] });
    expect(error.message).toContain('regions: the policy "daily" is not for ORD, but for DFW');
    expect(gone(h)).toEqual({});
  });
});

describe('snapshot', () => {
  const taken = ({
    entries,
  }: Awaited<ReturnType<Harness['run']>> & { entries?: { name: string; outcome: string }[] }) =>
    entries!
      .filter(({ outcome }) => outcome === 'taken')
      .map(({ name }) => name)
      .sort();

  test.each<[string, object, string[]]>([
    ['the whole', {}, ['db', 'far', 'web']],
    ['names', { servers: { names: ['d*', 'web'] } }, ['db', 'web']],
    ['a region', { regions: ['ORD'] }, ['far']],
  ])('of %s takes this part and nothing else', async (_, part, expected) => {
    const h = await fleet();
    setTime('2026-11-24T00:00:10Z');
    expect(taken(await h.run('snapshot', { policy: 'daily', ...part }))).toEqual(expected);
  });

  test('of a name that the policy excludes fails, and takes the others', async () => {
    const h = await fleet();
    setTime('2026-11-24T00:00:10Z');
    const event = { policy: 'daily', servers: { names: ['web', 'stranger'] } };
    const { report, error } = await h.fail('snapshot', event);
    expect(error.message).toContain('servers.names "stranger" matches no server of this policy');
    expect(report?.totals).toEqual({ taken: 1 });
  });

  test('of a name that no server has fails', async () => {
    const h = await fleet();
    const { error } = await h.fail('snapshot', { adhoc: true, servers: { names: ['wbe'] } });
    expect(error.message).toContain('servers.names "wbe" matches no server');
  });

  test('of an id that the policy does not select fails, and takes no other', async () => {
    const h = await fleet();
    setTime('2026-11-24T00:00:10Z');
    const { error } = await h.fail('snapshot', { policy: 'daily', servers: { ids: [h.stranger.id] } });
    expect(error.message).toContain('servers.ids: no server of this policy in these regions');
    expect(idsIn(h)).toEqual(idsOf([...h.of.web, ...h.of.db, ...h.of.far]));
  });
});

test.each([
  ['offsite', { servers: { names: ['web'] } }, "servers, regions: this job can't be narrowed"],
  ['drill', { regions: ['DFW'] }, 'regions: drills can be narrowed to servers alone'],
] as const)('%s cannot be limited to %o', async (job, part, refusal) => {
  const h = await fleet();
  const { error } = await h.fail(job, { policy: 'daily', ...part });
  expect(error.message).toContain(refusal);
});

test('a run for a part does not count as a run of the policy', async () => {
  const h = await fleet();
  await h.run('cleanup', { policy: 'daily', servers: { names: ['web'] } });
  expect(h.logs()).not.toContain('"Succeeded":');
  await h.run('cleanup', { policy: 'daily' });
  expect(h.logs()).toContain('"Succeeded":1');
});

test.each(['snapshot', 'cleanup', 'offsite', 'drill'] as const)(
  '%s refuses a call without an event',
  async (job) => {
    const h = await fleet();
    expect((await h.fail(job, null)).error.message).toContain('it must be a JSON object');
  },
);
