import { expect, test } from 'vitest';
import { deploy, policy } from '../harness.ts';
import { again, later, TO_NEW, type World, world } from './world.ts';

// What a restored server is called, and which policies take snapshots of it.

const TAGGED = policy({ servers: { tagged: { autosnap: 'daily' } } });
const NAMED = policy({ policy: 'weekly', servers: { names: ['web*'] } });
const OTHER = policy({ policy: 'other', servers: { names: ['mail'] } });

async function restored(h: World, event: object, policies: object[]) {
  deploy(policies);
  const first = await h.run('restore', event);
  later(h, 5);
  return h.run('restore', again(first));
}

test('the policies that select the new server are named', async () => {
  const report = await restored(await world(), TO_NEW, [TAGGED, NAMED, OTHER]);
  expect(report).toMatchObject({ state: 'done', restoredName: expect.stringMatching(/^web-restored-/) });
  expect(report.lines).toContain('these policies take snapshots of it: daily, weekly');
});

test('a new server in no policy is a warning with the command that sets the tag', async () => {
  const report = await restored(await world(), { ...TO_NEW, metadata: {} }, [OTHER, TAGGED]);
  const { restored: id, restoredName: name } = report;
  expect(report.lines).toContain(
    `no policy takes snapshots of ${name} (${id}): put it into the policy daily with: openstack server set --property autosnap=daily ${id}`,
  );
});

test('so is one whose original is gone', async () => {
  const h = await world();
  const { servers } = h.cloud.region('DFW');
  servers.splice(servers.indexOf(h.web), 1);
  const report = await restored(h, { ...TO_NEW, server: h.web.id, flavor: 'general1-2' }, [TAGGED]);
  expect(report.codes).toContain('RESTORED_IN_NO_POLICY');
});

test('without a policy that selects by metadata, the name or the id is to be added to one', async () => {
  const report = await restored(await world(), { ...TO_NEW, name: 'shop' }, [OTHER]);
  expect(report.lines).toContain(
    `no policy takes snapshots of shop (${report.restored}): add its name or its id to a policy`,
  );
});

test('the policies of another account or region do not count', async () => {
  const elsewhere = { ...TAGGED, regions: ['ORD'] };
  expect((await restored(await world(), TO_NEW, [elsewhere])).codes).toContain('RESTORED_IN_NO_POLICY');
});
