import { describe, expect, test } from 'vitest';
import type { Report, SnapshotLine } from '../../lib/reporting/report.ts';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { textsOf } from '../finding-texts.ts';
import { setTime } from '../harness.ts';
import { bench, daysLater, idsOf, policyOf, slotAt, slotOf, takeSlots } from './bench.ts';
import { environment } from './environment.ts';
import { type GlanceImage, volumeSnapshotIdsOf } from './openstack.ts';

const { serverIds, volumeServerId: server } = environment;
const keepOne = policyOf([server], { keep: { last: 1 } });
/** A day after everything was created, when a snapshot without its data may be deleted. */
const NEXT_DAY = daysLater(2);

describe.skipIf(!server)('a volume-backed server (needs VOLUME_SERVER_ID)', () => {
  test('its snapshots are rotated together with their volume snapshots, and no other volume snapshot is deleted', async () => {
    const running = await bench();
    const { cloud, createImage, ours, owner, run, settle, volumeSnapshots } = running;
    const byHand = await cloud.createVolumeSnapshot(server, 'by hand');
    const imageByHand = await createImage(server, 'by hand');
    await takeSlots(running, [server], [-2, -1]);
    const [older, newer] = await ours();
    expect(older).toMatchObject({
      status: 'active',
      size: 0,
      autosnap_owner: owner,
      autosnap_policy: 'daily',
      autosnap_server: server,
      autosnap_slot: slotOf(slotAt(-2)),
      autosnap_hold: 'none',
    });
    expect(older).not.toHaveProperty('instance_uuid');
    const kept = [byHand, ...needed((await cloud.image(imageByHand))!), ...needed(newer!)].sort();
    expect(idsOf(await volumeSnapshots())).toEqual([...kept, ...needed(older!)].sort());

    // Cinder deletes with a delay, so the image may be left to a later run.
    const first = lineOf(await run('cleanup', keepOne), older!);
    expect(['deleted', 'deferred']).toContain(first.outcome);
    if (first.outcome === 'deferred') {
      expect(first.reasons).toEqual([
        'its volume snapshots are being deleted; a later run deletes the image',
      ]);
    }
    await settle();
    expect(idsOf(await volumeSnapshots())).toEqual(kept);
    setTime(NEXT_DAY);
    await run('cleanup', keepOne);
    expect(await cloud.image(older!.id)).toBeUndefined();
    expect(idsOf(await ours())).toEqual([newer!.id]);
    expect((await cloud.image(imageByHand))?.status).toBe('active');
    expect(idsOf(await volumeSnapshots())).toEqual(kept);
  });

  test('a deletion that was interrupted between volume snapshot and image is finished later, and the image does not count until then', async () => {
    const running = await bench();
    const { cloud, ours, run, volumeSnapshots } = running;
    await takeSlots(running, [server], [-3, -2, -1]);
    const [oldest, interrupted, newest] = await ours();
    for (const id of needed(interrupted!)) await cloud.deleteVolumeSnapshot(id);
    const keepTwo = policyOf([server], { keep: { last: 2 } });

    // If it counted, the oldest would be deleted.
    const early = await run('cleanup', keepTwo);
    expect(idsOf(await ours())).toEqual(idsOf([oldest!, interrupted!, newest!]));
    expect(lineOf(early, interrupted!)).toMatchObject({
      outcome: 'kept',
      status: 'volume_snapshot:gone',
      reasons: ['failed less than 24 hours ago'],
    });
    expect(lineOf(early, oldest!).reasons).toEqual(['last 2 of 2']);

    setTime(NEXT_DAY);
    const late = await run('cleanup', keepTwo);
    expect(lineOf(late, interrupted!).outcome).toBe('deleted');
    expect(idsOf(await ours())).toEqual(idsOf([oldest!, newest!]));
    expect(idsOf(await volumeSnapshots())).toEqual([...needed(oldest!), ...needed(newest!)].sort());
  });

  test('the last snapshot with its data stays, however many newer ones have lost theirs', async () => {
    const running = await bench();
    const { cloud, ours, run, volumeSnapshots } = running;
    await takeSlots(running, [server], [-3, -2, -1]);
    const [good, ...bare] = await ours();
    for (const image of bare) {
      for (const id of needed(image)) await cloud.deleteVolumeSnapshot(id);
    }
    setTime(NEXT_DAY);
    const report = await run('cleanup', keepOne);
    expect(idsOf(await ours())).toEqual(idsOf([good!, ...bare]));
    expect(idsOf(await volumeSnapshots())).toEqual(needed(good!));
    expect(bare.map((image) => lineOf(report, image).reasons)).toEqual([
      ['failed, and there is no newer good one'],
      ['failed, and there is no newer good one'],
    ]);
  });

  test('a manual image without our marker and its volume snapshot stay, whatever the name of the image', async () => {
    const running = await bench();
    const { cloud, createImage, ours, run, settle, volumeSnapshots } = running;
    const name = (await cloud.server(server))!.name;
    const byHand = [
      await createImage(server, 'by hand'),
      // Named like an image of autosnap.py, which has no other sign of its maker.
      await createImage(server, `${name}-autosnap-${server}`),
    ];
    await takeSlots(running, [server], [-2, -1]);
    const adopting = { ...keepOne, adopt: 'autosnap.py' };
    await run('cleanup', adopting);
    await settle();
    setTime(NEXT_DAY);
    await run('cleanup', adopting);

    const left = await ours();
    expect(left.map((image) => image.autosnap_slot)).toEqual([slotOf(slotAt(-1))]);
    const images = await Promise.all(byHand.map((id) => cloud.image(id)));
    expect(images.map((image) => image?.status)).toEqual(['active', 'active']);
    expect(idsOf(await volumeSnapshots())).toEqual(
      [...left, ...images].flatMap((image) => needed(image!)).sort(),
    );
  });

  test('an image with our marker and data of a volume that its server does not have stays, with a warning', async () => {
    const running = await bench();
    const { cloud, createImage, owner, run, settle, volumeSnapshots } = running;
    const another = serverIds[0]!;
    const slot = new Date(slotOf(slotAt(-3)));
    const name = imageName({ id: another, name: 'another' }, 'daily', slot);
    const image = await createImage(server, name, {
      autosnap_owner: owner,
      autosnap_policy: 'daily',
      autosnap_server: another,
      autosnap_slot: slotOf(slot),
      autosnap_hold: 'none',
    });
    await takeSlots(running, [another], [-2, -1]);
    const { warnings } = await run('cleanup', policyOf([another], { keep: { last: 1 } }));
    await settle();
    expect(textsOf(warnings)).toEqual([
      expect.stringContaining(`(${image}) is marked as ours, but its data are of volumes that `),
    ]);
    expect(idsOf(await volumeSnapshots())).toEqual(needed((await cloud.image(image))!));
  });

  test('two images that name the same volume snapshot both stay, together with it', async () => {
    const running = await bench();
    const { cloud, ours, run, settle } = running;
    await takeSlots(running, [server], [-3, -2, -1]);
    const [oldest, second, newest] = await ours();
    await cloud.patchImage(oldest!.id, { block_device_mapping: second!.block_device_mapping });
    const { warnings } = await run('cleanup', keepOne);
    await settle();
    expect(idsOf(await ours())).toEqual(idsOf([oldest!, second!, newest!]));
    expect(idsOf(await cloud.volumeSnapshots())).toEqual(expect.arrayContaining(needed(second!)));
    expect(warnings).toHaveLength(2);
    for (const image of [oldest, second]) {
      expect(textsOf(warnings)).toContainEqual(
        expect.stringContaining(`(${image!.id}) is marked as ours, but another image names the same`),
      );
    }
  });
});

/** The volume snapshots with an image's data; there is at least one. */
function needed(image: GlanceImage): string[] {
  const ids = volumeSnapshotIdsOf(image);
  expect(ids).not.toEqual([]);
  return ids;
}

function lineOf(report: Report, image: GlanceImage): SnapshotLine {
  const lines = report.entries.flatMap((entry) => entry.snapshots ?? []);
  return lines.find((line) => line.image === image.id)!;
}
