import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Acceptance } from '../../../lib/audit/coverage/acceptance.ts';
import { compareCoverage } from '../../../lib/audit/coverage/compare.ts';
import { type AccountCoverage, coverageText, parseCoverage } from '../../../lib/audit/coverage/record.ts';
import type { Audit, AuditedPolicy } from '../../../lib/audit/model.ts';
import { auditOf, seriesOf } from '../audits.ts';

/** A server in an audit: the policies that select it, or why none does. */
type Found = { policies: string[] } | 'uncovered' | 'gone' | 'unsure' | 'unknown';

interface Account {
  isReadable: boolean;
  project: string;
  policies: string[];
  regions: string[];
  servers: Record<string, { region: string; found: Found }>;
}

type World = Record<string, Account>;

/** The audit of a world. */
function audited(world: World, at = '2026-11-24T09:00:00Z'): Audit {
  const accounts = Object.entries(world);
  const readable = accounts.filter(([, { isReadable }]) => isReadable);
  const each = readable.flatMap(([account, { servers }]) =>
    Object.entries(servers).map(([server, one]) => ({ account, server, ...one })),
  );
  return auditOf(
    each.flatMap(({ account, region, server, found }) => {
      if (found === 'unsure') {
        const cause = { code: 'SERIES_SERVER_UNCERTAIN' } as const;
        return [seriesOf([], { account, region, server, name: server, state: 'never', cause })];
      }
      const state = found === 'gone' ? ('orphaned' as const) : ('waiting' as const);
      const its = found === 'gone' ? ['daily'] : typeof found === 'object' ? found.policies : [];
      return its.map((policy) => seriesOf([], { account, region, server, name: server, policy, state }));
    }),
    {
      at,
      policies: accounts.flatMap(([account, { policies, isReadable }]) =>
        policies.map(
          (policy): AuditedPolicy => ({
            policy,
            account,
            nothingSelected: false,
            readable: isReadable,
            problems: [],
          }),
        ),
      ),
      accounts: readable.map(([account, { project, regions, servers }]) => ({
        account,
        project,
        regions,
        gone: new Set(Object.keys(servers).filter((id) => servers[id]!.found === 'gone')),
      })),
      uncovered: each.flatMap(({ account, region, server, found }) =>
        found === 'uncovered' ? [{ account, region, server, name: server }] : [],
      ),
    },
  );
}

const account = (changes: Partial<Account> = {}): Account => ({
  isReadable: true,
  project: 'p',
  policies: ['daily'],
  regions: ['DFW'],
  servers: { web: { region: 'DFW', found: { policies: ['daily'] } } },
  ...changes,
});

const recordOf = (world: World) => compareCoverage([], audited(world), undefined).coverage;

describe('a server', () => {
  test.each<[string, Found, string | undefined, boolean]>([
    ['that is covered', { policies: ['daily'] }, undefined, true],
    ['that no policy covers', 'uncovered', 'DROPPED_SERVER', true],
    ['that is gone', 'gone', undefined, false],
    ['of which the cloud says nothing', 'unsure', undefined, true],
    ['of which nothing is known', 'unknown', undefined, true],
  ])('%s: it drops out with the code $2, and stays in the record: $3', (_, found, code, isKept) => {
    const before = recordOf({ a: account() });
    const servers = { web: { region: 'DFW', found } };
    const { dropped, coverage } = compareCoverage(before, audited({ a: account({ servers }) }), undefined);
    expect(dropped.map((one) => one.code)).toEqual(code ? [code] : []);
    expect(coverage[0]!.servers.map(({ server }) => server)).toEqual(isKept ? ['web'] : []);
  });

  test('that was renamed and is no longer covered has its current name', () => {
    const before = recordOf({ a: account() });
    const audit = audited({ a: account({ servers: { web: { region: 'DFW', found: 'uncovered' } } }) });
    const renamed = { ...audit, uncovered: audit.uncovered.map((one) => ({ ...one, name: 'shop-1' })) };
    const { dropped } = compareCoverage(before, renamed, { servers: ['web'] });
    expect(dropped).toEqual([]);
    expect(compareCoverage(before, renamed, undefined).dropped).toMatchObject([
      { code: 'DROPPED_SERVER', server: 'web', name: 'shop-1' },
    ]);
  });

  test('with only drills, ad-hoc snapshots or snapshots of former policies was never covered', () => {
    const states = ['deselected', 'orphaned', 'adhoc'] as const;
    const audit = auditOf(states.map((state) => seriesOf([], { name: state, state })));
    expect(compareCoverage([], audit, undefined).coverage[0]!.servers).toEqual([]);
  });

  test('in several policies is one, and is said with the policy that has lost it', () => {
    const both = account({
      policies: ['daily', 'weekly'],
      servers: { web: { region: 'DFW', found: { policies: ['daily', 'weekly'] } } },
    });
    const before = recordOf({ a: both });
    expect(before[0]!.servers).toMatchObject([{ server: 'web', policies: ['daily', 'weekly'] }]);
    const weekly = { web: { region: 'DFW', found: { policies: ['weekly'] } } };
    const { dropped } = compareCoverage(before, audited({ a: { ...both, servers: weekly } }), undefined);
    expect(dropped).toMatchObject([
      { code: 'DROPPED_FROM_POLICY', server: 'web', policies: ['daily'], others: ['weekly'] },
    ]);
  });
});

