import { describe, expect, test } from 'vitest';
import { digest } from '../../lib/audit/digest.ts';
import type { Audit, AuditedSeries, AuditedSnapshot } from '../../lib/audit/model.ts';
import { finishReport } from '../../lib/reporting/finish-report.ts';
import type { Finding } from '../../lib/reporting/reasons.ts';
import type { Entry, Report, SnapshotLine } from '../../lib/reporting/report.ts';
import { droppedServer, shown } from './audits.ts';

function series(name: string, changes: Partial<AuditedSeries> = {}): AuditedSeries {
  return {
    account: 'rackspace',
    region: 'DFW',
    server: name,
    name,
    policy: 'daily',
    state: 'protected',
    newestGood: '2026-11-24T00:00:00Z',
    ageSeconds: 25_200,
    overdue: 0.29,
    good: 7,
    pending: 0,
    stuck: 0,
    failed: 0,
    unknown: 0,
    bytes: 2e9,
    snapshots: [],
    ...changes,
  };
}

function image(state: 'failed' | 'stuck', changes: Partial<AuditedSnapshot> = {}): AuditedSnapshot {
  return {
    image: 'image-1',
    slot: '2026-11-24T00:00:00Z',
    madeAt: '2026-11-24T00:00:20Z',
    status: state,
    state,
    action: 'keep',
    reasons: [],
    ...changes,
  };
}

function never(name: string): AuditedSeries {
  const { newestGood: _, ageSeconds: __, overdue: ___, ...rest } = series(name, { state: 'never', good: 0 });
  return rest;
}

function audit(changes: Partial<Audit> = {}): Audit {
  return {
    owner: 'autosnap-prod',
    at: '2026-11-24T07:00:00Z',
    policies: [
      { policy: 'daily', account: 'rackspace', nothingSelected: false, readable: true, problems: [] },
    ],
    series: [series('web-1'), series('web-2')],
    accounts: [],
    dropped: [],
    uncovered: [],
    unlisted: [],
    warnings: [],
    bytes: 28.04e9,
    unmanagedBytes: 0,
    ...changes,
  };
}

function run(job: 'snapshot' | 'cleanup' | 'offsite', entries: Entry[], failures: string[] = []): Report {
  return finishReport({
    job,
    policy: 'daily',
    owner: 'autosnap-prod',
    account: 'rackspace',
    dryRun: false,
    failures: failures.map((message): Finding => ({ code: 'CLOUD', error: 'NO_ANSWER', message })),
    warnings: [],
    nothingSelected: false,
    entries,
  });
}

function deleted(slot: string): SnapshotLine {
  return {
    image: 'i',
    slot,
    status: 'active',
    outcome: 'deleted',
    codes: ['NO_RULE'],
    reasons: ['no rule keeps it'],
  };
}

const WEB = { server: 's1', name: 'web-1', region: 'DFW' };
const DB = { server: 's2', name: 'db-1', region: 'ORD' };

test('a good day is short', () => {
  const taken = run('snapshot', [
    { ...WEB, outcome: 'taken' },
    { ...DB, outcome: 'taken' },
  ]);
  expect(digest(audit(), [taken], undefined)).toEqual({
    good: true,
    subject: 'autosnap-prod: 2 of 2 servers protected',
    text: `2 of 2 servers protected.

In the last 24 hours 2 snapshots were taken, and 0 deleted.

Stored: 28.0 GB.`,
  });
});

test('snapshots that the cloud gave up or has not finished are not among the taken ones', () => {
  const states = ['good', 'failed', 'stuck', 'pending', 'unknown'] as const;
  const taken = run('snapshot', [
    ...states.map((state) => ({ ...WEB, outcome: 'taken' as const, image: `image-${state}` })),
    { ...WEB, outcome: 'taken', image: 'image that was deleted since' },
  ]);
  const found = series('web-1', {
    snapshots: states.map((state) => shown(0, { image: `image-${state}`, state })),
  });
  expect(digest(audit({ series: [found] }), [taken], undefined).text).toContain(
    'In the last 24 hours 2 snapshots were taken, and 0 deleted. 2 more snapshots failed in the cloud. 2 more snapshots are not finished.\n',
  );
});

