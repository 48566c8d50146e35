import { createHash } from 'node:crypto';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeEach, expect, test, vi } from 'vitest';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { markerOf } from '../../lib/snapshots/marker.ts';
import { dataOf } from '../../local/cloud/image-data.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, harness, policy } from '../harness.ts';
import { newBucket, type TestBucket } from './bucket.ts';
import { proxyOf } from './proxy.ts';

const MIB = 2 ** 20;
/** Three parts, of which the last is small. */
const SIZE = 32 * MIB + 12_345;
const OWNER = 'autosnap-test';

const s3 = new S3Client();
let bucket: TestBucket;
let h: Harness;
let server: CloudServer;

beforeEach(async () => {
  bucket = await newBucket();
  h = await harness({ regions: ['DFW'] });
  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', bucket.name);
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  server = h.cloud.region('DFW').addServer({ name: 'web-1' });
});

function event(offsite: object = {}, changes: object = {}): object {
  return policy({ offsite: { schedule: 'rate(6 hours)', keep: { last: 2 }, ...offsite }, ...changes });
}

/** A finished snapshot that was created that many days ago, by default of {@link server}. */
function addSnapshot(age: number, changes: Partial<CloudImage> = {}, of = server): CloudImage {
  const slot = new Date(Date.now() - age * 86_400_000);
  return h.cloud.region('DFW').addImage({
    name: imageName(of, 'daily', slot),
    owner: h.cloud.account.projectId,
    createdAt: slot,
    size: SIZE,
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    properties: {
      ...markerOf({ owner: OWNER, policy: 'daily', server: of.id, slot }),
      instance_uuid: of.id,
      os_distro: 'debian',
    },
    ...changes,
  });
}

/** Expects a complete copy of an image, byte for byte, and no other objects. */
async function expectCopyOf(...images: CloudImage[]): Promise<void> {
  const found = await bucket.keys();
  expect(found.map((key) => key.split('/').at(-1)).sort()).toEqual(
    images.flatMap(({ id }) => [`${id}.json`, `${id}.qcow2`]).sort(),
  );
  for (const image of images) {
    const data = await bucket.bytes(found.find((key) => key.endsWith(`${image.id}.qcow2`))!);
    expect(data.equals(dataOf(image, 0, image.size!))).toBe(true);
  }
  expect(await bucket.uploads()).toBe(0);
}

