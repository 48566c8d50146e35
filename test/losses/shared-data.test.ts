import { describe, expect, test } from 'vitest';
import { leavingOut } from '../../local/cloud/faults.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, policy } from '../harness.ts';
import { addSnapshot, decisionOn, deletions, history, idsIn, slotOf } from '../history.ts';

// Losses that follow from the deletion of an image: its volume snapshots, its use by other
// projects, the retention of another deployment.

const KEYSTONE = { account: 'keystone' };

/**
 * A server with a root volume and a data volume, and good snapshots of that many days, newest
 * first.
 */
async function volumeHistory(count: number) {
  const h = await history(0);
  h.cloud.secrets.set('autosnap/test/keystone', h.cloud.secret('password'));
  const dfw = h.cloud.region('DFW');
  const db = dfw.addServer({ name: 'db', image: '', volumeIds: ['root', 'data'] });
  const snapshots = Array.from({ length: count }, (_, age) => addOnVolumes(h, db, age));
  return { ...h, dfw, db, snapshots };
}

function addOnVolumes(h: Harness, db: CloudServer, age: number): { image: CloudImage; parts: string[] } {
  const dfw = h.cloud.region('DFW');
  const image = addSnapshot(h, db, age, { size: 0 });
  const name = `snapshot for ${image.name}`;
  const parts = db.volumeIds.map(
    (volumeId) => dfw.addVolumeSnapshot({ volumeId, name, createdAt: slotOf(age) }).id,
  );
  image.properties.block_device_mapping = JSON.stringify(parts.map((id) => ({ snapshot_id: id })));
  return { image, parts };
}

describe('a snapshot with a missing or broken volume snapshot', () => {
  const cases: [string, (h: Awaited<ReturnType<typeof volumeHistory>>, id: string) => void][] = [
    [
      'deleted by a person',
      ({ dfw }, id) =>
        void dfw.volumeSnapshots.splice(
          dfw.volumeSnapshots.findIndex((s) => s.id === id),
          1,
        ),
    ],
    ...['error', 'error_deleting'].map((status): (typeof cases)[number] => [
      status,
      ({ dfw }, id) => void Object.assign(dfw.volumeSnapshots.find((s) => s.id === id)!, { status }),
    ]),
  ];

  test.each(cases)(
    '%s: the remaining parts stay as long as the rules would keep the whole snapshot',
    async (_, breakIt) => {
      const h = await volumeHistory(5);
      const { image, parts } = h.snapshots[3]!;
      breakIt(h, parts[1]!);
      const report = await h.run('cleanup', policy({ ...KEYSTONE, keep: { last: 2, daily: 30 } }));
      expect(deletions(h)).toEqual([]);
      expect(decisionOn(report, image)).toMatch(
        /^kept: volume snapshot .*: its remaining data is kept as if .*: daily 2026-11-20/,
      );
    },
  );

  test.each(cases.slice(0, 2))(
    '%s: the remaining parts are deleted once the rules would not keep the whole snapshot',
    async (_, breakIt) => {
      const h = await volumeHistory(5);
      const { image, parts } = h.snapshots[3]!;
      breakIt(h, parts[1]!);
      const report = await h.run('cleanup', policy({ ...KEYSTONE, keep: { last: 2 } }));
      expect(decisionOn(report, image)).toMatch(/^deleted: /);
      expect(h.dfw.volumeSnapshots.map(({ id }) => id)).not.toContain(parts[0]);
    },
  );

  test('a run fails if it deletes only a part of a snapshot', async () => {
    const h = await volumeHistory(4);
    const { image, parts } = h.snapshots[3]!;
    Object.assign(h.dfw.volumeSnapshots.find(({ id }) => id === parts[1])!, { status: 'error_deleting' });
    h.cloud.faults.push({
      service: 'volume',
      method: 'DELETE',
      when: (c) => c.req.path.endsWith(parts[1]!),
      times: 999,
      answer: { status: 400, body: { badRequest: { code: 400, message: 'Invalid snapshot' } } },
    });
    const { report } = await h.fail('cleanup', policy({ ...KEYSTONE, keep: { last: 2 } }));
    expect(decisionOn(report, image)).toMatch(/^failed: /);
  });
});

test('volume snapshots that remain after an accepted deletion do not prevent other deletions', async () => {
  const h = await volumeHistory(8);
  const stuck = new Set(h.snapshots.slice(5).flatMap(({ parts }) => parts));
  h.cloud.faults.push({
    service: 'volume',
    method: 'DELETE',
    when: (c) => stuck.has(c.req.path.split('/').at(-1)!),
    times: 999,
    answer: { status: 202, body: '' },
  });
  const event = policy({ ...KEYSTONE, keep: { last: 2 }, maxDeletes: 2 });
  const { report } = await h.fail('cleanup', event);
  expect(report?.totals).toEqual({ deleted: 2, failed: 3, deferred: 1, kept: 2 });
  for (const { image } of h.snapshots.slice(5))
    expect(textsOf(report?.warnings).join()).toContain(`image ${image.id} of db can't be deleted`);
});

