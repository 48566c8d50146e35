import { expect, test } from 'vitest';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { history } from '../history.ts';

/** The results of some codes: `warn ORD: no policy selects 1 server: db-1`. */
async function found(h: Harness, event: unknown, ...codes: string[]): Promise<string[]> {
  const { report } = await h.fail('doctor', event);
  return report!.checks
    .filter(({ code }) => codes.includes(code))
    .map(({ verdict, detail }) => `${verdict} ${detail}`);
}

test('doctor names the servers that no deployed policy selects, in each region', async () => {
  setTime('2026-11-23T09:00:00Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  h.cloud.region('DFW').addServer({ name: 'web-1' });
  h.cloud.region('DFW').addServer({ name: 'build-1' });
  h.cloud.region('ORD').addServer({ name: 'db-1' });
  h.cloud.region('ORD').addServer({ name: 'db-2' });
  const web = policy({ servers: { names: ['web-*'] } });
  const db = policy({ policy: 'weekly', regions: ['ORD'], servers: { names: ['db-1'] } });
  deploy([web, db]);
  expect(await found(h, {}, 'SERVERS_IN_NO_POLICY')).toEqual([
    'warn DFW: no policy selects 1 server: build-1',
    'warn ORD: no policy selects 1 server: db-2',
  ]);
  // Another policy may select them.
  expect(await found(h, { policies: [web] }, 'SERVERS_IN_NO_POLICY')).toEqual([]);
  expect(await found(h, { policy: 'daily' }, 'SERVERS_IN_NO_POLICY')).toEqual([]);
});

test('doctor says how many images adopt takes over, and that it finds none', async () => {
  const h = await history(0);
  const regions = ['DFW'];
  const adopting = policy({ adopt: 'autosnap.py', regions });
  expect(await found(h, { policies: [adopting] }, 'IMAGES_ADOPTED')).toEqual([
    'warn DFW: there is no image of autosnap.py of the selected servers',
  ]);
  const { id, name } = h.web;
  for (const day of ['20', '21']) {
    h.cloud.region('DFW').addImage({
      name: `${name}-autosnap-${id}`,
      owner: h.cloud.account.projectId,
      createdAt: new Date(`2026-11-${day}T00:00:00Z`),
      properties: { image_type: 'snapshot', instance_uuid: id },
    });
  }
  expect(await found(h, { policies: [adopting] }, 'IMAGES_ADOPTED')).toEqual([
    'pass DFW: 2 images of autosnap.py would count and rotate, of web',
  ]);
  expect(await found(h, { policies: [policy({ regions })] }, 'IMAGES_ADOPTED')).toEqual([]);
  const others = [policy({ regions }), { ...adopting, policy: 'old' }];
  expect(await found(h, { policies: others }, 'IMAGES_ADOPTABLE')).toEqual([]);
  expect(await found(h, { policies: [policy({ regions })] }, 'IMAGES_ADOPTABLE')).toEqual([
    'warn DFW: nothing rotates 2 images of autosnap.py, of web',
  ]);
});

test.each([
  [
    ['nova:admin', 'cloudImages:admin', 'cbs:admin', 'object-store:admin'],
    /^pass .*: it may make and delete images, volume snapshots and copies$/,
  ],
  [
    ['nova:admin', 'cloudImages:admin', 'cbs:admin'],
    /^warn .*: it is not certain that it may make and delete images, volume snapshots and copies$/,
  ],
  [
    ['nova:admin', 'cloudImages:admin', 'cbs:admin', 'object-store:observer'],
    /^fail .*: it may not make or delete images, volume snapshots or copies$/,
  ],
])('at Rackspace a policy with copies needs object-store:admin: %j', async (roles, detail) => {
  setTime('2026-11-23T09:00:00Z');
  const h = await harness();
  h.cloud.account.roles = roles;
  h.cloud.region('DFW').addServer({ name: 'web-1' });
  const offsite = { schedule: 'rate(6 hours)', keep: { last: 2 } };
  const codes = ['RIGHTS_SUFFICIENT', 'RIGHTS_UNKNOWN', 'RIGHTS_MISSING'];
  const results = await found(h, { policies: [policy({ offsite })] }, ...codes);
  expect(results).toEqual([expect.stringMatching(detail)]);
  const without = await found(h, { policies: [policy()] }, ...codes);
  expect(without).toEqual([expect.stringMatching(/^pass .* images and volume snapshots$/)]);
});
