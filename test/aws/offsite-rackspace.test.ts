import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { beforeEach, expect, test, vi } from 'vitest';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { markerOf } from '../../lib/snapshots/marker.ts';
import { exportOf } from '../../local/cloud/exports.ts';
import type { CloudImage, CloudServer, Region } from '../../local/cloud/state.ts';
import { type Harness, harness, policy } from '../harness.ts';
import { proxyOf } from './proxy.ts';

const MIB = 2 ** 20;
const HOUR_MS = 3_600_000;
const OWNER = 'autosnap-test';

const s3 = new S3Client();
let bucket: string;
let h: Harness;
let region: Region;
let server: CloudServer;

beforeEach(async () => {
  bucket = `copies-${crypto.randomUUID()}`;
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  h = await harness({ regions: ['DFW'] });
  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', bucket);
  region = h.cloud.region('DFW');
  region.tasks.segmentBytes = 9 * MIB;
  server = region.addServer({ name: 'web-1' });
});

function event(offsite: object = {}): object {
  return policy({ offsite: { to: 's3', schedule: 'rate(6 hours)', keep: { last: 2 }, ...offsite } });
}

/** A finished snapshot of {@link server}, created that many hours ago. */
function addSnapshot(age: number, size: number): CloudImage {
  const slot = new Date(Date.now() - age * HOUR_MS);
  return region.addImage({
    name: imageName(server, 'daily', slot),
    owner: h.cloud.account.projectId,
    createdAt: slot,
    size,
    properties: {
      ...markerOf({ owner: OWNER, policy: 'daily', server: server.id, slot }),
      instance_uuid: server.id,
      'com.rackspace__1__options': '0',
    },
  });
}

async function keys(): Promise<string[]> {
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'copies/' }));
  return (Contents ?? []).map(({ Key }) => Key!).sort();
}

async function bytes(key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return Buffer.from(await Body!.transformToByteArray());
}

function staged(): string[] {
  return region.files.list(OWNER)?.map(({ name }) => name) ?? [];
}

/**
 * Expects complete copies of exactly these snapshots, byte for byte, and no other objects in S3 and
 * in Cloud Files.
 */
async function expectCopiesOf(...images: CloudImage[]): Promise<void> {
  const found = await keys();
  expect(found.map((key) => key.split('/').at(-1)).sort()).toEqual(
    images.flatMap(({ id }) => [`${id}.json`, `${id}.vhd`]).sort(),
  );
  for (const image of images) {
    const { bytes: size, read } = exportOf(image);
    const data = await bytes(found.find((key) => key.endsWith(`${image.id}.vhd`))!);
    expect(data.equals(read(0, size))).toBe(true);
  }
  const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  expect(Uploads ?? []).toEqual([]);
  expect(staged()).toEqual([]);
}

const posts = () =>
  h.cloud.received.filter(({ method, path }) => method === 'POST' && path.endsWith('/tasks'));

test('an export is streamed to S3, verified there segment by segment, and then deleted', async () => {
  const image = addSnapshot(1, 32 * MIB + 12_345);
  expect(await h.run('offsite', event())).toMatchObject({ totals: { exporting: 1 }, failures: [] });
  h.cloud.advance(HOUR_MS);
  for (const cutAfter of [10_000, 17 * MIB]) {
    h.cloud.faults.push({
      service: 'object-store',
      method: 'GET',
      path: /\.vhd$/,
      skip: 1,
      answer: { cutAfter },
    });
  }
  expect(await h.run('offsite', event())).toMatchObject({
    totals: { copied: 1 },
    failures: [],
    warnings: [],
  });
  await expectCopiesOf(image);
  const manifest = JSON.parse(String(await bytes((await keys()).find((key) => key.endsWith('.json'))!)));
  expect(manifest).toMatchObject({ sizeBytes: exportOf(image).bytes, disk_format: 'vhd' });
  expect(manifest.segments).toHaveLength(4);
  expect(await h.run('offsite', event())).toMatchObject({ totals: { kept: 1 } });
  expect(posts()).toHaveLength(1);
});

test('a run that reaches its deadline is resumed by the next', async () => {
  const image = addSnapshot(1, 32 * MIB);
  await h.run('offsite', event());
  h.cloud.advance(HOUR_MS);
  h.cloud.faults.push({ service: 'object-store', method: 'GET', path: /\.vhd$/, skip: 1, answer: 'hang' });
  const { report } = await h.fail('offsite', event(), { remainingMs: 12_000 });
  expect(report).toMatchObject({ totals: { deferred: 1 } });
  expect(await h.run('offsite', event())).toMatchObject({ totals: { copied: 1 } });
  await expectCopiesOf(image);
});

