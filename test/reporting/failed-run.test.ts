import { expect, test } from 'vitest';
import { failedRunOf } from '../../lib/reporting/failed-run.ts';
import { finishReport, joinedReport } from '../../lib/reporting/finish-report.ts';
import { failedRunText } from '../../lib/reporting/sentences/failed-run.ts';

const JOB = { job: 'cleanup', policy: 'daily', account: 'rackspace' };

/** A cleanup of 1000 servers, of 400 of which two snapshots failed. */
function longReport() {
  const line = {
    image: '9a3c0d2e-6b1f-4a58-9c47-3e5d7f8a1b20',
    slot: '2026-11-23T00:00:00Z',
    status: 'active',
    codes: ['CLOUD' as const],
    reasons: ['[DELETE] "https://dfw.images.example.com/v2/images": 500 no message. '.repeat(10)],
  };
  return finishReport({
    ...JOB,
    job: 'cleanup',
    owner: 'autosnap-prod',
    dryRun: false,
    failures: [],
    warnings: [],
    nothingSelected: false,
    entries: Array.from({ length: 1000 }, (_, i) => {
      const outcome = i < 400 ? ('failed' as const) : ('kept' as const);
      const snapshots = [1, 2].map(() => ({ ...line, outcome }));
      return { server: `s${i}`, name: `web-${i}`, region: 'DFW', outcome, policy: 'daily', snapshots };
    }),
  });
}

test('the record of a failed run counts the servers that a long report omits', () => {
  const report = longReport();
  expect(report.entries.length).toBeLessThan(400);
  const { servers, more } = failedRunOf(JOB, report, false);
  expect(servers.length + more).toBe(400);
});

test('the report of several accounts counts them, too', () => {
  const part = longReport();
  const report = joinedReport(part, [
    { account: 'a', report: part },
    { account: 'b', report: part },
  ]);
  const { servers, more } = failedRunOf(JOB, report, false);
  expect(servers.length + more).toBe(800);
});

test('the error of a run counts the snapshots that a long report omits', () => {
  const text = failedRunText(longReport());
  expect(text).toMatch(/^cleanup daily: 800 of 2000 snapshots failed\.\n- web-0 in DFW: /);
  expect(text).toMatch(/\n- … and 791 more$/);
});
