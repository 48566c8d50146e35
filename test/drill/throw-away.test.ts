import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownershipOf, separateThrowAways } from '../../lib/drill/ownership.ts';
import { readRecords, withRecord } from '../../lib/drill/record.ts';
import { drillMetadata, readThrowAway } from '../../lib/drill/throw-away.ts';
import type { Image } from '../../lib/openstack/images.ts';
import type { ServerDetail } from '../../lib/openstack/servers.ts';
import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { nameEnding } from '../../lib/snapshots/marker.ts';
import { always } from '../properties/always.ts';
import { server } from '../snapshots.ts';

const IMAGE = '0b9c0c4e-0000-4000-8000-000000000001';
const NONCE = '7c1d0c4e-0000-4000-8000-00000000000a';
const MARK = { owner: 'autosnap-prod', policy: 'daily', image: IMAGE, nonce: NONCE };
const WRITTEN = new Date('2026-11-23T03:00:00Z');
const CREATED = new Date('2026-11-23T03:00:02Z');
const OURS = { owner: 'autosnap-prod', projectId: 'p' };

const minutesLater = (minutes: number) => new Date(WRITTEN.getTime() + minutes * 60_000);

/** The name of the server that the drill requested. */
const ASKED_FOR = `web${nameEnding('drill', WRITTEN)}`;

/** A server as the cloud shows it; `changes` are applied to it. */
function detail(changes: Partial<ServerDetail> = {}): ServerDetail {
  return {
    ...server({ metadata: drillMetadata(MARK), createdAt: CREATED }),
    status: 'ACTIVE',
    imageId: IMAGE,
    flavorId: 'f',
    keyName: undefined,
    securityGroups: [],
    configDrive: false,
    addresses: [],
    fault: undefined,
    ...changes,
  };
}

/** The image of the drill, with `recorded` in its property. */
const image = (recorded?: string, changes: Partial<Image> = {}) =>
  ({
    id: IMAGE,
    owner: 'p',
    createdAt: minutesLater(-60),
    updatedAt: WRITTEN,
    volumeSnapshotIds: [],
    properties: recorded === undefined ? {} : { autosnap_drill: recorded },
    ...changes,
  }) as Image;
const record = (its = 's', at = WRITTEN, nonce = NONCE) =>
  withRecord(image(), { nonce, at, server: its || undefined });

const throwAway = readThrowAway(detail())!;
const own = (changes: Partial<ServerDetail> = {}, of: Image | undefined = image(record()), ours = OURS) =>
  ownershipOf(detail(changes), throwAway, of, ours);

describe('a server is provably of a drill', () => {
  test('if its image names it, whatever its present name', () => {
    expect(throwAway).toEqual({ id: 's', name: 'web', region: 'DFW', createdAt: CREATED, ...MARK });
    expect(own()).toBe('named');
    expect(own({ name: 'renamed' })).toBe('named');
    // With the largest difference of the clocks that is allowed.
    expect(own({ createdAt: minutesLater(-5) })).toBe('named');
  });

  test.each([
    ['in the same second', WRITTEN],
    ['at the end of the run that has begun it', minutesLater(30)],
  ])('if its image names the drill, and it was created %s', (_, createdAt) => {
    expect(own({ createdAt, name: ASKED_FOR }, image(record('')))).toBe('claimable');
  });

  test('also if there is a drill of another run', () => {
    const other = withRecord(image(record()), { nonce: IMAGE, at: WRITTEN, server: 'other' });
    expect(own({}, image(other))).toBe('named');
  });
});

