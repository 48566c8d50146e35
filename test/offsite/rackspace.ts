import { expect } from 'vitest';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { markerOf } from '../../lib/snapshots/marker.ts';
import { exportOf } from '../../local/cloud/exports.ts';
import type { CloudImage, CloudServer, Region } from '../../local/cloud/state.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';

export const OWNER = 'autosnap-test';
const HOUR_MS = 3_600_000;
const SIZE = 10_000;

/** An account at Rackspace with one server in DFW, whose exports have three segments. */
export interface Rackspace {
  h: Harness;
  region: Region;
  server: CloudServer;
  /** Advances the clock. */
  pass(hours: number): void;
  /** Adds a finished snapshot of a server, created now; by default of the only server. */
  addSnapshot(
    changes?: Partial<CloudImage>,
    properties?: Record<string, string>,
    of?: CloudServer,
  ): CloudImage;
  /** Requests the export of the newest snapshot, and looks for it an hour later. */
  copyOne(offsite?: object): Promise<CloudImage>;
  /** Makes that many copies, the oldest first, an hour apart; none is deleted. */
  copyMany(count: number): Promise<CloudImage[]>;
  /** The names of all objects of a container. */
  names(container?: string): string[];
  keyOf(image: CloudImage): string;
  objectsOf(image: CloudImage): string[];
  /** Expects complete copies of exactly these snapshots, byte for byte, and no other objects. */
  expectCopiesOf(...images: CloudImage[]): void;
}

/** A policy with copies, `last: 2` every six hours; `offsite` is applied to it. */
export function copyEvent(offsite: object = {}, changes: object = {}): object {
  return policy({ offsite: { schedule: 'rate(6 hours)', keep: { last: 2 }, ...offsite }, ...changes });
}

export async function rackspace(regions = ['DFW']): Promise<Rackspace> {
  let now = new Date('2026-11-10T06:00:00Z');
  setTime(now);
  const h = await harness({ regions });
  for (const name of regions) h.cloud.region(name).tasks.segmentBytes = 4_000;
  const region = h.cloud.region('DFW');
  const server = region.addServer({ name: 'web-1' });

  const pass: Rackspace['pass'] = (hours) => {
    now = new Date(now.getTime() + hours * HOUR_MS);
    setTime(now);
  };
  const addSnapshot: Rackspace['addSnapshot'] = (changes = {}, properties = {}, of = server) =>
    region.addImage({
      name: imageName(of, 'daily', now),
      owner: h.cloud.account.projectId,
      size: SIZE,
      properties: {
        ...markerOf({ owner: OWNER, policy: 'daily', server: of.id, slot: now }),
        instance_uuid: of.id,
        os_distro: 'debian',
        'com.rackspace__1__options': '0',
        ...properties,
      },
      ...changes,
    });
  const copyOne: Rackspace['copyOne'] = async (offsite = {}) => {
    const image = addSnapshot();
    await h.run('offsite', copyEvent(offsite));
    pass(1);
    await h.run('offsite', copyEvent(offsite));
    return image;
  };
  const names = (container = OWNER) => region.files.list(container)?.map(({ name }) => name) ?? [];
  const keyOf = ({ id, properties }: CloudImage) =>
    `copies/${OWNER}/rackspace/DFW/${properties.autosnap_server}/daily/${properties.autosnap_slot}/${id}`;
  const objectsOf = (image: CloudImage) => {
    const vhd = `${image.id}.vhd`;
    return [`${keyOf(image)}.json`, vhd, ...['1', '2', '3'].map((n) => `${vhd}-0000${n}`)];
  };
  return {
    h,
    region,
    server,
    pass,
    addSnapshot,
    copyOne,
    async copyMany(count) {
      const images: CloudImage[] = [];
      while (images.length < count) {
        images.push(await copyOne({ keep: { last: 99 } }));
        pass(1);
      }
      return images;
    },
    names,
    keyOf,
    objectsOf,
    expectCopiesOf(...images) {
      const there = names().filter((name) => !name.startsWith('usage/'));
      expect(there).toEqual(images.flatMap(objectsOf).sort());
      for (const image of images) {
        const { bytes, read } = exportOf(image);
        const data = region.files.get(OWNER, `${image.id}.vhd`);
        expect(data?.read(0, bytes).equals(read(0, bytes))).toBe(true);
      }
    },
  };
}
