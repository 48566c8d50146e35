import { describe, expect, test } from 'vitest';
import { failureOf } from '../../lib/reporting/failure.ts';
import { finishReport, joinedReport } from '../../lib/reporting/finish-report.ts';
import type { Finding } from '../../lib/reporting/reasons.ts';
import { type Entry, NOWHERE, type SnapshotLine, worst } from '../../lib/reporting/report.ts';

const HEAD = {
  job: 'snapshot' as const,
  policy: 'daily',
  owner: 'autosnap-test',
  account: 'rackspace',
  dryRun: false,
  failures: [] as Finding[],
  warnings: [] as Finding[],
  nothingSelected: false,
};

const saying = (message: string): Finding => ({ code: 'CLOUD', error: 'NO_ANSWER', message });

function entry(name: string, outcome: Entry['outcome'], changes: Partial<Entry> = {}): Entry {
  return { server: `id-${name}`, name, region: 'DFW', outcome, ...changes };
}

function line(image: string, outcome: Entry['outcome']): SnapshotLine {
  return { image, slot: 's', status: 'active', outcome, codes: [], reasons: ['no'] };
}

test('totals count each outcome, and the worst entries come first', () => {
  const entries = [entry('c', 'taken'), entry('b', 'skipped'), entry('d', 'failed'), entry('a', 'taken')];
  const report = finishReport({ ...HEAD, entries });
  expect(report.totals).toEqual({ failed: 1, taken: 2, skipped: 1 });
  expect(report.entries.map(({ name }) => name).join('')).toBe('dacb');
});

test('totals of a cleanup count snapshots, not servers', () => {
  const snapshots = [line('i1', 'deleted'), line('i2', 'kept'), line('i3', 'kept')];
  const entries = [entry('a', 'deleted', { snapshots })];
  expect(finishReport({ ...HEAD, entries }).totals).toEqual({ deleted: 1, kept: 2 });
});

test('failures are counted by region: servers, snapshots, and a region that could not be read', () => {
  const snapshots = (['failed', 'deleted', 'failed'] as const).map((outcome, i) => ({
    image: `i${i}`,
    slot: 's',
    status: 'active',
    outcome,
    codes: [],
    reasons: [],
  }));
  const entries = [
    entry('a', 'failed'),
    entry('b', 'failed', { region: 'ORD', snapshots }),
    entry('c', 'taken', { region: 'IAD' }),
    entry('d', 'failed', { region: NOWHERE }),
  ];
  const unreadable = [{ region: 'ORD' }, { region: 'SYD' }];
  const report = finishReport({ ...HEAD, entries, unreadable });
  expect(report.failedIn).toEqual({ DFW: 1, ORD: 3, SYD: 1 });
  expect(report).not.toHaveProperty('unreadable');
  expect(finishReport({ ...HEAD, entries: entries.slice(2) })).not.toHaveProperty('failedIn');
});

test('10,000 servers fit into a log line, with every failure and correct totals', () => {
  const entries = Array.from({ length: 10_000 }, (_, i) =>
    entry(`server-${i}`, i % 500 === 0 ? 'failed' : 'taken', { reason: 'ü'.repeat(40) }),
  );
  const report = finishReport({
    ...HEAD,
    entries,
    warnings: Array.from({ length: 10_000 }, () => saying('w'.repeat(200))),
  });
  expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThan(256 * 1024);
  expect(report.totals).toEqual({ failed: 20, taken: 9_980 });
  expect(report.entries.filter(({ outcome }) => outcome === 'failed')).toHaveLength(20);
  expect(report.entries.length + report.omitted).toBe(10_000);
  expect([report.warnings.length, report.omittedWarnings]).toEqual([50, 9950]);
});

