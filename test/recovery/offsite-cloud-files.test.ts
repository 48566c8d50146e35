import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { audit } from '../../lib/audit/audit.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import { exportOf } from '../../local/cloud/exports.ts';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudImage, CloudServer, Region } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import type { Harness } from '../harness.ts';
import { copyEvent, OWNER, type Rackspace, rackspace } from '../offsite/rackspace.ts';
import { connected } from '../openstack/connected.ts';

let r: Rackspace;
let h: Harness;
let region: Region;
let server: CloudServer;

beforeEach(async () => {
  r = await rackspace();
  ({ h, region, server } = r);
});

const event = copyEvent;
const pass: Rackspace['pass'] = (hours) => r.pass(hours);
const addSnapshot: Rackspace['addSnapshot'] = (...given) => r.addSnapshot(...given);
const copyOne: Rackspace['copyOne'] = (offsite) => r.copyOne(offsite);
const names: Rackspace['names'] = (container) => r.names(container);
const keyOf: Rackspace['keyOf'] = (image) => r.keyOf(image);
const objectsOf: Rackspace['objectsOf'] = (image) => r.objectsOf(image);
const expectCopiesOf: Rackspace['expectCopiesOf'] = (...images) => r.expectCopiesOf(...images);

const sent = (method: string, path: RegExp) =>
  h.cloud.received.filter((request) => request.method === method && path.test(request.path));

test('the newest good snapshot is exported once, and counts as a copy when the export has finished', async () => {
  addSnapshot();
  pass(24);
  const newest = addSnapshot();
  addSnapshot({ status: 'killed', size: null });

  const first = await h.run('offsite', event());
  expect(first).toMatchObject({ totals: { exporting: 1 }, failures: [], warnings: [] });
  pass(0.2);
  expect(await h.run('offsite', event())).toMatchObject({ totals: { exporting: 1 }, failures: [] });
  expect(names().filter((name) => name.endsWith('.json'))).toEqual([]);
  pass(1);
  expect(await h.run('offsite', event())).toMatchObject({
    totals: { copied: 1 },
    failures: [],
    warnings: [],
  });
  expectCopiesOf(newest);
  expect(await h.run('offsite', event())).toMatchObject({ totals: { kept: 1 } });
  expect(sent('POST', /\/tasks$/)).toHaveLength(1);

  const json = region.files.get(OWNER, `${keyOf(newest)}.json`)!;
  const manifest = JSON.parse(String(json.read(0, json.bytes)));
  expect(manifest).toMatchObject({
    owner: OWNER,
    account: 'rackspace',
    policy: 'daily',
    region: 'DFW',
    server: server.id,
    image: newest.id,
    sizeBytes: exportOf(newest).bytes,
    disk_format: 'vhd',
    container_format: 'bare',
    properties: { os_distro: 'debian' },
    verified: expect.stringContaining('not against the image'),
  });
  expect(manifest.segments).toEqual(
    region.files
      .list(OWNER, `${newest.id}.vhd-`)
      ?.map(({ name, bytes, hash }) => ({ name, bytes, md5: hash })),
  );
  expect(manifest.checksum).toBeUndefined();
});

test('a dry run shows what would be exported, and requests nothing', async () => {
  addSnapshot();
  expect(await h.run('offsite', event({}, { dryRun: true }))).toMatchObject({ totals: { planned: 1 } });
  expect(h.cloud.received.filter(({ method, token }) => method !== 'GET' && token)).toEqual([]);
});

test('the policy may name its own container', async () => {
  const image = await copyOne({ to: 'cloud-files', container: 'my exports' });
  expect(names('my exports')).toEqual(expect.arrayContaining(objectsOf(image)));
  expect(names()).toEqual([]);
});