describe('a server is not provably of a drill', () => {
  const another = IMAGE.replace('1', '2');
  test.each<[string, Partial<ServerDetail>, ReasonCode]>([
    ['without metadata', { metadata: {} }, 'DRILL_METADATA_CHANGED'],
    ['of another image', { imageId: another }, 'DRILL_FROM_OTHER_IMAGE'],
    ['with its disk on a volume', { imageId: undefined }, 'DRILL_FROM_OTHER_IMAGE'],
    ['with another id', { id: 'other' }, 'DRILL_METADATA_CHANGED'],
    ['in another region', { region: 'ORD' }, 'DRILL_METADATA_CHANGED'],
    [
      'of another policy',
      { metadata: drillMetadata({ ...MARK, policy: 'weekly' }) },
      'DRILL_METADATA_CHANGED',
    ],
    ['of another drill', { metadata: drillMetadata({ ...MARK, nonce: IMAGE }) }, 'DRILL_METADATA_CHANGED'],
    [
      'with the metadata of its new image',
      { metadata: drillMetadata({ ...MARK, image: another }), imageId: another },
      'DRILL_METADATA_CHANGED',
    ],
    ['without a time of creation', { createdAt: undefined }, 'DRILL_METADATA_CHANGED'],
  ])('%s', (_, changes, code) => {
    expect(own(changes)).toMatchObject({ problem: { code }, mayBeDrill: false });
  });

  test.each<[string, Image | undefined, ReasonCode, boolean]>([
    ['is gone', undefined, 'DRILL_IMAGE_GONE', true],
    ['names nothing', image(), 'DRILL_NOT_RECORDED', true],
    ['names another drill', image(record('s', WRITTEN, IMAGE)), 'DRILL_NOT_RECORDED', true],
    ['names another server', image(record('other')), 'DRILL_OF_OTHER_SERVER', false],
    ['has inherited the record', image(record().replace(IMAGE, another)), 'DRILL_NOT_RECORDED', true],
    ["is another project's", image(record(), { owner: 'q' }), 'DRILL_NOT_RECORDED', false],
    ['is another one', image(record(), { id: another }), 'DRILL_NOT_RECORDED', false],
    [
      'is another one that names it',
      image(record().replace(IMAGE, another), { id: another }),
      'DRILL_NOT_RECORDED',
      false,
    ],
    [
      'was marked after it',
      image(record(''), { updatedAt: minutesLater(1) }),
      'DRILL_CREATED_TOO_LATE',
      true,
    ],
    [
      'was marked nobody knows when',
      image(record(''), { updatedAt: undefined! }),
      'DRILL_CREATED_TOO_LATE',
      true,
    ],
    [
      'was marked long before, for a server of another name',
      image(record('', minutesLater(-31))),
      'DRILL_RENAMED',
      false,
    ],
    [
      'was marked after it, by clocks that differ',
      image(record('s', minutesLater(6))),
      'DRILL_CREATED_TOO_EARLY',
      true,
    ],
    ['was itself created after it', image('', { createdAt: minutesLater(6) }), 'DRILL_NOT_RECORDED', false],
  ])('if its image %s', (_, of, code, mayBeDrill) => {
    expect(ownershipOf(detail({ name: ASKED_FOR }), throwAway, of, OURS)).toMatchObject({
      problem: { code },
      mayBeDrill,
    });
  });

  test('with another name than the requested one, while the image names no server', () => {
    const named = own({ name: 'web-production' }, image(record('')));
    expect(named).toEqual({ problem: expect.objectContaining({ code: 'DRILL_RENAMED' }), mayBeDrill: true });
  });

  test('that was created long after its name was recorded', () => {
    const late = { name: ASKED_FOR, createdAt: minutesLater(31) };
    expect(own(late, image(record('')))).toEqual({
      problem: expect.objectContaining({ code: 'DRILL_CREATED_TOO_LATE' }),
      mayBeDrill: false,
    });
  });

  test('of another deployment', () => {
    expect(own({}, image(record()), { ...OURS, owner: 'autosnap-dev' })).toHaveProperty('problem');
  });
});

