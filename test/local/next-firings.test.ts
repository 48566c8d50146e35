import { expect, test } from 'vitest';
import { nextFirings } from '../../local/next-firings.ts';

test('each schedule is shown with its next firing, here and in UTC, and the command that fires it now', () => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const functions = {
    snapshot: { events: [{ schedule: { rate: ['cron(0 0 * * ? *)'], input: { policy: 'daily' } } }] },
    cleanup: { events: [{ schedule: { rate: ['rate(6 hours)'], input: { policy: 'daily' } } }] },
    audit: { events: [{ schedule: { rate: 'cron(0 0 1 1 ? 2020)', input: { digest: 'never' } } }] },
    continue: { events: [{ sqs: {} }] },
    doctor: {},
    empty: null,
  };
  const now = new Date('2026-11-23T10:00:00Z');
  // The tests run in the zone of Kathmandu, 5:45 before UTC; see vitest.config.ts.
  expect(
    nextFirings({ service: 'acme', functions }, now),
  ).toBe(`Next firings, in the time zone of this machine:
  snapshot of daily: 2026-11-24 00:00 ${zone} (2026-11-23 18:15 UTC)
    now: curl -s -d '{"policy":"daily"}' http://localhost:3002/2015-03-31/functions/acme-local-snapshot/invocations
  cleanup of daily: 2026-11-23 18:00 ${zone} (2026-11-23 12:15 UTC)
    now: curl -s -d '{"policy":"daily"}' http://localhost:3002/2015-03-31/functions/acme-local-cleanup/invocations
  audit: never again
    now: curl -s -d '{"digest":"never"}' http://localhost:3002/2015-03-31/functions/acme-local-audit/invocations`);
  expect(nextFirings({ service: 'acme', functions }, now, { lambdaPort: 4002 })).not.toContain(':3002');
});
