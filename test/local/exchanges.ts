import { expect } from 'vitest';
import type { Exchange } from './client.ts';
import { CLIENT_EXCHANGES } from './client-exchanges.ts';

const MARKER = { autosnap_owner: 'o', autosnap_policy: 'daily', autosnap_slot: '2026-11-23T00:00:00Z' };
const UMLAUTS = 'ü'.repeat(200);

const add = (path: string, value: unknown) => ({ op: 'add', path, value });
const replace = (path: string, value: unknown) => ({ op: 'replace', path, value });
const remove = (path: string) => ({ op: 'remove', path });

/** The volume snapshots that an image names. */
const snapshotsIn = ({ block_device_mapping }: { block_device_mapping: string }): string[] =>
  JSON.parse(block_device_mapping).map(({ snapshot_id }: { snapshot_id: string }) => snapshot_id);

const IMAGES_OF_SERVERS: Exchange[] = [
  [
    'the properties that snapshots inherit are recorded when a server is built, and survive the deletion of its image',
    async (cloud) => {
      const a = await cloud.makeServer('a');
      const metadata = { ...MARKER, tier: 'gold', long: UMLAUTS, cache_in_nova: 'yes' };
      const of = await cloud.makeImage(a, 'a-daily', metadata);
      expect(of).toMatchObject({
        ...metadata,
        instance_uuid: a,
        image_type: 'snapshot',
        base_image_ref: cloud.imageRef,
        visibility: 'private',
        os_hidden: false,
      });
      const b = await cloud.makeServer('b', { imageRef: of.id });
      await cloud.patch(of.id, replace('/tier', 'silver'), add('/later', 'x'));
      expect(await cloud.send('image', 'DELETE', `/images/${of.id}`)).toMatchObject({ status: 204 });
      const golden = await cloud.makeImage(b, 'golden');
      expect(golden).toMatchObject({
        ...MARKER,
        tier: 'gold',
        // 255 bytes, without half of a character.
        long: 'ü'.repeat(127),
        instance_uuid: b,
        image_type: 'snapshot',
        base_image_ref: cloud.imageRef,
      });
      expect(golden).not.toHaveProperty('later');
      expect(golden).not.toHaveProperty('cache_in_nova');
      const { flavors } = (await cloud.send('compute', 'GET', '/flavors/detail')).body;
      const { disk } = flavors.find(({ id }: { id: string }) => id === cloud.flavorRef);
      expect(golden).toMatchObject({ min_disk: disk, min_ram: 0 });
    },
  ],
  [
    'a rebuild records them again, and metadata of the request override everything that Nova sets',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      const before = await cloud.makeImage(server, 'before', { ...MARKER, tier: 'gold' });
      expect(await cloud.action(server, { rebuild: { imageRef: before.id } })).toMatchObject({
        status: 202,
        // A cloud may have finished the rebuild before it answers.
        body: {
          server: {
            id: server,
            status: expect.stringMatching(/^(REBUILD|ACTIVE)$/),
            image: { id: before.id },
          },
        },
      });
      await cloud.reach(server, 'ACTIVE');
      const golden = await cloud.makeImage(server, 'golden', { instance_uuid: 'x', image_type: 'y' });
      expect(golden).toMatchObject({ ...MARKER, tier: 'gold', instance_uuid: 'x', image_type: 'y' });
      expect(golden.base_image_ref).toBe(before.id);
    },
  ],
  [
    'createBackup creates an image of another type, with its own rotation, which protected images survive',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      const backup = async (rotation: number) => {
        const answer = await cloud.action(server, {
          createBackup: { name: 'backup', backup_type: 'daily', rotation, metadata: MARKER },
        });
        expect(answer.status).toBe(202);
        const id = answer.location?.split('/').at(-1);
        if (id) cloud.noteImage(id);
        await cloud.reach(server, 'ACTIVE');
        return id;
      };
      const first = (await backup(3))!;
      expect(await cloud.image(first)).toMatchObject({
        ...MARKER,
        status: 'active',
        image_type: 'backup',
        backup_type: 'daily',
        instance_uuid: server,
      });
      const second = (await backup(3))!;
      await cloud.patch(first, replace('/protected', true));
      expect(await backup(0)).toBeUndefined();
      await cloud.until(async () => (await cloud.image(second)).status === undefined);
      expect(await cloud.image(first)).toMatchObject({ status: 'active' });
      for (const [json, message] of [
        [{ name: 'b', backup_type: 'daily', rotation: -1 }, /-1 is less than the minimum of 0/],
        [{ name: 'b', rotation: 1 }, /'backup_type' is a required property/],
      ] as const) {
        expect(await cloud.action(server, { createBackup: json })).toMatchObject({
          status: 400,
          body: { badRequest: { message: expect.stringMatching(message) } },
        });
      }
    },
  ],
  [
    'the disk of a shelved server is an image that looks like a snapshot of the server',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      expect(await cloud.action(server, { shelve: null })).toMatchObject({ status: 202 });
      await cloud.reach(server, 'SHELVED_OFFLOADED');
      const { images } = (await cloud.send('image', 'GET', '/images?name=a-shelved')).body;
      expect(images).toMatchObject([{ image_type: 'snapshot', instance_uuid: server, status: 'active' }]);
      cloud.noteImage(images[0].id);
      expect(await cloud.action(server, { createImage: { name: 'x' } })).toMatchObject({
        status: 409,
        body: { conflictingRequest: { message: expect.stringMatching(/vm_state shelved_offloaded$/) } },
      });
      expect(await cloud.action(server, { unshelve: null })).toMatchObject({ status: 202 });
      await cloud.reach(server, 'ACTIVE');
      await cloud.until(async () => (await cloud.image(images[0].id)).status === undefined);
    },
  ],
  [
    'a snapshot in progress disappears soon after its server was deleted',
    async (cloud) => {
      // A cloud that can delay snapshots does so here.
      const server = await cloud.makeServer('a', { metadata: { fake_snapshot_delay: '10' } });
      const { location } = await cloud.action(server, { createImage: { name: 'a-daily' } });
      const id = location!.split('/').at(-1)!;
      cloud.noteImage(id);
      const path = `/images/${id}`;
      expect(await cloud.send('image', 'GET', path)).toMatchObject({ body: { status: 'queued' } });
      expect(await cloud.send('compute', 'DELETE', `/servers/${server}`)).toMatchObject({ status: 204 });
      await cloud.until(async () => (await cloud.send('image', 'GET', path)).status === 404);
      await cloud.until(
        async () => (await cloud.send('compute', 'GET', `/servers/${server}`)).status === 404,
      );
    },
  ],
];

