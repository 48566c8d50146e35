import { expect, test } from 'vitest';
import { deliverAll, startWaiting } from '../fleet/waiting.ts';
import { deploy, harness, policy, setTime } from '../harness.ts';
import { history } from '../history.ts';

// Slots that were taken twice, and wrong reports about snapshots that were only slow.

test('volume snapshots that take hours do not count as failed after one hour, so the slot is not taken again', async () => {
  setTime('2026-11-23T00:00:10Z');
  const h = await harness({ timing: { queuedMs: 0, savingMs: 0, volumeMs: 3 * 3_600_000 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  const dfw = h.cloud.region('DFW');
  dfw.addServer({ name: 'db', image: '', volumeIds: ['root'] });
  deploy([policy()]);
  expect((await h.run('snapshot', { policy: 'daily' })).totals).toEqual({ taken: 1 });
  setTime('2026-11-23T01:30:00Z');
  expect((await h.run('snapshot', { policy: 'daily' })).totals).toEqual({ skipped: 1 });
  const audit = await h.run('audit', { digest: 'never' });
  expect(JSON.stringify(audit)).not.toContain('it will never finish');
  expect(dfw.images).toHaveLength(1);
});

test('if the clock of the cloud is two hours behind, no snapshot is requested that would not count', async () => {
  setTime('2026-11-23T00:00:10Z');
  const h = await harness();
  const dfw = h.cloud.region('DFW');
  dfw.addServer({ name: 'web' });
  h.cloud.advance(-2 * 3_600_000);
  for (let tries = 0; tries < 3; tries++) {
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain("the cloud's clock is 120 minutes behind");
  }
  expect(dfw.images).toEqual([]);
});

test('a run that waited for a busy server finds the snapshot that a manual run has taken meanwhile', async () => {
  const h = await history(0);
  const waiting = await startWaiting();
  deploy([policy({ schedule: 'rate(1 day)' })]);
  const since = new Date();
  setTime('2026-11-23T06:10:00Z');
  expect((await h.run('snapshot', { policy: 'daily' })).totals).toEqual({ taken: 1 });
  setTime('2026-11-23T06:30:00Z');
  const work = { job: 'snapshot', event: { policy: 'daily' }, since, requestId: 'r', tries: 0 };
  waiting.queue.send(JSON.stringify(work), 0);
  await deliverAll(waiting);
  expect(h.cloud.region('DFW').images).toHaveLength(1);
});

test('the audit does not report a server as missing if the cloud does not answer', async () => {
  const h = await history(1);
  const other = h.cloud.region('DFW').addServer({ name: 'other' });
  h.cloud.region('DFW').unlisted.add(other.id);
  const path = new RegExp(`/servers/${other.id}`);
  h.cloud.faults.push({
    service: 'compute',
    method: 'GET',
    path,
    times: Infinity,
    answer: { status: 503, body: {} },
  });
  deploy([policy({ servers: { ids: [h.web.id, other.id] } })]);
  const audit = JSON.stringify(await h.run('audit', { digest: 'never' }));
  expect(audit).toContain(`the cloud does not say whether server ${other.id} exists`);
  expect(audit).not.toContain(`there is no server ${other.id}`);
});
