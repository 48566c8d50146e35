import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { finishReport } from '../../lib/reporting/finish-report.ts';
import { planText } from '../../lib/reporting/plan-text.ts';
import { planCleanup } from '../../lib/snapshots/cleanup-plan.ts';
import { snapshotLine } from '../../lib/snapshots/snapshot-line.ts';
import { policy } from '../harness.ts';
import { aRegion, dailies, server, snapshot } from '../snapshots.ts';

const HEAD = {
  job: 'cleanup' as const,
  policy: 'daily',
  owner: 'autosnap-prod',
  account: 'rackspace',
  dryRun: true,
  failures: [],
  warnings: [],
  nothingSelected: false,
};

test('names the volume of a series', () => {
  const entry = { server: 's1', name: 'web-1', region: 'DFW', policy: 'daily', outcome: 'kept' as const };
  const volumes = [
    {},
    { volume: { id: 'v1', name: 'data' } },
    { name: '', volume: { id: 'v2', name: 'v2' } },
  ];
  const report = finishReport({
    ...HEAD,
    entries: volumes.map((one) => ({ ...entry, ...one, snapshots: [] })),
  });
  expect(
    planText(report, true)
      .match(/^\S.* in DFW/gm)
      ?.sort(),
  ).toEqual(['server s1 (gone), volume v2 in DFW', 'web-1 in DFW', 'web-1, volume data in DFW']);
});

test('has a line for each snapshot: the date, the size, and why it is kept, deleted or deferred', () => {
  const lines = [
    snapshotLine({
      snapshot: snapshot('2026-11-23T00:00:00Z'),
      action: 'keep',
      reasons: [
        { code: 'LAST', rank: 1, of: 1 },
        { code: 'DAILY', period: '2026-11-23' },
      ],
    }),
    snapshotLine({
      snapshot: snapshot('2026-11-22T00:00:00Z', { sizeBytes: undefined }),
      action: 'keep',
      reasons: [{ code: 'CLOUD', error: 'NO_ANSWER', message: 'x' }],
    }),
    snapshotLine({
      snapshot: snapshot('2026-11-21T00:00:00Z', { sizeBytes: 123e9 }),
      action: 'defer',
      reasons: [{ code: 'CLOUD', error: 'NO_ANSWER', message: 'y' }],
    }),
    snapshotLine({
      snapshot: snapshot('2026-11-20T06:30:00Z'),
      action: 'delete',
      reasons: [{ code: 'NO_RULE' }],
    }),
  ];
  const entry = {
    server: 's1',
    name: 'web-1',
    region: 'DFW',
    policy: 'daily',
    outcome: 'planned' as const,
    snapshots: lines,
  };
  const gone = { ...entry, name: '', snapshots: [] };
  expect(planText(finishReport({ ...HEAD, entries: [entry, gone] }), false).split('\n')).toEqual([
    'server s1 (gone) in DFW, daily: 0 stay, 0 to delete (times in UTC)',
    '',
    'web-1 in DFW, daily: 2 stay, 1 to delete, 1 wait (times in UTC)',
    '  2026-11-23 00:00    2.0 GB  kept because: last 1 of 1; daily 2026-11-23',
    '  2026-11-22 00:00         -  kept because: x',
    '  2026-11-21 00:00  123.0 GB  waits because: y',
    '  2026-11-20 06:30    2.0 GB  to delete because: no rule keeps it',
    '',
    'All: 2 stay, 1 to delete, 1 wait',
  ]);
});