test('only complete metadata are a mark: without any part, or with any character more or less, they are none or another', async () => {
  const [[key, value]] = Object.entries(drillMetadata(MARK)) as [[string, string]];
  const changed = fc.oneof(
    fc.nat(value.length - 1).map((at) => value.slice(0, at) + value.slice(at + 1)),
    fc.nat(3).map((at) => value.split(' ').toSpliced(at, 1).join(' ')),
    fc
      .tuple(fc.nat(value.length), fc.string({ minLength: 1, maxLength: 3 }))
      .map(([at, text]) => value.slice(0, at) + text + value.slice(at)),
    fc.string(),
    fc.constantFrom('', 'true', 'autosnap-prod', `${value}\n`),
  );
  await always(
    fc.property(changed, (mark) => {
      expect(own({ metadata: { [key]: mark } })).toHaveProperty('problem');
    }),
    { pure: true },
  );
});

test('any text can be parsed as records of drills, and only complete ones are records', async () => {
  const value = record();
  const text = fc.oneof(
    fc.string(),
    fc.nat(value.length - 1).map((at) => value.slice(0, at) + value.slice(at + 1)),
    fc.string().map((tail) => `${IMAGE} ${tail}`),
  );
  await always(
    fc.property(text, (recorded) => {
      for (const { nonce, at } of readRecords(image(recorded))) {
        expect(nonce).toMatch(/^[0-9a-f-]{36}$/);
        expect(at.getTime()).not.toBeNaN();
      }
    }),
    { pure: true },
  );
});

test.each([
  ['something stands before the nonce', `!${NONCE}/2026-11-23T03:00:00Z/s`],
  ['something stands behind the server', `${NONCE}/2026-11-23T03:00:00Z/s!`],
])('an incomplete record is none: %s', (_, text) => {
  expect(readRecords(image(`${IMAGE} ${text}`))).toEqual([]);
});

test('the record of a drill replaces its earlier one', () => {
  const begun = image(record(''));
  const named = { nonce: NONCE, at: CREATED, server: 's' };
  expect(readRecords(image(withRecord(begun, named)))).toEqual([named]);
});

test('an image keeps the records of two drills, and the property is short enough to be inherited', () => {
  let of = image();
  const nonces = [NONCE, IMAGE, NONCE.replace('a', 'b')];
  for (const nonce of nonces) of = image(withRecord(of, { nonce, at: WRITTEN, server: IMAGE }));
  expect(readRecords(of).map(({ nonce }) => nonce)).toEqual(nonces.slice(1));
  expect(of.properties.autosnap_drill!.length).toBeLessThanOrEqual(255);
  const again = image(withRecord(of, { nonce: nonces[1]!, at: CREATED, server: undefined }));
  expect(readRecords(again).find(({ nonce }) => nonce === nonces[1])).toEqual({
    nonce: nonces[1],
    at: CREATED,
    server: undefined,
  });
});

describe('servers that policies never select', () => {
  const drill = detail();
  const apart = (its: ServerDetail, of = image(record())) => separateThrowAways([its], [of], 'p').throwAways;

  test('a server that its image names', () => {
    expect(apart(drill)).toEqual([drill]);
    expect(separateThrowAways([drill, server({ id: 'web' })], [image(record())], 'p').lasting).toEqual([
      server({ id: 'web' }),
    ]);
  });

  test.each<[string, ServerDetail, Image]>([
    ['with any text in its metadata', detail({ metadata: { autosnap_drill: 'x' } }), image(record())],
    ['with the metadata of another server', detail({ id: 'production' }), image(record())],
    [
      'whose metadata name another image',
      detail({ metadata: drillMetadata({ ...MARK, image: NONCE }) }),
      image(record()),
    ],
    [
      'whose metadata name another drill',
      detail({ metadata: drillMetadata({ ...MARK, nonce: IMAGE }) }),
      image(record()),
    ],
    ['whose metadata were taken away', detail({ metadata: {} }), image(record())],
    ['whose image is not listed', drill, image(record(), { id: 'other' })],
    ['whose image does not name it yet', drill, image(record(''))],
    ["whose image is another project's", drill, image(record(), { owner: 'q' })],
  ])('no server %s', (_, its, of) => {
    expect(apart(its, of)).toEqual([]);
  });
});
