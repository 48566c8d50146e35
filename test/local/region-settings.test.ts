import { describe, expect } from 'vitest';
import { leavingOut } from '../../local/cloud/faults.ts';
import { runImageSchedule } from '../../local/cloud/image-schedule.ts';
import { test } from './embedded.ts';

const DAY_MS = 86_400_000;
const CREATED_BY = 'org.openstack__1__created_by';

describe('items that listings omit', () => {
  test.for([
    ['a server', '/servers/detail', 'compute'],
    ['an image', '/images', 'image'],
    ['a task', '/tasks', 'image'],
    ['a volume', '/volumes/detail', 'volumev3'],
    ['a volume snapshot', '/snapshots', 'volumev3'],
    ['a volume snapshot, in detail', '/snapshots/detail', 'volumev3'],
  ] as const)('GET returns %s', async ([, path, service], { client, dfw }) => {
    const { volumeIds, ...server } = dfw.addServer({ name: 'a', image: '' });
    const image = dfw.addImage({ name: 'a-daily', owner: client.project });
    const task = dfw.tasks.add('export', { image_uuid: image.id }, client.project);
    const snapshot = dfw.addVolumeSnapshot({ volumeId: volumeIds[0]! });
    const all = { servers: server.id, images: image.id, tasks: task.id, snapshots: snapshot.id };
    const ids: Record<string, string> = { ...all, volumes: volumeIds[0]! };
    const kind = path.split('/')[1]!;
    const id = ids[kind]!;
    const listed = async () =>
      (await client.send(service, 'GET', path)).body[kind].map((one: { id: string }) => one.id);
    expect(await listed()).toContain(id);
    dfw.unlisted.add(id);
    expect(await listed()).not.toContain(id);
    expect(await client.send(service, 'GET', `/${kind}/${id}`)).toMatchObject({ status: 200 });
    dfw.unlisted.clear();
    expect(await listed()).toContain(id);
  });

  test('an object is missing in its container, and in a large object of which it is a segment', async ({
    client,
    cloud,
    dfw,
  }) => {
    dfw.files.containers.set('exports', new Map());
    for (const name of ['x.vhd-1', 'x.vhd-2']) dfw.files.put('exports', name, Buffer.from('data'));
    dfw.files.put('exports', 'x.vhd', Buffer.alloc(0), { manifest: 'exports/x.vhd-' });
    const headers = { 'x-auth-token': client.token, accept: 'application/json' };
    const ask = (path: string, method = 'GET') =>
      fetch(`${cloud.catalogue[0]!.filesUrl}/v1/MossoCloudFS_0/exports${path}`, { method, headers });
    const names = async () =>
      ((await (await ask('?format=json')).json()) as { name: string }[]).map(({ name }) => name);
    const size = async () => (await ask('/x.vhd', 'HEAD')).headers.get('content-length');
    expect([await names(), await size()]).toEqual([['x.vhd', 'x.vhd-1', 'x.vhd-2'], '8']);
    dfw.unlisted.add('exports/x.vhd');
    expect([await names(), await size()]).toEqual([['x.vhd-1', 'x.vhd-2'], '8']);
    dfw.unlisted.add('exports/x.vhd-2');
    expect([await names(), await size()]).toEqual([['x.vhd-1'], '4']);
    expect((await ask('/x.vhd-2', 'HEAD')).status).toBe(200);

    dfw.unlisted.clear();
    cloud.faults.push({ service: 'object-store', answer: leavingOut('x.vhd') });
    expect(await names()).toEqual(['x.vhd-1', 'x.vhd-2']);
    expect(await names()).toHaveLength(3);
  });

  test('are missing in one listing only', async ({ client, cloud, dfw }) => {
    const { id } = dfw.addServer({ name: 'a' });
    dfw.addServer({ name: 'b' });
    const names = async () =>
      (await client.send('compute', 'GET', '/servers/detail')).body.servers.map(
        ({ name }: { name: string }) => name,
      );
    cloud.faults.push({ service: 'compute', path: /detail/, answer: leavingOut(id) });
    expect(await names()).toEqual(['b']);
    expect(await names()).toEqual(['a', 'b']);
  });

  test('do not break the pages, even if one of them was the marker', async ({ client, cloud, dfw }) => {
    cloud.pageSize = 2;
    const at = (minute: number) => new Date(cloud.now().getTime() - minute * 60_000);
    const ids = [1, 2, 3, 4].map(
      (n) => dfw.addImage({ name: `${n}`, owner: client.project, createdAt: at(n) }).id,
    );
    const { body } = await client.send('image', 'GET', '/images?visibility=private');
    dfw.unlisted.add(ids[1]!);
    const next = await client.send('image', 'GET', body.next.slice('/v2'.length));
    expect(next.body.images.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
  });
});

describe('an image that cannot be deleted', () => {
  test.for([403, 409] as const)('answers %d each time, and stays', async (status, { client, dfw }) => {
    const image = dfw.addImage({ name: 'a', owner: client.project, refusesDelete: status });
    for (let i = 0; i < 2; i++) {
      const answer = await client.send('image', 'DELETE', `/images/${image.id}`);
      expect(answer).toMatchObject({ status, body: { code: expect.stringMatching(String(status)) } });
    }
    delete image.refusesDelete;
    expect(await client.send('image', 'DELETE', `/images/${image.id}`)).toMatchObject({ status: 204 });
  });
});

describe("Rackspace's scheduled images", () => {
  test('inherit properties like all images, and name their maker', async ({ client, cloud, dfw }) => {
    const marker = { autosnap_owner: 'o', autosnap_hold: 'none' };
    const base = dfw.addImage({ name: 'a-daily', owner: client.project, properties: marker });
    const server = dfw.addServer({ name: 'a', image: base.id });
    const { id } = runImageSchedule(dfw, server);
    expect(dfw.taskState(server)).toBe('image_snapshot');
    cloud.advance(DAY_MS);
    expect(dfw.image(id)).toMatchObject({
      name: expect.stringMatching(/^Daily-a-\d+$/),
      owner: client.project,
      status: 'active',
      properties: {
        ...marker,
        image_type: 'snapshot',
        instance_uuid: server.id,
        [CREATED_BY]: 'scheduled_images_service',
      },
    });
  });

  test('are deleted, the oldest first, beyond the retention; other images stay', async ({
    client,
    cloud,
    dfw,
  }) => {
    const [a, b] = ['a', 'b'].map((name) => dfw.addServer({ name, imageSchedule: { retention: 2 } }));
    const byHand = dfw.addImage({
      name: 'by hand',
      owner: client.project,
      createdAt: new Date(0),
      properties: { instance_uuid: a!.id, image_type: 'snapshot' },
    });
    const other = runImageSchedule(dfw, b!);
    const made: string[] = [];
    for (let day = 0; day < 4; day++) {
      made.push(runImageSchedule(dfw, a!).id);
      cloud.advance(DAY_MS);
    }
    const left = dfw.images.filter(({ owner }) => owner === client.project).map(({ id }) => id);
    expect(left.sort()).toEqual([byHand.id, other.id, ...made.slice(2)].sort());
  });

  test('with an inherited maker are deleted as well', async ({ client, cloud, dfw }) => {
    const properties = { [CREATED_BY]: 'scheduled_images_service' };
    const base = dfw.addImage({ name: 'Daily-a-1', owner: client.project, properties });
    const server = dfw.addServer({ name: 'a', image: base.id, imageSchedule: { retention: 1 } });
    const ours = await client.makeImage(server.id, 'a-daily-20261123T000000Z');
    expect(ours).toMatchObject(properties);
    runImageSchedule(dfw, server);
    cloud.advance(DAY_MS);
    expect(dfw.image(ours.id)).toBeUndefined();
  });

  test('have a schedule that the API shows, sets and deletes', async ({ cloud, dfw }) => {
    const { id } = dfw.addServer({ name: 'a' });
    const { username, apiKey, projectId } = cloud.account;
    const auth = { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } };
    const json = { 'content-type': 'application/json' };
    const login = await fetch(`${cloud.rackspaceUrl}/tokens`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ auth }),
    });
    const token = ((await login.json()) as { access: { token: { id: string } } }).access.token.id;
    const url = `${cloud.catalogue[0]!.computeUrl}/v2/${projectId}/servers/${id}/rax-si-image-schedule`;
    const ask = async (method: string, body?: object) => {
      const headers = { ...json, 'x-auth-token': token };
      const answer = await fetch(url, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
      return answer.status;
    };
    const schedule = { image_schedule: { retention: 5, day_of_week: 'SATURDAY' } };
    expect(await ask('GET')).toBe(404);
    expect([await ask('POST', schedule), await ask('GET')]).toEqual([200, 200]);
    expect(dfw.servers[0]!.imageSchedule).toEqual(schedule.image_schedule);
    expect([await ask('DELETE'), await ask('DELETE')]).toEqual([202, 404]);
  });
});
