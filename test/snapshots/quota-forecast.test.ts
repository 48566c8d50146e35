import { describe, expect, test } from 'vitest';
import { type Policy, parsePolicy } from '../../lib/config/policy.ts';
import { bareServer, type Server } from '../../lib/openstack/compute.ts';
import type { Image } from '../../lib/openstack/images.ts';
import type { Quota } from '../../lib/openstack/quota.ts';
import { forecastQuotas } from '../../lib/snapshots/quota-forecast.ts';
import { policy } from '../harness.ts';
import { volume } from '../snapshots.ts';

const NOW = new Date('2026-11-23T09:00:00Z');
const OWNER = 'autosnap-test';

const server = (id: string, changes: Partial<Server> = {}) => ({
  ...bareServer({ id, name: id, region: 'DFW' }),
  ...changes,
});

/** A snapshot of so many days ago. */
function image(of: string, day: number, changes: object = {}): Image {
  const createdAt = new Date(Date.UTC(2026, 10, 23 - day));
  const properties = {
    autosnap_owner: OWNER,
    autosnap_policy: 'daily',
    autosnap_server: of,
    autosnap_slot: createdAt.toISOString(),
    ...changes,
  };
  return { id: `${of} ${day}`, status: 'active', sizeBytes: 2e9, createdAt, properties } as unknown as Image;
}

interface Case {
  policies?: Policy[];
  servers?: Server[];
  images?: Image[];
}

function days(
  quota: Quota,
  { policies = [daily()], servers = [server('a'), server('b')], images = [] }: Case,
) {
  const growth = {
    policies: policies.map((one) => ({ policy: one, servers })),
    images,
    volumes: [volume({ id: 'v1', sizeGb: 10 }), volume({ id: 'v2', sizeGb: 30 })],
    owner: OWNER,
    now: NOW,
  };
  return forecastQuotas('DFW', [quota], growth).map((reason) => reason.days);
}

const daily = (changes: Record<string, unknown> = {}) => parsePolicy(policy(changes));
const images = (limit: number, used = 0): Quota => ({ kind: 'images', limit, used });
const twoDaysOfBoth = ['a', 'b'].flatMap((of) => [image(of, 0), image(of, 1)]);

describe('the days until a quota is exceeded', () => {
  test.each<[string, Quota, Case, number[]]>([
    ['two servers, three kept, one more until the cleanup', images(8), {}, []],
    ['one image too few for that', images(7), {}, [3]],
    ['not even one run', images(1), {}, [0]],
    ['one run', images(3), {}, [1]],
    ['what others have is used, too', images(100, 97), {}, [1]],
    ['a quota that is used up, and no run', images(0), { servers: [] }, []],
    ['two runs are there already: one grows, the next replaces', images(8, 4), { images: twoDaysOfBoth }, []],
    ['the same, with less room', images(7, 4), { images: twoDaysOfBoth }, [1]],
    [
      'snapshots of other policies and owners are not counted',
      images(7),
      {
        images: [
          ...twoDaysOfBoth.map((one) => ({ ...one, properties: { ...one.properties, autosnap_owner: 'x' } })),
          ...twoDaysOfBoth.map((one) => ({
            ...one,
            properties: { ...one.properties, autosnap_policy: 'x' },
          })),
        ],
      },
      [3],
    ],
    [
      'held snapshots stay, and do not count for the keep rules',
      images(9, 4),
      {
        images: ['a', 'b'].flatMap((of) => [0, 1].map((day) => image(of, day, { autosnap_hold: 'forever' }))),
      },
      [2],
    ],
    ['two policies', images(9), { policies: [daily(), daily({ policy: 'other' })] }, [2]],
    ['a policy that keeps a month', images(20), { policies: [daily({ keep: { last: 30 } })] }, [10]],
    ['further than anybody needs to know', images(70), { policies: [daily({ keep: { last: 60 } })] }, []],
    [
      'a snapshot run comes before a cleanup at the same time, also of other servers',
      images(4, 3),
      {
        images: [0, 1, 2].map((day) => image('b', day)),
        policies: [daily({ cleanup: 'cron(0 0 * * ? *)' })],
      },
      [0],
    ],
    ['a schedule that has ended', images(1), { policies: [daily({ schedule: 'cron(0 0 * * ? 2025)' })] }, []],
    [
      'a cleanup that deletes fewer snapshots than the runs take',
      images(14),
      { policies: [daily({ schedule: 'rate(6 hours)', cleanup: 'rate(1 day)', maxDeletes: 1 })] },
      [2],
    ],
    [
      'a cleanup that deletes as many snapshots as the runs take',
      images(14),
      { policies: [daily({ schedule: 'rate(6 hours)', cleanup: 'rate(1 day)' })] },
      [],
    ],
  ])('%s', (_, quota, its, expected) => {
    expect(days(quota, its)).toEqual(expected);
  });

  test('bytes: a snapshot is as large as the newest of its server, or as the average without one', () => {
    const quota: Quota = { kind: 'imageBytes', limit: 20e9, used: 8e9 };
    expect(days(quota, { images: twoDaysOfBoth, policies: [daily({ keep: { last: 9 } })] })).toEqual([3]);
    const three = [server('a'), server('b'), server('new')];
    const growing = { images: twoDaysOfBoth, servers: three, policies: [daily({ keep: { last: 9 } })] };
    expect(days(quota, growing)).toEqual([2]);
    expect(days(quota, { servers: three })).toEqual([]);
  });

  test('volume snapshots and their gigabytes, of volume-backed servers and of attached volumes', () => {
    const onVolumes = server('a', { volumeBacked: true, volumeIds: ['v1', 'v2'] });
    const keep = { policies: [daily({ keep: { last: 9 } })] };
    const snapshots: Quota = { kind: 'volumeSnapshots', limit: 10, used: 4 };
    const gigabytes: Quota = { kind: 'volumeGigabytes', limit: 200, used: 40 };
    expect(days(snapshots, { servers: [onVolumes], ...keep })).toEqual([3]);
    expect(days(gigabytes, { servers: [onVolumes], ...keep })).toEqual([4]);
    const withData = [server('b', { volumeIds: ['v1'] })];
    expect(days(snapshots, { servers: withData, ...keep })).toEqual([6]);
    const imagesAlone = [daily({ keep: { last: 9 }, volumes: 'none' })];
    expect(days(snapshots, { servers: withData, policies: imagesAlone })).toEqual([]);
    expect(days({ kind: 'imageBytes', limit: 0, used: 0 }, { servers: [onVolumes], ...keep })).toEqual([]);
  });

  test('a fleet with many different histories is simulated quickly', () => {
    const servers = Array.from({ length: 2000 }, (_, i) => server(`s${i}`));
    const history = servers.flatMap(({ id }, i) => [image(id, i % 97), image(id, 100 + (i % 89))]);
    expect(days(images(7000, 4000), { servers, images: history })).toEqual([1]);
  });
});
