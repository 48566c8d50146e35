import type { ClientContext } from 'aws-lambda';
import { expect, test } from 'vitest';
import { RESULT_WANTED } from '../../lib/runtime/client-context.ts';
import { lambdaContext } from '../../local/context.ts';
import { addFleet } from '../../local/fleet.ts';
import { FUNCTIONS } from '../functions.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';

const DAILY = policy({ servers: { tagged: { autosnap: 'daily' } }, keep: { last: 7 } });

async function fleet(): Promise<Harness> {
  setTime('2026-11-23T09:00:00Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  addFleet(h.cloud, 'autosnap-test');
  deploy([DAILY]);
  return h;
}

test('an audit lists each server with the state of its worst part, those in trouble first', async () => {
  const h = await fleet();
  const { servers, isGood, sentence } = await h.run('audit', { list: 'servers' });
  expect(sentence).toContain('of 7 servers protected');
  expect(isGood).toBe(false);
  expect(servers!.map(({ name }) => name)).toEqual([
    'db-2',
    'db-1',
    'mail-1',
    'new-1',
    'web-1',
    'web-2',
    'web-3',
    'shop',
    'build-scratch',
  ]);
  expect(servers![0]).toMatchObject({ state: 'late', standing: '4 days late', volumes: 0, region: 'DFW' });
  expect(servers![1]).toMatchObject({
    state: 'protected',
    newestGood: '2026-11-22T00:00:00Z',
    ageSeconds: 33 * 3600,
    nextRun: '2026-11-24T00:00:00Z',
    policies: ['daily'],
    volumes: 2,
    lateVolumes: 0,
    proven: expect.any(String),
  });
  expect(servers!.at(-2)).toMatchObject({ state: 'orphaned', standing: 'server gone' });
  expect(servers!.at(-1)).toMatchObject({ state: 'uncovered', standing: 'in no policy', policies: [] });
});

test('a list of servers counts the snapshots of their volumes, and their sizes', async () => {
  const h = await fleet();
  const { servers } = await h.run('audit', { list: 'servers' });
  const db1 = servers!.find(({ name }) => name === 'db-1')!;
  const { snapshots } = await h.run('audit', { list: 'snapshots', of: db1.server });
  const its = snapshots!.filter(({ kind }) => kind === 'good');
  expect(its.some(({ volume }) => volume)).toBe(true);
  expect(db1.good).toBe(its.length);
  expect(db1.bytes).toBe(snapshots!.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0));
});

test('a server is of the oldest of its parts, and a late volume makes it late', async () => {
  const h = await fleet();
  const dfw = h.cloud.region('DFW');
  const logs = dfw.volumes.find(({ name }) => name === 'db-1-logs')!;
  for (const one of dfw.volumeSnapshots.filter((v) => v.volumeId === logs.id).slice(0, 3))
    one.status = 'error';
  const { servers } = await h.run('audit', { list: 'servers' });
  const db1 = servers!.find(({ name }) => name === 'db-1')!;
  expect(db1).toMatchObject({
    state: 'late',
    volumes: 2,
    lateVolumes: 1,
    newestGood: '2026-11-19T00:00:00Z',
  });
});

test.each([
  ['the name of a server', 'web-1', ['web-1']],
  ['a pattern', 'web-*', ['web-1', 'web-2']],
  ['the beginning of the id of a server', (h: Harness) => serverId(h, 'db-1').slice(0, 8), ['db-1']],
  ['no name', 'nothing', []],
])('an audit lists the snapshots of %s', async (_, of, names) => {
  const h = await fleet();
  const { snapshots } = await h.run('audit', { list: 'snapshots', of: typeof of === 'string' ? of : of(h) });
  expect([...new Set(snapshots!.map(({ name }) => name))]).toEqual(names);
});