const SERVER_STATES: Exchange[] = [
  [
    'a flavor has extra specs',
    async (cloud) => {
      const get = (id: string) => cloud.send('compute', 'GET', `/flavors/${id}/os-extra_specs`);
      expect(await get(cloud.flavorRef)).toMatchObject({ status: 200, body: { extra_specs: {} } });
      expect(await get('nope')).toMatchObject({
        status: 404,
        body: { itemNotFound: { code: 404, message: 'Flavor nope could not be found.' } },
      });
    },
  ],
  [
    'paused and suspended servers cannot be rebuilt; a stopped server stays stopped',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      const rebuild = { rebuild: { imageRef: cloud.imageRef } };
      for (const [into, state, outOf] of [
        ['pause', 'paused', 'unpause'],
        ['suspend', 'suspended', 'resume'],
      ] as const) {
        expect(await cloud.action(server, { [into]: null })).toMatchObject({ status: 202 });
        await cloud.reach(server, state.toUpperCase());
        const message = `Cannot 'rebuild' instance ${server} while it is in vm_state ${state}`;
        expect(await cloud.action(server, rebuild)).toMatchObject({
          status: 409,
          body: { conflictingRequest: { code: 409, message } },
        });
        await cloud.action(server, { [outOf]: null });
        await cloud.reach(server, 'ACTIVE');
      }
      await cloud.action(server, { 'os-stop': null });
      await cloud.reach(server, 'SHUTOFF');
      expect(await cloud.action(server, rebuild)).toMatchObject({
        status: 202,
        body: { server: { status: expect.stringMatching(/^(REBUILD|SHUTOFF)$/) } },
      });
      expect(await cloud.reach(server, 'SHUTOFF')).toMatchObject({ 'OS-EXT-STS:power_state': 4 });
    },
  ],
  [
    'a locked server can neither be deleted nor rebuilt, but images of it can be created',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      expect(await cloud.action(server, { lock: null })).toMatchObject({ status: 202 });
      const refused = {
        status: 409,
        body: { conflictingRequest: { code: 409, message: `Instance ${server} is locked` } },
      };
      expect(await cloud.send('compute', 'DELETE', `/servers/${server}`)).toMatchObject(refused);
      expect(await cloud.action(server, { rebuild: { imageRef: cloud.imageRef } })).toMatchObject(refused);
      expect(await cloud.action(server, { shelve: null })).toMatchObject(refused);
      expect(await cloud.makeImage(server, 'locked')).toMatchObject({ instance_uuid: server });
      expect(await cloud.action(server, { unlock: null })).toMatchObject({ status: 202 });
      expect(await cloud.action(server, { 'os-stop': null })).toMatchObject({ status: 202 });
    },
  ],
  [
    'a server that is not deleted cannot be restored, even if it is locked, and its console can be read',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      await cloud.action(server, { lock: null });
      const message = `Instance ${server} is in an invalid state for 'restore'`;
      expect(await cloud.action(server, { restore: null })).toMatchObject({
        status: 409,
        body: { conflictingRequest: { code: 409, message } },
      });
      expect(await cloud.action(server, { 'os-getConsoleOutput': { length: 10 } })).toMatchObject({
        status: 200,
        body: { output: expect.any(String) },
      });
      await cloud.action(server, { unlock: null });
    },
  ],
];

