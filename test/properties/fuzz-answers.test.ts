import fc from 'fast-check';
import { expect, test } from 'vitest';
import { audit } from '../../lib/audit/audit.ts';
import { type Policy, parsePolicy } from '../../lib/config/policy.ts';
import { ValidationError } from '../../lib/config/validation-error.ts';
import { CloudError } from '../../lib/openstack/errors.ts';
import { parseRestore } from '../../lib/restore/event.ts';
import { restore } from '../../lib/restore/restore.ts';
import { takeSnapshots } from '../../lib/snapshots/create.ts';
import type { CloudService } from '../../local/cloud/faults.ts';
import { always } from './always.ts';
import { become, clean, expectTheFloor, expectTheUntouchable, oneCloud, present } from './embedded.ts';
import { mutate, mutations } from './mutations.ts';
import { NOW, OWNER, PROJECT, type World, worlds } from './worlds.ts';

// Distorted answers of the cloud: with missing fields or fields of other types, duplicate or
// missing items, and other ids, dates, sizes and states. Missing items have to stop deletions.
// Against wrong values there is one protection: an image is deleted only if the answer right before
// showed it as deletable.

const shared = oneCloud();
const EVER = Number.POSITIVE_INFINITY;

type Changes = Parameters<typeof mutate>[1];
/** Changes the answers with these numbers, in the order in which they are given. */
type Lies = Map<number, Changes>;

interface Said {
  method: string;
  path: string;
  body: unknown;
}

/** Changes some answers of the cloud, and records what the cloud finally answered. */
function lie(lies: Lies, concerns: (method: string, path: string) => boolean): Said[] {
  const said: Said[] = [];
  let count = 0;
  const services: CloudService[] = ['compute', 'image', 'volume'];
  for (const service of services) {
    shared.cloud.faults.push({
      service,
      times: EVER,
      answer: {
        async edit(answer, c) {
          const { method, path } = c.req;
          const text = await answer.text();
          if (text === '') {
            said.push({ method, path, body: undefined });
            return new Response(null, answer);
          }
          const changes = concerns(method, path) ? lies.get(count++) : undefined;
          const body = changes ? mutate(JSON.parse(text), changes) : (JSON.parse(text) as unknown);
          said.push({ method, path, body });
          return new Response(JSON.stringify(body), answer);
        },
      },
    });
  }
  return said;
}

const some = fc
  .array(fc.tuple(fc.nat({ max: 12 }), mutations), { minLength: 1, maxLength: 3 })
  .map((lies): Lies => new Map(lies));

/** Runs a job that may fail, but only with an error of ours. */
async function runs<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CloudError) && !(error instanceof ValidationError)) throw error;
    return undefined;
  }
}

test('wrong values in a listing of images are detected before a deletion', async () => {
  await always(
    fc.asyncProperty(worlds(), some, async (world, lies) => {
      become(shared.cloud, world);
      lie(lies, (_, path) => path.endsWith('/images'));
      await runs(() => clean(shared.session, world, { maxDeletes: 100 }));
      expectTheUntouchable(world, present(shared.cloud));
      expectTheFloor(world, present(shared.cloud));
    }),
  );
});

test('a listing that hides all holds and problems causes no deletion', async () => {
  const image = { protected: false, autosnap_hold: 'none', status: 'active', size: 1, visibility: 'private' };
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      become(shared.cloud, world);
      shared.cloud.faults.push({
        service: 'image',
        path: /\/images$/,
        times: EVER,
        answer: {
          async edit(answer) {
            if (!answer.ok) return answer;
            const page = (await answer.json()) as { images: object[] };
            return Response.json({ ...page, images: page.images.map((its) => ({ ...its, ...image })) });
          },
        },
      });
      await runs(() => clean(shared.session, world, { maxDeletes: 100 }));
      expectTheUntouchable(world, present(shared.cloud));
      expectTheFloor(world, present(shared.cloud));
    }),
  );
});

