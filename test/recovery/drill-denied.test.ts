import { describe, expect, test } from 'vitest';
import type { Fault } from '../../local/cloud/faults.ts';
import { KINDS } from '../cloud-kinds.ts';
import {
  expectNothingLeft,
  originalsOf,
  SHORT,
  type VolumeWorld,
  volumeWorld,
} from '../drill/volume-world.ts';
import { outcomes, reasons } from '../drill/world.ts';
import { textsOf } from '../finding-texts.ts';

// Clouds that make a volume or a server of a drill, and say that they do not; and servers that
// vanish as soon as they are made.

const BOOT = { service: 'compute', method: 'POST', path: /\/servers$/ } as const;
const FILL = { service: 'volume', method: 'POST', path: /\/volumes$/ } as const;

/** The cloud carries out the request, and answers that it has refused it. */
function makesAndDenies(
  { cloud }: VolumeWorld,
  request: Pick<Fault, 'service' | 'method' | 'path'>,
  nth = 0,
) {
  let count = 0;
  cloud.faults.push({
    ...request,
    times: 1,
    when: () => count++ === nth,
    answer: {
      edit: async () =>
        new Response(JSON.stringify({ forbidden: { code: 403, message: 'Policy does not allow it.' } }), {
          status: 403,
          headers: { 'content-type': 'application/json' },
        }),
    },
  });
}

describe.each(KINDS)('in a cloud by %s', (kind) => {
  describe.each([
    ['a set', false],
    ['a server that boots from a volume', true],
  ])('%s', (_, root) => {
    // The image of such a server in OpenStack contains the volumes: the cloud makes and deletes
    // them.
    const isMadeByDrill = kind === 'rackspace' || !root;
    test.each(isMadeByDrill ? [0, 1] : [])(
      'volume %i is made and denied: the drill says so, and nothing is left',
      async (nth) => {
        const w = await volumeWorld(kind, { root });
        const before = originalsOf(w);
        makesAndDenies(w, FILL, nth);
        const { report, error } = await w.fail('drill', w.event({ flavor: 'general1-2' }), SHORT);
        expect(error.message).toContain('Policy does not allow it');
        expect(outcomes(report)).toEqual(['db failed']);
        if (w.records().length > 0) await w.finish();
        expectNothingLeft(w);
        expect(originalsOf(w)).toEqual(before);
      },
    );

    test('the server is made and denied: the drill says so, and the next runs leave nothing', async () => {
      const w = await volumeWorld(kind, { root });
      const before = originalsOf(w);
      makesAndDenies(w, BOOT);
      const { report } = await w.fail('drill', w.event({ flavor: 'general1-2' }), SHORT);
      expect(reasons(report)).toContain('Policy does not allow it');
      await w.finish(w.event({ flavor: 'general1-2' }));
      expectNothingLeft(w);
      expect(originalsOf(w)).toEqual(before);
    });

    test.runIf(isMadeByDrill)(
      'the server vanishes as soon as it is made: the drill says so, and nothing is left',
      async () => {
        const w = await volumeWorld(kind, { root });
        const before = originalsOf(w);
        w.cloud.faults.push({
          ...BOOT,
          times: 1,
          answer: {
            edit: async (answer) => {
              const [server] = w.newServers();
              w.region.servers.splice(w.region.servers.indexOf(server!), 1);
              return answer;
            },
          },
        });
        const { report } = await w.fail('drill', w.event({ flavor: 'general1-2' }), SHORT);
        expect(reasons(report)).toContain('the server was deleted before the drill had a verdict');
        if (w.records().length > 0) await w.finish();
        expectNothingLeft(w);
        expect(originalsOf(w)).toEqual(before);
      },
    );
  });

  test('a denied volume that no listing has yet is named by the later runs, and not deleted', async () => {
    const w = await volumeWorld(kind);
    makesAndDenies(w, FILL);
    w.cloud.faults.push({
      service: 'volume',
      method: 'GET',
      path: /\/volumes\/detail$/,
      times: Number.POSITIVE_INFINITY,
      answer: {
        edit: async (answer) => {
          const body = (await answer.json()) as { volumes: { name: string | null; display_name?: string }[] };
          const volumes = body.volumes.filter((one) => !/-drill$/.test(one.display_name ?? one.name ?? ''));
          return new Response(JSON.stringify({ ...body, volumes }), answer);
        },
      },
    });
    await w.fail('drill', w.event(), SHORT);
    expect(w.newVolumes()).toHaveLength(1);
    w.cloud.faults.length = 0;
    const { report } = await w.fail('drill', w.event(), SHORT);
    expect(textsOf(report!.failures).join('\n')).toContain(w.newVolumes()[0]!.id);
    expect(w.newVolumes()).toHaveLength(1);
  });
});
