import { expect, test } from 'vitest';
import { failuresIn } from '../../lib/audit/failures.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { startWaiting } from '../fleet/waiting.ts';
import { deploy, harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';

/** A server under a daily policy, where the reports for the digest are kept. */
async function kept() {
  const h = await harness();
  const { objects } = await reportBucket();
  h.cold();
  h.cloud.region('DFW').addServer({ name: 'web-1' });
  deploy([policy()]);
  const runs = () =>
    [...objects.keys()]
      .filter((key) => key.includes('/runs/'))
      .sort()
      .map((key): Report => JSON.parse(objects.get(key)!));
  return { ...h, runs };
}

test('a run with a wrong key is in the digest as a whole, until a retry repairs it', async () => {
  const { cloud, fail, run, runs } = await kept();
  const { apiKey } = cloud.account;
  for (const [i, key] of ['changed', 'changed', apiKey].entries()) {
    setTime(`2026-11-23T00:0${i}:10Z`);
    cloud.account.apiKey = key;
    if (key === apiKey) await run('snapshot', { policy: 'daily' });
    else await fail('snapshot', { policy: 'daily' });
    const { open, repaired } = failuresIn(runs());
    if (key === apiKey) expect([open, repaired]).toEqual([[], 1]);
    else
      expect(open.map(({ line }) => line)).toEqual([
        expect.stringMatching(/^snapshot daily: the whole run failed: The account rackspace: /),
      ]);
  }
  expect(JSON.stringify(runs())).not.toContain(apiKey);
});

test('a snapshot that the cloud gives up is not among the taken ones', async () => {
  const { cloud, cold, run } = await kept();
  const waiting = await startWaiting();
  cold();
  cloud.region('DFW').addServer({ name: 'db-1' });
  setTime('2026-11-23T00:00:10Z');
  await run('snapshot', { policy: 'daily' });
  setTime('2026-11-23T07:00:00Z');
  const [first, second] = cloud.region('DFW').images;
  Object.assign(first!, { status: 'killed' });
  expect(second!.status).toBe('active');
  await run('audit', { digest: 'always' });
  expect(waiting.mails.at(-1)!.text).toContain(
    'In the last 24 hours 1 snapshot was taken, and 0 deleted. 1 more snapshot failed in the cloud.\n',
  );
});

test('a snapshot whose image no longer exists is not among the taken ones, and is named', async () => {
  const { cloud, cold, run } = await kept();
  const waiting = await startWaiting();
  cold();
  const dfw = cloud.region('DFW');
  dfw.addServer({ name: 'db-1' });
  deploy([policy({ keep: { last: 1 } })]);
  setTime('2026-11-23T00:00:10Z');
  await run('snapshot', { policy: 'daily' });
  await run('snapshot', { adhoc: true, servers: { names: ['db-1'] } }, { requestId: 'r1' });
  setTime('2026-11-23T05:00:00Z');
  const [vanished] = dfw.images.filter(({ name }) => name.startsWith('web-1-daily'));
  dfw.removeImage(vanished!.id);
  // Cleanup deletes the older snapshot of db-1, which is no loss.
  setTime('2026-11-24T00:00:05Z');
  await run('snapshot', { policy: 'daily' });
  setTime('2026-11-24T00:00:09Z');
  await run('cleanup', { policy: 'daily' });
  await run('audit', { digest: 'always' });
  const { text } = waiting.mails.at(-1)!;
  expect(text).toContain(' 1 more snapshot no longer exists.');
  expect(text.match(/does not exist any more/g)).toHaveLength(1);
  expect(text).toContain(
    `- the snapshot ${vanished!.id} of web-1 in DFW, daily, taken 2026-11-23 00:00, does not exist any more: if nobody deleted or renamed it, the cloud could not finish it, and the next run takes another`,
  );
});

test('a dry run that fails is in no digest', async () => {
  const { cloud, fail, runs } = await kept();
  cloud.account.apiKey = 'changed';
  await fail('snapshot', { policy: 'daily', dryRun: true });
  expect(runs()).toEqual([]);
});

test('a run for a part of a policy says so, and repairs no failure of a whole run', async () => {
  const { run, runs } = await kept();
  setTime('2026-11-23T00:00:10Z');
  await run('snapshot', { policy: 'daily', servers: { names: ['web-1'] } });
  setTime('2026-11-23T00:01:10Z');
  await run('cleanup', { policy: 'daily' });
  expect(runs().map(({ isPart }) => isPart)).toEqual([true, undefined]);
});
