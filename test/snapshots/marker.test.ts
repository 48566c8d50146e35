import { describe, expect, test } from 'vitest';
import { parseSchedule } from '../../lib/config/schedule.ts';
import type { Image } from '../../lib/openstack/images.ts';
import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { blueprintText } from '../../lib/snapshots/blueprint.ts';
import { verdictMarks } from '../../lib/snapshots/drill-marks.ts';
import {
  blueprintIn,
  CREATED_BY,
  CREATED_BY_KEY,
  markerOf,
  readMarker,
  serverNameIn,
} from '../../lib/snapshots/marker.ts';
import { isSnapshot } from '../../lib/snapshots/snapshot.ts';
import { isStuck } from '../../lib/snapshots/snapshot-state.ts';
import { image as anImage, snapshot } from '../snapshots.ts';

const SLOT = new Date('2026-11-23T00:00:00Z');
const marker = markerOf({ owner: 'autosnap-prod', policy: 'daily', server: 's1', slot: SLOT });

function image(changes: Partial<Image> = {}, properties: Record<string, string | undefined> = {}): Image {
  const all = { ...marker, image_type: 'snapshot', instance_uuid: 's1', ...properties };
  return anImage({
    name: 'web-1-daily-20261123T000000Z',
    createdAt: new Date('2026-11-23T00:00:20Z'),
    properties: Object.fromEntries(
      Object.entries(all).filter((e): e is [string, string] => e[1] !== undefined),
    ),
    ...changes,
  });
}

const HOUR_MS = 3_600_000;
/** The image of an ad-hoc snapshot with these metadata. */
const byHand = (properties: Record<string, string>) =>
  image({ name: 'web-1-adhoc-20261123T000000Z', properties: { ...properties, instance_uuid: 's1' } });
const daily = parseSchedule('cron(0 0 * * ? *)');
const reading = {
  owner: 'autosnap-prod',
  projectId: 'p1',
  scheduleOf: (policy: string) => (policy === 'daily' ? daily : undefined),
};
const read = (of: Image) => readMarker(of, reading);
const suspected = (code: ReasonCode) => ({ problem: { code: 'MARKED_AS_OURS', reason: { code } } });
/** An image that was created that many hours after its slot. */
const created = (hours: number) => ({ createdAt: new Date(SLOT.getTime() + hours * HOUR_MS) });

describe('an image of a server that was rebuilt from a snapshot of ours inherits the marker', () => {
  test.each<[maker: string, changes: Partial<Image>, properties: Record<string, string>, code: ReasonCode]>([
    ['a person', { name: 'golden' }, {}, 'NAME_ENDING_CHANGED'],
    ['a person, of another day', { name: 'web-1-daily-20261122T000000Z' }, {}, 'NAME_ENDING_CHANGED'],
    ['another policy of ours', { name: 'web-1-weekly-20261123T000000Z' }, {}, 'NAME_ENDING_CHANGED'],
    ['a tool that takes the name along', created(24), {}, 'CREATED_OUTSIDE_SLOT'],
    ['the cloud, when it shelves', { name: 'web-1-shelved' }, {}, 'NAME_ENDING_CHANGED'],
    [
      "Rackspace's own schedule",
      {},
      { 'org.openstack__1__created_by': 'scheduled_images_service' },
      'MADE_BY_OTHER',
    ],
    ['createBackup', {}, { image_type: 'backup' }, 'NOVA_BACKUP_IMAGE'],
    ['of another server', {}, { instance_uuid: 's2' }, 'MADE_FROM_OTHER_SERVER'],
  ])('and is not ours if it was made by %s', (_, changes, properties, code) => {
    expect(read(image(changes, properties))).toMatchObject(suspected(code));
  });

  test("and is ours if we took it of a server from an image of Rackspace's schedule", () => {
    expect(read(image({}, { [CREATED_BY_KEY]: CREATED_BY }))).toMatchObject({ id: 'i1' });
  });
});

test.each(['../daily', 'daily/..'])('an image with the invalid policy name %s is not ours', (policy) => {
  const found = read(image({ name: `web-1-${policy}-20261123T000000Z` }, { autosnap_policy: policy }));
  expect(found).toMatchObject(suspected('POLICY_INVALID'));
});

