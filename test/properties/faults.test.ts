import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import { textsOf } from '../finding-texts.ts';
import { always } from './always.ts';
import {
  become,
  clean,
  deletionsIn,
  expectAnHonestReport,
  expectTheFloor,
  expectTheUntouchable,
  oneCloud,
  present,
  reported,
} from './embedded.ts';
import { OWNER, PROJECT, type World, worlds } from './worlds.ts';

// The invariants of rotation, by their numbers, for invalid answers of the cloud. Answers that are
// retried are left out, because the waits between the tries would take too long.

const shared = oneCloud();

const EVER = Number.POSITIVE_INFINITY;
const refusals = [400, 403, 404].map((status) => ({ status, body: { message: 'no' } }));

/** Answers that are not a valid listing. */
const unreadable = fc.constantFrom<Fault['answer']>(
  ...refusals,
  'truncate',
  { status: 200, body: '<html><title>welcome</title></html>' },
  { status: 200, body: {} },
  { status: 200, body: { images: [{ id: 'x' }], servers: [{}], snapshots: [{ id: 'x' }] } },
  { status: 200, body: { images: 'many', servers: null, snapshots: {} } },
  { status: 302, headers: { location: '/' }, body: '' },
);

const listings = {
  images: { service: 'image', path: /\/images$/ },
  servers: { service: 'compute', path: /\/detail$/ },
  snapshots: { service: 'volume', path: /\/snapshots\/detail$/ },
} as const;

/**
 * The number of pages of a complete listing: a full page has a link to the next one, even if that
 * is empty.
 */
function pagesOf({ images, servers, elsewhere, pageSize }: World, listing: keyof typeof listings): number {
  const here = images.filter(({ region }) => region === 'DFW');
  const own = here.filter(({ image }) => image.owner === PROJECT);
  const items = {
    // Hidden images have a listing of their own.
    images: [own.filter(({ image }) => !image.hidden), own.filter(({ image }) => image.hidden)],
    servers: [[...servers, ...elsewhere].filter(({ region }) => region === 'DFW')],
    snapshots: [here.filter(({ volumeSnapshot }) => volumeSnapshot)],
  };
  return items[listing].reduce((sum, { length }) => sum + Math.floor(length / pageSize) + 1, 0);
}

/**
 * The servers that are gone, and of which the policy has snapshots in a region, while no snapshot
 * there names the region of its server. Regions may share an image service, so these servers may be
 * of another region, and their snapshots stay. Without `orphans` all snapshots of such servers
 * stay.
 */
