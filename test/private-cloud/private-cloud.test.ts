import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { parseSecret } from '../../lib/credentials/parse-secret.ts';
import { connect } from '../../lib/openstack/session.ts';
import { deploy, policy, setTime } from '../harness.ts';
import { unhurried } from '../openstack/connected.ts';
import { AUTHORITY, cloudsYaml, privateCloud } from './cloud.ts';

const SECRET = 'autosnap/test/rackspace';
const OTHER_AUTHORITY = readFileSync(new URL('../faults/expired.pem', import.meta.url), 'utf8');

test('all jobs run on a private cloud whose certificates are of its own authority', async () => {
  setTime('2026-11-22T00:00:10Z');
  const h = await privateCloud({ timing: { queuedMs: 0, savingMs: 0, buildMs: 0 } });
  const region = h.cloud.region('RegionOne');
  const data = region.addVolume({ size: 10 });
  const web = region.addServer({ name: 'web', volumeIds: [data.id] });
  const daily = policy({ keep: { last: 1 }, drill: { schedule: 'rate(1 day)' } });
  deploy([daily]);
  const event = { policy: 'daily' };

  await h.run('snapshot', event);
  setTime('2026-11-23T00:00:10Z');
  await h.run('snapshot', event);
  expect(region.images).toHaveLength(2);
  setTime('2026-11-23T01:00:00Z');
  const [oldest] = region.images;
  await h.run('hold', { hold: oldest!.id, until: 'forever' });
  expect((await h.run('cleanup', event)).totals).not.toHaveProperty('deleted');
  await h.run('hold', { release: oldest!.id });
  expect((await h.run('cleanup', event)).totals).toMatchObject({ deleted: 2 });
  expect(region.images).toHaveLength(1);
  expect((await h.run('doctor', {})).checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
  expect((await h.run('audit', {})).sentence).toMatch(/^1 of 1 server protected/);
  await h.run('drill', event);
  h.cloud.advance(60_000);
  await h.run('drill', event);
  expect(region.servers).toEqual([web]);
  let step = await h.run('restore', { server: 'web', to: 'new' });
  while (step.next) {
    h.cloud.advance(60_000);
    step = await h.run('restore', step.next);
  }
  expect(step.state).toBe('done');
  expect(region.servers).toHaveLength(2);
  expect(h.cloud.received.every(({ service }) => service !== 'object-store')).toBe(true);
});

test('the data of an image are downloaded over the connection that the authority has certified', async () => {
  const { cloud } = await privateCloud();
  const { id } = cloud.region('RegionOne').addImage({
    name: 'golden',
    owner: cloud.account.projectId,
    data: Buffer.from('all of it'),
    size: 9,
  });
  const session = await connect(async () => parseSecret('s', cloud.secrets.get(SECRET)!), unhurried);
  const { body } = await session.download({
    service: 'image',
    region: 'RegionOne',
    path: `/images/${id}/file`,
    headers: {},
    expect: [200],
  });
  expect(await text(body)).toBe('all of it');
});

describe('a cloud whose authority is not known gets no request,', () => {
  test.each([
    ['if the secret has none', {}],
    ['if the secret has another one', { cacert: OTHER_AUTHORITY }],
  ])('%s, and the error has the remedy', async (_, fields) => {
    const h = await privateCloud();
    h.cloud.region('RegionOne').addServer({ name: 'web' });
    h.cloud.secrets.set(SECRET, cloudsYaml(h.cloud, fields));
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toMatch(
      /its certificate is of an authority that is not known\. If the cloud has an authority of its own, put the certificate of this authority into the secret, a clouds\.yaml, as cacert/,
    );
    expect(h.logs()).not.toContain(h.cloud.account.password);
    expect(h.cloud.received.filter(({ service }) => service !== 'secrets')).toEqual([]);
  });
});

test('the secret may have several certificates', async () => {
  const h = await privateCloud();
  h.cloud.region('RegionOne').addServer({ name: 'web' });
  h.cloud.secrets.set(SECRET, cloudsYaml(h.cloud, { cacert: `${OTHER_AUTHORITY}\n${AUTHORITY}` }));
  expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
});