test.each([
  [7, false],
  [8, true],
])('a day on which a quota has room for %d more days: good is %s', (days, isGood) => {
  const ahead = { code: 'QUOTA_AHEAD', where: 'DFW', kind: 'images', limit: 9, used: 7, days } as const;
  const { good, text } = digest(audit({ warnings: [ahead] }), [], undefined);
  expect(good).toBe(isGood);
  expect(text).toContain(`\n- DFW: room for ${days} more days: `);
});

test('a day on which a quota is almost used up is not good, and the subject has it', () => {
  const ahead = { code: 'QUOTA_AHEAD', where: 'DFW', kind: 'images', limit: 9, used: 7, days: 1 } as const;
  const { good, subject, text } = digest(audit({ warnings: [ahead] }), [], undefined);
  expect(good).toBe(false);
  expect(subject).toBe('autosnap-prod: 2 of 2 servers protected; the quota of DFW has room for 1 more day');
  expect(text).toContain('\n- DFW: room for 1 more day: 7 of 9 images used; ');
});

test('failures of servers that are protected are in the subject', () => {
  const failing = run('snapshot', [
    { ...DB, outcome: 'failed', reason: 'no' },
    { ...WEB, outcome: 'failed', reason: 'no' },
  ]);
  expect(digest(audit(), [failing], undefined).subject).toBe(
    'autosnap-prod: 2 of 2 servers protected; 2 failures in the last day',
  );
});

test('a day with a dropped item is not good, and the item is listed before the late servers', () => {
  const { good, subject, text } = digest(
    audit({ dropped: [droppedServer()], series: [series('web-1'), never('web-2')] }),
    [],
    undefined,
  );
  expect(good).toBe(false);
  expect(digest(audit({ dropped: [droppedServer()] }), [], undefined).good).toBe(false);
  expect(subject).toContain('web-7');
  expect(text).toMatch(/\n\nNo longer covered\n- no policy covers web-7 \(server-web-7\) [^\n]*\n\nLate\n/);
});

test('a bad day has failures with reasons, late servers, deletions, costs and the link to the page', () => {
  const failing = run(
    'snapshot',
    [
      { ...DB, outcome: 'failed', reason: 'the quota is used up: delete images, or ask for more' },
      { ...WEB, outcome: 'taken' },
    ],
    ["LON can't be read, so no snapshot is taken there: no answer"],
  );
  const line = { image: 'i', status: 'active', sizeBytes: 1e9 };
  const cleaned = run('cleanup', [
    {
      ...WEB,
      policy: 'daily',
      outcome: 'failed',
      snapshots: [
        {
          ...line,
          slot: '2026-11-16T00:00:00Z',
          outcome: 'deleted',
          codes: ['NO_RULE'],
          reasons: ['no rule keeps it'],
        },
        {
          ...line,
          slot: '2026-11-15T00:00:00Z',
          outcome: 'deleted',
          codes: ['NO_RULE'],
          reasons: ['no rule keeps it'],
        },
        {
          ...line,
          slot: '2026-11-14T00:00:00Z',
          outcome: 'failed',
          codes: ['CLOUD'],
          reasons: ['it is in use'],
        },
      ],
    },
  ]);
  const late = series('web-7', {
    state: 'late',
    newestGood: '2026-11-20T00:00:00Z',
    ageSeconds: 370_800,
    overdue: 4.29,
    lateSeconds: 284_400,
  });
  const links = { signed: { link: 'https://signed', hours: 12 }, console: 'https://console' };
  const bad = digest(
    audit({
      series: [series('web-1'), never('new'), late],
      uncovered: [{ account: 'rackspace', region: 'DFW', server: 'x', name: 'build' }],
      warnings: [{ code: 'POLICY_NOT_DEPLOYED', region: 'DFW', policy: 'old', count: 3, bytes: 6e9 }],
      monthlyCost: 2.804,
    }),
    // Lambda's retry fails in the same way.
    [failing, failing, cleaned],
    links,
  );
  expect(bad.good).toBe(false);
  expect(bad.subject).toBe(
    'autosnap-prod: 1 of 3 servers protected; 2 servers have no fresh snapshot, the worst is new...',
  );
  expect(
    bad.text,
  ).toBe(`1 of 3 servers protected; 2 servers have no fresh snapshot, the worst is new, which has no good daily snapshot; 3 failures in the last day.

In the last 24 hours 2 snapshots were taken, and 2 deleted.

Failed
- snapshot daily: LON can't be read, so no snapshot is taken there: no answer (2 times)
- snapshot daily: db-1 in ORD: the quota is used up: delete images, or ask for more (2 times)
- cleanup daily: web-1 in DFW: snapshot of 2026-11-14 00:00: it is in use

Late
- new in DFW, daily: there is no good snapshot
- web-7 in DFW, daily: 3 days late; the newest good snapshot is of 2026-11-20 00:00

To be looked at
- DFW: the policy old is no longer configured: its 3 snapshots, 6.0 GB, are all kept

Not covered by any policy
- build in DFW

Deleted
- web-1 in DFW, daily: 2026-11-16 00:00, 2026-11-15 00:00

Stored: 28.0 GB, 2.80 a month.

The report page, for 12 hours at most:
https://signed
Later, signed in to AWS:
https://console`);
});

