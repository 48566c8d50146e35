import { expect, test } from 'vitest';
import { headline } from '../../lib/audit/headline.ts';
import type { Audit, AuditedPolicy, AuditedSeries } from '../../lib/audit/model.ts';
import { auditOf, droppedServer, seriesOf, shown } from './audits.ts';

/** A series of a server whose newest good snapshot is that many days old. */
function server(name: string, days: number, changes: Partial<AuditedSeries> = {}): AuditedSeries {
  return seriesOf([shown(days)], { name, ...changes });
}

const good = (count: number) => Array.from({ length: count }, (_, i) => server(`good-${i}`, 0));
const never = seriesOf([], { name: 'db-9' });
const waiting = (name: string, changes: Partial<AuditedSeries> = {}) =>
  seriesOf([], { name, state: 'waiting', overdue: 0.4, ...changes });
const of = (changes: Partial<AuditedPolicy>): Partial<Audit> => ({
  policies: auditOf([]).policies.map((policy) => ({ ...policy, ...changes })),
});
const LAST_SEEN = { servers: 2, seen: '2026-11-24T08:00:00Z' };
const noOrd = of({ unreadable: ['ORD'] });

test.each<[string, AuditedSeries[], Partial<Audit>?]>([
  ['42 of 42 servers protected', good(42)],
  ['1 of 1 server protected', good(1)],
  ['41 of 42 servers protected; web-7 is 3 days late', [...good(41), server('web-7', 4)]],
  ['1 of 2 servers protected; web-7 is 33 hours late', [...good(1), server('web-7', 2)]],
  [
    '0 of 3 servers protected; 3 servers have no fresh snapshot, the worst is c, 29 days late',
    [server('a', 4), server('c', 30), server('b', 9)],
  ],
  ['1 of 2 servers protected; db-9 has no good daily snapshot', [...good(1), never]],
  [
    '0 of 3 servers protected; 3 servers have no fresh snapshot, the worst is db-9, which has no good daily snapshot',
    [server('a', 9), never, server('b', 4)],
  ],
  ['1 of 2 servers protected; 1 waits for its first snapshot', [...good(1), waiting('new')]],
  [
    '1 of 4 servers protected; old is 8 days late; 2 wait for their first snapshot',
    [waiting('new'), ...good(1), server('old', 9), waiting('newer')],
  ],
  ["ORD can't be read; elsewhere 2 of 2 servers protected", good(2), noOrd],
  [
    "ORD can't be read; elsewhere 1 of 2 servers protected; web-7 is 3 days late",
    [...good(1), server('web-7', 4)],
    of({ unreadable: ['ORD'], problems: [{ code: 'SELECTOR_UNMATCHED', selector: 'names', isPart: false }] }),
  ],
  [
    "DFW, IAD and ORD can't be read: nothing is known of the servers",
    [],
    of({ unreadable: ['DFW', 'IAD', 'ORD'] }),
  ],
  ["account rackspace can't be read: nothing is known of the servers", [], of({ unreadable: 'account' })],
  ['No server is protected: no policy selects one', []],
  ['No server is protected: no policy selects one', [], of({ nothingSelected: true })],
  [
    '2 of 2 servers protected; daily names the region LAX, which its account does not have',
    good(2),
    of({ problems: [{ code: 'POLICY_REGION_UNKNOWN', where: 'LAX' }] }),
  ],
  ['2 of 2 servers protected; a selector of daily matches no server', good(2), of({ nothingSelected: true })],
  [
    '2 of 2 servers protected; weekly selects no server',
    good(2),
    {
      policies: [
        ...auditOf([]).policies,
        { ...auditOf([]).policies[0]!, policy: 'weekly', nothingSelected: true },
      ],
    },
  ],
  [
    '2 of 2 servers protected; a snapshot of web-1 failed; a snapshot of 2 servers is stuck',
    [
      seriesOf([shown(0), shown(1, { state: 'failed' })], { name: 'web-1' }),
      seriesOf([shown(0), shown(1, { state: 'stuck' }), shown(3, { state: 'stuck' })], {
        name: 'web-2',
        stuck: 2,
      }),
    ].flatMap((one) =>
      one.stuck > 0
        ? [
            one,
            { ...one, policy: 'weekly' },
            { ...one, server: 'x', state: 'adhoc' as const, countedBy: 'daily' },
          ]
        : [one],
    ),
  ],
  [
    '1 of 1 server protected',
    [...good(1), seriesOf([shown(1, { state: 'failed' })], { name: 'gone', state: 'orphaned' })],
  ],
  [
    '1 of 1 server protected; the quota of DFW has no room for the next day, and 1 more',
    good(1),
    {
      warnings: [
        { code: 'QUOTA_AHEAD', where: 'ORD', kind: 'images', limit: 9, used: 7, days: 1 },
        { code: 'QUOTA_AHEAD', where: 'DFW', kind: 'images', limit: 9, used: 9, days: 0 },
      ],
    },
  ],
  [
    '2 of 2 servers protected; no cleanup run of daily has succeeded in time, and 1 more',
    good(2),
    of({ missing: ['cleanup', 'offsite'] }),
  ],
  [
    '1 of 1 server protected; no cleanup run of daily has succeeded in time',
    [server('web', 0, { notRotating: 3 })],
    of({ missing: ['cleanup'] }),
  ],
  [
    '2 of 2 servers protected; the snapshots of 1 server are not rotating',
    [...good(1), server('web', 0, { notRotating: 3 })],
  ],
  [
    "1 of 1 server protected; the coverage record can't be read, so dropped servers are unknown",
    good(1),
    { warnings: [{ code: 'COVERAGE_UNREADABLE', message: '503' }] },
  ],
  [
    'No server is protected: no policy selects one',
    [],
    of({ problems: [{ code: 'SELECTOR_UNMATCHED', selector: 'names', isPart: false }] }),
  ],
  ...(
    [
      ['web-7', droppedServer()],
      [`${'x'.repeat(37)}...`, droppedServer({ name: 'x'.repeat(255) })],
      ['server server-web-7', droppedServer({ name: '' })],
      ['account b', { code: 'DROPPED_ACCOUNT', account: 'b', policies: ['daily'], ...LAST_SEEN }],
      [
        'the project p of account b',
        { code: 'DROPPED_PROJECT', account: 'b', project: 'p', policies: ['daily'], ...LAST_SEEN },
      ],
      [
        'region ORD of account b',
        { code: 'DROPPED_REGION', account: 'b', where: 'ORD', policies: ['daily'], ...LAST_SEEN },
      ],
    ] as const
  ).map(([name, dropped]): [string, AuditedSeries[], Partial<Audit>] => [
    `1 of 1 server protected; ${name} is no longer covered`,
    good(1),
    { dropped: [dropped] },
  ]),
  [
    '1 of 1 server protected; the policy weekly is no longer deployed',
    good(1),
    {
      dropped: [
        {
          code: 'DROPPED_POLICY',
          policy: 'weekly',
          accounts: ['b'],
          isElsewhere: false,
          uncovered: 0,
          ...LAST_SEEN,
        },
      ],
    },
  ],
  [
    'No server is protected: no policy selects one; web-7 is no longer covered, and 1 more',
    [],
    { dropped: [droppedServer(), droppedServer({ name: 'web-8' })] },
  ],
])('%s', (expected, series, changes = {}) => {
  expect(headline(auditOf(series, changes))).toBe(expected);
});