describe('the report for many accounts', () => {
  const accounts = Array.from({ length: 200 }, (_, i) => `customer-${i}`);
  const of = (textLength: number) =>
    finishReport({
      ...HEAD,
      failures: Array.from({ length: 60 }, () => saying('ü'.repeat(textLength))),
      warnings: Array.from({ length: 60 }, () => saying('w'.repeat(textLength))),
      entries: Array.from({ length: 60 }, (_, i) =>
        entry(`server-${i}`, i === 7 ? 'failed' : 'taken', { code: 'TAKEN', reason: 'r'.repeat(textLength) }),
      ),
    });
  const head = finishReport({ ...HEAD, account: 'customer-*', entries: [] });

  test.each([10, 300, 30_000, 300_000])(
    'fits into a log line, however long its texts: %i characters each',
    (length) => {
      const one = of(length);
      const report = joinedReport(
        head,
        accounts.map((account) => ({ account, report: { ...one, account } })),
      );
      expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThan(256 * 1024);
      expect(report.codes).toEqual({ TAKEN: 200 * 60, CLOUD: 200 * 120 });
      expect(report.failures.length + report.omittedFailures!).toBe(200 * 60);
      expect(report.entries.length + report.omitted).toBe(200 * 60);
      expect(report.totals).toEqual({ failed: 200, taken: 200 * 59 });
      expect(report.failedIn).toEqual({ DFW: 200 });
    },
  );

  test('names the account of each text and each server, failures first; an account without a report is a failure', () => {
    const report = joinedReport(head, [
      {
        account: 'a',
        report: finishReport({ ...HEAD, warnings: [saying('odd')], entries: [entry('x', 'taken')] }),
      },
      {
        account: 'b',
        report: finishReport({ ...HEAD, failures: [saying('down')], entries: [entry('y', 'failed')] }),
      },
      { account: 'c', failure: { code: 'SECRET_MISSING', secret: 's' } },
    ]);
    expect(report).toMatchObject({
      failures: [
        { code: 'CLOUD', account: 'b', text: 'b: down' },
        {
          code: 'SECRET_MISSING',
          account: 'c',
          text: expect.stringMatching(/^c: The secret s can't be read: it does not exist/),
        },
      ],
      warnings: [{ code: 'CLOUD', account: 'a', text: 'a: odd' }],
      totals: { failed: 1, taken: 1 },
      codes: { CLOUD: 2, SECRET_MISSING: 1 },
      failureCodes: { CLOUD: 1, SECRET_MISSING: 1 },
      entries: [
        { account: 'b', name: 'y' },
        { account: 'a', name: 'x' },
      ],
    });
  });
});

describe('the error of a failed run', () => {
  test('does not exist for a good run', () => {
    expect(
      failureOf(finishReport({ ...HEAD, entries: [entry('a', 'taken'), entry('b', 'skipped')] })),
    ).toBeUndefined();
  });

  test('names each failure with its server, region and reason', () => {
    const error = failureOf(
      finishReport({
        ...HEAD,
        failures: [saying('ORD is down')],
        entries: [entry('a', 'failed', { reason: 'no' }), entry('b', 'taken')],
      }),
    );
    expect(error?.message).toBe('snapshot daily: 1 of 2 servers failed.\n- ORD is down\n- a in DFW: no');
    expect(error?.name).toBe('RunFailed');
  });

  test.each<[string, Parameters<typeof finishReport>[0], string]>([
    [
      'one failure beside servers that are well',
      { ...HEAD, failures: [saying('ORD is down')], entries: [entry('a', 'taken')] },
      'snapshot daily failed: ORD is down',
    ],
    [
      'several failures, and no server',
      { ...HEAD, failures: [saying('ORD is down'), saying('DFW is down')], entries: [] },
      'snapshot daily failed.\n- ORD is down\n- DFW is down',
    ],
    [
      'the only server',
      { ...HEAD, entries: [entry('a', 'failed', { reason: 'no' })] },
      'snapshot daily: 1 of 1 server failed.\n- a in DFW: no',
    ],
    [
      'one of several accounts',
      { ...HEAD, accounts: 2, failures: [saying('ORD is down')], entries: [] },
      `snapshot daily of ${HEAD.account} failed: ORD is down`,
    ],
    [
      'snapshots of a cleanup',
      {
        ...HEAD,
        job: 'cleanup',
        entries: [entry('a', 'failed', { snapshots: [line('x', 'failed'), line('y', 'kept')] })],
      },
      'cleanup daily: 1 of 2 snapshots failed.\n- a in DFW: x: no',
    ],
  ])('names the failures: %s', (_, draft, message) => {
    expect(failureOf(finishReport(draft))?.message).toBe(message);
  });

  test('is short: ten lines, and the number of further ones', () => {
    const entries = Array.from({ length: 300 }, (_, i) => entry(`s${i}`, 'failed', { reason: 'no' }));
    const lines = failureOf(finishReport({ ...HEAD, entries }))?.message.split('\n');
    expect(lines).toHaveLength(12);
    expect(lines?.at(-1)).toBe('- … and 290 more');
  });
});

test('without outcomes the worst is "kept"', () => {
  expect(worst([])).toBe('kept');
  expect(worst(['kept', 'deferred', 'deleted'])).toBe('deferred');
});