const VOLUME_BACKED: Exchange[] = [
  [
    "a root volume made from somebody's image passes on all that the image says, its server among it",
    async (cloud) => {
      const another = '9a4f0d3e-0000-4000-8000-000000000001';
      const volume = await cloud.makeVolume('root', {
        ...MARKER,
        autosnap_server: another,
        instance_uuid: another,
        image_type: 'snapshot',
        tier: 'gold',
        cache_in_nova: 'yes',
        image_id: another,
        image_name: 'web-daily',
        disk_format: 'raw',
        container_format: 'bare',
        min_disk: '1',
        min_ram: '0',
      });
      const server = await cloud.makeServerOn(volume, 'b');
      expect(await cloud.server(server)).toMatchObject({
        image: '',
        'os-extended-volumes:volumes_attached': [{ id: volume }],
      });
      const image = await cloud.makeImage(server, 'b-daily', { autosnap_server: server });
      expect(image).toMatchObject({
        ...MARKER,
        autosnap_server: server,
        instance_uuid: another,
        image_type: 'snapshot',
        tier: 'gold',
        size: 0,
        bdm_v2: 'True',
        min_disk: 1,
      });
      for (const key of ['cache_in_nova', 'image_id', 'image_name']) expect(image).not.toHaveProperty(key);
      const [snapshot, ...others] = snapshotsIn(image);
      expect(others).toEqual([]);
      const { body } = await cloud.send('volumev3', 'GET', `/snapshots/${snapshot}`);
      expect(body.snapshot).toMatchObject({
        name: 'snapshot for b-daily',
        volume_id: volume,
        description: null,
        metadata: {},
      });
      const apartMs = Date.parse(`${body.snapshot.created_at}Z`) - Date.parse(image.created_at);
      expect(Math.abs(apartMs)).toBeLessThan(10_000);
    },
  ],
  [
    'a server from the image of a volume-backed server shows the image, and its root disk is a volume',
    async (cloud) => {
      const original = await cloud.makeVolume('root');
      const image = await cloud.makeImage(await cloud.makeServerOn(original, 'a'), 'a-daily', MARKER);
      expect(image).not.toHaveProperty('instance_uuid');
      expect(image).not.toHaveProperty('image_type');
      const restored = await cloud.makeServer('b', { imageRef: image.id });
      const server = await cloud.server(restored);
      expect(server.image.id).toBe(image.id);
      const [{ id: root }] = server['os-extended-volumes:volumes_attached'];
      const path = `/servers/${restored}/os-volume_attachments`;
      const { volumeAttachments } = (await cloud.send('compute', 'GET', path)).body;
      expect(volumeAttachments).toEqual([
        { id: root, volumeId: root, serverId: restored, device: expect.stringMatching(/^\/dev\/.da$/) },
      ]);
      expect(await cloud.volume(root)).toMatchObject({
        status: 'in-use',
        snapshot_id: snapshotsIn(image)[0],
        attachments: [{ server_id: restored, volume_id: root, device: volumeAttachments[0].device }],
      });
      const golden = await cloud.makeImage(restored, 'golden');
      expect(golden).toMatchObject({ ...MARKER, status: 'active', size: 0, bdm_v2: 'True' });
      expect(golden).not.toHaveProperty('instance_uuid');
      expect(snapshotsIn(golden)).toHaveLength(1);
      expect(snapshotsIn(golden)).not.toEqual(snapshotsIn(image));

      const backup = { name: 'b', backup_type: 'daily', rotation: 1 };
      expect(await cloud.action(restored, { createBackup: backup })).toMatchObject({
        status: 400,
        body: { badRequest: { message: 'Backup is not supported for volume-backed instances.' } },
      });
      expect(await cloud.action(restored, { rebuild: { imageRef: cloud.imageRef } })).toMatchObject({
        status: 400,
        body: {
          badRequest: { message: expect.stringMatching(/different image for a volume-backed server/) },
        },
      });
    },
  ],
  [
    'a volume is attached as a device, and attachments can be neither created nor deleted in other ways',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      const volume = await cloud.makeVolume('data');
      const path = `/servers/${server}/os-volume_attachments`;
      const attach = (volumeId: string) =>
        cloud.send('compute', 'POST', path, { volumeAttachment: { volumeId } });
      expect(await attach(volume)).toMatchObject({
        status: 200,
        body: { volumeAttachment: { volumeId: volume, serverId: server } },
      });
      await cloud.until(async () => (await cloud.volume(volume)).status === 'in-use');
      const { volumes } = (await cloud.send('volumev3', 'GET', '/volumes/detail')).body;
      const found = volumes.find(({ id }: { id: string }) => id === volume);
      expect(found.attachments).toMatchObject([
        { server_id: server, device: expect.stringMatching(/^\/dev\/.db$/) },
      ]);
      expect(await attach(volume)).toMatchObject({
        status: 400,
        body: { badRequest: { message: expect.stringMatching(/is already attached to instances/) } },
      });
      expect(await attach('9a4f0d3e-0000-4000-8000-000000000001')).toMatchObject({ status: 404 });
      expect(await cloud.send('volumev3', 'DELETE', `/volumes/${volume}`)).toMatchObject({ status: 400 });
      expect(await cloud.send('volumev3', 'GET', '/volumes/nope')).toMatchObject({ status: 404 });
      const detach = (id: string) => cloud.send('compute', 'DELETE', `${path}/${id}`);
      expect(await detach('9a4f0d3e-0000-4000-8000-000000000001')).toMatchObject({ status: 404 });
      expect(await detach(volume)).toMatchObject({ status: 202 });
    },
  ],
  [
    'volume snapshots have a quota: if it is exceeded, createImage answers 403 and POST 413',
    async (cloud) => {
      const volume = await cloud.makeVolume('root');
      const server = await cloud.makeServerOn(volume, 'a');
      const { limits } = (await cloud.send('volumev3', 'GET', '/limits')).body;
      const { maxTotalSnapshots, totalSnapshotsUsed } = limits.absolute;
      const snapshot = { volume_id: volume, name: 'mine', force: true };
      const post = () => cloud.send('volumev3', 'POST', '/snapshots', { snapshot });
      for (let left = maxTotalSnapshots - totalSnapshotsUsed; left > 0; left--) {
        expect((await post()).status).toBe(202);
      }
      expect(await post()).toMatchObject({
        status: 413,
        body: {
          overLimit: {
            code: 413,
            message: `SnapshotLimitExceeded: Maximum number of snapshots allowed (${maxTotalSnapshots}) exceeded`,
            retryAfter: '0',
          },
        },
      });
      expect(await cloud.action(server, { createImage: { name: 'a-daily' } })).toMatchObject({
        status: 403,
        body: { forbidden: { code: 403, message: 'Quota exceeded for resources: snapshots' } },
      });
    },
  ],
  [
    'a volume snapshot is first "creating", has metadata, is listed newest first and filtered, and can be deleted',
    async (cloud) => {
      const volume = await cloud.makeVolume('data');
      const wanted = { volume_id: volume, name: 'mine', description: 'd', metadata: { a: 'b' }, force: true };
      const post = (snapshot: object) => cloud.send('volumev3', 'POST', '/snapshots', { snapshot });
      const { status, body } = await post(wanted);
      const { id } = body.snapshot;
      expect({ status, body }).toMatchObject({
        status: 202,
        body: {
          snapshot: {
            status: 'creating',
            name: 'mine',
            description: 'd',
            size: 1,
            metadata: { a: 'b' },
            updated_at: null,
            created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{6}$/),
          },
        },
      });
      const at = `/snapshots/${id}`;
      const get = async () => (await cloud.send('volumev3', 'GET', at)).body.snapshot;
      await cloud.until(async () => (await get()).status === 'available');
      expect((await get()).updated_at).toMatch(/^\d/);
      expect(await post({ name: 'n' })).toMatchObject({
        status: 400,
        body: { badRequest: { message: expect.stringMatching(/'volume_id' is a required property/) } },
      });
      expect(await post({ ...wanted, description: 'x'.repeat(256) })).toMatchObject({ status: 400 });
      expect(await post({ ...wanted, volume_id: '9a4f0d3e-0000-4000-8000-000000000001' })).toMatchObject({
        status: 404,
      });

      const metadata = (method: string, json: object) =>
        cloud.send('volumev3', method, `${at}/metadata`, { metadata: json });
      expect((await metadata('POST', { c: 'd' })).body).toEqual({ metadata: { a: 'b', c: 'd' } });
      expect((await metadata('PUT', { e: 'f' })).body).toEqual({ metadata: { e: 'f' } });
      expect(await cloud.send('volumev3', 'DELETE', `${at}/metadata/e`)).toMatchObject({ status: 200 });
      expect(await cloud.send('volumev3', 'DELETE', `${at}/metadata/e`)).toMatchObject({ status: 404 });
      const change = { snapshot: { name: 'renamed', description: 'dd' } };
      expect((await cloud.send('volumev3', 'PUT', at, change)).body.snapshot).toMatchObject(change.snapshot);

      // Cinder's times are in seconds.
      await cloud.until(
        async () => cloud.now().getTime() - Date.parse(`${(await get()).created_at}Z`) > 1_000,
      );
      const { body: second } = await post({ ...wanted, name: 'second' });
      const names = async (query: string) =>
        (await cloud.send('volumev3', 'GET', `/snapshots/detail?${query}`)).body.snapshots.map(
          ({ name }: { name: string }) => name,
        );
      expect(await names(`volume_id=${volume}`)).toEqual(['second', 'renamed']);
      expect(await names(`volume_id=${volume}&name=renamed`)).toEqual(['renamed']);
      expect(await names(`volume_id=${volume}&status=error`)).toEqual([]);
      expect(await names(`volume_id=${volume}&marker=${second.snapshot.id}`)).toEqual(['renamed']);
      const page = (await cloud.send('volumev3', 'GET', '/snapshots?limit=1')).body;
      expect(page.snapshots_links).toMatchObject([{ rel: 'next', href: expect.stringMatching(/^https?:/) }]);

      expect(await cloud.send('volumev3', 'DELETE', `/volumes/${volume}`)).toMatchObject({ status: 400 });
      expect(await cloud.send('volumev3', 'DELETE', at)).toMatchObject({ status: 202 });
      await cloud.until(async () => (await cloud.send('volumev3', 'GET', at)).status === 404);
      expect(await cloud.send('volumev3', 'DELETE', at)).toMatchObject({
        status: 404,
        body: { itemNotFound: { code: 404, message: `Snapshot ${id} could not be found.` } },
      });
    },
  ],
  [
    'a snapshot of a volume in use needs `force` before microversion 3.66',
    async (cloud) => {
      const volume = await cloud.makeVolume('root');
      await cloud.makeServerOn(volume, 'a');
      const snapshot = { volume_id: volume, name: 'n' };
      const post = (version?: string) =>
        cloud.send(
          'volumev3',
          'POST',
          '/snapshots',
          { snapshot },
          version ? { 'openstack-api-version': version } : {},
        );
      const message = `Invalid volume: Volume ${volume} status must be available, but current status is: in-use.`;
      expect(await post()).toMatchObject({ status: 400, body: { badRequest: { message } } });
      expect(await post('volume 3.66')).toMatchObject({ status: 202 });
    },
  ],
  [
    'null stands for a field of a new volume or volume snapshot that is left out, also for `backup_id`',
    async (cloud) => {
      const volume = await cloud.makeVolume('data');
      const nulls = { name: null, description: null, metadata: null };
      const wanted = { ...nulls, volume_id: volume };
      const made = await cloud.send('volumev3', 'POST', '/snapshots', { snapshot: wanted });
      expect(made).toMatchObject({ status: 202, body: { snapshot: { description: null, metadata: {} } } });
      const { id } = made.body.snapshot;
      const get = async () => (await cloud.send('volumev3', 'GET', `/snapshots/${id}`)).body.snapshot;
      await cloud.until(async () => (await get()).status === 'available');
      const sources = { imageRef: null, snapshot_id: null, source_volid: null, backup_id: null };
      const post = (more: object) =>
        cloud.send('volumev3', 'POST', '/volumes', {
          volume: { ...nulls, ...sources, size: null, volume_type: null, ...more },
        });
      expect(await post({})).toMatchObject({ status: 400 });
      expect(await post({ snapshot_id: id })).toMatchObject({
        status: 202,
        body: { volume: { size: 1, snapshot_id: id, metadata: {} } },
      });
    },
  ],
  [
    'a volume is listed by its name, and a client may ask for all projects, which changes nothing for a user',
    async (cloud) => {
      const id = await cloud.makeVolume('by-name');
      for (const path of ['/volumes', '/volumes/detail']) {
        const { body } = await cloud.send('volumev3', 'GET', `${path}?name=by-name&all_tenants=True`);
        expect(body.volumes.map((one: { id: string }) => one.id)).toEqual([id]);
      }
    },
  ],
  [
    'Cinder refuses invalid requests',
    async (cloud) => {
      const get = (path: string) => cloud.send('volumev3', 'GET', path);
      const bad = (message: string) => ({ status: 400, body: { badRequest: { code: 400, message } } });
      expect(await get('/snapshots?limit=-1')).toMatchObject(bad('limit param must be positive'));
      expect(await get('/snapshots?limit=abc')).toMatchObject(bad('limit param must be an integer'));
      expect(await get('/snapshots?marker=nope')).toMatchObject({
        status: 404,
        body: { itemNotFound: { code: 404, message: 'Snapshot nope could not be found.' } },
      });
      expect(await get('/volumes?marker=nope')).toMatchObject({ status: 404 });
      expect(await get('/snapshots?limit=0')).toMatchObject({ status: 200, body: { snapshots: [] } });
      expect(await get(`/../${'a'.repeat(32)}/snapshots`)).toMatchObject(bad('Malformed request url'));
    },
  ],
];

