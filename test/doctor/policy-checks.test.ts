import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import type { CheckResult } from '../../lib/doctor/diagnosis.ts';
import {
  checkDrill,
  checkOffsite,
  checkOverlap,
  checkRegions,
  checkSchedules,
  checkServers,
  type PolicyTarget,
  regionsOf,
  targetOf,
} from '../../lib/doctor/policy-checks.ts';
import type { Server } from '../../lib/openstack/compute.ts';
import { sentenceOf } from '../../lib/reporting/sentences.ts';
import { policy } from '../harness.ts';
import { server } from '../snapshots.ts';

const NOW = new Date('2026-11-23T09:00:00Z');

const read = (changes: Record<string, unknown> = {}) => parsePolicy(policy(changes));
const fleet = (count: number, changes: Partial<Server> = {}) =>
  Array.from({ length: count }, (_, i) =>
    server({ id: `id-${i}`, name: `s${String(i).padStart(2, '0')}`, ...changes }),
  );
const sentence = ({ reason }: CheckResult) => sentenceOf(reason);
/** A policy for these servers of DFW. */
const aim = (servers: Server[], changes: Record<string, unknown> = {}) =>
  targetOf(read(changes), ['DFW'], new Map([['DFW', servers]]));

describe('regions', () => {
  test('are those of the policy, without duplicates, or all', () => {
    expect(regionsOf({ regions: ['ORD', 'LON', 'ORD'] }, ['DFW', 'ORD'])).toEqual(['ORD', 'LON']);
    expect(regionsOf({ regions: undefined }, ['DFW', 'ORD'])).toEqual(['DFW', 'ORD']);
  });

  test('that the account lacks are all named', () => {
    expect(checkRegions({ regions: ['ord', 'DFW', 'LON'] }, ['DFW', 'ORD'])).toEqual({
      check: 'regions',
      verdict: 'fail',
      reason: { code: 'REGIONS_UNKNOWN', unknown: ['ord', 'LON'], known: ['DFW', 'ORD'] },
    });
  });
});

describe('servers', () => {
  test.each([
    [10, '10: s00, s01, s02, s03, s04, s05, s06, s07, s08, s09'],
    [11, '11: s00, s01, s02, s03, s04, s05, s06, s07, s08, s09 and 1 more'],
    [10_000, '10000: s00, s01, s02, s03, s04, s05, s06, s07, s08, s09 and 9990 more'],
  ])('%d selected servers are named, at most ten', (count, detail) => {
    const found = checkServers(aim(fleet(count).reverse()), 'rackspace');
    expect(found).toMatchObject([{ check: 'servers', verdict: 'pass' }]);
    expect(found.map(sentence)).toEqual([detail]);
  });

  test('of other regions than those of the policy are not selected', () => {
    const servers = new Map([
      ['DFW', fleet(1)],
      ['ORD', fleet(2).slice(1)],
    ]);
    const { selection, partial } = targetOf(read({ regions: ['ORD'] }), ['DFW', 'ORD'], servers);
    expect(selection.servers.map(({ id }) => id)).toEqual(['id-1']);
    expect(partial).toBe(false);
  });

  test('that may be in a region that cannot be read, or that does not exist, are not reported as missing', () => {
    for (const regions of [
      ['DFW', 'ORD'],
      ['DFW', 'LON'],
    ]) {
      const partly = targetOf(
        read({ regions, servers: { ids: ['x'], names: ['mail'] } }),
        ['DFW', 'ORD'],
        new Map([['DFW', fleet(1)]]),
      );
      expect(checkServers(partly, 'rackspace').map(({ verdict }) => verdict)).toEqual(['warn', 'warn']);
    }
  });

  test('many ids without a server are one failure', () => {
    const ids = Array.from({ length: 12 }, (_, i) => `no-${i}`);
    expect(checkServers(aim([], { servers: { ids } }), 'rackspace')).toEqual([
      {
        check: 'servers',
        verdict: 'fail',
        reason: { code: 'SERVERS_MISSING', ids, isPartial: false },
      },
    ]);
  });

  test('excluded ids and exceptions that match nothing cause warnings', () => {
    const servers = { ids: ['id-0', 'id-1'], except: { ids: ['id-1', 'gone'], names: ['mail'] } };
    const found = checkServers(aim(fleet(2), { servers }), 'rackspace');
    expect(found.map((one) => `${one.verdict}: ${sentence(one)}`)).toEqual([
      'pass: 1: s00',
      'warn: servers.ids: id-1: servers.except excludes these servers: remove them from ids or from except',
      'warn: except.ids "gone" matches no server',
      'warn: except.names "mail" matches no server',
    ]);
  });

  test('with root volumes are a failure only at Rackspace, and without snapshots of volumes', () => {
    const verdicts = (provider: 'rackspace' | 'keystone', volumes: string) =>
      checkServers(aim(fleet(2, { volumeBacked: true }), { volumes }), provider).map(
        ({ verdict }) => verdict,
      );
    expect(verdicts('rackspace', 'none')).toEqual(['pass', 'fail']);
    expect(verdicts('rackspace', 'attached')).toEqual(['pass']);
    expect(verdicts('keystone', 'none')).toEqual(['pass']);
  });

  test('without a name are shown with their ids', () => {
    expect(checkServers(aim(fleet(1, { name: '' })), 'rackspace')).toMatchObject([
      { reason: { code: 'SERVERS_SELECTED', names: ['id-0'] } },
    ]);
  });
});

