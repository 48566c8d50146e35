import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newBucket, type TestBucket } from '../aws/bucket.ts';
import { startEmulator } from '../aws/emulator.ts';
import type { Running } from '../aws/processes.ts';
import { type Bench, bench, idsOf, policyOf, takeNow, takeSlots } from './bench.ts';
import { environment } from './environment.ts';
import { killedOnItsWay } from './killing.ts';
import type { GlanceImage } from './openstack.ts';
import { seeded } from './seeded.ts';

const MIB = 2 ** 20;
const { controlDir, serverIds } = environment;
const server = serverIds[0]!;

let emulator: Running;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator?.stop());

function eventOf(server: string) {
  return policyOf([server], { offsite: { schedule: 'rate(6 hours)', keep: { last: 1 } } });
}

async function withBucket() {
  const running = await bench();
  const bucket = await newBucket();
  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', bucket.name);
  return { ...running, bucket };
}

/**
 * Expects that the bucket contains one complete copy of an image, and otherwise only the record of
 * the month's bytes.
 */
async function expectOnlyCopyOf(image: GlanceImage, data: Buffer, bucket: TestBucket): Promise<void> {
  const copy = `copies/${image.autosnap_owner}/rackspace/${environment.region}/${image.autosnap_server}/daily/${image.autosnap_slot}/${image.id}`;
  const keys = await bucket.keys('');
  expect(keys.filter((key) => !key.startsWith('usage/'))).toEqual([
    `${copy}.json`,
    `${copy}.${image.disk_format}`,
  ]);
  expect((await bucket.bytes(`${copy}.${image.disk_format}`)).equals(data)).toBe(true);
  expect(await bucket.uploads()).toBe(0);
}

test('a snapshot is copied, and its copy becomes a server again as docs/copies.md describes', async () => {
  const running = await withBucket();
  const { bucket, cloud, ours, run, turn, restore, trackImage } = running;
  if (controlDir) await turn('fake_snapshot_size', String(40 * MIB));
  await takeSlots(running, [server], [-1]);
  const [snapshot] = await ours();
  expect(await run('offsite', eventOf(server))).toMatchObject({ totals: { copied: 1 }, warnings: [] });
  await expectOnlyCopyOf(snapshot!, await cloud.imageData(snapshot!.id), bucket);

  const [manifestKey = '', dataKey = ''] = await bucket.keys();
  const manifest = JSON.parse(String(await bucket.bytes(manifestKey)));
  const data = await bucket.bytes(dataKey);
  const sum = createHash(manifest.checksum.algorithm).update(data).digest('hex');
  expect(sum).toBe(manifest.checksum.value);
  const { disk_format, container_format, min_disk, min_ram } = manifest;
  const image = await cloud.uploadImage(
    { name: 'from a copy', disk_format, container_format, min_disk, min_ram },
    data,
  );
  trackImage(image);
  expect(await cloud.image(image)).toMatchObject({
    status: 'active',
    os_hash_value: snapshot!.os_hash_value,
    disk_format: snapshot!.disk_format,
  });
  const restored = await restore('from-a-copy', image, server);
  expect(await cloud.server(restored)).toMatchObject({ status: 'ACTIVE', image: { id: image } });
});

/** A snapshot with random data; the hypervisor of a test cloud repeats one byte. */
async function snapshotOf(data: Buffer, running: Bench): Promise<GlanceImage> {
  const { cloud, ours } = running;
  await takeNow(running, [server]);
  const { id, ...taken } = (await ours()).at(-1)!;
  const kept = /^(name|visibility|disk_format|container_format|instance_uuid|autosnap_.*)$/;
  const fields = Object.fromEntries(Object.entries(taken).filter(([field]) => kept.test(field)));
  await cloud.deleteImage(id);
  return (await cloud.image(await cloud.uploadImage(fields, data)))!;
}

test('killed at request after request, it makes complete copies and leaves nothing behind', async () => {
  const running = await withBucket();
  const { bucket, cloud, ours } = running;
  const chance = seeded();
  const images: GlanceImage[] = [];
  // The second copy replaces the first.
  for (let i = 0; i < 2; i++) {
    const data = randomBytes(36 * MIB);
    const image = await snapshotOf(data, running);
    images.push(image);
    await killedOnItsWay('offsite', eventOf(server), { chance, stride: 10 });
    await expectOnlyCopyOf(image, data, bucket);
    expect((await cloud.imageData(image.id)).equals(data)).toBe(true);
  }
  expect(idsOf(await ours())).toEqual(idsOf(images));
});