const IMAGE_CHANGES: Exchange[] = [
  [
    'changes of base attributes take effect: a protected image cannot be deleted',
    async (cloud) => {
      const { id, min_disk } = await cloud.makeEmptyImage();
      expect(min_disk).toBe(0);
      const path = `/images/${id}`;
      expect(await cloud.patch(id, add('/protected', true))).toMatchObject({
        status: 200,
        body: { protected: true },
      });
      expect(await cloud.send('image', 'DELETE', path)).toMatchObject({
        status: 403,
        body: { message: expect.stringMatching(/is protected and cannot be deleted/) },
      });
      const changes = [
        replace('/protected', false),
        replace('/name', 'other'),
        replace('/visibility', 'community'),
        replace('/os_hidden', true),
        replace('/tags', ['a']),
        replace('/min_disk', 3),
        add('/a~1b', 'with a slash'),
      ];
      const after = {
        protected: false,
        name: 'other',
        visibility: 'community',
        os_hidden: true,
        tags: ['a'],
        min_disk: 3,
        'a/b': 'with a slash',
      };
      expect(await cloud.patch(id, ...changes)).toMatchObject({ status: 200, body: after });
      expect(await cloud.image(id)).toMatchObject(after);
      // Glance's times are in seconds.
      const moved = await cloud.until(async () => {
        const { body } = await cloud.patch(id, replace('/name', 'again'));
        return body.updated_at > body.created_at && body;
      });
      expect(await cloud.image(id)).toMatchObject({ updated_at: moved.updated_at });
      expect(await cloud.send('image', 'DELETE', path)).toMatchObject({ status: 204 });
    },
  ],
  [
    'a refused change has no effect at all',
    async (cloud) => {
      const { id } = await cloud.makeEmptyImage({ tier: 'gold' });
      for (const [operation, status, message] of [
        [add('/n', 5), 400, /^Provided object does not match schema 'image'/],
        [add('/n', null), 400, /^Provided object does not match schema 'image'/],
        [replace('/min_disk', '3'), 400, /^Provided object does not match schema 'image'/],
        [replace('/protected', 'true'), 400, /^Provided object does not match schema 'image'/],
        [replace('/visibility', 'bogus'), 400, /^Provided object does not match schema 'image'/],
        [{ op: 'move', path: '/tier', value: 'x' }, 400, /^Invalid operation: `move`/],
        [replace('/visibility', 'public'), 403, /not authorized to complete publicize_image action/],
        [replace('/status', 'active'), 403, /^Attribute 'status' is read-only/],
        [replace('/created_at', 'x'), 403, /^Attribute 'created_at' is read-only/],
        [add('/deleted', 'x'), 403, /^Attribute 'deleted' is reserved/],
        [add('/os_glance_x', 'x'), 403, /^Attribute 'os_glance_x' is reserved/],
        [remove('/name'), 403, /Property name may not be removed/],
        [replace('/owner', 'x'), 403, /Owner can't be updated by non admin/],
        [remove('/missing'), 409, /Property missing does not exist/],
        [replace('/missing', 'x'), 409, /Property missing does not exist/],
      ] as const) {
        const answer = await cloud.patch(id, replace('/tier', 'silver'), operation);
        expect(answer, JSON.stringify(operation)).toMatchObject({
          status,
          body: { message: expect.stringMatching(message) },
        });
      }
      const many = Array.from({ length: 128 }, (_, n) => add(`/key-${n}`, 'x'));
      expect(await cloud.patch(id, ...many)).toMatchObject({
        status: 413,
        body: { message: expect.stringMatching(/Attempted: 129, Maximum: 128/) },
      });
      expect(await cloud.image(id)).toMatchObject({ name: 'empty', tier: 'gold' });
    },
  ],
];

const IMAGE_LISTS: Exchange[] = [
  [
    'hidden images are only in listings that ask for them, while GET always returns them',
    async (cloud) => {
      const { id } = await cloud.makeEmptyImage({ name: 'hidden', os_hidden: true });
      const names = async (query: string) =>
        (await cloud.send('image', 'GET', `/images?${query}`)).body.images.map(
          ({ name }: { name: string }) => name,
        );
      expect(await names('')).not.toContain('hidden');
      expect(await names('os_hidden=false')).not.toContain('hidden');
      expect(await names(`owner=${cloud.project}&os_hidden=true`)).toEqual(['hidden']);
      expect(await cloud.image(id)).toMatchObject({ name: 'hidden', os_hidden: true });
    },
  ],
  [
    'filters and sorting work, and unknown parameters filter on properties',
    async (cloud) => {
      const made = new Set<string>();
      for (const fields of [
        { name: 'b', visibility: 'private', tags: ['t'], autosnap_policy: 'daily' },
        { name: 'a', visibility: 'community', protected: true },
        { name: 'c', visibility: 'shared' },
      ]) {
        made.add((await cloud.makeEmptyImage(fields)).id);
      }
      const names = async (query: string) => {
        const { body } = await cloud.send('image', 'GET', `/images?owner=${cloud.project}&${query}`);
        const images: { id: string; name: string }[] = body.images;
        return images.filter(({ id }) => made.has(id)).map(({ name }) => name);
      };
      for (const [query, found] of [
        ['sort=name:asc', ['a', 'b', 'c']],
        ['sort_key=name&sort_dir=desc', ['c', 'b', 'a']],
        ['visibility=private', ['b']],
        ['visibility=community', ['a']],
        ['visibility=shared', ['c']],
        ['visibility=all&sort=name:asc', ['a', 'b', 'c']],
        ['name=in:a,c&sort=name:asc', ['a', 'c']],
        ['name=in:%22b%22', ['b']],
        ['name=eq:b', ['b']],
        ['tag=t', ['b']],
        ['protected=true', ['a']],
        ['autosnap_policy=daily', ['b']],
        ['no_such_property=x', []],
        ['status=bogus', []],
        ['size_min=1', []],
        ['created_at=gt:2020-01-01T00:00:00Z&sort=name:asc', ['a', 'b', 'c']],
        ['created_at=lt:2020-01-01T00:00:00Z', []],
        ['limit=0', []],
      ] as const) {
        expect(await names(query), query).toEqual(found);
      }
    },
  ],
  [
    'an invalid query is answered with 400',
    async (cloud) => {
      for (const [query, message] of [
        ['visibility=bogus', /^Invalid visibility value: bogus/],
        ['os_hidden=x', /^Invalid value 'x' for 'os_hidden' filter/],
        ['protected=x', /^Invalid value 'x' for 'protected' filter/],
        ['member_status=bogus', /^Invalid status: bogus/],
        ['size_min=x', /^Unable to filter on a range with a non-numeric value/],
        ['created_at=lt:bogus', /^Bad "created_at" query filter format/],
        ['name=web-1:daily', /^Unable to filter by unknown operator 'web-1'/],
        ['sort=name:sideways', /^Invalid sort direction: sideways/],
        ['sort=autosnap_policy:asc', /^Invalid sort key: autosnap_policy\. It must be one of/],
        ['limit=-1', /^limit param must be positive/],
        ['limit=abc', /^limit param must be an integer/],
        ['marker=nope', /^No image found with ID nope/],
      ] as const) {
        expect(await cloud.send('image', 'GET', `/images?${query}`), query).toMatchObject({
          status: 400,
          body: { code: '400 Bad Request', message: expect.stringMatching(message) },
        });
      }
    },
  ],
  [
    'only the member itself can accept an image',
    async (cloud) => {
      const { id } = await cloud.makeEmptyImage({ visibility: 'shared' });
      const members = `/images/${id}/members`;
      const member = { member: 'another-project' };
      expect(await cloud.send('image', 'POST', members, member)).toMatchObject({
        status: 200,
        body: { member_id: 'another-project', image_id: id, status: 'pending' },
      });
      expect(await cloud.send('image', 'POST', members, member)).toMatchObject({ status: 409 });
      expect(await cloud.send('image', 'GET', members)).toMatchObject({
        body: { members: [{ member_id: 'another-project', status: 'pending' }] },
      });
      const accept = await cloud.send('image', 'PUT', `${members}/another-project`, { status: 'accepted' });
      expect(accept.status).toBe(403);
      await cloud.patch(id, replace('/visibility', 'private'));
      expect(await cloud.send('image', 'POST', members, { member: 'x' })).toMatchObject({ status: 403 });
      const { id: another } = await cloud.makeEmptyImage({ visibility: 'private' });
      expect(await cloud.send('image', 'GET', `/images/${another}/members`)).toMatchObject({
        status: 403,
        body: { message: expect.stringMatching(/Only shared images have members/) },
      });
    },
  ],
];

export const EXCHANGES = {
  'images of servers': IMAGES_OF_SERVERS,
  'the states of servers': SERVER_STATES,
  'volume-backed servers and volumes': VOLUME_BACKED,
  'changes of images': IMAGE_CHANGES,
  'lists of images': IMAGE_LISTS,
  ...CLIENT_EXCHANGES,
};
