import { describe, expect, test } from 'vitest';
import { parseSchedule } from '../../lib/config/schedule.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { bareVolumeSnapshot, type VolumeSnapshot } from '../../lib/openstack/volume-snapshots.ts';
import type { Reason } from '../../lib/reporting/reasons.ts';
import { markerOf, suspect } from '../../lib/snapshots/marker.ts';
import {
  hasVolumesOf,
  otherOwners,
  type ReadingPolicy,
  readerOf,
  UNREADABLE_STATUS,
} from '../../lib/snapshots/ownership.ts';
import { image as anImage, server } from '../snapshots.ts';

const OUTSIDE_SLOT = { problem: { code: 'MARKED_AS_OURS', reason: { code: 'CREATED_OUTSIDE_SLOT' } } };
const OWNER = 'autosnap-prod';
const SLOT = new Date('2026-11-23T00:00:00Z');
const CREATED = new Date('2026-11-23T00:00:20Z');
const NAME = 'web-daily-20261123T000000Z';
const ID = '0b9c0c4e-0000-4000-8000-000000000001';

/** A snapshot of ours with its data in the named volume snapshots; `changes` are applied to it. */
function image(volumeSnapshotIds: string[], changes: Partial<Image> = {}): Image {
  const marker = markerOf({ owner: OWNER, policy: 'daily', server: 's', slot: SLOT });
  return anImage({
    name: NAME,
    createdAt: CREATED,
    properties: marker,
    ...(volumeSnapshotIds.length > 0
      ? { sizeBytes: 0, volumeSnapshotIds }
      : { properties: { ...marker, instance_uuid: 's' } }),
    ...changes,
  });
}

const data = (id: string, changes: Partial<VolumeSnapshot> = {}): VolumeSnapshot => ({
  ...bareVolumeSnapshot({
    id,
    region: 'DFW',
    name: `snapshot for ${NAME}`,
    status: 'available',
    createdAt: CREATED,
    volumeId: 'root',
  }),
  ...changes,
});

const web = server({ volumeIds: ['root', 'data'] });
const daily: ReadingPolicy = {
  policy: 'daily',
  servers: { all: true },
  adopt: undefined,
  schedule: parseSchedule('cron(0 0 * * ? *)'),
};

/** Reads an image together with the other images of its region. */
function read(
  one: Image,
  volumeSnapshots: VolumeSnapshot[] = [],
  { others = [], servers = [web], policy = daily, policies }: Partial<Surroundings> = {},
) {
  const options = { owner: OWNER, projectId: 'p1', ...(policies ? { policies } : {}) };
  return readerOf({ servers, images: [one, ...others] }, policy, options)(one, volumeSnapshots);
}
interface Surroundings {
  others: Image[];
  servers: (typeof web)[];
  policy: ReadingPolicy;
  policies: { policy: string; schedule: ReturnType<typeof parseSchedule> }[];
}

test('volume snapshots have to be read only for images with our marker whose data are in volume snapshots', () => {
  expect(hasVolumesOf(OWNER)(image(['v1']))).toBe(true);
  expect(hasVolumesOf(OWNER)(image([]))).toBe(false);
  expect(hasVolumesOf('another')(image(['v1']))).toBe(false);
});

