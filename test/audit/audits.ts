import type { Audit, AuditedSeries, AuditedSnapshot } from '../../lib/audit/model.ts';
import { isoSeconds } from '../../lib/config/dates.ts';
import type { Reason } from '../../lib/reporting/reasons.ts';

const DAY_MS = 86_400_000;
/** The time of the audits in these tests. */
const AT = '2026-11-24T09:00:00Z';
const MIDNIGHT_MS = Date.parse('2026-11-24T00:00:00Z');

/** A reason whose sentence is the given text. */
export function saying(message: string): Reason {
  return { code: 'CLOUD', error: 'NO_ANSWER', message };
}

/** Midnight that many days ago. */
export function daysAgo(days: number): string {
  return new Date(MIDNIGHT_MS - days * DAY_MS).toISOString().replace('.000', '');
}

/** A good snapshot of that many days ago, which `last` keeps; `changes` are applied to it. */
export function shown(days: number, changes: Partial<AuditedSnapshot> = {}): AuditedSnapshot {
  return {
    image: `image-${days}`,
    slot: daysAgo(days),
    madeAt: daysAgo(days),
    status: 'active',
    state: 'good',
    sizeBytes: 2e9,
    action: 'keep',
    reasons: [{ code: 'LAST', rank: days + 1, of: 7 }],
    expiresAt: daysAgo(days - 7),
    ...changes,
  };
}

function dayAfter(time: string): string {
  return isoSeconds(new Date(Date.parse(time) + 86_400_000));
}

/**
 * A daily series of "web-1" with the given snapshots, newest first; `changes` are applied to it.
 */
export function seriesOf(snapshots: AuditedSnapshot[], changes: Partial<AuditedSeries> = {}): AuditedSeries {
  const having = (state: AuditedSnapshot['state']) => snapshots.filter((s) => s.state === state);
  const newestGood = having('good')[0]?.slot;
  const ageSeconds = newestGood && (Date.parse(AT) - Date.parse(newestGood)) / 1000;
  const overdue = ageSeconds ? ageSeconds / 86_400 : 400;
  return {
    account: 'rackspace',
    region: 'DFW',
    server: `server-${changes.name ?? 'web-1'}`,
    name: 'web-1',
    policy: 'daily',
    state: !newestGood ? 'never' : overdue < 1.5 ? 'protected' : 'late',
    ...(newestGood ? { newestGood } : {}),
    ...(ageSeconds ? { ageSeconds } : {}),
    overdue,
    ...(ageSeconds && ageSeconds >= 86_400 ? { lateSeconds: ageSeconds - 86_400 } : {}),
    gaps: newestGood && overdue >= 1.5 ? [{ from: dayAfter(newestGood) }] : [],
    good: having('good').length,
    pending: having('pending').length,
    stuck: having('stuck').length,
    failed: having('failed').length,
    unknown: having('unknown').length,
    bytes: snapshots.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    nextRun: daysAgo(-1),
    snapshots,
    ...changes,
  };
}

/** A server that no policy covers any more; `changes` go on top. */
export function droppedServer(changes: Partial<Reason<'DROPPED_SERVER'>> = {}): Reason<'DROPPED_SERVER'> {
  return {
    code: 'DROPPED_SERVER',
    account: 'rackspace',
    where: 'DFW',
    server: 'server-web-7',
    name: 'web-7',
    policies: ['daily'],
    seen: AT,
    ...changes,
  };
}

/** An audit of the given series under one policy; `changes` are applied to it. */
export function auditOf(series: AuditedSeries[], changes: Partial<Audit> = {}): Audit {
  return {
    owner: 'autosnap-test',
    at: AT,
    policies: [
      {
        policy: 'daily',
        account: 'rackspace',
        nextRun: daysAgo(-1),
        nextCleanup: '2026-11-24T12:00:00Z',
        readable: true,
        nothingSelected: false,
        problems: [],
      },
    ],
    series,
    accounts: [{ account: 'rackspace', project: 'project', regions: ['DFW', 'ORD'], gone: new Set() }],
    dropped: [],
    uncovered: [],
    unlisted: [],
    warnings: [],
    bytes: series.reduce((sum, { bytes }) => sum + bytes, 0),
    unmanagedBytes: 0,
    ...changes,
  };
}

/**
 * Servers in two regions with 30 snapshots each (a week of days, then weeks, then months), of which
 * one in fifty is late.
 */
export function manyServers(count: number): Audit {
  const ages = [...Array(9).keys(), ...Array.from({ length: 9 }, (_, i) => 9 + 7 * i)];
  while (ages.length < 30) ages.push(ages.at(-1)! + 30);
  const tiers = (age: number): Reason =>
    age < 9
      ? { code: 'LAST', rank: age + 1, of: 9 }
      : { code: age < 70 ? 'WEEKLY' : 'MONTHLY', period: daysAgo(age) };
  const series = Array.from({ length: count }, (_, i) => {
    const by = i % 50 === 7 ? 4 : 0;
    const snapshots = ages.map((age) =>
      shown(age + by, { image: crypto.randomUUID(), reasons: [tiers(age)], sizeBytes: (1 + (i % 40)) * 1e9 }),
    );
    const proven = daysAgo(by + (i % 9));
    snapshots[i % 9]!.proven = proven;
    return seriesOf(snapshots, {
      name: `web-${i + 1}`,
      server: crypto.randomUUID(),
      region: i % 3 === 0 ? 'ORD' : 'DFW',
      copied: { newest: daysAgo(by), ageSeconds: by * 86_400 + 32_400, behind: false },
      proof: { proven, unprovenSeconds: (Date.parse(AT) - Date.parse(proven)) / 1000 },
    });
  });
  return auditOf(series);
}

/** Names that are hostile or unusual. */
export const NASTY = [
  '<script>alert(1)</script>',
  `"><img src=x onerror="alert(2)">`,
  "' onmouseover='alert(3)",
  '</script><script>alert(4)</script>',
  '<!--',
  'line\u2028separator',
  '\u202egpj.exe',
];

/** Servers with these names, which also appear in every other place that shows text of a cloud. */
export function nastyAudit(): Audit {
  const series = NASTY.flatMap((name, i) => [
    seriesOf(
      [
        shown(0, { image: name, status: name, reasons: [{ code: 'UNKNOWN_STATUS', status: name }] }),
        shown(1, { image: name }),
      ],
      {
        name,
        server: `${i} ${name}`,
        region: name,
      },
    ),
    seriesOf([shown(4)], { name, server: `late ${i}`, account: name }),
    seriesOf([shown(4)], { name: '', server: name, state: 'orphaned' }),
  ]);
  const [policy] = auditOf([]).policies;
  return auditOf(series, {
    policies: [{ ...policy!, unreadable: NASTY, problems: NASTY.map(saying) }],
    uncovered: NASTY.map((name) => ({ account: name, region: name, server: name, name })),
    warnings: NASTY.map(saying),
  });
}