test('neither a snapshot of a policy nor an ad-hoc snapshot without an expiry expires, even if its image has inherited one', () => {
  const none = { id: 'i1', expires: undefined, request: undefined, adopted: false };
  expect(read(image({}, { autosnap_expires: '2026-11-24T00:00:00Z r1 unknown' }))).toMatchObject(none);
  const { autosnap_policy: _, ...rest } = marker;
  expect(read(byHand({ ...rest, autosnap_policy: 'adhoc' } as Record<string, string>))).toMatchObject(none);
});

test('the property that marks an image of a schedule is overwritten', () => {
  expect(CREATED_BY).toBe('autosnap');
});

describe('the name of the image at its creation', () => {
  const GIVEN = 'Müller web-1-daily-20261123T000000Z';
  const blueprint = blueprintText(
    { region: 'DFW', flavorId: '2', keyName: undefined, securityGroups: [] },
    GIVEN,
  );
  const scheduled = { autosnap_restore_as: blueprint };
  const adhoc = { autosnap_policy: 'adhoc', autosnap_expires: `never r1 ${blueprint}` };

  test.each([
    ['as it was given', GIVEN],
    ['with its spaces trimmed', GIVEN.replace(' ', '')],
    ['with its letters written in another form', GIVEN.normalize('NFD')],
  ])('%s: the image is ours', (_, name) => {
    expect(read(image({ name }, scheduled))).toMatchObject({ id: 'i1', policy: 'daily' });
  });

  test.each([
    ['of another server', 'db-daily-20261123T000000Z', scheduled],
    ['with more before it', `before ${GIVEN}`, scheduled],
    ['of an ad-hoc snapshot', 'db-adhoc-20261123T000000Z', adhoc],
  ])('%s with the ending of our names: the image is not ours', (_, name, properties) => {
    expect(read(image({ name }, properties))).toMatchObject({
      problem: { code: 'MARKED_AS_OURS', reason: { code: 'NAME_CHANGED' } },
    });
  });
});

describe('the time of creation', () => {
  const adhoc = { autosnap_policy: 'adhoc', autosnap_expires: 'never r1 unknown' };
  const named = (policy: string) => ({ name: `web-1-${policy}-20261123T000000Z` });
  test.each<[string, Partial<Image>, Record<string, string>, boolean]>([
    ['an hour before the slot', created(-1), {}, true],
    ['more than an hour before', created(-1.01), {}, false],
    ['right before the next slot', created(23.99), {}, true],
    ['at the next slot', created(24), {}, false],
    ['by hand, within a day', { ...created(23), ...named('adhoc') }, adhoc, true],
    ['by hand, after more than a day', { ...created(24), ...named('adhoc') }, adhoc, false],
    [
      'of a policy with an unknown schedule, within the time that the queue keeps a message',
      { ...created(13 * 24), ...named('weekly') },
      { autosnap_policy: 'weekly' },
      true,
    ],
    ['the same, later', { ...created(14 * 24), ...named('weekly') }, { autosnap_policy: 'weekly' }, false],
    [
      'of a slot of an earlier schedule, within the present interval',
      { name: 'web-1-daily-20261123T235000Z', ...created(24.5) },
      { autosnap_slot: '2026-11-23T23:50:00Z' },
      true,
    ],
  ])('%s: the image counts as ours: $3', (_, changes, properties, ours) => {
    expect(isSnapshot(read(image(changes, properties)))).toBe(ours);
  });
});

test.each([
  ['private', {}, undefined],
  ['shared', { visibility: 'shared' }, 'shared'],
  ['community', { visibility: 'community' }, 'community'],
  ['public', { visibility: 'public' }, 'public'],
  ['hidden', { hidden: true }, 'hidden'],
])('an image that is %s is ours, and its exposure is known', (_, changes, exposure) => {
  const found = read(image(changes));
  expect(found).toMatchObject({ id: 'i1', state: 'good' });
  expect(found).toHaveProperty('exposure', exposure);
});