test('a server has the state of its worst series, except for one that only waits', () => {
  const weekly = { policy: 'weekly' };
  expect(headline(auditOf([server('a', 0), server('a', 4, weekly)]))).toBe(
    '0 of 1 server protected; a is 3 days late',
  );
  expect(headline(auditOf([server('a', 0), waiting('a', weekly)]))).toBe('1 of 1 server protected');
});

test('servers of the same name in two regions or accounts count as two, and the sentence names the late one', () => {
  const [dfw, ord] = [server('a', 0), server('a', 4, { region: 'ORD' })];
  expect(headline(auditOf([dfw, ord]))).toBe('1 of 2 servers protected; a in ORD is 3 days late');
  const other = server('a', 5, { account: 'other' });
  expect(headline(auditOf([dfw, ord, other]))).toBe(
    '1 of 3 servers protected; 2 servers have no fresh snapshot, the worst is a in DFW (other), 4 days late',
  );
  const never = seriesOf([], { name: 'a', account: 'other' });
  expect(headline(auditOf([dfw, never]))).toMatch(/; a in DFW \(other\) has no good daily snapshot$/);
});

test('the sentence counts servers, not series', () => {
  const late = ['a', 'b'].flatMap((name) =>
    ['daily', 'weekly'].map((policy) =>
      server(name, 4, { policy, cause: { code: 'SERIES_SCHEDULE_ENDED' } }),
    ),
  );
  expect(headline(auditOf(late))).toBe(
    '0 of 2 servers protected; 2 servers have no fresh snapshot, the worst is a: the schedule has ended',
  );
});

test('series that get no more snapshots do not count', () => {
  const states = ['deselected', 'orphaned', 'adhoc'] as const;
  const rest = states.map((state) => server(state, 90, { state }));
  expect(headline(auditOf([...good(2), ...rest]))).toBe('2 of 2 servers protected');
});

test('a region that two policies or accounts cannot read is named once for each account', () => {
  const { policies } = auditOf([], noOrd);
  const weekly = policies.map((policy) => ({ ...policy, policy: 'weekly' }));
  const said = (...more: Audit['policies']) =>
    headline(auditOf(good(1), { policies: [...policies, ...more] }));
  expect(said(...weekly)).toMatch(/^ORD can't be read; /);
  expect(said(...weekly.map((policy) => ({ ...policy, account: 'other' })))).toMatch(
    /^ORD \(rackspace\) and ORD \(other\) can't be read; /,
  );
});

test('names cannot break the sentence, however long they are and whatever they contain', () => {
  const said = (name: string) => headline(auditOf([server(name, 4)])).split('; ')[1];
  expect(said('x'.repeat(255))).toBe(`${'x'.repeat(37)}... is 3 days late`);
  expect(said('a\r\nb\u202ec\u0000')).toBe('a b\ufffdc\ufffd is 3 days late');
});
