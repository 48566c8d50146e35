import { describe, expect, test } from 'vitest';
import { setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';
import { bench, daysLater, idsOf, policyOf, slotAt, slotOf, takeNow, takeSlots } from './bench.ts';
import { environment } from './environment.ts';
import { invoke, killedOnItsWay } from './killing.ts';
import { type CinderSnapshot, eventually } from './openstack.ts';
import { selfDriven } from './restoring.ts';
import { seeded } from './seeded.ts';
import { serverWithVolume } from './server-with-volume.ts';

const { region, volumeServerId } = environment;
const IN_PLACE = { region, to: 'in-place', confirm: 'with-data' };

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

  test('killed at request after request, a restore that drives itself makes one server with one copy of its volume', async () => {
    const running = await withVolume();
    const { cloud, server, snapshots, trackRestore } = running;
    await takeSlots(running, [server], [-1]);
    const [snapshot] = await snapshots();
    const before = { servers: idsOf(await cloud.servers()), volumes: idsOf(await cloud.volumes()) };
    const request = crypto.randomUUID();
    trackRestore(request);
    const restored = await selfDriven({ server, region, to: 'new', request });
    expect(idsOf(await cloud.servers())).toEqual([...before.servers, restored].sort());
    const made = (await cloud.volumes()).filter(({ id }) => !before.volumes.includes(id));
    expect(made).toMatchObject([
      { status: 'in-use', snapshot_id: snapshot!.id, attachments: [{ server_id: restored }] },
    ]);
  });

  test('killed at request after request, a restore in place that drives itself replaces the volume once, and keeps the old one', async () => {
    const running = await withVolume();
    const { cloud, ours, server, snapshots, volume } = running;
    await takeSlots(running, [server], [-1]);
    const [image] = await ours(server);
    const [snapshot] = await snapshots();
    const before = idsOf(await cloud.volumes());
    const event = { ...IN_PLACE, server, request: crypto.randomUUID() };
    await selfDriven(event);
    expect(await cloud.server(server)).toMatchObject({ status: 'ACTIVE', image: { id: image!.id } });
    const volumes = await cloud.volumes();
    const made = volumes.filter(({ id }) => !before.includes(id));
    expect(made).toMatchObject([
      {
        name: 'data',
        status: 'in-use',
        snapshot_id: snapshot!.id,
        attachments: [{ server_id: server }],
      },
    ]);
    expect(volumes.find(({ id }) => id === volume)).toMatchObject({
      name: expect.stringMatching(/^data \(replaced .* by restore /),
      status: 'available',
    });
    expect(idsOf(await snapshots())).toEqual([snapshot!.id]);
  });

  test('a drill with volumes proves the whole set, and leaves no server and no volume', async () => {
    const running = await withVolume();
    const { cloud, ours, run, server, snapshots } = running;
    await reportBucket();
    await takeNow(running, [server]);
    const before = { servers: idsOf(await cloud.servers()), volumes: idsOf(await cloud.volumes()) };
    const event = policyOf([server], { drill: { schedule: 'rate(1 day)', volumes: true } });
    expect((await run('drill', event)).totals).toEqual({ proven: 1 });
    expect(await ours(server)).toMatchObject([{ autosnap_proven: expect.any(String) }]);
    expect(await snapshots()).toMatchObject([{ metadata: { autosnap_proven: expect.any(String) } }]);
    expect(idsOf(await cloud.servers())).toEqual(before.servers);
    expect(idsOf(await cloud.volumes())).toEqual(before.volumes);
  });

  test('killed at request after request, a drill with volumes leaves no server and no volume half an hour later', async () => {
    const running = await withVolume();
    const { cloud, ours, server, snapshots } = running;
    const s3 = await reportBucket();
    // The lease of a killed run would expire after a quarter of an hour.
    s3.before = (request) => {
      if (/^PUT .*leases/.test(request)) s3.objects.delete(request.slice('PUT '.length));
    };
    await takeNow(running, [server]);
    const before = { servers: idsOf(await cloud.servers()), volumes: idsOf(await cloud.volumes()) };
    const event = policyOf([server], { drill: { schedule: 'rate(1 day)', volumes: true } });
    const chance = seeded();
    const remainingMs = 60_000;
    await killedOnItsWay('drill', event, { chance, stride: 20, remainingMs });
    // The cloud may still carry out a request for up to half an hour after the run was killed. Then
    // a drill that was killed before its request is reported as failed.
    const later = { job: 'drill', event, laterMs: 31 * 60_000, remainingMs } as const;
    await eventually('nothing left', async () => {
      await invoke({ ...later, requestId: crypto.randomUUID() }).catch(() => {});
      const left = { servers: idsOf(await cloud.servers()), volumes: idsOf(await cloud.volumes()) };
      return JSON.stringify(left) === JSON.stringify(before) ? true : undefined;
    });
    expect(await ours(server)).toHaveLength(1);
    expect(await snapshots()).toHaveLength(1);
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