test.each([3, 300])(
  'a plan of %d servers fits into the output of invoke --log, with the snapshots to be deleted',
  (servers) => {
    const kept = dailies('2026-11-23T00:00:00Z', 7).map((one) =>
      snapshotLine({ snapshot: one, action: 'keep', reasons: [{ code: 'LAST', rank: 1, of: 7 }] }),
    );
    const planned = snapshotLine({
      snapshot: snapshot('2026-11-01T00:00:00Z'),
      action: 'delete',
      reasons: [{ code: 'NO_RULE' }],
    });
    const entries = Array.from({ length: servers }, (_, i) => {
      const snapshots = i % 3 === 0 ? [...kept, planned] : kept;
      const outcome = i % 3 === 0 ? ('planned' as const) : ('kept' as const);
      return { server: `s${i}`, name: `web-${i}`, region: 'DFW', policy: 'daily', outcome, snapshots };
    });
    const text = planText(finishReport({ ...HEAD, entries }), false);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(3_500);
    expect(text).toContain('web-0 in DFW, daily: 7 stay, 1 to delete');
    expect(text.endsWith(`All: ${7 * servers} stay, ${servers / 3} to delete`)).toBe(true);
    if (servers > 3) {
      expect(text).not.toContain('kept because');
      expect(planText(finishReport({ ...HEAD, entries }), true)).toContain('kept because');
      expect(text).toMatch(
        /… and \d+ more lines\. This is a part: the answer of the invocation has everything\./,
      );
    }
  },
);

test('of a series that is too long, the log shows first what is deleted, and then as much as fits', () => {
  const images = dailies('2026-11-23T00:00:00Z', 63);
  const entryOf = (name: string, count: number, deletes: number) => ({
    server: name,
    name,
    region: 'DFW',
    policy: 'daily',
    outcome: 'planned' as const,
    snapshots: images.slice(0, count).map((one, i) => {
      if (i < 3)
        return snapshotLine({ snapshot: one, action: 'keep', reasons: [{ code: 'LAST', rank: i, of: 3 }] });
      const reasons = [{ code: 'NO_RULE' as const }];
      return snapshotLine({ snapshot: one, action: i < count - deletes ? 'defer' : 'delete', reasons });
    }),
  });
  const report = finishReport({ ...HEAD, entries: [entryOf('web', 63, 10), entryOf('zdb', 5, 2)] });
  const text = planText(report, false);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(3_500);
  const [web, zdb, waiting, ...rest] = text.split('\n\n').map((paragraph) => paragraph.split('\n'));
  expect(web![0]).toMatch(/^web in DFW/);
  expect(web!.slice(1)).toHaveLength(10);
  expect(zdb![0]).toMatch(/^zdb in DFW/);
  expect(zdb!.slice(1)).toHaveLength(2);
  expect([...web!.slice(1), ...zdb!.slice(1)].every((one) => one.includes('to delete because'))).toBe(true);
  expect(waiting!.slice(1, -1).every((one) => one.includes('waits because'))).toBe(true);
  expect(waiting!.at(-1)).toBe('  …');
  const shown = waiting!.length - 2;
  expect(shown).toBeGreaterThan(10);
  expect(rest.map(([line]) => line)).toEqual([
    `… and ${50 - shown} more lines. This is a part: the answer of the invocation has everything.`,
    'All: 6 stay, 12 to delete, 50 wait',
  ]);
});

test('reports the number of omitted entries', () => {
  const report = { ...finishReport({ ...HEAD, entries: [] }), omitted: 7 };
  expect(planText(report, false)).toBe('… and 7 more series\n\nAll: 0 stay, 0 to delete');
});

test('the worked month in docs/retention.md matches the code', () => {
  const now = new Date('2026-11-30T06:00:00Z');
  const web = server({ name: 'web-1' });
  const series = [...dailies('2026-11-30T00:00:00Z', 30), snapshot('2026-10-31T00:00:00Z')];
  const images = series.map(({ id }) => ({ id, properties: {} as Record<string, string> }) as Image);
  const plan = planCleanup(
    aRegion({ servers: [web], images }),
    parsePolicy(policy({ keep: { last: 7, weekly: 4, monthly: 12 }, maxDeletes: 30 })),
    ({ id }) => series.find((s) => s.id === id),
    { now },
  );
  const entries = plan.series.map(({ items, ...at }) => ({
    ...at,
    outcome: 'planned' as const,
    snapshots: items.map((item) => snapshotLine(item)),
  }));
  const page = readFileSync(new URL('../../docs/retention.md', import.meta.url), 'utf8');
  expect(page).toContain(`\`\`\`\n${planText(finishReport({ ...HEAD, entries }), false)}\n\`\`\``);
});