test('a copy that differs from Cloud Files is discarded, and made again from the same export', async () => {
  const image = addSnapshot(1, 20 * MIB);
  await h.run('offsite', event());
  h.cloud.advance(HOUR_MS);
  region.tasks.settle();
  const name = `${image.id}.vhd-00002`;
  const right = region.files.get(OWNER, name)!;
  const wrong = { ...right, read: (from: number, to: number) => right.read(from, to).fill(0) };
  region.files.put(OWNER, name, wrong);
  const { error } = await h.fail('offsite', event());
  expect(error.message).toContain("the copy's md5 differs from the cloud's md5 of the image");
  expect(await keys()).toEqual([]);
  region.files.put(OWNER, name, right);
  await h.run('offsite', event());
  await expectCopiesOf(image);
  expect(posts()).toHaveLength(1);
});

test('an export that is deleted before it was copied is requested again', async () => {
  const image = addSnapshot(1, 20 * MIB);
  await h.run('offsite', event());
  h.cloud.advance(HOUR_MS);
  h.cloud.faults.push({
    service: 'object-store',
    method: 'GET',
    path: /\.vhd$/,
    skip: 1,
    answer: () => region.files.delete(OWNER, `${image.id}.vhd`),
  });
  expect(await h.run('offsite', event())).toMatchObject({ totals: { skipped: 1 } });
  // The object of a finished export may take an hour to appear.
  expect(await h.run('offsite', event())).toMatchObject({ totals: { exporting: 1 } });
  h.cloud.advance(HOUR_MS);
  expect((await h.fail('offsite', event())).error.message).toContain(
    'its export has failed, and is requested again',
  );
  await h.run('offsite', event());
  h.cloud.advance(HOUR_MS);
  await h.run('offsite', event());
  await expectCopiesOf(image);
});

test('copies that a policy made in Cloud Files before stay there', async () => {
  const image = addSnapshot(1, 10_000);
  const before = event({ to: 'cloud-files' });
  await h.run('offsite', before);
  h.cloud.advance(HOUR_MS);
  expect(await h.run('offsite', before)).toMatchObject({ totals: { copied: 1 } });
  const there = staged();
  const { error } = await h.fail('offsite', event());
  expect(error.message).toContain(`${image.id}.vhd already exists in the container ${OWNER}`);
  expect(staged()).toEqual(there);
});

test('the next run completes the copy of a run that was killed before or after any of its requests to S3', async () => {
  const proxy = await proxyOf(process.env.AWS_ENDPOINT_URL!);
  vi.stubEnv('AWS_ENDPOINT_URL_S3', proxy.url);
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const images: CloudImage[] = [];
  for (const carriedOut of [false, true]) {
    for (let n = 1; ; n++) {
      const image = addSnapshot(240 - images.length, 1_000);
      images.push(image);
      await h.run('offsite', event());
      h.cloud.advance(HOUR_MS);
      proxy.dieAt(n, carriedOut);
      const alive = await h.run('offsite', event()).then(
        () => true,
        () => false,
      );
      proxy.live();
      await h.run('offsite', event());
      await h.run('offsite', event());
      await expectCopiesOf(...images.slice(-2));
      if (alive) break;
    }
  }
  expect(images.length).toBeGreaterThan(30);
}, 600_000);

test('the next run completes the copy of a run that was killed at any of its requests to the cloud, and nothing stays in Cloud Files', async () => {
  const images: CloudImage[] = [];
  for (let n = 0; ; n++) {
    const image = addSnapshot(240 - images.length, 1_000);
    images.push(image);
    await h.run('offsite', event());
    h.cloud.advance(HOUR_MS);
    const fault = {
      service: 'object-store' as const,
      times: 1e9,
      skip: n,
      answer: { status: 400, body: 'dead' },
    };
    h.cloud.faults.push(fault);
    const alive = await h.run('offsite', event()).then(
      () => fault.skip > 0,
      () => false,
    );
    h.cloud.faults.splice(0);
    await h.run('offsite', event());
    await expectCopiesOf(...images.slice(-2));
    if (alive) break;
  }
  expect(images.length).toBeGreaterThan(8);
});
