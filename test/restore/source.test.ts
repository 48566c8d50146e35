import { describe, expect, test } from 'vitest';
import type { Server } from '../../lib/openstack/compute.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { chosenById, findImage } from '../../lib/restore/image-choice.ts';
import type { RestoreInventory } from '../../lib/restore/inventory.ts';
import { readSafetyMark, safetyMark } from '../../lib/restore/marks.ts';
import { findOrigin } from '../../lib/restore/source.ts';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { markerOf, readMarker } from '../../lib/snapshots/marker.ts';
import { isSnapshot, type Snapshot } from '../../lib/snapshots/snapshot.ts';
import { image as anImage, server } from '../snapshots.ts';

const OWNER = 'autosnap-prod';
const PROJECT = 'p1';

/** An image of ours of the server `of`, and what is read from it. */
function shot(
  id: string,
  of: Pick<Server, 'id' | 'name'>,
  slot: string,
  changes: Partial<Image> = {},
): Image {
  const marker = markerOf({ owner: OWNER, server: of.id, slot: new Date(slot), policy: 'daily' });
  return anImage({
    id,
    name: imageName(of, changes.properties?.autosnap_policy ?? 'daily', new Date(slot)),
    owner: PROJECT,
    createdAt: new Date(slot),
    ...changes,
    properties: { ...marker, instance_uuid: of.id, ...changes.properties },
  });
}

function inventory(servers: Server[], images: Image[] = []): RestoreInventory {
  const read = (image: Image): Snapshot | undefined => {
    const found = readMarker(image, { owner: OWNER, projectId: PROJECT, scheduleOf: () => undefined });
    return isSnapshot(found) ? found : undefined;
  };
  return {
    regions: ['DFW', 'ORD'],
    servers,
    images,
    ...{ rootDisks: [], volumes: [], volumeSnapshots: [], volumeIn: new Map(), volumesUnread: new Map() },
    snapshots: images.flatMap((image) => read(image) ?? []),
    suspects: [],
    read,
  };
}

const web = server({ id: 'w', name: 'web' });
const DAY = '2026-11-23T00:00:00Z';
const NOW = new Date('2026-11-23T06:00:00Z');
const gone = (id: string, name: string) => shot(`of ${id}`, { id, name }, DAY);

const RENAMED = [
  shot('before', { id: 'w', name: 'web' }, '2026-11-22T00:00:00Z'),
  shot('after', { id: 'w', name: 'shop' }, DAY),
];

describe('the server of a restore', () => {
  test.each<[string, string, RestoreInventory, string]>([
    ['by its name', 'web', inventory([web, server({ id: 'x', name: 'web-2' })]), 'w'],
    ['by its id', 'w', inventory([web]), 'w'],
    ['by its id if another server is called so', 'w', inventory([server({ id: 'x', name: 'w' }), web]), 'w'],
    ['by the name in its snapshots if it is gone', 'web', inventory([], [gone('w', 'web')]), 'w'],
    ['by its id if it is gone', 'w', inventory([], [gone('w', 'web')]), 'w'],
    ['by its first name if it was renamed and is gone', 'web', inventory([], RENAMED), 'w'],
    ['by its last name if it was renamed and is gone', 'shop', inventory([], RENAMED), 'w'],
    ['by its id if it was renamed and is gone', 'w', inventory([], RENAMED), 'w'],
    [
      'by its name if it is gone and was called like a policy',
      'web-daily',
      inventory([], [gone('w', 'web'), gone('x', 'web-daily')]),
      'x',
    ],
    [
      'by its name if it is gone, and another one was called like its policy',
      'web',
      inventory([], [gone('w', 'web'), gone('x', 'web-daily')]),
      'w',
    ],
    [
      'by its name if it is here, and one that is gone had the name',
      'web',
      inventory([web], [gone('x', 'web')]),
      'w',
    ],
  ])('is found %s: $3', (_, wanted, its, id) => {
    expect(findOrigin(its, wanted)).toMatchObject({ id });
  });

  test('is not found by the beginning of its name', () => {
    expect(() => findOrigin(inventory([web], [gone('x', 'web-2')]), 'web-')).toThrow(
      /there is no "web-" in DFW, ORD/,
    );
  });

  test('has the name in its newest snapshot if it was deleted', () => {
    const renamed = [
      shot('new', { id: 'w', name: 'new' }, DAY),
      shot('old', { id: 'w', name: 'old' }, '2026-11-22'),
    ];
    expect(findOrigin(inventory([], renamed), 'w')).toMatchObject({ name: 'new', server: undefined });
  });

  test('is ambiguous if two deleted servers had the name', () => {
    const two = inventory([], [gone('x', 'web'), gone('w', 'web')]);
    expect(() => findOrigin(two, 'web')).toThrow(
      /2 servers are called "web": x in DFW, which is gone; w in DFW, which is gone: give/,
    );
  });
});