test('the equal problems of several policies are one line, and those of another account another', () => {
  const problems = [
    {
      code: 'POLICY_REGION_UNREADABLE' as const,
      where: 'ORD',
      problem: { code: 'CLOUD' as const, error: 'FORBIDDEN' as const, message: 'no' },
    },
  ];
  const [daily] = audit().policies;
  const policies = Array.from({ length: 21 }, (_, i) => ({ ...daily!, policy: `p${i}`, problems }));
  const last = { ...daily!, policy: 'last', problems: [{ code: 'POLICY_ID_UNKNOWN' as const, server: 's' }] };
  const { text } = digest(audit({ policies: [...policies, last] }), [], undefined);
  expect(text).toContain(
    "To be looked at\n- 21 policies: ORD can't be read: no\n- last: servers.ids: there is no server s\n\n",
  );
  const other = { ...policies[0]!, account: 'customer-a' };
  expect(digest(audit({ policies: [...policies, other] }), [], undefined).text).toContain(
    "\n- 21 policies of rackspace: ORD can't be read: no\n- p0 (customer-a): ORD can't be read: no\n",
  );
});

test('a failure that a later run has repaired is counted, and the day is still good', () => {
  const failing = run('cleanup', [{ ...WEB, outcome: 'failed', reason: 'it is in use' }]);
  const repaired = run('cleanup', [{ ...WEB, outcome: 'kept' }]);
  const { good, text } = digest(audit(), [failing, repaired], undefined);
  expect(good).toBe(true);
  expect(text).toContain(' taken, and 0 deleted. 1 failure was repaired by a later run.\n');
  expect(text).not.toContain('Failed');
  expect(digest(audit(), [repaired, failing], undefined).good).toBe(false);
});

test('shows proven servers, and failed drills', () => {
  const failed = '2026-11-24T04:10:00Z';
  const web1 = series('web-1', {
    snapshots: [shown(0, { unproven: failed })],
    proof: { unprovenSeconds: 25_200, failed },
  });
  const web2 = series('web-2', { proof: { proven: '2026-11-12T04:00:00Z', unprovenSeconds: 1_047_600 } });
  const web3 = series('web-3', { proof: { proven: '2026-11-20T04:00:00Z', unprovenSeconds: 356_400 } });
  const bad = digest(audit({ series: [web1, web3, web2] }), [], undefined);
  expect(bad.good).toBe(false);
  expect(bad.text).toContain(
    'Drills that failed\n- web-1 in DFW, daily: the snapshot of 2026-11-24 00:00 failed its drill 2026-11-24 04:10; none has passed\n\n',
  );
  expect(bad.text).toContain('Proven by a drill: 2 of 3 servers; the oldest is that of web-2, 12 days.');

  const good = digest(audit({ series: [web2, series('web-4')] }), [], undefined);
  expect(good.good).toBe(true);
  expect(good.text).toContain('Proven by a drill: 1 of 1 server; the oldest is that of web-2, 12 days.');
  const without = { proven: '2026-11-20T04:00:00Z', provenVolumes: 'without', unprovenSeconds: 9 } as const;
  const some = digest(audit({ series: [series('web-6', { proof: without })] }), [], undefined);
  expect(some.text).toContain('is that of web-6, 4 days; 1 without their volumes.');
  const none = digest(audit({ series: [series('web-5', { proof: { unprovenSeconds: 9 } })] }), [], undefined);
  expect(none.text).toContain('Proven by a drill: 0 of 1 server.');
});

