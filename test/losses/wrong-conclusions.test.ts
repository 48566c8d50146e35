import { expect, test } from 'vitest';
import { leavingOut } from '../../local/cloud/faults.ts';
import { deploy, policy, setTime } from '../harness.ts';
import { addSnapshot, deletions, history, idsOf } from '../history.ts';
import { again, IN_PLACE, later, restoredIn, TO_NEW, useKeystone, world } from '../restore/world.ts';

// Losses found by a reviewer who had not written the code: incomplete listings, conclusions from
// one region about all, and changed events.

const LISTING = {
  service: 'image',
  method: 'GET',
  path: /images$/,
  times: Number.POSITIVE_INFINITY,
} as const;

test('an ad-hoc request for all servers includes a server that the listing lacks and that has a snapshot of tonight', async () => {
  const h = await history(1);
  h.cloud.region('DFW').addServer({ name: 'db' });
  h.cloud.region('DFW').unlisted.add(h.web.id);
  const report = await h.run('snapshot', { adhoc: true, servers: { all: true } });
  expect(report.entries.map(({ name, outcome }) => `${name} ${outcome}`).sort()).toEqual([
    'db taken',
    'web taken',
  ]);
});

test('an image that has failed by the end of the run is not reported as taken', async () => {
  const h = await history(0);
  h.cloud.faults.push({
    ...LISTING,
    skip: 1,
    answer: () => {
      for (const image of h.cloud.region('DFW').images) Object.assign(image, { status: 'killed' });
    },
  });
  const { report } = await h.fail('snapshot', policy());
  expect(report?.entries).toMatchObject([{ outcome: 'failed', code: 'IMAGE_FAILED' }]);
});

test('an ad-hoc request and a policy have leases of their own, even if their names are equal', async () => {
  const h = await history(0);
  const nightly = policy({ policy: 'adhoc-nightly' });
  const adhoc = { adhoc: true, servers: { all: true }, request: 'nightly' };
  const other = { ...h, second: undefined as Promise<unknown> | undefined };
  h.cloud.faults.push({
    service: 'compute',
    method: 'POST',
    path: /action$/,
    // The policy's run holds its lease meanwhile.
    answer: () => {
      other.second = h.run('snapshot', adhoc);
    },
  });
  expect((await h.run('snapshot', nightly)).totals).toEqual({ taken: 1 });
  expect(JSON.stringify(await other.second)).not.toContain('OTHER_RUN');
});

test('images that a listing shows although they are gone do not count against the limit of deletions', async () => {
  const h = await history(9);
  const ghosts = h.images.slice(-3);
  for (const { id } of ghosts) {
    const { cloud } = h;
    cloud.faults.push({
      service: 'image',
      method: 'GET',
      path: new RegExp(`images/${id}$`),
      times: Number.POSITIVE_INFINITY,
      answer: { status: 404, body: '' },
    });
  }
  await h.run('cleanup', policy({ maxDeletes: 3 })).catch(() => undefined);
  expect(deletions(h).map(({ path }) => path.split('/').at(-1))).toEqual(
    h.images
      .slice(3, 6)
      .toReversed()
      .map(({ id }) => id),
  );
});

test('the audit reports no server as orphaned that is in a region that cannot be read', async () => {
  const h = await history(0, ['DFW', 'ORD']);
  useKeystone(h);
  const [dfw, ord] = h.cloud.catalogue;
  // Both regions have the same image service.
  Object.assign(ord!, { imageUrl: dfw!.imageUrl });
  addSnapshot(h, h.web, 0);
  deploy([policy()]);
  expect(await h.run('audit', {})).toMatchObject({ late: [] });
  h.cloud.catalogue.splice(0, 1);
  h.cloud.faults.length = 0;
  h.cold();
  const { policies, late } = await h.run('audit', {}).catch(() => h.run('audit', {}));
  expect(policies[0]).toMatchObject({ readable: false });
  expect(late.map(({ name }) => name)).toEqual(['web']);
});

test('a snapshot of another server is not restored, although it has inherited the id of this server', async () => {
  const h = await world();
  const db = h.cloud.region('DFW').addServer({ name: 'db' });
  const its = addSnapshot(h, db, 0, {
    size: 0,
    properties: {
      instance_uuid: h.web.id,
      block_device_mapping: JSON.stringify([{ snapshot_id: 'volume-snapshot' }]),
    },
  });
  h.cloud.region('DFW').addVolumeSnapshot({
    id: 'volume-snapshot',
    name: `snapshot for ${its.name}`,
    createdAt: its.createdAt,
    volumeId: 'root',
  });
  db.volumeIds.push('root');
  const { error } = await h.fail('restore', { ...TO_NEW, at: its.id });
  expect(error.message).toMatch(/was made from the server .*, and not from web /);
  expect(restoredIn(h)).toEqual([db]);
});

test.each([
  ['a new server', TO_NEW],
  ['in place', IN_PLACE],
])('%s: a restore that resumes with another image than it began with is refused', async (_, event) => {
  const h = await world();
  const first = await h.run('restore', { ...event, at: h.images[1]!.id });
  later(h, 30);
  for (const at of ['latest', '2026-11-23', h.images[0]!.id]) {
    const { error } = await h.fail('restore', { ...again(first), at });
    expect(error.message, at).toContain(
      `at: the restore "${first.request}" has begun with ${h.images[1]!.id}`,
    );
  }
  expect(await h.run('restore', again(first))).toMatchObject({ image: h.images[1]!.id });
});

test('an image that is to be kept and that the last listing lacks is read by its id', async () => {
  const h = await history(4);
  setTime('2026-11-23T07:00:00Z');
  h.cloud.faults.push({ ...LISTING, skip: 3, answer: leavingOut(h.images[0]!.id) });
  expect((await h.run('cleanup', policy())).failures).toEqual([]);
  expect(idsOf(h.cloud.region('DFW').images)).toEqual(idsOf(h.images.slice(0, 3)));
});
