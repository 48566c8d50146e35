import { describe, expect, test } from 'vitest';
import { setTime } from '../harness.ts';
import { bench, daysLater, idsOf, policyOf, slotAt, slotOf, takeSlots } from './bench.ts';
import { environment } from './environment.ts';
import { killedOnItsWay } from './killing.ts';
import { type CinderSnapshot, eventually } from './openstack.ts';
import { seeded } from './seeded.ts';
import { serverWithVolume } from './server-with-volume.ts';

const { volumeServerId } = environment;

async function withVolume() {
  const running = await bench();
  return { ...running, ...(await serverWithVolume(running)) };
}

const slotsOf = (all: readonly CinderSnapshot[]) => all.map(({ metadata }) => metadata.autosnap_slot).sort();

describe.skipIf(!volumeServerId)('a server with a volume attached (needs VOLUME_SERVER_ID)', () => {
  test('its volume has a snapshot in each slot, with the marker, and is rotated with the images', async () => {
    const running = await withVolume();
    const { run, owner, ours, server, settle, snapshots, volume } = running;
    const keepOne = policyOf([server], { keep: { last: 1 } });
    await takeSlots(running, [server], [-3, -2, -1]);
    expect(slotsOf(await snapshots())).toEqual([-3, -2, -1].map((n) => slotOf(slotAt(n))));
    const [one] = await snapshots();
    expect(one).toMatchObject({
      status: 'available',
      metadata: { autosnap_owner: owner, autosnap_policy: 'daily', autosnap_server: server },
    });
    const again = await run('snapshot', policyOf([server]));
    expect(again.entries[0]?.volumes).toMatchObject([{ volume }]);

    const [oldest] = await ours(server);
    await run('hold', { hold: oldest!.id });
    await run('cleanup', keepOne);
    await settle();
    expect(slotsOf(await snapshots())).toContain(slotOf(slotAt(-3)));
    expect(slotsOf(await snapshots())).not.toContain(slotOf(slotAt(-2)));
    await run('hold', { release: oldest!.id });
    await run('cleanup', keepOne);
    await settle();
    expect(slotsOf(await snapshots())).not.toContain(slotOf(slotAt(-3)));
    expect((await snapshots()).length).toBeGreaterThan(0);
  });

  test('killed at request after request, a restore makes one server with one copy of its volume', async () => {
    const running = await withVolume();
    const { cloud, server, snapshots, trackRestore } = running;
    await takeSlots(running, [server], [-1]);
    const [snapshot] = await snapshots();
    const before = { servers: idsOf(await cloud.servers()), volumes: idsOf(await cloud.volumes()) };
    const request = crypto.randomUUID();
    trackRestore(request);
    const chance = seeded();
    const { restored } = await eventually('restored', async () => {
      const event = { server, region: environment.region, to: 'new', request };
      const report = await killedOnItsWay('restore', event, { chance, stride: 3 });
      return report.next ? undefined : report;
    });
    expect(idsOf(await cloud.servers())).toEqual([...before.servers, restored].sort());
    const made = (await cloud.volumes()).filter(({ id }) => !before.volumes.includes(id));
    expect(made).toMatchObject([
      { status: 'in-use', snapshot_id: snapshot!.id, attachments: [{ server_id: restored }] },
    ]);
  });

  test('the snapshots of a volume stay after its server was deleted', async () => {
    const running = await withVolume();
    const { cloud, run, server, snapshots } = running;
    await takeSlots(running, [server], [-3, -2, -1]);
    await cloud.deleteServer(server);
    setTime(daysLater(2));
    const keepOne = policyOf([server], { keep: { last: 1 }, orphans: { after: '1h', keep: 1 } });
    await run('cleanup', { ...keepOne, servers: { all: true } });
    expect(await snapshots()).toHaveLength(3);
  });
});