test('shows the number of copies, the servers that are behind, and those that can never be copied', () => {
  const copied = (name: string, days: number, behind = false) =>
    series(name, {
      copied: { newest: `2026-11-${24 - days}T00:00:00Z`, ageSeconds: days * 86_400 + 25_200, behind },
    });
  const none = series('web-3', { copied: { behind: true } });
  const never = series('db-1', { copied: { behind: false, obstacle: { code: 'COPY_OF_VOLUMES' } } });
  const bad = digest(
    audit({ series: [copied('web-1', 0), copied('web-2', 4, true), none, never] }),
    [
      run('snapshot', [{ ...WEB, outcome: 'taken' }]),
      run('offsite', [
        {
          ...WEB,
          policy: 'daily',
          outcome: 'copied',
          snapshots: [
            {
              image: 'i',
              slot: '2026-11-24T00:00:00Z',
              status: 'copy',
              outcome: 'copied',
              codes: [],
              reasons: [],
            },
            {
              image: 'j',
              slot: '2026-11-20T00:00:00Z',
              status: 'copy',
              outcome: 'deleted',
              codes: [],
              reasons: [],
            },
          ],
        },
      ]),
    ],
    undefined,
  );
  expect(bad.good).toBe(false);
  expect(bad.text).toContain('In the last 24 hours 1 snapshot was taken, 1 copied, and 0 deleted.');
  expect(bad.text).toContain(`Copies that are behind
- web-2 in DFW, daily: newest copy of 2026-11-20 00:00, 4 days old
- web-3 in DFW, daily: no copy yet
`);
  expect(bad.text).toContain('Deleted\n- copies of web-1 in DFW, daily: 2026-11-20 00:00');
  expect(bad.text).toContain("Copied: 2 of 4 servers; the oldest is that of web-2, 4 days; 1 can't be.");
  expect(digest(audit({ series: [copied('web-1', 0), never] }), [], undefined).good).toBe(true);
});

test.each<[string, Partial<AuditedSeries>, string]>([
  [
    'a rotation that stands still',
    { notRotating: 182 },
    'Not rotated\n- web-1 in DFW, daily: no rule keeps 182 ',
  ],
  [
    'a snapshot that failed',
    { failed: 1, snapshots: [image('failed')] },
    'the snapshot image-1 failed in the cloud;',
  ],
  [
    'a failed ad-hoc snapshot with an end',
    {
      state: 'adhoc',
      policy: 'adhoc',
      countedBy: 'daily',
      failed: 1,
      snapshots: [image('failed', { expiresAt: '2026-12-07T00:00:00Z' })],
    },
    'the snapshot image-1 failed in the cloud; cleanup deletes an ad-hoc snapshot after its end\n',
  ],
  [
    'a failed ad-hoc snapshot without an expiry date',
    { state: 'adhoc', policy: 'adhoc', countedBy: 'daily', failed: 1, snapshots: [image('failed')] },
    'the snapshot image-1 failed in the cloud; delete image-1 by hand: no cleanup does\n',
  ],
  ['one that is stuck', { stuck: 1, snapshots: [image('stuck')] }, 'never finished: image-1;'],
])('%s is in the digest, and the day is not good', (_, changes, line) => {
  const { good, text } = digest(audit({ series: [series('web-1', changes)] }), [], undefined);
  expect(good).toBe(false);
  expect(text).toContain(line);
});

test('what a section of its own says is not repeated as a warning', () => {
  const found = audit({
    series: [
      series('web-1', { notRotating: 2 }),
      series('web-2', { failed: 1, state: 'adhoc', countedBy: 'daily', snapshots: [image('failed')] }),
      series('web-3', { stuck: 1, snapshots: [image('stuck')] }),
    ],
    warnings: [
      { code: 'SERIES_NOT_ROTATING', server: 'web-1', policy: 'daily', images: ['a', 'b'] },
      { code: 'ADHOC_SNAPSHOT_FAILED', image: 'image-1', of: 'web-2', status: 'killed' },
      { code: 'IMAGE_STUCK', image: 'image-1', of: 'web-3', status: 'queued', since: 'x', serverIs: 'idle' },
      {
        code: 'IMAGE_STUCK',
        image: 'image-9',
        of: 'web-9',
        status: 'queued',
        since: 'x',
        serverIs: 'not here',
      },
    ],
  });
  const { text } = digest(found, [], undefined);
  expect(text.match(/not deleted/g)).toHaveLength(1);
  expect(text).toMatch(/To be looked at\n- image image-9 of web-9 [^\n]*\n\n/);
});