describe('an export', () => {
  test('of two simultaneous runs creates one copy', async () => {
    const image = addSnapshot();
    await Promise.allSettled([h.run('offsite', event()), h.run('offsite', event())]);
    pass(1);
    await Promise.allSettled([h.run('offsite', event()), h.run('offsite', event())]);
    await h.run('offsite', event());
    expectCopiesOf(image);
  });

  test('whose answer was lost is not requested again', async () => {
    const image = addSnapshot();
    h.cloud.faults.push({ service: 'image', method: 'POST', path: /tasks/, answer: 'lose' });
    const { error } = await h.fail('offsite', event());
    expect(error.message).toContain('no answer');
    expect(await h.run('offsite', event())).toMatchObject({ totals: { exporting: 1 } });
    pass(1);
    await h.run('offsite', event());
    expectCopiesOf(image);
    expect(sent('POST', /\/tasks$/)).toHaveLength(1);
  });

  test('whose request was lost is requested again', async () => {
    const image = addSnapshot();
    h.cloud.faults.push({ service: 'image', method: 'POST', path: /tasks/, answer: answers.unavailable });
    await h.fail('offsite', event());
    const unknown = await h.run('offsite', event());
    expect(unknown.entries[0]?.snapshots?.[0]?.reasons[0]).toContain('is not known yet');
    pass(1);
    expect(await h.run('offsite', event())).toMatchObject({ totals: { exporting: 1 } });
    expect(sent('POST', /\/tasks$/).length).toBeGreaterThan(1);
    pass(1);
    await h.run('offsite', event());
    expectCopiesOf(image);
  });

  test('that the cloud refused is requested by the next run', async () => {
    const image = addSnapshot();
    h.cloud.faults.push({ service: 'image', method: 'POST', path: /tasks/, answer: answers.forbidden });
    await h.fail('offsite', event());
    await h.run('offsite', event());
    expect(region.tasks.all).toHaveLength(1);
    pass(1);
    await h.run('offsite', event());
    expectCopiesOf(image);
  });

  test('of the same image to another place does not count', async () => {
    const image = addSnapshot();
    h.cloud.faults.push({ service: 'image', method: 'POST', path: /tasks/, answer: answers.unavailable });
    await h.fail('offsite', event());
    region.tasks.add('export', { image_uuid: image.id, receiving_swift_container: 'other' }, image.owner);
    pass(1);
    await h.run('offsite', event());
    expect(region.tasks.all.map(({ input }) => input.receiving_swift_container)).toEqual([OWNER, 'other']);
  });

  test.each([
    ['its message', 'Out of disk in the converter', 'Out of disk in the converter'],
    ['its status if Rackspace gives no message', 'None', 'its task has failed'],
  ])('that fails is reported with %s, and requested again', async (_, message, text) => {
    const image = addSnapshot();
    await h.run('offsite', event());
    region.tasks.failures.push(message);
    pass(1);
    const { error } = await h.fail('offsite', event());
    expect(error.message).toContain(`its export has failed, and is requested again: ${text}`);
    await h.run('offsite', event());
    pass(1);
    await h.run('offsite', event());
    expectCopiesOf(image);
  });

  test('whose task disappeared is found by its object', async () => {
    const image = addSnapshot();
    await h.run('offsite', event());
    pass(70);
    region.tasks.settle();
    expect(await h.run('offsite', event())).toMatchObject({ totals: { copied: 1 } });
    expectCopiesOf(image);
  });

  test('whose task and object disappeared is requested again', async () => {
    const image = addSnapshot();
    await h.run('offsite', event());
    region.tasks.failures.push('nobody has seen this');
    pass(1);
    region.tasks.settle();
    pass(49);
    const { error } = await h.fail('offsite', event());
    expect(error.message).toContain('its task is no longer kept');
    await h.run('offsite', event());
    pass(1);
    await h.run('offsite', event());
    expectCopiesOf(image);
  });

  test('that succeeded without an object is requested again', async () => {
    const image = addSnapshot();
    await h.run('offsite', event());
    pass(1);
    region.tasks.settle();
    for (const name of names().filter((one) => one.includes('.vhd'))) region.files.delete(OWNER, name);
    // The task may have ended some minutes ago.
    expect(await h.run('offsite', event())).toMatchObject({ totals: { exporting: 1 } });
    pass(1);
    const { error } = await h.fail('offsite', event());
    expect(error.message).toContain(`its task has succeeded, and ${image.id}.vhd does not exist`);
  });

  test.each([
    ['without its last segment', 3, 'are not a VHD footer'],
    ['without a segment in the middle', 2, 'segments of'],
    ['without its first segment', 1, 'segments of'],
  ])(
    '%s does not count as a copy: the run waits, then discards the export and requests another',
    async (_, segment, why) => {
      const image = addSnapshot();
      await h.run('offsite', event());
      pass(0.5);
      region.tasks.settle();
      region.files.delete(OWNER, `${image.id}.vhd-0000${segment}`);
      const waiting = await h.run('offsite', event());
      expect(waiting).toMatchObject({ totals: { exporting: 1 } });
      expect(waiting.entries[0]?.snapshots?.[0]?.reasons[0]).toContain(why);
      pass(2);
      const { error } = await h.fail('offsite', event());
      expect(error.message).toContain('its export is discarded, and is requested again');
      expect(names().filter((name) => name.includes('.vhd') || name.endsWith('.export'))).toEqual([]);
      await h.run('offsite', event());
      pass(1);
      await h.run('offsite', event());
      expectCopiesOf(image);
    },
  );

  test('that never ends is reported after three days', async () => {
    addSnapshot();
    await h.run('offsite', event());
    const at = new Date().toISOString();
    const body = { id: 't1', type: 'export', status: 'processing', created_at: at, updated_at: at };
    h.cloud.faults.push({ service: 'image', path: /tasks\//, times: 9, answer: { status: 200, body } });
    pass(71);
    expect(await h.run('offsite', event())).toMatchObject({ totals: { exporting: 1 } });
    pass(2);
    expect((await h.fail('offsite', event())).error.message).toContain('ask Rackspace about the task t1');
  });

  test('of a snapshot that is deleted meanwhile is deleted once it has finished', async () => {
    const image = addSnapshot();
    await h.run('offsite', event());
    region.removeImage(image.id);
    await h.run('offsite', event());
    expect(names().some((name) => name.endsWith('.export'))).toBe(true);
    pass(1);
    await h.run('offsite', event());
    expect(names().filter((name) => !name.startsWith('usage/'))).toEqual([]);
  });

  test('with a foreign object among its segments is not touched as long as the object is there', async () => {
    const image = addSnapshot();
    await h.run('offsite', event());
    const foreign = [`${image.id}.vhd-notes`, `${image.id}.vhd-00001x`, `${image.id}.vhd.bak`].sort();
    for (const name of foreign) region.files.put(OWNER, name, Buffer.from('theirs'));
    pass(1);
    expect((await h.run('offsite', event())).totals).toEqual({ exporting: 1 });
    pass(2);
    const { error } = await h.fail('offsite', event());
    expect(error.message).toContain('its export is not complete, and is left alone');
    expect(names()).toEqual(expect.arrayContaining([...foreign, `${image.id}.vhd`]));
    for (const name of foreign) region.files.delete(OWNER, name);
    await h.run('offsite', event());
    expectCopiesOf(image);
  });

  test('that somebody else made before does not count as a copy', async () => {
    region.files.containers.set(OWNER, new Map());
    const image = addSnapshot();
    region.tasks.add('export', { image_uuid: image.id, receiving_swift_container: OWNER }, image.owner);
    pass(1);
    region.tasks.settle();
    const before = names();
    const { error } = await h.fail('offsite', event());
    expect(error.message).toContain(
      `${image.id}.vhd already exists in the container ${OWNER}, and no manifest there says that it is this copy`,
    );
    expect(names().filter((name) => !name.startsWith('usage/'))).toEqual(before);
  });

  test('whose manifest somebody deleted is not repeated, and the report names both possible causes', async () => {
    const image = await copyOne();
    region.files.delete(OWNER, `${keyOf(image)}.json`);
    const before = names();
    const { error } = await h.fail('offsite', event());
    expect(error.message).toContain(
      `${image.id}.vhd already exists in the container ${OWNER}, and no manifest there says that it is this copy: somebody else put the object there, or deleted the manifest: move the object`,
    );
    expect(names()).toEqual(before);
  });

  test('needs the admin roles for images and for files', async () => {
    addSnapshot();
    h.cloud.account.role = 'creator';
    const { error } = await h.fail('offsite', event());
    expect(error.message).toContain(
      'cloudImages:admin, for volumes cbs:admin and for copies in Cloud Files object-store:admin as well',
    );
    expect(names()).toEqual([]);
  });

  test('of an image with a license of Rackspace is not requested, which is reported once', async () => {
    addSnapshot({}, { 'com.rackspace__1__options': '4' });
    const first = await h.run('offsite', event());
    expect(textsOf(first.warnings).join()).toContain(
      "web-1 in DFW can't be copied: Rackspace does not export images",
    );
    expect(await h.run('offsite', event())).toMatchObject({
      warnings: [],
      failures: [],
      totals: { skipped: 1 },
    });
    expect(sent('POST', /\/tasks$/)).toEqual([]);
  });

  test('counts towards the monthly limit when it is requested, with the size of its image', async () => {
    addSnapshot({ size: 600_000 });
    await h.run('offsite', event({ maxBytesPerMonth: '1MB' }));
    pass(1);
    await h.run('offsite', event({ maxBytesPerMonth: '1MB' }));
    addSnapshot({ size: 600_000 });
    const report = await h.run('offsite', event({ maxBytesPerMonth: '1MB' }));
    expect(report).toMatchObject({ totals: { skipped: 1, kept: 1 } });
    expect(textsOf(report.warnings).join()).toContain('would exceed offsite.maxBytesPerMonth (1.0 MB)');
    expect((await h.run('offsite', event({ maxBytesPerMonth: '2MB' }))).totals).toEqual({
      exporting: 1,
      kept: 1,
    });
  });
});

describe('rotation', () => {
  test('follows the rules of snapshots, and continues after an interruption', async () => {
    const images = await r.copyMany(4);
    const planned = await h.run('offsite', event({}, { dryRun: true }));
    expect(planned.totals).toEqual({ planned: 2, kept: 2 });
    // The second segment cannot be deleted for now.
    h.cloud.faults.push({
      service: 'object-store',
      method: 'DELETE',
      path: /vhd-00002/,
      answer: answers.conflict,
    });
    await h.fail('offsite', event());
    await h.run('offsite', event());
    expectCopiesOf(...images.slice(-2));
  });

  test('keeps all copies of a deleted server', async () => {
    const images = await r.copyMany(3);
    region.servers.length = 0;
    expect((await h.run('offsite', event({ keep: { last: 1 } }))).totals).toEqual({ kept: 3 });
    expectCopiesOf(...images);
  });

  test.each([1, 2, 3, 5])('deletes nothing if page %d of its listings fails', async (page) => {
    const images = await r.copyMany(3);
    h.cloud.pageSize = 4;
    h.cloud.faults.push({
      service: 'object-store',
      method: 'GET',
      path: new RegExp(`/${OWNER}$`),
      skip: page - 1,
      times: 99,
      answer: { status: 400, body: 'no' },
    });
    await h.fail('offsite', event({ keep: { last: 1 } }));
    expectCopiesOf(...images);
  });

  test.each([
    ['another ETag', { etag: 'x' }],
    ['another size', { sizeBytes: 1 }],
    ['another owner', { owner: 'x' }],
  ])('does not count a copy whose manifest has %s', async (_, spoilt) => {
    const images = await r.copyMany(3);
    const [first, second, last] = images as [CloudImage, CloudImage, CloudImage];
    const json = region.files.get(OWNER, `${keyOf(last)}.json`)!;
    const manifest = JSON.parse(String(json.read(0, json.bytes)));
    region.files.put(OWNER, json.name, Buffer.from(JSON.stringify({ ...manifest, ...spoilt })));
    const report = await h.run('offsite', event({ keep: { last: 1 } }));
    expect(report.totals).toEqual({ kept: 1, deleted: 1 });
    expect(textsOf(report.warnings).join()).toContain('the copy is kept and not counted');
    expect(names().filter((name) => name.startsWith(first.id))).toEqual([]);
    expectCopiesOf(second, last);
  });

  test.each([
    ['a segment', (image: CloudImage) => `${image.id}.vhd-00002`],
    ['its manifest', (image: CloudImage) => `${keyOf(image)}.json`],
  ])('keeps a copy that lacks %s, and does not count it', async (_, lost) => {
    const images = await r.copyMany(3);
    for (const image of images.slice(1)) region.files.delete(OWNER, lost(image));
    const before = names().filter((name) => name.includes('vhd'));
    // Whatever is planned, one good copy has to stay.
    await h.run('offsite', event({ keep: { last: 1 } })).catch(() => {});
    expect(names()).toEqual(expect.arrayContaining(objectsOf(images[0]!)));
    expect(names().filter((name) => name.includes('vhd'))).toEqual(before);
  });

  test('deletes only objects that the manifest of exactly this copy names', async () => {
    const copied = await r.copyMany(3);
    const snapshot = [...region.files.containers.get(OWNER)!];
    const manifests = copied.map((image) => {
      const json = region.files.get(OWNER, `${keyOf(image)}.json`)!;
      return JSON.parse(String(json.read(0, json.bytes))) as Record<string, unknown>;
    });
    const fields = [
      'owner',
      'account',
      'policy',
      'region',
      'server',
      'slot',
      'image',
      'sizeBytes',
      'etag',
      'segments',
    ];
    const spoil = fc.record({
      which: fc.nat(2),
      field: fc.constantFrom(...fields),
      value: fc.constantFrom('x', 1, null),
    });
    const foreign = fc.constantFrom(
      `${copied[0]!.id}.vhd-notes`,
      `${copied[0]!.id}.vhd-00009`,
      `${copied[1]!.id}.vhd.bak`,
      `${crypto.randomUUID()}.vhd`,
      `${keyOf(copied[0]!)}.txt`,
      'copies/someone-else/x.json',
      'notes',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(spoil, { selector: ({ which }) => which }),
        fc.uniqueArray(foreign),
        async (spoils, others) => {
          region.files.containers.set(OWNER, new Map(snapshot));
          for (const { which, field, value } of spoils) {
            const text = JSON.stringify({ ...manifests[which], [field]: value });
            region.files.put(OWNER, `${keyOf(copied[which]!)}.json`, Buffer.from(text));
          }
          for (const name of others) region.files.put(OWNER, name, Buffer.from('theirs'));
          await h.run('offsite', event({ keep: { last: 1 } })).catch(() => {});
          const left = names();
          expect(left).toEqual(expect.arrayContaining(others));
          for (const { which } of spoils)
            expect(left).toEqual(expect.arrayContaining(objectsOf(copied[which]!)));
          // One copy that can be restored has to stay if there was one. Other objects with the name
          // of a segment spoil a copy.
          const good = copied.filter(
            (image, i) =>
              spoils.every(({ which, field }) => which !== i || field === 'segments') &&
              !others.some((name) => name.startsWith(`${image.id}.vhd-`)),
          );
          const stays = (image: CloudImage) => objectsOf(image).every((name) => left.includes(name));
          expect(good.length === 0 || good.some(stays)).toBe(true);
        },
      ),
      { numRuns: 10 },
    );
  }, 180_000);
});

test('the audit shows the copies, and the snapshots that cannot be copied', async () => {
  const seen = async () => {
    const session = await connected(h.cloud);
    const run = { owner: OWNER, now: new Date(), requestId: 'r1' };
    const { policies, series } = await audit([parsePolicy(event())], run, async () => session);
    expect(policies[0]?.problems).toEqual([]);
    return series[0]?.copied;
  };
  addSnapshot({}, { 'com.rackspace__1__options': '4' });
  expect(await seen()).toEqual({
    behind: false,
    obstacle: { code: 'COPY_LICENSED', options: '4' },
  });
  pass(1);
  const image = await copyOne();
  expect(await seen()).toEqual({
    newest: image.properties.autosnap_slot,
    ageSeconds: 3_600,
    behind: false,
  });
  for (let day = 0; day < 3; day++) {
    pass(24);
    addSnapshot();
  }
  expect(await seen()).toMatchObject({ newest: image.properties.autosnap_slot, behind: true });
});

test.each([
  [404, { state: 'orphaned' }],
  [403, { state: 'never', cause: { code: 'SERIES_SERVER_UNCERTAIN' } }],
])(
  'a server that only a copy names counts as deleted after 404, not after 403: %d',
  async (status, expected) => {
    const image = await copyOne();
    region.removeImage(image.id);
    region.unlisted.add(server.id);
    const answer = { status, body: { fault: { code: status, message: 'No.' } } };
    const path = new RegExp(`servers/${server.id}$`);
    h.cloud.faults.push({ service: 'compute', path, times: 9, answer });
    const session = await connected(h.cloud);
    const run = { owner: OWNER, now: new Date(), requestId: 'r1' };
    const { series } = await audit([parsePolicy(event())], run, async () => session);
    expect(series).toMatchObject([{ server: server.id, ...expected }]);
  },
);

test('Cloud Files is refused on any cloud other than Rackspace', async () => {
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  addSnapshot();
  const { error } = await h.fail('offsite', event({ to: 'cloud-files', container: 'exports' }));
  expect(error.message).toContain("offsite.to: is for Rackspace's own cloud");
  expect(error.message).toContain("offsite.container: is for Rackspace's own cloud");
});

test('S3 needs its bucket at Rackspace as well', async () => {
  addSnapshot();
  const { error } = await h.fail('offsite', event({ to: 's3' }));
  expect(error.message).toContain('AUTOSNAP_COPIES_BUCKET: is not set');
  expect(sent('POST', /\/tasks$/)).toEqual([]);
});

test('an import restores a copy as an image with the same bytes', async () => {
  const image = await copyOne();
  const { username, apiKey } = h.cloud.account;
  const json = { 'content-type': 'application/json' };
  const login = await fetch(`${h.cloud.rackspaceUrl}/tokens`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ auth: { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } } }),
  });
  const { access } = (await login.json()) as {
    access: {
      token: { id: string };
      serviceCatalog: { name: string; endpoints: { region?: string; publicURL: string }[] }[];
    };
  };
  const headers = { ...json, 'x-auth-token': access.token.id };
  const endpoint = (service: string) =>
    access.serviceCatalog.find(({ name }) => name === service)!.endpoints.find((one) => one.region === 'DFW')!
      .publicURL;
  const [images, files] = [endpoint('cloudImages'), endpoint('cloudFiles')];

  const listing = await fetch(`${files}/${OWNER}?prefix=copies/`, { headers });
  expect(await listing.text()).toBe(`${keyOf(image)}.json\n`);
  const asked = await fetch(`${images}/tasks`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      type: 'import',
      input: { image_properties: { name: 'restored-web-1' }, import_from: `${OWNER}/${image.id}.vhd` },
    }),
  });
  expect(asked.status).toBe(201);
  const { id } = (await asked.json()) as { id: string };
  pass(1);
  const task = (await (await fetch(`${images}/tasks/${id}`, { headers })).json()) as {
    status: string;
    result: { image_id: string };
  };
  expect(task.status).toBe('success');
  const restored = region.images.find((one) => one.id === task.result.image_id)!;
  const { bytes, read } = exportOf(image);
  expect(restored.name).toBe('restored-web-1');
  expect(restored.data?.equals(read(0, bytes))).toBe(true);
  // The imported image is not a snapshot of ours.
  expect(Object.keys(restored.properties)).toEqual([]);
});