describe('at Rackspace, where the visibility of a shared image is private', () => {
  test('a shared image stays, is reported, and does not prevent the deletion of the next', async () => {
    const h = await history(6);
    const oldest = h.images.at(-1)!;
    oldest.members = { '999999': 'accepted' };
    const report = await h.run('cleanup', policy({ keep: { last: 3 }, maxDeletes: 1 }));
    expect(decisionOn(report, oldest)).toBe(
      'kept: the image is shared with 999999: it stays until it is shared no more',
    );
    expect(decisionOn(report, h.images[4]!)).toMatch(/^deleted/);
    expect(textsOf(report.warnings).join()).toContain(`image ${oldest.id} of web can't be deleted`);
  });

  test('a dry run plans the same, and requests the members only of images that would be deleted', async () => {
    const h = await history(7);
    const [, , , kept, deferred, next, oldest] = h.images;
    oldest!.members = { '999999': 'accepted' };
    kept!.members = { '999999': 'accepted' };
    const event = policy({ keep: { last: 3 }, maxDeletes: 1, dryRun: true });
    const report = await h.run('cleanup', event);
    expect(decisionOn(report, oldest!)).toBe(
      'kept: the image is shared with 999999: it stays until it is shared no more',
    );
    expect(decisionOn(report, next!)).toBe('planned: no rule keeps it');
    expect(decisionOn(report, deferred!)).toBe(
      'deferred: no rule keeps it; more than 1 (maxDeletes) in one run',
    );
    expect(report.totals).toEqual({ planned: 1, deferred: 2, kept: 4 });
    expect(report.codes).not.toHaveProperty('SHARING_UNKNOWN');
    const asked = h.cloud.received.filter(({ path }) => path.endsWith('/members'));
    expect(asked.map(({ path }) => path.split('/').at(-2))).toEqual([oldest!.id, next!.id]);
    expect(deletions(h)).toEqual([]);
    const { dryRun: _, ...real } = event;
    expect((await h.run('cleanup', real)).totals).toEqual({ deleted: 1, deferred: 2, kept: 4 });
  });

  const hideMembers = (h: Awaited<ReturnType<typeof history>>) => {
    const answer = { status: 500, body: '' };
    h.cloud.faults.push({ service: 'image', path: /\/members$/, times: 999, answer });
  };

  test('a dry run that cannot read members warns of it', async () => {
    const h = await history(6);
    hideMembers(h);
    const report = await h.run('cleanup', policy({ keep: { last: 3 }, dryRun: true }));
    expect(report.totals).toEqual({ planned: 3, kept: 3 });
    expect(textsOf(report.warnings)).toEqual([
      expect.stringContaining(`could not check whether image ${h.images[5]!.id} and others are shared`),
    ]);
  });

  test('an image whose members cannot be read stays', async () => {
    const h = await history(6);
    hideMembers(h);
    await h.fail('cleanup', policy({ keep: { last: 3 } }));
    expect(deletions(h)).toEqual([]);
  });
});

describe('two deployments that adopt the images of autosnap.py', () => {
  const legacy = (h: Awaited<ReturnType<typeof history>>) =>
    Array.from({ length: 5 }, (_, age) =>
      h.cloud.region('DFW').addImage({
        name: `web-autosnap-${h.web.id}`,
        owner: h.cloud.account.projectId,
        createdAt: slotOf(age + 3),
        properties: { image_type: 'snapshot', instance_uuid: h.web.id },
      }),
    );
  const adopting = policy({ adopt: 'autosnap.py', keep: { last: 2 } });

  test.each(['listed', 'left out by the first listing'])(
    'do not rotate them if a snapshot of the other deployment is %s',
    async (how) => {
      const h = await history(0);
      const images = legacy(h);
      const its = addSnapshot(h, h.web, 1, { properties: { autosnap_owner: 'autosnap-dev' } });
      if (how !== 'listed') {
        h.cloud.region('DFW').unlisted.add(its.id);
        let listings = 0;
        h.cloud.faults.push({
          service: 'image',
          region: 'DFW',
          path: /\/images$/,
          times: 3,
          answer: () => {
            listings += 1;
            if (listings === 3) h.cloud.region('DFW').unlisted.clear();
          },
        });
      }
      const report = await h.run('cleanup', adopting);
      expect(deletions(h)).toEqual([]);
      expect(idsIn(h)).toHaveLength(images.length + 1);
      expect(JSON.stringify(report)).toMatch(
        /another deployment has snapshots|the deployment autosnap-dev has/,
      );
    },
  );
});

test('the doctor reads a server that a policy names by its id and the listing lacks', async () => {
  const h = await history(0);
  h.cloud.region('DFW').unlisted.add(h.web.id);
  const { checks } = await h.run('doctor', { policies: [policy({ servers: { ids: [h.web.id] } })] });
  expect(checks.filter(({ check }) => check === 'servers')).toEqual([
    expect.objectContaining({ verdict: 'pass', detail: '1: web' }),
  ]);
});

test('the image of an in-place restore stays, although one listing lacks its safety snapshot', async () => {
  const h = await history(5);
  const oldest = h.images[4]!;
  const restore = { server: 'web', to: 'in-place', confirm: 'web', at: oldest.id };
  const { safety } = await h.run('restore', restore);
  h.cloud.advance(600_000);
  for (const skip of [0, 2]) {
    h.cloud.faults.push({
      service: 'image',
      path: /\/images$/,
      region: 'DFW',
      skip,
      answer: leavingOut(safety!),
    });
    await h.run('cleanup', policy({ keep: { last: 3 }, maxDeletes: 1 }));
    h.cloud.faults.splice(0);
    expect(idsIn(h)).toContain(oldest.id);
  }
});
