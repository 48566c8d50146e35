import { describe, expect, test } from 'vitest';
import { setTime } from '../harness.ts';
import { bench, policyOf, slotAt, slotOf } from './bench.ts';
import { environment } from './environment.ts';
import { watchTraffic } from './traffic.ts';

const { region, regionTwo, serverIds, taggedServerIds, volumeServerId } = environment;
const server = serverIds[0]!;

describe.skipIf(!regionTwo)('regions (needs REGION_TWO, with the same servers)', () => {
  for (const name of [region, regionTwo]) {
    test(`a policy for ${name} alone works there and sends no request to another region`, async () => {
      const { cloud, ours, run, settle } = await bench();
      const { exchanges } = watchTraffic();
      for (const days of [-2, -1]) {
        setTime(slotAt(days));
        await run('snapshot', policyOf([server], { regions: [name] }));
        await settle();
      }
      await run('cleanup', policyOf([server], { regions: [name], keep: { last: 1 } }));
      expect((await ours()).map((image) => image.autosnap_slot)).toEqual([slotOf(slotAt(-1))]);
      expect(exchanges.map(({ method }) => method)).toEqual(expect.arrayContaining(['POST', 'DELETE']));
      const services = ['compute', 'image', ...(volumeServerId ? (['volumev3'] as const) : [])] as const;
      const here = await Promise.all(services.map((service) => cloud.endpoint(service, name)));
      expect(exchanges.filter(({ url }) => !here.some((base) => url.startsWith(`${base}/`)))).toEqual([]);
    });
  }

  test('without regions in the policy all regions are covered, and a server in two of them has one snapshot per slot', async () => {
    const { cloud, ours, run, settle } = await bench();
    const { exchanges } = watchTraffic();
    const { regions: _, ...everywhere } = policyOf([server], { keep: { last: 1 } });
    for (const days of [-2, -1]) {
      setTime(slotAt(days));
      await run('snapshot', everywhere);
      await settle();
    }
    expect((await ours()).map((image) => image.autosnap_slot)).toEqual(
      [-2, -1].map((index) => slotOf(slotAt(index))),
    );
    await run('cleanup', everywhere);
    expect((await ours()).map((image) => image.autosnap_slot)).toEqual([slotOf(slotAt(-1))]);

    for (const service of ['compute', 'image'] as const) {
      for (const name of [region, regionTwo]) {
        const base = await cloud.endpoint(service, name);
        expect(exchanges.filter(({ url }) => url.startsWith(`${base}/`))).not.toEqual([]);
      }
    }
  });
});

test('a region that the catalogue lacks is refused, with the existing ones', async () => {
  const { fail, ours } = await bench();
  const error = await fail('snapshot', policyOf([server], { regions: ['Atlantis'] }));
  expect(error.message).toContain('the account has no such region: its catalogue names ');
  expect(error.message).toContain(region);
  expect(await ours()).toEqual([]);
});

test.skipIf(taggedServerIds.length === 0)(
  'a policy for tagged servers takes only those (needs TAGGED_SERVER_IDS, tagged autosnap=daily)',
  async () => {
    const { ours, run, settle } = await bench();
    await run('snapshot', policyOf([], { servers: { tagged: { autosnap: 'daily' } } }));
    await settle();
    expect((await ours()).map((image) => image.autosnap_server).sort()).toEqual([...taggedServerIds].sort());
  },
);

test('a server that does not exist fails the run, and the others get their snapshots', async () => {
  const { fail, ours } = await bench();
  const unknown = crypto.randomUUID();
  const error = await fail('snapshot', policyOf([unknown, server]));
  expect(error.message).toContain(`${unknown} in no region: servers.ids: no such server in these regions`);
  expect((await ours()).map((image) => image.autosnap_server)).toEqual([server]);
});
