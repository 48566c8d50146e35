import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOurs, metadataOf, readThrowAway } from '../../lib/drill/throw-away.ts';
import type { ServerDetail } from '../../lib/openstack/servers.ts';
import { always } from '../properties/always.ts';
import { server } from '../snapshots.ts';

const IMAGE = '0b9c0c4e-0000-4000-8000-000000000001';
const MARK = {
  owner: 'autosnap-prod',
  policy: 'daily',
  image: IMAGE,
  begunAt: new Date('2026-11-23T03:00:00Z'),
};

/** A server as the cloud shows it; `changes` go on top. */
function detail(changes: Partial<ServerDetail> = {}): ServerDetail {
  return {
    ...server({ metadata: metadataOf(MARK) }),
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

const trial = readThrowAway(detail())!;

test('a marker is read as it was written', () => {
  expect(trial).toEqual({ id: 's', name: 'web', region: 'DFW', ...MARK });
  expect(isOurs(detail(), trial, 'autosnap-prod')).toBe(true);
  expect(isOurs(detail({ name: 'renamed' }), trial, 'autosnap-prod')).toBe(true);
});

test.each<[string, Partial<ServerDetail>, string?]>([
  ['no marker', { metadata: {} }],
  ["another's", {}, 'autosnap-dev'],
  ['another image', { imageId: IMAGE.replace('1', '2') }],
  ['a disk on a volume', { imageId: undefined }],
  ['another id', { id: 'other' }],
  ['another region', { region: 'ORD' }],
  ['another policy', { metadata: metadataOf({ ...MARK, policy: 'weekly' }) }],
  ['another time', { metadata: metadataOf({ ...MARK, begunAt: new Date(0) }) }],
  [
    'the marker of its new image',
    { metadata: metadataOf({ ...MARK, image: IMAGE.replace('1', '2') }), imageId: IMAGE.replace('1', '2') },
  ],
])('a server with %s is not ours', (_, changes, owner = 'autosnap-prod') => {
  expect(isOurs(detail(changes), trial, owner)).toBe(false);
});

test('only a whole marker is one: without any part, or with any character more or less, it is none or another', async () => {
  const [[key, value]] = Object.entries(metadataOf(MARK)) as [[string, string]];
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
      expect(isOurs(detail({ metadata: { [key]: mark } }), trial, 'autosnap-prod')).toBe(false);
    }),
    { pure: true },
  );
});