function withoutHome({ event, servers, elsewhere, images }: World, region: string): string[] {
  if (!event.orphans) return [];
  const existing = new Set([...servers, ...elsewhere].map(({ id }) => id));
  const listed = images.filter(({ region: its, image }) => its === region && image.owner === PROJECT);
  const properties = listed.map(({ image }) => image.properties);
  const serversWhere = (has: (one: Record<string, string>) => boolean) =>
    new Set(properties.filter(has).flatMap(({ autosnap_server: id }) => id ?? []));
  const ours = serversWhere(({ autosnap_owner: owner }) => owner === OWNER);
  const ofPolicy = serversWhere(({ autosnap_policy: policy }) => policy === event.policy);
  const named = serversWhere(
    ({ autosnap_policy: policy, autosnap_expires: adhoc, autosnap_restore_as: other }) =>
      /\{"region":/.test((policy === 'adhoc' ? adhoc : other) ?? ''),
  );
  // An id with a slash is never requested.
  return [...ours.intersection(ofPolicy).difference(named).difference(existing)].filter(
    (id) => !/\//.test(id),
  );
}

/** The only failure of a run that could not read DFW, and the warnings of the servers that stay. */
function expectUnreadDfw(world: World, { failures, warnings }: Report): void {
  expect(textsOf(failures)).toEqual([expect.stringMatching(/^DFW can't be read, so nothing is deleted/)]);
  const doubts = textsOf(warnings.filter(({ code }) => code === 'SERVER_DOUBTFUL'));
  expect(doubts.sort()).toEqual(withoutHome(world, 'ORD').map(unknownHome).sort());
}

const unknownHome = (server: string) =>
  `it is not certain that a server is gone, so its snapshots stay: no snapshot of server ${server} says in which region it was: if the server is gone, delete its snapshots by hand, or remove \`orphans\` from the policy`;

test('7: if any page of a listing cannot be read, nothing is deleted in this region, and the others are rotated', async () => {
  const faults = fc.tuple(fc.constantFrom('images' as const, 'servers' as const), unreadable, fc.nat());
  await always(
    fc.asyncProperty(worlds(), faults, async (world, [listing, answer, page]) => {
      become(shared.cloud, world);
      const elsewhere = reported(await clean(shared.session, world, { regions: ['ORD'] }), 'deleted');
      become(shared.cloud, world);
      const fault = { ...listings[listing], region: 'DFW', answer, skip: page % pagesOf(world, listing) };
      shared.cloud.faults.push({ ...fault, times: EVER });
      const report = await clean(shared.session, world);
      expect(deletionsIn(shared.cloud, 'DFW')).toEqual([]);
      expectUnreadDfw(world, report);
      expect(reported(report, 'deleted')).toEqual(elsewhere);
    }),
  );
});

test('7: if volume snapshots cannot be listed, nothing is deleted', async () => {
  const mapped = worlds().filter(({ images }) =>
    images.some(
      ({ region, image }) =>
        region === 'DFW' &&
        image.owner === PROJECT &&
        image.properties.block_device_mapping &&
        image.properties.autosnap_owner === OWNER,
    ),
  );
  await always(
    fc.asyncProperty(mapped, unreadable, fc.nat(), async (world, answer, page) => {
      become(shared.cloud, world);
      const skip = page % pagesOf(world, 'snapshots');
      shared.cloud.faults.push({ ...listings.snapshots, region: 'DFW', answer, skip, times: EVER });
      const report = await clean(shared.session, world);
      expect(deletionsIn(shared.cloud, 'DFW')).toEqual([]);
      expectUnreadDfw(world, report);
    }),
  );
});

/**
 * Answers that are not a valid image. Status 404 is not among them, because it means that the image
 * was deleted.
 */
const noImage = fc.constantFrom<Fault['answer']>(
  ...refusals.filter(({ status }) => status !== 404),
  'truncate',
  answers.unauthorized,
  { status: 200, body: {} },
  { status: 200, body: '[' },
);

test('7: if no image can be read before its deletion, nothing is deleted', async () => {
  await always(
    fc.asyncProperty(worlds(), noImage, async (world, answer) => {
      become(shared.cloud, world);
      const before = present(shared.cloud);
      const read = { service: 'image', method: 'GET', path: /\/images\/./, answer, times: EVER } as const;
      shared.cloud.faults.push(read);
      const report = await clean(shared.session, world);
      expect(present(shared.cloud)).toEqual(before);
      expect(report.totals.deleted ?? 0).toBe(0);
    }),
  );
});

test('7: after a read that fails nothing more of the series is deleted, and of others only what was in progress', async () => {
  // A read that fails even after a new login.
  const lasting = noImage.filter((answer) => answer !== answers.unauthorized);
  await always(
    fc.asyncProperty(worlds(), lasting, fc.nat(12), async (world, answer, skip) => {
      become(shared.cloud, world);
      const read = { service: 'image', region: 'DFW', method: 'GET', path: /\/images\/./, answer } as const;
      shared.cloud.faults.push({ ...read, skip });
      await clean(shared.session, world, { maxDeletes: 100 });
      const ofDfw = shared.cloud.received.filter(({ region, path }) => region === 'DFW' && /s\/./.test(path));
      const failed = ofDfw.filter(({ method, path }) => method === 'GET' && read.path.test(path))[skip];
      const before = failed ? ofDfw.slice(0, ofDfw.indexOf(failed)) : [];
      // An answer 404 counts as such even if its body is cut.
      const isGone = before.some(({ method, path }) => method === 'DELETE' && path === failed?.path);
      fc.pre(!(isGone && answer === 'truncate'));
      const later = failed ? ofDfw.slice(ofDfw.indexOf(failed)) : [];
      const deleted = later
        .filter(({ method, path }) => method === 'DELETE' && read.path.test(path))
        .map(({ path }) => seriesAt(world, path));
      expect(new Set(deleted).size).toBe(deleted.length);
      if (failed) expect(deleted).not.toContain(seriesAt(world, failed.path));
    }),
  );
});

/** The series of the image in a path. */
function seriesAt({ images }: World, path: string): string | undefined {
  return images.find(({ image }) => path.endsWith(`/${image.id}`))?.series;
}

/** Answers to a deletion that is not carried out; one of them reports success. */
const noDeletion = fc.constantFrom(
  ...refusals,
  answers.conflict,
  answers.unauthorized,
  { status: 204, body: '' },
  { status: 200, body: '' },
  { status: 410, body: '' },
);
const refusedDeletions = fc.record({
  service: fc.constantFrom('image' as const, 'volume' as const),
  method: fc.constant('DELETE'),
  skip: fc.constantFrom(0, 0, 0, 1, 2),
  times: fc.constantFrom(1, 2, 3, EVER),
  answer: noDeletion,
});

test('1, 2, 10: whatever the answers to deletions, the minimum stays and the report is correct', async () => {
  await always(
    fc.asyncProperty(worlds(), fc.array(refusedDeletions, { maxLength: 3 }), async (world, faults) => {
      become(shared.cloud, world);
      shared.cloud.faults.push(...faults.map((fault) => ({ ...fault })));
      const report = await clean(shared.session, world);
      expectTheFloor(world, present(shared.cloud));
      expectTheUntouchable(world, present(shared.cloud));
      expectAnHonestReport(world, report, present(shared.cloud));
    }),
  );
});

test('10: deletions without a confirmation are not reported as done', async () => {
  await always(
    fc.asyncProperty(worlds(), unreadable, async (world, answer) => {
      become(shared.cloud, world);
      for (const region of ['DFW', 'ORD']) {
        const when = () => deletionsIn(shared.cloud, region).length > 0;
        shared.cloud.faults.push({ ...listings.images, region, answer, when, times: EVER });
      }
      const report = await clean(shared.session, world);
      expect(report.totals.deleted ?? 0).toBe(0);
      expectTheFloor(world, present(shared.cloud));
    }),
  );
});

test('a good snapshot that disappears during the run is named in the report', async () => {
  await always(
    fc.asyncProperty(worlds(), fc.nat(), fc.nat(4), async (world, which, skip) => {
      become(shared.cloud, world);
      const good = world.images.filter(
        ({ ours, state, adhoc, series }) => ours && state === 'good' && !adhoc && series.startsWith('daily'),
      );
      const victim = good[which % good.length];
      if (!victim) return;
      const { region } = victim;
      const answer = () => shared.cloud.region(region).removeImage(victim.image.id);
      shared.cloud.faults.push({ service: 'image', region, method: 'DELETE', skip, answer });
      const report = await clean(shared.session, world);
      if (present(shared.cloud).has(victim.image.id)) return;
      const named = [
        ...textsOf(report.failures)
          .join(' ')
          .matchAll(/image (image-\d+) /g),
      ].map(([, id]) => id);
      expect([...named, ...reported(report, 'deleted')]).toContain(victim.image.id);
    }),
  );
});
