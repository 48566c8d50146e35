import { afterAll, beforeAll, expect } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { connect, type Session } from '../../lib/openstack/session.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { cleanUp } from '../../lib/snapshots/cleanup.ts';
import { type Cloud, type Received, startCloud } from '../../local/cloud/cloud.ts';
import { credentialsOf, unhurried } from '../openstack/connected.ts';
import { type Known, mayGo, NOW, OWNER, type World } from './worlds.ts';

export const REGIONS = ['DFW', 'ORD'];

/** One embedded cloud with a session for all tests of a file. Both exist once the tests run. */
export function oneCloud(): { cloud: Cloud; session: Session } {
  const shared = {} as { cloud: Cloud; session: Session };
  beforeAll(async () => {
    shared.cloud = await startCloud();
    // Keystone, because Rackspace has no images of volume-backed servers.
    shared.session = await connect(async () => credentialsOf(shared.cloud, 'password'), unhurried);
  });
  afterAll(() => shared.cloud.close());
  return shared;
}

/** Replaces the state of the embedded cloud by that of a world. */
export function become(cloud: Cloud, { servers, elsewhere, images, pageSize }: World): void {
  cloud.pageSize = pageSize;
  cloud.faults.splice(0);
  cloud.received.splice(0);
  cloud.account.administers = false;
  for (const region of REGIONS.map((name) => cloud.region(name))) {
    region.servers.splice(0);
    region.volumeSnapshots.splice(0);
    region.unlisted.clear();
    for (const { id } of region.images) region.removeImage(id);
  }
  for (const { region, ...server } of [...servers, ...elsewhere])
    cloud.region(region).addServer({ ...server });
  for (const { region, image, volumeSnapshot } of images) {
    cloud.region(region).addImage(structuredClone(image));
    if (volumeSnapshot) cloud.region(region).addVolumeSnapshot({ ...volumeSnapshot });
  }
}

/**
 * Makes the user an administrator of the cloud, and lets the image service ignore the filter
 * `owner`: its listings then contain the images of all projects, and each image can be deleted.
 */
export function seeAll(cloud: Cloud): void {
  cloud.account.administers = true;
  cloud.faults.push({
    service: 'image',
    path: /\/images$/,
    times: Number.POSITIVE_INFINITY,
    answer: (c) => {
      c.req.raw = new Request(c.req.url.replace(/([?&])owner=[^&]*/, '$1'), { headers: c.req.raw.headers });
    },
  });
}

/** Runs the real job once on the embedded cloud. */
export function clean(session: Session, { event }: World, changes: object = {}): Promise<Report> {
  return cleanUp(session, parsePolicy({ ...event, ...changes }), { owner: OWNER, now: NOW, requestId: 'r' });
}

/** The ids of the existing images and volume snapshots. */
export function present(cloud: Cloud): Set<string> {
  const regions = REGIONS.map((name) => cloud.region(name));
  return new Set(regions.flatMap((r) => [...r.images, ...r.volumeSnapshots]).map(({ id }) => id));
}

/** The ids that have an outcome in a report, in order. */
export function reported({ entries }: Report, outcome: string): string[] {
  const lines = entries.flatMap(({ snapshots = [] }) => snapshots);
  return lines
    .filter((line) => line.outcome === outcome)
    .map(({ image }) => image)
    .sort();
}

/** The images among these that the cloud deletes on request. */
export function willing({ images }: World, ids: readonly string[]): string[] {
  return ids.filter((id) => !images.find(({ image }) => image.id === id)?.image.refusesDelete);
}

export function deletionsIn(cloud: Cloud, region: string): Received[] {
  return cloud.received.filter((request) => request.method === 'DELETE' && request.region === region);
}

/**
 * Invariant 1: good snapshots of at least `atLeast` slots of every series stay with their data, or
 * all if there were fewer. Two images of one slot count once.
 */
export function expectTheFloor({ event, images }: World, left: ReadonlySet<string>): void {
  // After the deletion of a server its former volumes are unknown, so such an image may belong to
  // anybody.
  const isProvable = ({ gone, volumeSnapshot }: Known) => !(gone && volumeSnapshot);
  const good = images.filter(
    (known) => known.ours && !known.adhoc && known.state === 'good' && isProvable(known),
  );
  for (const [series, before] of Map.groupBy(good, (known) => known.series)) {
    const after = before.filter(
      ({ image, volumeSnapshot }) => left.has(image.id) && left.has((volumeSnapshot ?? image).id),
    );
    expect(slotsOf(after).size, series).toBeGreaterThanOrEqual(
      Math.min(slotsOf(before).size, event.keep.atLeast),
    );
  }
}

const slotsOf = (images: readonly Known[]) => new Set(images.map(({ slot }) => slot.getTime()));

/**
 * Invariants 2 and 11: foreign, unmarked, unknown, pending, held and shared images stay with their
 * data.
 */
export function expectTheUntouchable(world: World, left: ReadonlySet<string>): void {
  for (const known of world.images.filter((one) => !mayGo(one, world))) {
    expect(left, JSON.stringify(known)).toContain(known.image.id);
    // Volume snapshots are deleted before their images, but none whose image has to stay.
    if (known.volumeSnapshot) expect(left, JSON.stringify(known)).toContain(known.volumeSnapshot.id);
  }
}

/** Invariant 10: exactly the images that are reported as deleted are gone. */
export function expectAnHonestReport({ images }: World, report: Report, left: ReadonlySet<string>): void {
  const gone = images.filter(({ image }) => !left.has(image.id)).map(({ image }) => image.id);
  expect(reported(report, 'deleted')).toEqual(gone.sort());
}