test('an audit lists one snapshot by the beginning of its id, with the reason why it stays', async () => {
  const h = await fleet();
  const image = h.cloud.region('DFW').images.find(({ name }) => name.startsWith('web-1-daily-20261122'))!;
  const { snapshots } = await h.run('audit', { list: 'snapshots', of: image.id.slice(0, 8) });
  expect(snapshots).toMatchObject([
    { image: image.id, name: 'web-1', kind: 'good', action: 'keep', codes: ['LAST'], why: 'last 1 of 7' },
  ]);
});

test('an audit that lists publishes and records nothing, and logs no list', async () => {
  const h = await fleet();
  const s3 = await reportBucket();
  h.cold();
  await h.run('audit', {});
  const before = new Map(s3.objects);
  const logged = h.logs().length;
  await h.run('audit', { list: 'servers' });
  await h.run('audit', { list: 'snapshots' });
  expect(new Map(s3.objects)).toEqual(before);
  const logs = h.logs().slice(logged);
  expect(logs).not.toContain('CloudWatchMetrics');
  expect(logs).not.toMatch(/"(servers|snapshots)":/);
  expect(logs).toMatch(/"job": "audit"/);
});

test('an audit that lists before the first audit records nothing either', async () => {
  const h = await fleet();
  const s3 = await reportBucket();
  h.cold();
  expect(await h.run('audit', { list: 'servers' })).toMatchObject({ failures: [] });
  expect(s3.objects.size).toBe(0);
});

test.each([
  [{ list: 'all' }, 'list: must be "servers", "snapshots" or "page"'],
  [{ of: 'web-1' }, 'of: selects snapshots: send "list": "snapshots", too'],
  [{ list: 'servers', digest: 'always' }, 'list: an audit that lists sends and records nothing'],
  [{ list: 'servers', acceptDropped: true }, 'list: an audit that lists sends and records nothing'],
])('%o is refused', async (event, refusal) => {
  const h = await fleet();
  const { error } = await h.fail('audit', event);
  expect(error.message).toContain(refusal);
});

test('a client that wants the result of a failed run gets it; others get the error', async () => {
  const h = await fleet();
  h.cloud.secrets.set('autosnap/test/rackspace', '{"username": "ada"}');
  const { handler } = await FUNCTIONS.doctor();
  const context = lambdaContext('autosnap-test-doctor');
  await expect(handler({}, context)).rejects.toThrow('doctor: 1 of ');
  const clientContext = RESULT_WANTED as unknown as ClientContext;
  const result = await handler({}, { ...context, clientContext });
  expect(result).toMatchObject({
    job: 'doctor',
    checks: expect.arrayContaining([expect.objectContaining({ verdict: 'fail' })]),
  });
});

test('a client that wants the result of a run without one gets the reason and the id of the run', async () => {
  const h = await fleet();
  const { handler } = await FUNCTIONS.restore();
  const context = { ...lambdaContext('autosnap-test-restore'), awsRequestId: 'invocation-1' };
  const clientContext = RESULT_WANTED as unknown as ClientContext;
  const asked = { server: 'nobody', to: 'new' };
  expect(await handler({ ...asked, request: 'mine' }, { ...context, clientContext })).toMatchObject({
    failed: {
      reason: { code: 'JOB_REFUSED', reasons: [{ code: 'RESTORE_NO_SERVER', server: 'nobody' }] },
      message: expect.stringContaining('server: there is no "nobody"'),
      request: 'mine',
    },
  });
  expect(await handler({ ...asked, dryRun: true }, { ...context, clientContext })).toMatchObject({
    failed: { request: 'invocation-1' },
  });
  // Others get the error of Lambda, which has no other place for the id of the restore.
  await expect(handler(asked, context)).rejects.toThrow(/"nobody" .* \(restore invocation-1\)$/);
  expect(h.logs()).toMatch(/"request": ?"mine"/);
});

function serverId(h: Harness, name: string): string {
  return h.cloud.region('DFW').servers.find((server) => server.name === name)!.id;
}
