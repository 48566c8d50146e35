import { afterAll, beforeAll, expect } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { connect, type Session } from '../../lib/openstack/session.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { cleanUp } from '../../lib/snapshots/cleanup.ts';
import { type Cloud, type Received, startCloud } from '../../local/cloud/cloud.ts';
import { credentialsOf, unhurried } from '../openstack/connected.ts';
import { type Known, mayGo, NOW, OWNER, type World } from './worlds.ts';

export const REGIONS = ['DFW', 'ORD'];

/**
 * One embedded cloud and one session with it for all the tests of a file; both are there once the
 * tests run.
 */
export function oneCloud(): { cloud: Cloud; session: Session } {
  const shared = {} as { cloud: Cloud; session: Session };
  beforeAll(async () => {
    shared.cloud = await startCloud();
    // By Keystone, because at Rackspace there are no images of volume-backed servers.
    shared.session = await connect(async () => credentialsOf(shared.cloud, 'password'), unhurried);
  });
  afterAll(() => shared.cloud.close());
  return shared;
}

/** Makes the embedded cloud be a world, whatever it was before. */
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
 * Makes the user of the cloud one that administers it, and its image service one that does not know
 * the filter `owner`: then listings have the images of all projects, and each can be deleted.
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

/** One run of the real job on the embedded cloud as it is. */
export function clean(session: Session, { event }: World, changes: object = {}): Promise<Report> {
  return cleanUp(session, parsePolicy({ ...event, ...changes }), { owner: OWNER, now: NOW, requestId: 'r' });
}

/** The ids of the images, and of the volume snapshots, that are there. */
export function present(cloud: Cloud): Set<string> {
  const regions = REGIONS.map((name) => cloud.region(name));
  return new Set(regions.flatMap((r) => [...r.images, ...r.volumeSnapshots]).map(({ id }) => id));
}

/** The ids that a report gives an outcome, in order. */
export function reported({ entries }: Report, outcome: string): string[] {
  const lines = entries.flatMap(({ snapshots = [] }) => snapshots);
  return lines
    .filter((line) => line.outcome === outcome)
    .map(({ image }) => image)
    .sort();
}

/** Those of some images that the cloud deletes when it is asked. */
export function willing({ images }: World, ids: readonly string[]): string[] {
  return ids.filter((id) => !images.find(({ image }) => image.id === id)?.image.refusesDelete);
}

export function deletionsIn(cloud: Cloud, region: string): Received[] {
  return cloud.received.filter((request) => request.method === 'DELETE' && request.region === region);
}

/**
 * Invariant 1: of every series good ones of at least `atLeast` slots are left, data and all, or of
 * all that there were. Two images of one slot are one.
 */
export function expectTheFloor({ event, images }: World, left: ReadonlySet<string>): void {
  // Without the server nobody knows what its volumes were: such an image may be anybody's.
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
 * Invariants 2 and 11: what is foreign, unmarked, unknown, pending, held or seen by others is
 * there, data and all.
 */
export function expectTheUntouchable(world: World, left: ReadonlySet<string>): void {
  for (const known of world.images.filter((one) => !mayGo(one, world))) {
    expect(left, JSON.stringify(known)).toContain(known.image.id);
    // Volume snapshots go first, but none whose image may not go.
    if (known.volumeSnapshot) expect(left, JSON.stringify(known)).toContain(known.volumeSnapshot.id);
  }
}

/** Invariant 10: what is reported deleted is absent; and what is absent is reported deleted. */
export function expectAnHonestReport({ images }: World, report: Report, left: ReadonlySet<string>): void {
  const gone = images.filter(({ image }) => !left.has(image.id)).map(({ image }) => image.id);
  expect(reported(report, 'deleted')).toEqual(gone.sort());
}
