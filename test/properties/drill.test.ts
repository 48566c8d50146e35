import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { harness, policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import { always } from './always.ts';

const HOUR_MS = 3_600_000;
const OURS = /^autosnap-test daily (\S{36}) \S{36}$/;
/**
 * For a policy whose drills have two hours: an older server that cannot be deleted no longer counts
 * towards atOnce.
 */
const OVERDUE_MS = 3 * HOUR_MS;

const fault = fc.record({
  service: fc.constantFrom('compute' as const, 'image' as const),
  method: fc.constantFrom('GET', 'POST', 'PATCH', 'DELETE'),
  skip: fc.nat(4),
  answer: fc.constantFrom<FaultAnswer>('lose', 'drop', answers.forbidden, answers.conflict, {
    status: 404,
    body: { itemNotFound: { code: 404, message: 'There is no such thing.' } },
  }),
});
const aRun = fc.record({
  hours: fc.constantFrom(1, 1, 2, 23),
  // Five of these seconds are for the report, and twenty for the last check.
  remainingMs: fc.oneof(fc.integer({ min: 5_005, max: 7_000 }), fc.constantFrom(25_500, 60_000)),
  faults: fc.array(fault, { maxLength: 2 }),
  boots: fc.boolean(),
});

test('whatever fails and whenever a run is interrupted: only servers of drills are deleted, never more than atOnce exist, only booted snapshots are proven, and no server is left in the end', async () => {
  await always(
    fc.asyncProperty(
      fc.array(aRun, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(1, 2),
      async (runs, atOnce) => {
        let now = Date.parse('2026-11-23T06:00:00Z');
        setTime(new Date(now));
        const h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, buildMs: 0 } });
        h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
        const dfw = h.cloud.region('DFW');
        const fleet = ['a', 'b', 'c'].map((name) => dfw.addServer({ name }));
        const images = fleet.map((server) => addSnapshot(h, server, 1));
        // A server rebuilt or created from one of the images, with metadata that a person copies
        // from each drill of the image.
        const foreign = images.flatMap(({ id }, i) =>
          [new Date(now), new Date(0)].map((createdAt) =>
            dfw.addServer({
              name: `foreign-${i}`,
              image: id,
              createdAt,
              metadata: {},
            }),
          ),
        );
        const copyMetadata = () => {
          for (const server of foreign) {
            // Until the image names the server of the drill, a copy prevents the deletion of both,
            // because they cannot be told apart.
            const { properties } = images.find(({ id }) => id === server.image)!;
            const drill = made().find(({ id }) => properties.autosnap_drill?.includes(id));
            if (drill) server.metadata = { ...drill.metadata };
          }
        };
        const others = [...fleet, ...foreign];
        const event = policy({ drill: { schedule: 'rate(1 hour)', atOnce } });
        const made = () => dfw.servers.filter((server) => !others.includes(server));
        const provable = new Set<string>();

        for (const { hours, remainingMs, faults, boots } of runs) {
          dfw.newServers = boots ? {} : { buildFault: 'No valid host was found.' };
          h.cloud.faults.splice(0, Infinity, ...faults.map((one) => ({ ...one })));
          h.cloud.faults.push({
            service: 'compute',
            method: 'GET',
            path: /servers\/[^/]{36}$/,
            times: Infinity,
            answer: copyMetadata,
          });
          await h.run('drill', event, { remainingMs }).catch(() => undefined);
          await h.cloud.idle();
          expect(dfw.servers).toEqual(expect.arrayContaining(others));
          const timely = made().filter(({ createdAt }) => now - createdAt.getTime() <= OVERDUE_MS);
          expect(timely.length).toBeLessThanOrEqual(atOnce);
          for (const { metadata, image, buildFault } of made()) {
            expect(OURS.exec(metadata.autosnap_drill ?? '')?.[1]).toBe(image);
            if (!buildFault) provable.add(image);
          }
          for (const { id, properties } of images) {
            if (boots && properties.autosnap_proven) provable.add(id);
            expect(properties.autosnap_proven === undefined || provable.has(id)).toBe(true);
          }
          now += hours * HOUR_MS;
          setTime(new Date(now));
        }

        h.cloud.faults.length = 0;
        dfw.newServers = {};
        // The reports name the case in which a copy cannot be told from the server of a drill whose
        // record was lost.
        for (const server of foreign) server.metadata = {};
        for (let i = 0; i < 8; i++) {
          await h.run('drill', event).catch(() => undefined);
          now += HOUR_MS;
          setTime(new Date(now));
        }
        expect(dfw.servers).toEqual(others);
        expect(images.filter(({ properties }) => properties.autosnap_proven)).toEqual(images);
        await h.cloud.close();
      },
    ),
    { slow: true },
  );
});