/** The image as another client of the cloud, such as `openstack`, would use it. */
async function imageService(): Promise<{ endpoint: string; token: string }> {
  const { username, apiKey } = h.cloud.account;
  const answer = await fetch(`${h.cloud.rackspaceUrl}/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } } }),
  });
  const { access } = (await answer.json()) as {
    access: {
      token: { id: string };
      serviceCatalog: { type: string; endpoints: { publicURL: string }[] }[];
    };
  };
  const images = access.serviceCatalog.find(({ type }) => type === 'image');
  return { endpoint: images!.endpoints[0]!.publicURL, token: access.token.id };
}

const outcomes = (report: { entries: { snapshots?: { outcome: string }[] }[] } | undefined) =>
  report?.entries.flatMap(({ snapshots }) => snapshots?.map(({ outcome }) => outcome) ?? []);

test('the newest good snapshot is copied once, byte for byte, with everything that a restore needs', async () => {
  addSnapshot(3);
  const newest = addSnapshot(1);
  addSnapshot(0, { status: 'killed', size: null });

  const report = await h.run('offsite', event());
  expect(report).toMatchObject({ totals: { copied: 1 }, failures: [], warnings: [] });
  await expectCopyOf(newest);
  const [manifestKey = ''] = (await bucket.keys()).filter((key) => key.endsWith('.json'));
  expect(manifestKey).toBe(
    `copies/${OWNER}/rackspace/DFW/${server.id}/daily/${newest.properties.autosnap_slot}/${newest.id}.json`,
  );
  const sha512 = createHash('sha512')
    .update(dataOf(newest, 0, SIZE))
    .digest('hex');
  const manifest = JSON.parse(String(await bucket.bytes(manifestKey)));
  expect(manifest.properties).toEqual({ os_distro: 'debian' });
  expect(manifest).toMatchObject({
    image: newest.id,
    sizeBytes: SIZE,
    disk_format: 'qcow2',
    container_format: 'bare',
    min_disk: 20,
    checksum: { algorithm: 'sha512', value: sha512 },
  });

  const before = h.cloud.received.length;
  expect(await h.run('offsite', event())).toMatchObject({ totals: { kept: 1 } });
  expect(h.cloud.received.slice(before).filter(({ path }) => path.endsWith('/file'))).toEqual([]);
});

test('a dry run shows what would be copied, and copies nothing', async () => {
  addSnapshot(1);
  expect(await h.run('offsite', event({}, { dryRun: true }))).toMatchObject({ totals: { planned: 1 } });
  expect(await bucket.keys('')).toEqual([]);
});

test('a connection that breaks repeatedly is resumed at the same byte', async () => {
  const image = addSnapshot(1);
  for (const cutAfter of [10_000, 17 * MIB, 100, 3 * MIB]) {
    h.cloud.faults.push({ service: 'image', path: /\/file$/, answer: { cutAfter } });
  }
  expect(await h.run('offsite', event())).toMatchObject({ totals: { copied: 1 } });
  await expectCopyOf(image);
});

test('a run that reaches its deadline leaves its parts, and the next one resumes after them', async () => {
  const image = addSnapshot(1);
  h.cloud.dataMode.stallsAt = 17 * MIB;
  const { error, report } = await h.fail('offsite', event(), { remainingMs: 12_000 });
  expect(error.message).toContain('run deadline reached: 1 copy deferred to the next try');
  expect(report?.entries[0]?.snapshots?.[0]?.reasons[0]).toMatch(/^16\.8 MB of 33\.6 MB are uploaded/);
  expect(await bucket.keys()).toEqual([]);
  expect(await bucket.uploads()).toBe(1);

  h.cloud.dataMode.stallsAt = undefined;
  // There is a newer snapshot meanwhile, but the copy that was begun is finished first.
  const newer = addSnapshot(0.5);
  expect(await h.run('offsite', event())).toMatchObject({ totals: { copied: 2 } });
  await expectCopyOf(image, newer);
});

test('the next run completes the copy of a run that was killed before or after any of its requests to S3', async () => {
  const proxy = await proxyOf(process.env.AWS_ENDPOINT_URL!);
  vi.stubEnv('AWS_ENDPOINT_URL_S3', proxy.url);
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const images: CloudImage[] = [];
  const keep = { last: 2 };
  for (const carriedOut of [false, true]) {
    // The slots are an hour apart, the newest last.
    for (let n = 1; ; n++) {
      const image = addSnapshot(10 - images.length / 24, { size: 1_000 });
      images.push(image);
      proxy.dieAt(n, carriedOut);
      const alive = await h.run('offsite', event({ keep })).then(
        () => true,
        () => false,
      );
      proxy.live();
      await h.run('offsite', event({ keep }));
      await expectCopyOf(...images.slice(-2));
      if (alive) break;
    }
  }
  // Each request of a run that makes one copy and deletes another was once the last one.
  expect(images.length).toBeGreaterThan(30);
}, 600_000);

test('leftovers of a killed run beside a good copy are deleted', async () => {
  const image = addSnapshot(1, { size: 1_000 });
  await h.run('offsite', event());
  const manifestKey = (await bucket.keys()).find((key) => key.endsWith('.json'))!;
  const Key = manifestKey.replace('.json', '.progress');
  await s3.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: '{}' }));
  expect(await h.run('offsite', event())).toMatchObject({ totals: { kept: 1 } });
  await expectCopyOf(image);
});

test('an upload whose snapshot was deleted is aborted', async () => {
  const image = addSnapshot(2);
  h.cloud.faults.push(
    { service: 'image', path: /\/file$/, answer: { cutAfter: 17 * MIB } },
    { service: 'image', path: /\/file$/, answer: { status: 403, body: 'no' } },
  );
  await h.fail('offsite', event());
  expect(await bucket.uploads()).toBe(1);
  h.cloud.region('DFW').removeImage(image.id);
  await h.run('offsite', event());
  expect(await bucket.uploads()).toBe(0);
  expect(await bucket.keys()).toEqual([]);
});

test('a cloud that ignores ranges is read from the beginning, up to the missing bytes', async () => {
  const image = addSnapshot(1);
  h.cloud.dataMode.ranges = false;
  h.cloud.faults.push({ service: 'image', path: /\/file$/, answer: { cutAfter: 20 * MIB } });
  expect(await h.run('offsite', event())).toMatchObject({ totals: { copied: 1 } });
  await expectCopyOf(image);
});

test('an image that no run can download from a cloud that ignores ranges is given up, and reported', async () => {
  addSnapshot(1);
  Object.assign(h.cloud.dataMode, { ranges: false, stallsAt: 17 * MIB });
  const first = await h.fail('offsite', event(), { remainingMs: 11_000 });
  expect(first.report).toMatchObject({ totals: { deferred: 1 } });
  const { error } = await h.fail('offsite', event(), { remainingMs: 8_000 });
  expect(error.message).toContain('the cloud sends images from their beginning only');
  expect(await bucket.uploads()).toBe(0);
});

test('an error of S3 names the missing permission', async () => {
  const image = addSnapshot(1, { size: 1_000 });
  const proxy = await proxyOf(process.env.AWS_ENDPOINT_URL!);
  vi.stubEnv('AWS_ENDPOINT_URL_S3', proxy.url);
  proxy.refuse = 'PUT';
  const { error } = await h.fail('offsite', event());
  expect(error.message).toContain(`S3 refuses s3:PutObject in the bucket ${bucket.name}`);
  proxy.refuse = undefined;
  await h.run('offsite', event());
  await expectCopyOf(image);
});

test('a copy with a wrong checksum is discarded and reported', async () => {
  const image = addSnapshot(1);
  h.cloud.dataMode.corrupt = true;
  const { error } = await h.fail('offsite', event());
  expect(error.message).toContain(
    "the copy's sha512 differs from the cloud's sha512 of the image: the copy is discarded",
  );
  expect(await bucket.keys()).toEqual([]);
  expect(await bucket.uploads()).toBe(0);

  h.cloud.dataMode.corrupt = false;
  await h.run('offsite', event());
  await expectCopyOf(image);
});

test('copies are rotated by the same rules as snapshots, and anything that is not exactly a copy is not touched', async () => {
  const images = [5, 4, 3, 2].map((age) => addSnapshot(age, { size: 1_000 }));
  const region = h.cloud.region('DFW');
  const all = [...images];
  for (const image of all) region.removeImage(image.id);
  for (const image of all.slice(0, 3)) {
    region.addImage(image);
    await h.run('offsite', event({ keep: { last: 9 } }));
  }
  const folder = `copies/${OWNER}/rackspace/DFW/${server.id}/daily`;
  const foreign = [
    `${folder}/notes.txt`,
    `${folder}/2020-01-01T00:00:00Z/alone.qcow2`,
    `copies/${OWNER}/rackspace/DFW/${server.id}/weekly/2020-01-01T00:00:00Z/x.json`,
    'copies/someone-else/y.json',
  ];
  const theirs = `${folder}/2020-01-02T00:00:00Z/other`;
  for (const Key of [...foreign, `${theirs}.qcow2`, `${theirs}.json`]) {
    await s3.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: '{"image": "another"}' }));
  }
  region.addImage(all[3]!);

  const planned = await h.run('offsite', event({}, { dryRun: true }));
  expect(planned.totals).toEqual({ planned: 2, kept: 2 });
  const report = await h.run('offsite', event());
  expect(report.totals).toEqual({ copied: 1, deleted: 2, kept: 1 });
  expect(textsOf(report.warnings).join()).toContain('other.json is not the manifest of exactly this copy');
  expect(textsOf(report.warnings).join()).toContain('alone was never verified, and its snapshot is gone');
  const left = await bucket.keys('');
  expect(left).toEqual(expect.arrayContaining([...foreign, `${theirs}.qcow2`, `${theirs}.json`]));
  for (const [image, stays] of all.map((one, i) => [one, i >= 2] as const)) {
    expect(left.some((key) => key.includes(image.id) && key.startsWith('copies/'))).toBe(stays);
  }
});

test('by the answer to HEAD, a copy without data is deleted, and one with another size is neither counted nor deleted', async () => {
  const images: CloudImage[] = [];
  for (const age of [4, 3, 2]) {
    images.push(addSnapshot(age, { size: 1_000 }));
    await h.run('offsite', event({ keep: { last: 9 } }));
  }
  const found = await bucket.keys();
  const keysOf = ({ id }: CloudImage) => found.filter((key) => key.includes(id));
  const dataOf = (image: CloudImage) => keysOf(image).find((key) => key.endsWith('.qcow2'))!;
  await s3.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: dataOf(images[0]!) }));
  await s3.send(new PutObjectCommand({ Bucket: bucket.name, Key: dataOf(images[1]!), Body: 'theirs' }));
  const { error, report } = await h.fail('offsite', event({ keep: { last: 1 } }));
  expect(error.message).toContain(`${images[0]!.id} of web-1 in DFW was good, and is not any more`);
  expect(report?.totals).toEqual({ kept: 1 });
  expect(textsOf(report?.warnings).join()).toContain(`${images[1]!.id}.qcow2 is not the object that`);
  expect(await bucket.keys()).toEqual([...keysOf(images[1]!), ...keysOf(images[2]!)].sort());
});

test('an image whose copy always fails is begun at growing intervals, and the others are copied', async () => {
  const bad = addSnapshot(2, { size: 1_000 });
  const other = h.cloud.region('DFW').addServer({ name: 'web-2' });
  h.cloud.dataMode.corrupt = true;
  for (let i = 0; i < 4; i++) await h.fail('offsite', event());
  const reads = h.cloud.received.filter(({ path }) => path.endsWith(`/${bad.id}/file`));
  expect(reads).toHaveLength(2);
  h.cloud.dataMode.corrupt = false;
  const good = addSnapshot(1, { size: 1_000 }, other);
  const { error } = await h.fail('offsite', event());
  expect(error.message).toContain('the copy was begun 2 times this month and failed each time');
  await expectCopyOf(good);
});

test('an image that exists but answers 404 for its data keeps its uploaded parts', async () => {
  const image = addSnapshot(2);
  h.cloud.faults.push(
    { service: 'image', path: /\/file$/, answer: { cutAfter: 17 * MIB } },
    { service: 'image', path: /\/file$/, answer: { status: 404, body: 'no' } },
  );
  await h.fail('offsite', event());
  expect(await bucket.uploads()).toBe(1);
  await h.run('offsite', event());
  await expectCopyOf(image);
});

test('all copies of a deleted server stay', async () => {
  for (const age of [3, 2, 1]) {
    addSnapshot(age, { size: 1_000 });
    await h.run('offsite', event({ keep: { last: 9 } }));
  }
  h.cloud.region('DFW').servers.length = 0;
  expect((await h.run('offsite', event({ keep: { last: 1 } }))).totals).toEqual({ kept: 3 });
});

test('the audit shows the copies, reports what it cannot list, and continues', async () => {
  addSnapshot(2, { size: 1_000 });
  addSnapshot(0, { size: 1_000 });
  deploy([event()]);
  expect(await h.run('audit', {})).toMatchObject({ behind: [{ name: 'web-1' }], failures: [] });
  await h.run('offsite', { policy: 'daily' });
  expect(await h.run('audit', {})).toMatchObject({ behind: [], policies: [{ problems: [] }] });

  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', 'not-there');
  h.cold();
  const { policies, sentence } = await h.run('audit', {});
  expect(sentence).toMatch(/^1 of 1 server protected/);
  expect(policies[0]).toMatchObject({
    readable: true,
    problems: [expect.stringMatching(/^offsite: .*not-there/)],
  });
});

test('the copies that are begun in a month stay within the limit of the policy, including failed and deleted ones', async () => {
  addSnapshot(2, { size: 600_000 });
  h.cloud.dataMode.corrupt = true;
  await h.fail('offsite', event({ maxBytesPerMonth: '1MB' }));
  h.cloud.dataMode.corrupt = false;
  const report = await h.run('offsite', event({ maxBytesPerMonth: '1MB' }));
  expect(report.totals).toEqual({ skipped: 1 });
  expect(textsOf(report.warnings).join()).toContain(
    '0.6 MB on top of the 0.6 MB of this month would exceed offsite.maxBytesPerMonth (1.0 MB)',
  );
  expect((await h.run('offsite', event({ maxBytesPerMonth: '1.2MB' }))).totals).toEqual({ copied: 1 });
});

test('two simultaneous runs make one copy', async () => {
  const image = addSnapshot(1);
  const results = await Promise.allSettled([h.run('offsite', event()), h.run('offsite', event())]);
  expect(results.flatMap((r) => (r.status === 'fulfilled' ? outcomes(r.value) : []))).toContain('copied');
  await h.run('offsite', event());
  await expectCopyOf(image);
});

test('snapshots that can never be copied are reported only once', async () => {
  const image = addSnapshot(1, { size: 0 });
  const { name, createdAt } = image;
  const data = h.cloud
    .region('DFW')
    .addVolumeSnapshot({ volumeId: 'v1', name: `snapshot for ${name}`, createdAt });
  image.properties.block_device_mapping = JSON.stringify([{ snapshot_id: data.id }]);
  server.volumeIds.push('v1');
  const first = await h.run('offsite', event());
  expect(textsOf(first.warnings).join()).toContain("web-1 in DFW can't be copied: its disk is a volume");
  const second = await h.run('offsite', event());
  expect(second).toMatchObject({ warnings: [], failures: [], totals: { skipped: 1 } });
});

test.each([
  ['no bucket is set', '', 'AUTOSNAP_COPIES_BUCKET: is not set'],
  ['the bucket does not exist', 'not-there', 'There is no bucket not-there for the copies: deploy again'],
])('if %s, the error says so, and the cloud gets no request', async (_, name, message) => {
  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', name);
  h.cold();
  addSnapshot(1);
  const { error } = await h.fail('offsite', event());
  expect(error.message).toContain(message);
  expect(h.cloud.received.filter(({ path }) => path.endsWith('/file'))).toEqual([]);
});

test('a policy without offsite is refused', async () => {
  const { error } = await h.fail('offsite', policy());
  expect(error.message).toContain('offsite: is missing');
});

test('a copy can be restored as an image with the same bytes', async () => {
  const image = addSnapshot(1);
  await h.run('offsite', event());
  const found = await bucket.keys();
  const manifest = JSON.parse(String(await bucket.bytes(found.find((key) => key.endsWith('.json'))!)));
  const data = await bucket.bytes(found.find((key) => key.endsWith('.qcow2'))!);

  const { endpoint, token } = await imageService();
  const { name, disk_format, container_format, min_disk, min_ram, properties } = manifest;
  const headers = { 'x-auth-token': token, accept: 'application/json', 'content-type': 'application/json' };
  const created = await fetch(`${endpoint}/images`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ name, disk_format, container_format, min_disk, min_ram, ...properties }),
  });
  expect(created.status).toBe(201);
  const { id } = (await created.json()) as { id: string };
  const sent = await fetch(`${endpoint}/images/${id}/file`, {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/octet-stream' },
    body: new Uint8Array(data),
  });
  expect(sent.status).toBe(204);
  const restored = (await (await fetch(`${endpoint}/images/${id}`, { headers })).json()) as Record<
    string,
    unknown
  >;
  expect(restored).toMatchObject({
    status: 'active',
    disk_format: 'qcow2',
    os_distro: 'debian',
    os_hash_value: manifest.checksum.value,
  });
  const back = await fetch(`${endpoint}/images/${id}/file`, { headers });
  expect(Buffer.from(await back.arrayBuffer()).equals(dataOf(image, 0, SIZE))).toBe(true);
});