describe('the volume snapshots of an image', () => {
  const hour = (hours: number) => new Date(CREATED.getTime() + hours * 3_600_000);

  test.each<[string, VolumeSnapshot[]]>([
    ['of its server', [data('v1'), data('v2', { volumeId: 'data' })]],
    ['of which one volume is detached by now', [data('v1', { volumeId: 'detached' }), data('v2')]],
    ['made an hour later', [data('v1', { createdAt: hour(1) }), data('v2')]],
    ['made an hour before', [data('v1', { createdAt: hour(-1) }), data('v2')]],
    ['beside others that it does not name', [data('v1'), data('v2'), data('v3', { name: 'mine' })]],
  ])('are ours: %s', (_, all) => {
    expect(read(image(['v1', 'v2']), all)).toMatchObject({ id: 'i1', state: 'good', status: 'active' });
  });

  test.each<[string, VolumeSnapshot[], Reason]>([
    [
      'the name is of another image',
      [data('v1', { name: 'mine' }), data('v2')],
      { code: 'VOLUME_SNAPSHOT_OF_OTHER_IMAGE', id: 'v1' },
    ],
    [
      'only the second name is of another image',
      [data('v1'), data('v2', { name: 'mine' })],
      { code: 'VOLUME_SNAPSHOT_OF_OTHER_IMAGE', id: 'v2' },
    ],
    [
      'created later than the image',
      [data('v1', { createdAt: hour(1.01) }), data('v2')],
      { code: 'VOLUME_SNAPSHOT_OF_OTHER_IMAGE', id: 'v1' },
    ],
    [
      'created before the image',
      [data('v1', { createdAt: hour(-1.01) }), data('v2')],
      { code: 'VOLUME_SNAPSHOT_OF_OTHER_IMAGE', id: 'v1' },
    ],
    [
      'made from other volumes',
      [data('v1', { volumeId: 'x' }), data('v2', { volumeId: 'y' })],
      { code: 'VOLUMES_OF_OTHER_SERVER', server: 'web' },
    ],
  ])('are not ours, with a reason for the report: %s', (_, all, reason) => {
    expect(read(image(['v1', 'v2']), all)).toEqual(suspect({ id: 'i1', name: NAME }, reason));
  });

  test('that another image names as well are not ours, whoever owns that image', () => {
    const all = [data('v1'), data('v2')];
    const other = image(['v2'], { id: 'i2', name: 'golden', properties: {} });
    expect(read(image(['v1', 'v2']), all, { others: [other] })).toEqual(
      suspect({ id: 'i1', name: NAME }, { code: 'SAME_VOLUME_SNAPSHOTS' }),
    );
    const unrelated = image(['v3'], { id: 'i2' });
    expect(read(image(['v1', 'v2']), all, { others: [unrelated] })).toMatchObject({ id: 'i1' });
  });

  test('of a deleted server can be recognised only by their names and times', () => {
    const found = read(image(['v1']), [data('v1', { volumeId: 'x' })], { servers: [] });
    expect(found).toMatchObject({ id: 'i1', state: 'good' });
  });

  test.each<[string[], string, string]>([
    [['available', 'available'], 'good', 'active'],
    [['available', 'creating'], 'pending', 'volume_snapshot:creating'],
    [['available', 'error'], 'failed', 'volume_snapshot:error'],
    [['error_deleting', 'available'], 'failed', 'volume_snapshot:error_deleting'],
    [['deleting', 'available'], 'failed', 'volume_snapshot:deleting'],
    [['available'], 'failed', 'volume_snapshot:gone'],
    [[], 'failed', 'volume_snapshot:gone'],
    [['available', 'backing-up'], 'unknown', 'volume_snapshot:backing-up'],
    [['available', 'terror'], 'unknown', 'volume_snapshot:terror'],
  ])('in the states %j give the image the state %s', (statuses, state, status) => {
    const all = statuses.map((one, i) => data(`v${i + 1}`, { status: one }));
    expect(read(image(['v1', 'v2']), all)).toMatchObject({ state, status });
  });

  test.each([
    ['saving', 'pending'],
    ['deactivated', 'unknown'],
  ])('do not change the state of an image that is %s', (status, state) => {
    const found = read(image(['v1'], { status }), [data('v1', { status: 'error' })]);
    expect(found).toMatchObject({ status, state });
  });

  test('do not improve a failed image', () => {
    const failed = (status: string) => read(image(['v1'], { status: 'killed' }), [data('v1', { status })]);
    expect(failed('available')).toMatchObject({ status: 'killed', state: 'failed' });
    expect(failed('error')).toMatchObject({ status: 'volume_snapshot:error', state: 'failed' });
  });
});

test("the next slot is that of the policy in the image's name, among all known policies", () => {
  const weekly = { policy: 'weekly', schedule: parseSchedule('cron(0 0 ? * MON *)') };
  const late = new Date('2026-11-24T12:00:00Z');
  const made = (policy: string) =>
    image([], {
      name: `web-${policy}-20261123T000000Z`,
      createdAt: late,
      properties: {
        ...markerOf({ owner: OWNER, policy, server: 's', slot: SLOT }),
        instance_uuid: 's',
      },
    });
  expect(read(made('daily'))).toMatchObject(OUTSIDE_SLOT);
  expect(read(made('weekly'), [], { policies: [weekly] })).toMatchObject({ policy: 'weekly' });
  const hourly = { policy: 'weekly', schedule: parseSchedule('cron(0 * * * ? *)') };
  expect(read(made('weekly'), [], { policies: [hourly] })).toMatchObject(OUTSIDE_SLOT);
});

test('without a schedule an image may be created as late as a message can wait in the queue', () => {
  const { schedule: _, ...policy } = daily;
  const after = (days: number) => new Date(SLOT.getTime() + days * 86_400_000);
  expect(read(image([], { createdAt: after(13) }), [], { policy })).toMatchObject({
    policy: 'daily',
    server: 's',
  });
  expect(read(image([], { createdAt: after(14) }), [], { policy })).toMatchObject(OUTSIDE_SLOT);
});