describe('the result of a drill', () => {
  const at = new Date('2026-11-23T05:00:00Z');
  const later = new Date('2026-11-24T05:00:00Z');

  test('is read back as passed, failed, or failed since', () => {
    const passed = Object.fromEntries(verdictMarks('i1', true, at));
    const failed = Object.fromEntries(verdictMarks('i1', false, later));
    expect(read(image({}, passed))).toMatchObject({ proven: at, drilled: at });
    expect(read(image({}, failed))).toMatchObject({ proven: undefined, drilled: later });
    expect(read(image({}, { ...passed, ...failed }))).toMatchObject({ proven: at, drilled: later });
  });

  const recovery = (value: string) =>
    read(image({}, { ...Object.fromEntries(verdictMarks('i1', true, at)), autosnap_recovery: value }));

  test('has the recovery time of the drill', () => {
    const both = { activeSeconds: 150, answeredSeconds: 240 };
    const marks = Object.fromEntries(verdictMarks('i1', true, at, 'with', both));
    expect(marks.autosnap_recovery).toBe('i1 2026-11-23T05:00:00Z 150 240');
    expect(read(image({}, marks))).toMatchObject({ proven: at, provenVolumes: 'with', recovery: both });
    expect(recovery('i1 2026-11-23T05:00:00Z 150')).toMatchObject({ recovery: { activeSeconds: 150 } });
  });

  test.each([
    ['of another image', 'i0 2026-11-23T05:00:00Z 150'],
    ['of another drill', 'i1 2026-11-24T05:00:00Z 150'],
    ['without a time', 'i1 2026-11-23T05:00:00Z'],
    ['with no number', 'i1 2026-11-23T05:00:00Z soon'],
  ])('a recovery time %s does not count', (_, value) => {
    expect(recovery(value)).toMatchObject({ proven: at });
    expect(recovery(value)).not.toHaveProperty('recovery');
  });

  test.each([
    ['of the image that its server was restored from', 'i0 2026-11-23T05:00:00Z'],
    ['without an image', '2026-11-23T05:00:00Z'],
    ['with more before it', 'or i1 2026-11-23T05:00:00Z'],
    ['without a time', 'i1'],
    ['of no real day', 'i1 2026-02-30T00:00:00Z'],
    ['with more behind it', 'i1 2026-11-23T05:00:00Z or so'],
  ])('%s is not a result of a drill, and the image is ours', (_, value) => {
    const inherited = { autosnap_proven: value, autosnap_drilled: value };
    expect(read(image({}, inherited))).toMatchObject({ id: 'i1', proven: undefined, drilled: undefined });
  });
});

describe('the marker of a new snapshot', () => {
  test('has at most six keys in lower case, none longer than Nova allows', () => {
    const long = { blueprint: 'b'.repeat(165), request: 'r'.repeat(64) };
    const adhoc = markerOf({ owner: 'o', server: 's', slot: SLOT, expires: undefined, ...long });
    expect(Object.values(adhoc).filter((value) => value.length > 255)).toEqual([]);
    for (const keys of [Object.keys(marker), Object.keys(adhoc)]) {
      expect(keys.length).toBeLessThanOrEqual(6);
      expect(keys.filter((key) => !/^[a-z_]{1,255}$/.test(key))).toEqual([]);
    }
  });

  test('is read back unchanged', () => {
    expect(read(image())).toMatchObject({
      server: 's1',
      policy: 'daily',
      slot: SLOT,
      state: 'good',
      region: 'DFW',
    });
  });

  test('has the expiry and the invocation of an ad-hoc snapshot', () => {
    const expires = new Date('2026-12-07T00:00:00Z');
    const adhoc = markerOf({ owner: 'autosnap-prod', server: 's1', slot: SLOT, expires, request: 'r1' });
    expect(read(byHand(adhoc))).toMatchObject({ policy: 'adhoc', expires, request: 'r1' });
  });

  test('overwrites what an image of a restored server would inherit: a hold, an expiry', () => {
    const inherited = { autosnap_hold: 'forever', autosnap_expires: '2020-01-01T00:00:00Z' };
    const endless = markerOf({
      owner: 'autosnap-prod',
      server: 's1',
      slot: SLOT,
      expires: undefined,
      request: 'r',
    });
    const own = { ...inherited, ...marker, instance_uuid: 's1' };
    expect(read(image({ properties: own }))).toMatchObject({ hold: undefined });
    expect(read(byHand({ ...inherited, ...endless }))).toMatchObject({ hold: undefined, expires: undefined });
  });
});