describe('the image of a restore', () => {
  const of = (images: Image[], at = 'latest') =>
    findImage(inventory([web], images), web, { at, policy: undefined }, { now: NOW }).image.id;
  const mark = (request: string) => ({ autosnap_policy: 'adhoc', autosnap_expires: `never ${request} {}` });

  test('is the newest good one of the server, in its region, in any order of the listing', () => {
    const images = [
      shot('a', web, '2026-11-20'),
      shot('b', web, '2026-11-22'),
      shot('c', web, '2026-11-21'),
      shot('empty', web, '2026-11-23', { sizeBytes: 0 }),
      shot('failed', web, '2026-11-23', { status: 'killed' }),
      shot('other', { id: 'x', name: 'web' }, '2026-11-23'),
      shot('elsewhere', web, '2026-11-23', { region: 'ORD' }),
    ];
    expect(of(images)).toBe('b');
    expect(of(images.reverse())).toBe('b');
    expect(of(images, '2026-11-21')).toBe('c');
    expect(of(images, '2026-11-20T23:00:00Z')).toBe('a');
  });

  test('is missing if none is old enough, with the time of the oldest data', () => {
    const late = shot('late', web, DAY, { createdAt: new Date('2026-11-23T02:00:00Z') });
    const safety = shot('safety', web, '2026-11-20', {
      name: 'web-before-restore-adhoc-20261120T000000Z',
      properties: {
        ...mark('r1'),
        ...safetyMark({ request: 'r1', image: 'a', wasRunning: true, disk: 'd' }),
      },
    });
    const byHand = shot('by hand', web, '2026-11-21', { properties: mark('r2') });
    const find = () =>
      findImage(
        inventory([web], [late, safety, byHand]),
        web,
        { at: '2026-11-23T01:00:00Z', policy: 'daily' },
        { now: NOW },
      );
    expect(find).toThrow(
      /no good snapshot of web by the policy "daily" at or before 2026-11-23T01:00:00Z: the oldest good one, of 2026-11-23T00:00:00Z, was made at 2026-11-23T02:00:00Z/,
    );
  });

  test('must not belong to another project, whatever its metadata, if it is named by its id', () => {
    const foreign = shot('foreign', web, DAY, { owner: 'p2' });
    const given = { projectId: PROJECT, now: NOW };
    expect(() => chosenById(inventory([web], [foreign]), web, 'foreign', foreign, given)).toThrow(
      /this project has no image foreign in DFW, where web \(w\) is/,
    );
  });

  test('is not a safety snapshot, but may be an ad-hoc one of a server that was restored from a safety snapshot', () => {
    const safety = shot('safety', web, '2026-11-23', {
      name: 'web-before-restore-adhoc-20261123T000000Z',
      properties: {
        ...mark('r1'),
        ...safetyMark({ request: 'r1', image: 'a', wasRunning: true, disk: 'd' }),
      },
    });
    const byHand = shot('by hand', web, '2026-11-22', {
      properties: {
        ...mark('r2'),
        ...safetyMark({ request: 'r1', image: 'a', wasRunning: true, disk: 'd' }),
      },
    });
    expect(readSafetyMark(safety)).toEqual({ request: 'r1', image: 'a', wasRunning: true, disk: 'd' });
    expect(readSafetyMark(byHand)).toBeUndefined();
    // An ad-hoc snapshot may have the same request.
    expect(readSafetyMark({ ...safety, name: 'web-adhoc-20261123T000000Z' })).toBeUndefined();
    expect(of([shot('a', web, '2026-11-20'), safety, byHand])).toBe('by hand');
  });
});