test('each schedule has its next time, in UTC and in the time zone of the policy', () => {
  const details = (changes: Record<string, unknown>) =>
    checkSchedules(read(changes), NOW).map((one) => `${one.check} ${sentence(one)}`);
  expect(details({ schedule: 'rate(1 day)', cleanup: 'cron(0 9 * * ? *)' })).toEqual([
    'schedule next by 2026-11-24 09:00 UTC',
    'cleanup next at 2026-11-24 09:00 UTC',
  ]);
  expect(details({ schedule: 'cron(30 23 L * ? *)', timezone: 'Asia/Kathmandu' })[0]).toBe(
    'schedule next at 2026-11-30 17:45 UTC, 2026-11-30 23:30 in Asia/Kathmandu',
  );
});

describe('two policies', () => {
  const daily = aim(fleet(3));
  const hourly = aim(fleet(3), { policy: 'hourly', schedule: 'cron(0 * * * ? *)' });
  const at = (schedule: string, servers = fleet(2)) => aim(servers, { policy: 'other', schedule });
  const found = (other: PolicyTarget, schedule: string, servers?: Server[]) =>
    checkOverlap(at(schedule, servers), other, NOW).map((f) => `${f.verdict} ${f.check}: ${sentence(f)}`);

  test('within an hour of each other for the same servers are reported, with the time between them', () => {
    expect(found(hourly, 'cron(59 0 ? * SUN *)')).toEqual([
      'warn schedule: it fires 1 minutes from hourly at 2026-11-29 01:00 UTC, and both take s00, s01: whichever is second waits for 30 minutes at most, and a snapshot may take an hour',
    ]);
  });

  test.each([
    ['at the same minute, where there is time for both', 'cron(0 0 ? * SUN *)', undefined],
    ['an hour apart', 'cron(0 1 ? * SUN *)', undefined],
    ['at times that are not known', 'rate(1 day)', undefined],
    ['of different servers', 'cron(0 0 * * ? *)', [server({ id: 'another' })]],
  ])('%s are not reported', (_, schedule, servers) => {
    expect(found(daily, schedule, servers)).toEqual([]);
  });
});

describe('copies', () => {
  const offsite = { schedule: 'cron(0 3 * * ? *)', keep: { last: 2 } };
  test.each<[string, object | undefined, 'rackspace' | 'keystone', unknown[]]>([
    ['none', undefined, 'rackspace', []],
    ['in S3, of any cloud', offsite, 'keystone', [expect.stringMatching(/^pass: next at .* 03:00 UTC$/)]],
    [
      'in a container of Rackspace',
      { ...offsite, to: 'cloud-files', container: 'mine' },
      'rackspace',
      [expect.stringMatching(/^pass: /)],
    ],
    [
      'in a container of a cloud that has none',
      { ...offsite, to: 'cloud-files', container: 'mine' },
      'keystone',
      [
        expect.stringMatching(/^fail: offsite\.to: .*leave it out$/),
        expect.stringMatching(/^fail: offsite\.container/),
      ],
    ],
    [
      'never again',
      { ...offsite, schedule: 'cron(0 0 * * ? 2020)' },
      'rackspace',
      [expect.stringMatching(/^warn: its schedule never fires again/)],
    ],
  ])('%s: the check says $3', (_, asked, provider, expected) => {
    const found = checkOffsite(read(asked ? { offsite: asked } : {}), { provider }, NOW);
    expect(found.map((one) => `${one.verdict}: ${sentence(one)}`)).toEqual(expected);
  });
});

describe('drills', () => {
  const check = (drill: object | undefined, provider: 'rackspace' | 'keystone') =>
    checkDrill(read(drill ? { drill } : {}), provider, NOW).map((one) => `${one.verdict}: ${sentence(one)}`);

  test.each([
    ['none', undefined, 'rackspace', []],
    [
      'on an OpenStack',
      { schedule: 'cron(0 3 * * ? *)' },
      'keystone',
      ['pass: next at 2026-11-24 03:00 UTC'],
    ],
    [
      'at Rackspace, on a network',
      { schedule: 'rate(1 day)', networks: ['n'] },
      'rackspace',
      ['pass: next by 2026-11-24 09:00 UTC'],
    ],
    [
      'at Rackspace, where a server would be on the internet',
      { schedule: 'rate(1 day)' },
      'rackspace',
      [expect.stringMatching(/^fail: drill\.networks: is missing: .* on the internet/)],
    ],
    [
      'that never begin again',
      { schedule: 'cron(0 3 * * ? 2020)' },
      'keystone',
      ['warn: its schedule never fires again: nothing is proven any more'],
    ],
  ] as const)('%s', (_, drill, provider, expected) => {
    expect(check(drill, provider)).toEqual(expected);
  });
});
