import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { cleanUp } from '../../lib/snapshots/cleanup.ts';
import { answers } from '../../local/cloud/faults.ts';
import { drillEvent, drillWorld } from '../drill/world.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, deletions, history, idsIn, idsOf, MIDNIGHT, take, tenUndeletable } from '../history.ts';
import { connected } from '../openstack/connected.ts';

// An image or server with which something fails does not prevent the work on others.

// One status of each code of lib/openstack/errors.ts.
const refusals = [400, 403, 409, 451, 503];
test.each(refusals)(
  'ten images whose deletion answers %i do not prevent the deletion of the others',
  async (status) => {
    const { h, stuck } = await tenUndeletable(status);
    for (let run = 0; run < 2; run++) await h.run('cleanup', policy({ keep: { last: 2 } })).catch(() => {});
    expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 2), ...stuck]));
  },
);

test('after a deletion without an answer the youngest images are deleted first, because each of the oldest may take a minute', async () => {
  const h = await history(8);
  const path = new RegExp(`/images/${h.images[7]!.id}`);
  h.cloud.faults.push({ service: 'image', method: 'DELETE', path, times: Infinity, answer: 'drop' });
  await h.fail('cleanup', policy({ keep: { last: 2 } }));
  const asked = [...new Set(deletions(h).map(({ path: one }) => one.split('/').at(-1)))];
  expect(asked).toEqual([7, 2, 3, 4, 5, 6].map((age) => h.images[age]!.id));
});

describe('a cleanup that always reaches its deadline', () => {
  const EVERY = { cleanup: 'rate(6 hours)', keep: { last: 1 }, maxDeletes: 1 };

  /** Ten servers, each with more snapshots to delete than all runs of a test can delete. */
  async function backlog() {
    const h = await history(0);
    const fleet = Array.from({ length: 10 }, (_, i) => h.cloud.region('DFW').addServer({ name: `web-${i}` }));
    for (const server of fleet) for (let age = 0; age < 14; age++) addSnapshot(h, server, age);
    return { ...h, fleet };
  }

  /**
   * Eight cleanups, six hours apart. Each has time for `share` deletions and those that have begun
   * by then.
   */
  async function cleanUpEightTimes(h: Harness, share: number): Promise<void> {
    for (let run = 0; run < 8; run++) {
      setTime(new Date(MIDNIGHT.getTime() + (run + 1) * 6 * 3_600_000));
      const before = deletions(h).length;
      const remainingMs = () => (deletions(h).length - before < share ? 600_000 : 0);
      const session = { ...(await connected(h.cloud)), deadline: { remainingMs } };
      const report = await cleanUp(session, parsePolicy(policy({ ...EVERY })), {
        owner: 'autosnap-test',
        now: new Date(),
        requestId: `run-${run}`,
      });
      expect(report.left?.outOfTime).toBeDefined();
    }
  }

  const rotated = ({ cloud, fleet }: Awaited<ReturnType<typeof backlog>>) =>
    fleet.filter(({ id }) => {
      const left = cloud.region('DFW').images.filter(({ properties }) => properties.autosnap_server === id);
      return left.length < 14;
    }).length;

  test('begins with other series in each run, so that each series is rotated in some run', async () => {
    const h = await backlog();
    await cleanUpEightTimes(h, 1);
    expect(rotated(h)).toBe(10);
  });

  test('rotates the other series if an image that cannot be read stops each run', async () => {
    const h = await backlog();
    const [server] = h.fleet;
    const broken = h.cloud
      .region('DFW')
      .images.findLast(({ properties }) => properties.autosnap_server === server!.id);
    const path = new RegExp(`/images/${broken!.id}$`);
    h.cloud.faults.push({
      service: 'image',
      method: 'GET',
      path,
      times: Infinity,
      answer: answers.forbidden,
    });
    // The number of runs after which each series was the first: a run that stops has rotated at
    // least the first ones.
    for (let run = 0; run < 40 && rotated(h) < 9; run++) {
      setTime(new Date(MIDNIGHT.getTime() + (run + 1) * 6 * 3_600_000));
      await h.fail('cleanup', policy(EVERY));
    }
    expect(rotated(h)).toBe(9);
  });
});

test.each([400, 403, 404, 409])(
  'ten images that refuse their drill record with %i do not prevent the drills of others',
  async (status) => {
    const names = Array.from({ length: 12 }, (_, i) => `web-${i}`);
    const h = await drillWorld(names, 1);
    const inTurn = h.fleet
      .map((server, i) => ({ id: server.id, image: h.newest[i]! }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const { image } of inTurn.slice(0, 10)) {
      const path = new RegExp(`/images/${image.id}`);
      const answer = { status, body: { message: 'no' } };
      h.cloud.faults.push({ service: 'image', method: 'PATCH', path, times: Infinity, answer });
    }
    for (const day of [23, 24]) {
      setTime(`2026-11-${day}T06:00:00Z`);
      await h.fail('drill', drillEvent({ schedule: 'cron(0 6 * * ? *)' }));
    }
    expect(h.newest.filter(({ properties }) => properties.autosnap_proven)).toHaveLength(2);
  },
);

/**
 * A server with a local disk and one with a volume, each with a snapshot. The volume service has
 * been down since.
 */
async function withoutVolumes() {
  setTime('2026-11-20T00:00:00Z');
  const h = await harness({ timing: { queuedMs: 0, savingMs: 0, buildMs: 0 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  const dfw = h.cloud.region('DFW');
  const web = dfw.addServer({ name: 'web' });
  const db = dfw.addServer({ name: 'db', image: '', volumeIds: ['root'] });
  await take(h, '2026-11-20T00:00:00Z');
  h.cloud.faults.push({ service: 'volume', times: Infinity, answer: answers.unavailable });
  return { ...h, dfw, web, db };
}

test('without the volume service, servers without volumes get snapshots, and nothing is deleted', async () => {
  const h = await withoutVolumes();
  setTime('2026-11-21T00:00:10Z');
  const { error: ofRun } = await h.fail('snapshot', policy());
  const names = h.dfw.images.map(({ name }) => name);
  expect(names).toContain('web-daily-20261121T000000Z');
  expect(ofRun.message).toContain("the volumes can't be listed");
  const { error } = await h.fail('cleanup', policy({ keep: { last: 1 } }));
  expect(error.message).toContain('nothing is deleted there');
  expect(h.dfw.images.map(({ name }) => name)).toEqual(names);
});

test('without the volume service, a server without volumes is drilled, and restored by its name', async () => {
  const h = await withoutVolumes();
  setTime('2026-11-20T06:00:00Z');
  await h.run('drill', drillEvent()).catch(() => undefined);
  const [image] = h.dfw.images.filter(({ properties }) => properties.autosnap_server === h.web.id);
  expect(image?.properties.autosnap_proven).toContain(image!.id);
  const report = await h.run('restore', { server: 'web', to: 'new', dryRun: true });
  expect(report).toMatchObject({ state: 'planned', image: image!.id });
  expect(report.codes).toContain('RESTORE_VOLUMES_UNREAD');
});

test('without the volume service, the audit reports that the region cannot be read', async () => {
  const h = await withoutVolumes();
  setTime('2026-11-20T06:00:00Z');
  deploy([policy()]);
  const { sentence } = await h.run('audit', { digest: 'never' });
  expect(sentence).toContain("DFW can't be read");
});