describe('the blueprint in a marker', () => {
  const blueprint = '{"flavor":"2","keyName":"my key"}';
  const said = { flavor: '2', keyName: 'my key' };
  const common = { owner: 'autosnap-prod', server: 's1', slot: SLOT };
  const daily = (own = {}) => markerOf({ ...common, policy: 'daily', ...own });
  const adhoc = (own = {}) => markerOf({ ...common, expires: undefined, request: 'r1', ...own });

  test.each([
    ['of a policy', daily],
    ['by hand', adhoc],
  ])('is read back, never inherited, and needs no additional key: %s', (_, written) => {
    expect(blueprintIn(image({ properties: written({ blueprint }) }))).toEqual(said);
    for (const source of [daily({ blueprint }), adhoc({ blueprint })]) {
      expect(blueprintIn(image({ properties: { ...source, ...written() } }))).toBeUndefined();
    }
  });

  test('is appended to the expiry and the request of an ad-hoc snapshot', () => {
    for (const properties of [adhoc({ blueprint }), adhoc(), { ...adhoc(), autosnap_expires: 'never r1' }]) {
      expect(read(byHand(properties))).toMatchObject({ expires: undefined, request: 'r1' });
    }
  });

  test('is missing in older snapshots, which are still ours', () => {
    const { autosnap_restore_as: _, ...older } = daily();
    expect(blueprintIn(image({ properties: older }))).toBeUndefined();
    expect(read(image({ properties: { ...older, instance_uuid: 's1' } }))).toMatchObject({ policy: 'daily' });
  });
});

describe('an image is not ours', () => {
  test.each<[string, Image]>([
    ['without a marker', image({ properties: { instance_uuid: 's1', image_type: 'snapshot' } })],
    ["with another deployment's", image({}, { autosnap_owner: 'autosnap-dev' })],
    ['with an owner that ours is a part of', image({}, { autosnap_owner: 'autosnap-prod-2' })],
    ['with an owner in other letters', image({}, { autosnap_owner: 'Autosnap-Prod' })],
  ])('%s: the image is not even reported', (_, foreign) => {
    expect(read(foreign)).toBeUndefined();
  });

  test.each<[string, Image, ReasonCode]>([
    ["when it is another project's", image({ owner: 'p2' }), 'OWNED_BY_OTHER_PROJECT'],
    ['when nobody says whose it is', image({ owner: undefined }), 'OWNED_BY_OTHER_PROJECT'],
    ['without a policy', image({}, { autosnap_policy: undefined }), 'POLICY_INVALID'],
    ['with a broken policy', image({}, { autosnap_policy: 'DAILY' }), 'POLICY_INVALID'],
    ['without a server', image({}, { autosnap_server: undefined }), 'SERVER_INVALID'],
    ...['', '..', '../../../../..', 'a/b', 's 1', 's1\n'].map((id): [string, Image, ReasonCode] => [
      `with the server ${JSON.stringify(id)}`,
      image({}, { autosnap_server: id, instance_uuid: id }),
      'SERVER_INVALID',
    ]),
    ['without an instance_uuid', image({}, { instance_uuid: undefined }), 'MADE_FROM_OTHER_SERVER'],
    ['without a slot', image({}, { autosnap_slot: undefined }), 'SLOT_INVALID'],
    ['with a slot in words', image({}, { autosnap_slot: 'today' }), 'SLOT_INVALID'],
    ['with the 30th of February', image({}, { autosnap_slot: '2026-02-30T00:00:00Z' }), 'SLOT_INVALID'],
    ['with a slot without a zone', image({}, { autosnap_slot: '2026-02-20T00:00:00' }), 'SLOT_INVALID'],
    ['with a hold that is misspelt', image({}, { autosnap_hold: 'for ever' }), 'HOLD_INVALID'],
    ['with a hold that was no text', image({}, { autosnap_hold: 'true' }), 'HOLD_INVALID'],
    ['with an empty hold', image({}, { autosnap_hold: '' }), 'HOLD_INVALID'],
    [
      'with an expiry in words',
      image({ name: 'web-1-adhoc-20261123T000000Z' }, { autosnap_policy: 'adhoc', autosnap_expires: 'soon' }),
      'EXPIRES_INVALID',
    ],
  ])('%s, and the report has the reason', (_, foreign, code) => {
    const { name } = foreign;
    expect(read(foreign)).toMatchObject({ problem: { image: 'i1', name } });
    expect(read(foreign)).toMatchObject(suspected(code));
  });
});