describe('an image of autosnap.py', () => {
  const old = server({ id: ID, name: 'old' });
  const adopting: ReadingPolicy = { ...daily, adopt: 'autosnap.py' };
  const script = (changes: Partial<Image> = {}, properties: Record<string, string> = {}) =>
    image([], {
      name: `old-autosnap-${ID}`,
      ...changes,
      properties: { image_type: 'snapshot', instance_uuid: ID, ...properties },
    });
  const adopt = (one: Image, its: Partial<Surroundings> = {}) =>
    read(one, [], { servers: [old, web], policy: adopting, ...its });

  test('is a snapshot of the policy that adopts it, with its creation as the slot', () => {
    expect(adopt(script())).toMatchObject({
      adopted: true,
      policy: 'daily',
      server: ID,
      slot: CREATED,
      state: 'good',
    });
  });

  test.each<[string, Image]>([
    ['of another project', script({ owner: 'p2' })],
    ['with more in its name', script({ name: `old-autosnap-${ID}0` })],
    ['without a name', script({ name: `-autosnap-${ID}` })],
    ['with something that is no id', script({ name: 'old-autosnap-s' })],
    ['of another server', script({}, { instance_uuid: 's' })],
    ['that is marked', script({}, { autosnap_owner: 'autosnap-dev' })],
    ["of Rackspace's schedule", script({}, { 'org.openstack__1__created_by': 'scheduled' })],
    ['that is a backup', script({}, { image_type: 'backup' })],
    ['whose hold can not be read', script({}, { autosnap_hold: 'some day' })],
  ])('is not adopted: %s', (_, one) => {
    expect(adopt(one)).toBeUndefined();
  });

  test('is not adopted, with a reason for the report, if its server was renamed', () => {
    expect(adopt(script({ name: `older-autosnap-${ID}` }))).toMatchObject({
      problem: { code: 'LEGACY_RENAMED', image: 'i1', server: 'old' },
    });
  });

  test('is not adopted by a policy without adopt, or by one that does not select its server', () => {
    expect(adopt(script(), { policy: daily })).toBeUndefined();
    expect(adopt(script(), { policy: { ...adopting, servers: { names: ['web'] } } })).toBeUndefined();
    expect(adopt(script(), { servers: [web] })).toBeUndefined();
  });
});

describe('the remaining data of an image', () => {
  test.each<[string, VolumeSnapshot[], object]>([
    ['one of two', [data('v1')], { state: 'failed', status: 'volume_snapshot:gone', partial: true }],
    [
      'one available, one failed',
      [data('v1'), data('v2', { status: 'error' })],
      { state: 'failed', partial: true },
    ],
    ['nothing that is whole', [data('v1', { status: 'error' })], { state: 'failed' }],
    ['nothing', [], { state: 'failed', status: 'volume_snapshot:gone' }],
    ['all, and one is being made', [data('v1'), data('v2', { status: 'creating' })], { state: 'pending' }],
    [
      'one available, one unreadable',
      [data('v1'), data('v2', { status: UNREADABLE_STATUS, name: '', volumeId: '' })],
      { state: 'unknown', status: 'volume_snapshot:unreadable' },
    ],
  ])('%s: the snapshot is read as $2', (_, all, expected) => {
    const found = read(image(['v1', 'v2']), all);
    expect(found).toMatchObject(expected);
    expect(Object.hasOwn(Object(found), 'partial')).toBe('partial' in expected);
  });

  test('volume snapshots that cannot be read do not disprove the ownership of an image', () => {
    const unreadable = data('v1', {
      status: UNREADABLE_STATUS,
      name: '',
      createdAt: new Date(0),
      volumeId: '',
    });
    expect(read(image(['v1']), [unreadable])).toMatchObject({ state: 'unknown' });
  });
});

describe('the other deployments with snapshots', () => {
  const marked = (autosnap_owner?: string, autosnap_server?: string) =>
    anImage({
      name: NAME,
      createdAt: CREATED,
      properties: Object.fromEntries(
        Object.entries({ autosnap_owner, autosnap_server }).filter(
          (e): e is [string, string] => e[1] !== undefined,
        ),
      ),
    });

  test.each<[string, Image, [string, string][]]>([
    ['another', marked('other', 's'), [['s', 'other']]],
    ['this one', marked(OWNER, 's'), []],
    ['nobody', marked(undefined, 's'), []],
    ['another, of no server', marked('other'), []],
  ])('that an image of %s names: $2', (_, one, expected) => {
    expect([...otherOwners([one], OWNER)]).toEqual(expected);
  });

  test('prevent the adoption of images of autosnap.py of their servers', () => {
    const legacy = server({ id: ID, name: 'web' });
    const one = anImage({
      name: `web-autosnap-${ID}`,
      createdAt: CREATED,
      properties: { instance_uuid: ID },
    });
    const adopting = { servers: [legacy], policy: { ...daily, adopt: 'autosnap.py' as const } };
    expect(read(one, [], adopting)).toMatchObject({ adopted: true });
    expect(read(one, [], { ...adopting, others: [marked('other', ID)] })).toEqual({
      problem: {
        code: 'LEGACY_SHARED',
        image: 'i1',
        name: `web-autosnap-${ID}`,
        server: 'web',
        deployment: 'other',
      },
    });
  });
});