test('who accepts everything, while nothing has dropped out, is told so', () => {
  const now = audited({ a: account() });
  const before = recordOf({ a: account() });
  expect(compareCoverage(before, now, true).warnings).toEqual([{ code: 'NOTHING_TO_ACCEPT' }]);
  const gone = audited({ a: account({ servers: { web: { region: 'DFW', found: 'uncovered' } } }) });
  expect(compareCoverage(before, gone, true).warnings).toEqual([]);
});

test('a server is not gone while its region is not in the catalogue, even if all other regions answer 404', () => {
  const before = recordOf({ a: account({ regions: ['DFW', 'ORD'] }) });
  const servers = { web: { region: 'DFW', found: 'gone' as const } };
  const { dropped } = compareCoverage(
    before,
    audited({ a: account({ regions: ['ORD'], servers }) }),
    undefined,
  );
  expect(dropped).toMatchObject([{ code: 'DROPPED_REGION', where: 'DFW', servers: 1 }]);
});

test('a policy that can not be read completely keeps its recorded coverage', () => {
  const before = recordOf({ a: account() });
  const now = audited({ a: account({ servers: {} }) }, '2026-11-24T10:00:00Z');
  const policies = now.policies.map((one) => ({ ...one, readable: false }));
  const { coverage } = compareCoverage(before, { ...now, policies }, undefined);
  expect(coverage[0]!.policies).toEqual(before[0]!.policies);
});

test('an accepted policy is accepted with its servers that could not be read', () => {
  const weekly = account({
    policies: ['daily', 'weekly'],
    servers: { web: { region: 'DFW', found: { policies: ['weekly'] } } },
  });
  const before = recordOf({ a: weekly });
  const unread = audited({ a: account({ isReadable: false }) });
  const { coverage } = compareCoverage(before, unread, { policies: ['weekly'] });
  const servers = { web: { region: 'DFW', found: 'uncovered' as const } };
  expect(compareCoverage(coverage, audited({ a: account({ servers }) }), undefined).dropped).toEqual([]);
});

test('the record of 5,000 servers in 20 accounts has about a megabyte', () => {
  const world: World = Object.fromEntries(
    Array.from({ length: 20 }, (_, a) => [
      `customer-${a}`,
      account({
        servers: Object.fromEntries(
          Array.from({ length: 250 }, () => [
            crypto.randomUUID(),
            { region: 'DFW', found: { policies: ['daily'] } },
          ]),
        ),
      }),
    ]),
  );
  const before = recordOf(world);
  const text = coverageText({ accounts: before, carried: [] });
  expect(text.length).toBeLessThan(1.1e6);
  expect(parseCoverage(text)).toEqual({ accounts: before, carried: [] });
  expect(compareCoverage(before, audited(world), undefined).dropped).toEqual([]);
});

const POLICIES = ['daily', 'weekly'];
const REGIONS = ['DFW', 'ORD'];
const found: fc.Arbitrary<Found> = fc.oneof(
  fc.record({ policies: fc.subarray(POLICIES, { minLength: 1 }) }),
  fc.constantFrom('uncovered' as const, 'gone' as const, 'unsure' as const, 'unknown' as const),
);
const world: fc.Arbitrary<World> = fc.dictionary(
  fc.constantFrom('a', 'b'),
  fc
    .record({
      isReadable: fc.boolean(),
      project: fc.constantFrom('p', 'q'),
      policies: fc.subarray(POLICIES, { minLength: 1 }),
      regions: fc.subarray(REGIONS, { minLength: 1 }),
      servers: fc.dictionary(
        fc.constantFrom('s1', 's2', 's3'),
        fc.record({ region: fc.constantFrom(...REGIONS), found }),
      ),
    })
    .map((one) => ({
      ...one,
      // The result of an audit is limited to its regions and its policies.
      servers: Object.fromEntries(
        Object.entries(one.servers).map(([id, { region, found: its }]) => {
          const policies =
            typeof its === 'object' ? its.policies.filter((p) => one.policies.includes(p)) : [];
          const isSeen = one.regions.includes(region);
          const seen = typeof its === 'object' && policies.length === 0 ? 'uncovered' : its;
          return [
            id,
            {
              region,
              found: isSeen ? (typeof seen === 'object' ? { policies } : seen) : ('unknown' as const),
            },
          ];
        }),
      ),
    })),
);
const history = fc.array(world, { minLength: 1, maxLength: 5 });