test.each<Partial<Audit['policies'][number]>>([{ nothingSelected: true }, { missing: ['cleanup'] }])(
  'a day is not good if a policy is in trouble: %j',
  (trouble) => {
    const policies = audit().policies.map((policy) => ({ ...policy, ...trouble }));
    expect(digest(audit(), [], undefined).good).toBe(true);
    expect(digest(audit({ policies }), [], undefined).good).toBe(false);
  },
);

test('deleted copies are counted apart from deleted snapshots', () => {
  const line = {
    ...WEB,
    policy: 'daily',
    outcome: 'kept' as const,
    snapshots: [deleted('2026-11-20T00:00:00Z')],
  };
  const { text } = digest(audit(), [run('cleanup', []), run('offsite', [line, line])], undefined);
  expect(text).toContain('0 copied, and 0 deleted. 2 copies were deleted.\n');
});

test('servers whose copies are impossible are named with the reason, but not those that are gone', () => {
  const obstacle = { code: 'COPY_REGION_UNKNOWN' } as const;
  const { text } = digest(
    audit({
      series: [
        series('web-1', { copied: { behind: false, newest: '2026-11-23T00:00:00Z', ageSeconds: 90_000 } }),
        series('web-2', { copied: { behind: false, obstacle } }),
        series('web-3', { state: 'orphaned', copied: { behind: false, obstacle } }),
      ],
    }),
    [],
    undefined,
  );
  expect(text).toMatch(/\n\nNot copied\n- web-2 in DFW, daily: [^\n]+\n\n/);
  expect(text).toMatch(/Copied: 1 of 2 servers; .*; 1 can't be\./);
});

test('a warning that the cleanups of two policies have found is one line', () => {
  const stuck = {
    code: 'IMAGE_STUCK',
    image: 'i',
    of: 'x',
    status: 'queued',
    since: 'x',
    serverIs: 'idle',
  } as const;
  const { text } = digest(audit({ warnings: [stuck, { ...stuck }] }), [], undefined);
  expect(text.match(/image i of x/g)).toHaveLength(1);
});

test('servers of one region with the same name are told apart by their ids', () => {
  const late = { state: 'late' as const, lateSeconds: 90_000 };
  const found = audit({
    series: [
      series('web-1', { ...late, server: '11111111-aaaa', name: 'web' }),
      series('web-2', { ...late, server: '22222222-bbbb', name: 'web', lateSeconds: 80_000 }),
      series('db', { ...late, overdue: 0.1 }),
    ],
  });
  const { text } = digest(found, [], undefined);
  for (const name of ['web (11111111)', 'web (22222222)', 'db']) {
    expect(text).toContain(`- ${name} in DFW, daily: `);
  }
  expect(text).toMatch(/^[^\n]* the worst is web \(11111111\), 25 hours late/);
});

describe('two customers with servers of the same name', () => {
  const [own] = audit().policies;
  const accounts = ['customer-a', 'customer-b'];
  const several = (changes: Partial<AuditedSeries>, more: Partial<Audit> = {}) =>
    audit({
      policies: accounts.map((account) => ({ ...own!, account })),
      series: accounts.map((account) => series('web-1', { account, ...changes })),
      ...more,
    });
  const linesOf = (found: Audit, runs: Report[] = []) =>
    digest(found, runs, undefined)
      .text.split('\n')
      .filter((line) => line.startsWith('- '));

  test.each<[string, Audit, Report[]?]>([
    ['late', several({ state: 'late', overdue: 4, lateSeconds: 9 })],
    ['whose drills failed', several({ proof: { failed: '2026-11-24T04:00:00Z' } })],
    ['whose copies are behind', several({ copied: { behind: true } })],
    ['that are not rotated', several({ notRotating: 3 })],
    ['whose snapshots failed', several({ failed: 1, snapshots: [image('failed')] })],
    ['whose snapshots are stuck', several({ stuck: 1, snapshots: [image('stuck')] })],
    [
      'that no policy selects',
      several(
        {},
        { uncovered: accounts.map((account) => ({ account, region: 'DFW', server: 's', name: 'web-1' })) },
      ),
    ],
    [
      'that have a problem',
      several(
        {},
        {
          policies: accounts.map((account) => ({
            ...own!,
            account,
            problems: [{ code: 'POLICY_REGION_UNKNOWN', where: 'XYZ' }],
          })),
        },
      ),
    ],
    [
      'that are warned of',
      several(
        {},
        {
          warnings: accounts.map(
            (ofAccount): Finding => ({
              code: 'SERVER_ON_IMAGE_SCHEDULE',
              region: 'DFW',
              ofAccount,
              name: 'web-1',
            }),
          ),
        },
      ),
    ],
    [
      'of which snapshots were deleted',
      several({}),
      accounts.map((account) => ({
        ...run('cleanup', [
          { ...WEB, policy: 'daily', outcome: 'deleted', snapshots: [deleted('2026-11-16T00:00:00Z')] },
        ]),
        account,
        accounts: 2,
      })),
    ],
  ])('%s: each server has a line with its account', (_, found, runs) => {
    const lines = linesOf(found, runs);
    expect(lines).toHaveLength(2);
    for (const [i, line] of lines.entries()) expect(line).toContain(`(${accounts[i]})`);
  });

  test('the digest names the one whose last passed drill is the oldest', () => {
    const proof = (proven: string) => ({ proof: { proven, unprovenSeconds: 9 } });
    const found = several({});
    const proven = found.series.map((one, i) => ({ ...one, ...proof(`2026-11-2${i}T04:00:00Z`) }));
    expect(digest({ ...found, series: proven }, [], undefined).text).toContain(
      'Proven by a drill: 2 of 2 servers; the oldest is that of web-1 in DFW (customer-a), 4 days.',
    );
  });
});

test('a subject is not cut in the middle of a word', () => {
  for (let length = 1; length <= 40; length += 1) {
    const names = [`${'a'.repeat(length)} bb`, 'c'];
    const { subject } = digest(audit({ series: names.map(never) }), [], undefined);
    const whole = `autosnap-prod: 0 of 2 servers protected; 2 servers have no fresh snapshot, the worst is ${names[0]}, which has no good daily snapshot`;
    expect(subject.length).toBeLessThan(100);
    const [, kept = ''] = /^(.*)\.\.\.$/.exec(subject) ?? [];
    const words = whole.split(/,? /).map((word) => (word.length > 24 ? `${word.slice(0, 21)}...` : word));
    const wordsKept = kept.split(/,? /);
    expect(words.slice(0, wordsKept.length), subject).toEqual(wordsKept);
    expect(kept.length).toBeGreaterThan(50);
  }
});

test('the stored size includes unmanaged snapshots, with their size, and names the regions where it is unknown', () => {
  const left = digest(audit({ unmanagedBytes: 6e9, bytes: 12e9, monthlyCost: 1.2 }), [], undefined);
  expect(left.text).toContain('Stored: 12.0 GB, 1.20 a month. No policy rotates 6.0 GB of it.');
  const unlisted = [{ account: 'rackspace', region: 'ORD' }, { account: 'customer-b' }];
  const { text } = digest(audit({ unlisted }), [], undefined);
  expect(text).toContain('Stored: at least 28.0 GB.');
  expect(text).toContain(
    "Not covered by any policy\n- not known in ORD, which can't be read\n- not known in account customer-b, which can't be read",
  );
});

test('text from the cloud can neither break the subject nor add a line', () => {
  const name = `naïve\n- web-1 in DFW: all is well\u202e ${'x'.repeat(300)}`;
  const { subject, text } = digest(audit({ series: [never(name)] }), [], undefined);
  expect(subject).toMatch(/^[\x20-\x7e]{1,100}$/);
  expect(text.split('\n').filter((line) => line.startsWith('- web-1'))).toEqual([]);
  expect(text).not.toContain('\u202e');
});

test('a long list is cut, with the number of missing lines', () => {
  const uncovered = Array.from({ length: 50 }, (_, i) => ({
    account: 'rackspace',
    region: 'DFW',
    server: `s${i}`,
    name: `build-${i}`,
  }));
  const { text } = digest(audit({ uncovered }), [], undefined);
  expect(text.match(/^- build/gm)).toHaveLength(20);
  expect(text).toContain('- … and 30 more');
});

test('a day whose reports cannot be read is not a day without snapshots', () => {
  const { text } = digest(audit(), undefined, undefined);
  expect(text).toContain('What was taken, deleted or failed in the last 24 hours is not known');
  expect(text).not.toContain('were taken');
});