describe('the state of a snapshot', () => {
  const mapped = (ids: string[]) =>
    image({ sizeBytes: 0, volumeSnapshotIds: ids }, { block_device_mapping: '[{}]' });
  test.each<[string, Image, string]>([
    ['active with data', image(), 'good'],
    ['active with 0 bytes', image({ sizeBytes: 0 }), 'unknown'],
    ['active without a size', image({ sizeBytes: undefined }), 'unknown'],
    ['volume-backed', mapped(['v1']), 'good'],
    ['volume-backed without its snapshots', mapped([]), 'unknown'],
    ['with data and a mapping that can not be read', image({}, { block_device_mapping: 'x' }), 'unknown'],
    ['queued', image({ status: 'queued' }), 'pending'],
    ['saving', image({ status: 'saving' }), 'pending'],
    ['uploading', image({ status: 'uploading' }), 'pending'],
    ['importing', image({ status: 'importing' }), 'pending'],
    ['killed', image({ status: 'killed' }), 'failed'],
    ['error', image({ status: 'error' }), 'failed'],
    ['deactivated', image({ status: 'deactivated' }), 'unknown'],
    ['ACTIVE, a word that Glance does not use', image({ status: 'ACTIVE' }), 'unknown'],
  ])('is $2 for an image that is %s', (_, of, state) => {
    expect(read(of)).toMatchObject({ state });
  });
});

describe('a hold', () => {
  test.each<[string, Image, unknown]>([
    ['none', image(), undefined],
    ['none written', image({}, { autosnap_hold: undefined }), undefined],
    ['for ever', image({}, { autosnap_hold: 'forever' }), 'forever'],
    [
      'to the end of a day in every time zone',
      image({}, { autosnap_hold: '2027-01-01' }),
      new Date('2027-01-02T12:00:00Z'),
    ],
    ['to a moment', image({}, { autosnap_hold: '2027-01-01T08:00:00Z' }), new Date('2027-01-01T08:00:00Z')],
    ["Glance's own", image({ protected: true }), 'protected'],
    ["Glance's own over a misspelt one", image({ protected: true }, { autosnap_hold: 'x' }), 'protected'],
  ])('%s: the hold is read as $2', (_, of, hold) => {
    const held = read(of);
    expect(held).toMatchObject({ id: 'i1' });
    expect(held).toHaveProperty('hold', hold);
  });
});

test.each([
  ['pending for two hours, server idle', 'pending', null, 2, true],
  ['pending for two hours, server busy', 'pending', 'image_uploading', 2, false],
  ['pending for half an hour, server idle', 'pending', null, 0.5, false],
  ['finished', 'good', null, 2, false],
] as const)('stuck is %s: %s %s %d h: %s', (_, state, taskState, hours, stuck) => {
  const pending = snapshot(SLOT, { state });
  expect(isStuck(pending, taskState, new Date(pending.createdAt.getTime() + hours * 3_600_000))).toBe(stuck);
});

test('a pending snapshot of volumes counts as stuck after a day, because its server is idle from the beginning', () => {
  const pending = snapshot(SLOT, { state: 'pending', volumeSnapshots: ['v1'] });
  const stuckAfter = (ms: number) => isStuck(pending, null, new Date(pending.createdAt.getTime() + ms));
  expect([24 * HOUR_MS, 24 * HOUR_MS + 1].map(stuckAfter)).toEqual([false, true]);
});

describe('the former name of the server', () => {
  test.each([
    ['web-1-daily-20261123T000000Z', 'web-1'],
    ['a-daily-b-daily-20261123T000000Z', 'a-daily-b'],
    ['renamed', 'renamed'],
    ['-daily-20261123T000000Z-renamed', '-daily-20261123T000000Z-renamed'],
  ])('in the image name "%s" is "%s"', (name, expected) => {
    expect(serverNameIn({ name, policy: 'daily', slot: SLOT })).toBe(expected);
  });
});

describe('a safety snapshot of a restore', () => {
  const adhoc = (request: string, autosnap_restore?: string, label = 'before-restore-adhoc') =>
    read({
      ...byHand({
        ...markerOf({ owner: 'autosnap-prod', server: 's1', slot: SLOT, expires: undefined, request }),
        ...(autosnap_restore === undefined ? {} : { autosnap_restore }),
      }),
      name: `web-1-${label}-20261123T000000Z`,
    });

  test('is recognised by its request and the ad-hoc policy', () => {
    expect(Object(adhoc('one', 'one image disk', 'adhoc')).safety).toBeUndefined();
  });

  test.each<[string, string, string | undefined, true | undefined]>([
    ['of its request', 'one', 'one image disk', true],
    ['of another request', 'one', 'two image disk', undefined],
    ['of a longer name', 'one', 'onefold image disk', undefined],
    ['of none', 'one', undefined, undefined],
  ])('with the mark %s is recognised: $3', (_, request, mark, safety) => {
    expect(Object(adhoc(request, mark)).safety).toBe(safety);
  });
});