test('whatever the answers, only images are deleted that the answer right before showed as deletable', async () => {
  await always(
    fc.asyncProperty(worlds(), some, async (world, lies) => {
      become(shared.cloud, world);
      const said = lie(lies, () => true);
      await runs(() => clean(shared.session, world, { maxDeletes: 100 }));
      for (const [i, { method, path }] of said.entries()) {
        if (method !== 'DELETE' || !/\/images\/[^/]+$/.test(path)) continue;
        const last = said.slice(0, i).findLast((one) => one.path === path && one.method === 'GET');
        expect(isDeletable(last?.body, world), JSON.stringify(last?.body)).toBe(true);
      }
    }),
  );
});

/** The condition is written out here, so that the test does not depend on the product's own one. */
function isDeletable(image: unknown, { event }: World): boolean {
  const its = (image ?? {}) as Record<string, unknown>;
  const marker = [its.autosnap_policy, its.autosnap_server, its.autosnap_slot];
  const adopted = event.adopt === 'autosnap.py' && /-autosnap-/.test(String(its.name));
  const ours =
    its.autosnap_owner === OWNER && marker.every((part) => typeof part === 'string' && part !== '');
  const held = ![undefined, 'none'].includes(its.autosnap_hold as string) && !hasPassed(its.autosnap_hold);
  return (
    (ours || adopted) &&
    its.owner === PROJECT &&
    its.visibility === 'private' &&
    (its.protected === undefined || /^false$/i.test(String(its.protected))) &&
    !held &&
    ['active', 'killed', 'error'].includes(String(its.status)) &&
    // For an image with its data in volume snapshots, the instance_uuid may belong to any server.
    (its.instance_uuid === undefined ||
      its.block_device_mapping !== undefined ||
      adopted ||
      its.instance_uuid === its.autosnap_server)
  );
}

const hasPassed = (end: unknown) => Date.parse(String(end)) < NOW.getTime();

test('an incomplete listing stops all deletions in its region', async () => {
  const listings = /\/(images|detail|snapshots)$/;
  await always(
    fc.asyncProperty(worlds(), some, async (world, lies) => {
      become(shared.cloud, world);
      lie(lies, (_, path) => listings.test(path));
      const report = await runs(() => clean(shared.session, world, { maxDeletes: 100 }));
      const frozen = (report?.failures ?? []).flatMap(({ code, region }) =>
        code === 'REGION_UNREADABLE' && region ? [region] : [],
      );
      for (const region of frozen) {
        const deleted = shared.cloud.received.filter(
          (one) => one.region === region && one.method === 'DELETE',
        );
        expect(deleted).toEqual([]);
      }
    }),
  );
});

const run = { owner: OWNER, now: NOW, requestId: 'the-request' };
const policyOf = ({ event }: World, changes: object = {}): Policy => parsePolicy({ ...event, ...changes });
const jobs: Record<string, (world: World) => Promise<unknown>> = {
  snapshot: (world) => takeSnapshots(shared.session, policyOf(world), run),
  audit: (world) => audit([policyOf(world)], run, async () => shared.session),
  'restore to a new server': () => restore(shared.session, parseRestore({ server: 'web-0', to: 'new' }), run),
  'restore in place': () =>
    restore(shared.session, parseRestore({ server: 'web-0', to: 'in-place', confirm: 'web-0' }), run),
};

test.each(Object.entries(jobs))(
  '%s deletes nothing, and fails only with an error of ours',
  async (name, job) => {
    await always(
      fc.asyncProperty(worlds(), some, async (world, lies) => {
        become(shared.cloud, world);
        lie(lies, () => true);
        const before = present(shared.cloud);
        await runs(() => job(world));
        expect(before.difference(present(shared.cloud)).size).toBe(0);
        const changed = shared.cloud.received.filter(({ method }) => method !== 'GET');
        expect(changed.filter(({ method }) => method === 'DELETE')).toEqual([]);
        if (name === 'audit') expect(changed).toEqual([]);
      }),
    );
  },
);
