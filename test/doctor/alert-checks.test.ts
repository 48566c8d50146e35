import { expect, test, vi } from 'vitest';
import type { Diagnosis } from '../../lib/doctor/diagnosis.ts';
import { startWaiting } from '../fleet/waiting.ts';
import { deploy, harness, policy } from '../harness.ts';

async function diagnosis({
  confirmed = 0,
  pending = 0,
  heartbeat = '',
  isTopicDown = false,
}): Promise<{ alerts: Diagnosis['checks']; error?: string }> {
  const h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web' });
  deploy([policy()]);
  Object.assign(await startWaiting(), { subscriptions: { confirmed, pending }, isTopicDown });
  vi.stubEnv('AUTOSNAP_HEARTBEAT', heartbeat);
  h.cold();
  const alertsIn = ({ checks }: Diagnosis) => checks.filter(({ check }) => check === 'alerts');
  const { error, report } = await h.fail('doctor', {});
  return report ? { alerts: alertsIn(report), error: error.message } : { alerts: [] };
}

test.each([
  ['nobody', {}, 'fail', 'ALERTS_TO_NOBODY', /Add an address to alerts in serverless\.yml/],
  [
    'a subscription that waits for its confirmation',
    { pending: 1 },
    'fail',
    'ALERTS_TO_NOBODY',
    /^Confirm the subscription/,
  ],
  [
    'the heartbeat alone',
    { heartbeat: 'https://hc.example/x' },
    'warn',
    'ALERTS_BY_HEARTBEAT',
    /Add an address/,
  ],
  ['a confirmed subscription', { confirmed: 1, pending: 1 }, 'pass', 'ALERTS_CONFIRMED', undefined],
  ['a topic that does not answer', { isTopicDown: true }, 'warn', 'ALERTS_UNKNOWN', undefined],
])('doctor checks who is notified: %s', async (_, setup, verdict, code, remedy) => {
  const { alerts, error } = await diagnosis(setup);
  expect(alerts).toEqual([
    {
      check: 'alerts',
      verdict,
      code,
      detail: expect.any(String),
      ...(remedy ? { remedy: expect.stringMatching(remedy) } : {}),
    },
  ]);
  if (verdict === 'fail') expect(error).toContain('deployment, alerts: nobody is notified of failures');
});

test('doctor looks at no alerts where nothing is deployed', async () => {
  const h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web' });
  const { checks } = await h.run('doctor', { policies: [policy()] });
  expect(checks.filter(({ check }) => check === 'alerts')).toEqual([]);
});
