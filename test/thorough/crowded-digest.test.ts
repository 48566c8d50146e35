import { expect, test } from 'vitest';
import { policy } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import { auditedDeployment } from '../incidents/deployment.ts';

test('a server that fails many times leaves room in the digest for another one that fails once', async () => {
  const d = await auditedDeployment(
    '2026-11-22T06:59:00Z',
    policy({ policy: 'hourly', schedule: 'cron(0 * * * ? *)', servers: { names: ['bad'] } }),
    policy({ policy: 'nightly', schedule: 'cron(0 23 * * ? *)', servers: { names: ['important'] } }),
  );
  d.addServer('bad').snapshotOutcome = 'killed';
  const important = d.addServer('important');
  addSnapshot(d, important, 1 + 1 / 24, { properties: { autosnap_policy: 'nightly' } });
  for (let hour = 7; hour < 31; hour++) {
    const slot = Date.parse('2026-11-22T00:00:10Z') + hour * 3_600_000;
    for (const retry of [0, 60_000]) {
      await d.at(new Date(slot + retry).toISOString(), 'snapshot', { policy: 'hourly' });
    }
    if (hour === 23) {
      important.vmState = 'error';
      await d.at('2026-11-22T23:03:20Z', 'snapshot', { policy: 'nightly' });
    }
  }
  const { mails } = await d.audit('2026-11-23T07:01:00Z', { digest: 'always' });
  const { text } = mails.at(-1)!;
  expect(text).toMatch(/^- snapshot nightly: important in DFW: /m);
  expect(text).not.toContain('… and');
  const [headline] = text.split('\n');
  expect(headline).toMatch(/; [1-3] failures? in the last day\.$/);
});