/** What a history of audits has recorded. */
function recordedBy(worlds: World[]): AccountCoverage[] {
  return worlds.reduce<AccountCoverage[]>(
    (before, one, i) => compareCoverage(before, audited(one, `2026-11-24T0${i}:00:00Z`), undefined).coverage,
    [],
  );
}

/** All servers in a record, with their account. */
const serversIn = (coverage: readonly AccountCoverage[]) =>
  coverage.flatMap(({ account: a, project, servers }) =>
    servers.map(({ server }) => `${a} ${project} ${server}`),
  );

describe('for any history of audits', () => {
  test('repeating an audit reports and records the same', () => {
    fc.assert(
      fc.property(history, world, (past, now) => {
        const once = compareCoverage(recordedBy(past), audited(now), undefined);
        const again = compareCoverage(once.coverage, audited(now), undefined);
        expect(again).toEqual(once);
      }),
      { numRuns: 500 },
    );
  });

  test('accepted items are not reported again, and accepting does not change the coverage', () => {
    fc.assert(
      fc.property(history, world, (past, now) => {
        const { dropped, accepted, coverage } = compareCoverage(recordedBy(past), audited(now), true);
        expect(dropped).toEqual([]);
        expect(accepted).toEqual(compareCoverage(recordedBy(past), audited(now), undefined).dropped);
        expect(compareCoverage(coverage, audited(now), undefined).dropped).toEqual([]);
        const fresh = recordOf(now);
        expect(serversIn(coverage)).toEqual(expect.arrayContaining(serversIn(fresh)));
      }),
    );
  });

  test('an item stays recorded unless it is covered, gone or accepted', () => {
    fc.assert(
      fc.property(history, world, (past, now) => {
        const before = recordedBy(past);
        const { coverage } = compareCoverage(before, audited(now), undefined);
        const gone = Object.entries(now).flatMap(([a, { isReadable, project, servers }]) =>
          Object.entries(servers)
            .filter(([, one]) => isReadable && one.found === 'gone')
            .map(([server]) => `${a} ${project} ${server}`),
        );
        const lost = serversIn(before).filter((one) => !serversIn(coverage).includes(one));
        expect(gone).toEqual(expect.arrayContaining(lost));
      }),
    );
  });

  test('each existing server that was covered and is in no policy is reported, by itself or with its policy', () => {
    fc.assert(
      fc.property(history, world, (past, now) => {
        const before = recordedBy(past);
        const audit = audited(now);
        const { dropped } = compareCoverage(before, audit, undefined);
        for (const { account: a, server } of audit.uncovered) {
          const project = now[a]!.project;
          const known = before.find((one) => one.account === a && one.project === project);
          const own = known?.servers.find((one) => one.server === server);
          if (!own) continue;
          const isSaid = dropped.some((one) =>
            one.code === 'DROPPED_SERVER'
              ? one.server === server && one.account === a
              : one.code === 'DROPPED_POLICY' &&
                own.policies.includes(one.policy) &&
                one.accounts.includes(a),
          );
          expect(isSaid).toBe(true);
        }
      }),
    );
  });

  test('accepting an item by its shown name accepts this item, and no item of another name', () => {
    const nameOf = (one: object) => JSON.stringify(one);
    fc.assert(
      fc.property(history, world, fc.nat(), (past, now, which) => {
        const before = recordedBy(past);
        const { dropped } = compareCoverage(before, audited(now), undefined);
        const servers = dropped.filter((one) => one.code === 'DROPPED_SERVER');
        const one = servers[which % Math.max(1, servers.length)];
        if (!one) return;
        const acceptance: Acceptance = { servers: [one.server] };
        const left = dropped.filter((other) => !('server' in other) || other.server !== one.server);
        const change = compareCoverage(before, audited(now), acceptance);
        expect(change.dropped.map(nameOf)).toEqual(left.map(nameOf));
      }),
    );
  });
});
