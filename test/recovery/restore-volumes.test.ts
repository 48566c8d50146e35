import { beforeEach, describe, expect, test } from 'vitest';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { everyNth, KINDS, type Kind } from '../cloud-kinds.ts';
import { type Harness, policy, setTime } from '../harness.ts';
import { finishRestore, twoVolumes } from '../restore/two-volumes.ts';
import { again } from '../restore/world.ts';

// Restores with volumes: those of a server, the root volume of a server, and one volume alone.

const TO_NEW = { server: 'db', to: 'new' };
const MINUTE_MS = 60_000;

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;
let logs: CloudVolume;

beforeEach(async () => {
  ({ h, region, db, data, logs } = await twoVolumes());
});

function useKind(kind: Kind): void {
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret(kind));
}

async function take(slot = '2026-11-22T00:00:10Z', changes: Record<string, unknown> = {}): Promise<void> {
  setTime(slot);
  await h.run('snapshot', policy(changes));
  setTime(slot.replace('T00:00:10Z', 'T06:00:00Z'));
}

const later = (minutes = 5) => h.cloud.advance(minutes * MINUTE_MS);
const newVolumes = () => region.volumes.filter(({ id }) => id !== data.id && id !== logs.id);
const newServers = () => region.servers.filter(({ id }) => id !== db.id);
const snapshotOf = ({ id }: CloudVolume) => region.volumeSnapshots.find(({ volumeId }) => volumeId === id)!;
const deleted = () => h.cloud.received.filter(({ method }) => method === 'DELETE');

const finish = (first: Restoration) => finishRestore(h, first, 12);

/** The names of the volumes of the new server, in the order of their devices. */
function attached(): (string | undefined)[] {
  const [server] = newServers();
  return (server?.volumeIds ?? [])
    .toSorted((a, b) => (region.deviceOf(server!, a) < region.deviceOf(server!, b) ? -1 : 1))
    .map((id) => region.volume(id)?.name);
}

describe.each(KINDS)('a new server in a cloud by %s', (kind) => {
  beforeEach(async () => {
    useKind(kind);
    await take();
    const snapshot = snapshotOf(data);
    snapshot.createdAt = new Date(snapshot.createdAt!.getTime() + 1000);
  });

  test('gets its volumes first, and has them attached in the old order once it is ACTIVE', async () => {
    const first = await h.run('restore', TO_NEW);
    expect(first.state).toBe('waiting');
    expect(newServers()).toEqual([]);
    expect(newVolumes().map(({ name, size, snapshotId }) => ({ name, size, snapshotId }))).toEqual(
      expect.arrayContaining([
        { name: 'db-data', size: 10, snapshotId: snapshotOf(data).id },
        { name: 'db-logs', size: 5, snapshotId: snapshotOf(logs).id },
      ]),
    );
    const reports = await finish(first);
    expect(reports.map(({ state }) => state)).toEqual(['waiting', 'building', 'building', 'done']);
    expect(newVolumes()).toHaveLength(2);
    expect(newServers()).toHaveLength(1);
    expect(attached()).toEqual(['db-logs', 'db-data']);
    expect(db.volumeIds).toEqual([data.id, logs.id]);
    expect(reports.at(-1)!.codes.filter((code) => code === 'RESTORE_VOLUME_ATTACHED')).toHaveLength(2);
    expect(deleted()).toEqual([]);
  });

  test('of two snapshots of a volume with one marker, the one that was made with the image is restored', async () => {
    const { id, ...original } = snapshotOf(data);
    const createdAt = new Date('2026-11-22T05:00:00Z');
    region.addVolumeSnapshot({ ...original, id: crypto.randomUUID(), createdAt });
    await h.run('restore', TO_NEW);
    expect(newVolumes().map(({ snapshotId }) => snapshotId)).toEqual(
      expect.arrayContaining([id, snapshotOf(logs).id]),
    );
  });

  test('the volumes have the types of the originals', async () => {
    await h.run('restore', TO_NEW);
    expect(newVolumes().find(({ name }) => name === 'db-data')!.type).toBe('SSD');
  });

  test('the volumes of a server that is gone, with its volumes, are the same', async () => {
    region.removeServer(db);
    for (const { id } of [data, logs]) region.removeVolume(id);
    const reports = await finish(await h.run('restore', { ...TO_NEW, flavor: 'general1-2' }));
    expect(reports.at(-1)!.state).toBe('done');
    expect(attached()).toEqual(['db-logs', 'db-data']);
    expect(region.volumes.find(({ name }) => name === 'db-data')!.type).toBe('SSD');
  });

  test('a dry run makes nothing, and names each volume', async () => {
    const report = await h.run('restore', { ...TO_NEW, dryRun: true });
    expect(report.lines).toContain(
      `a new volume "db-data" (10 GB) from volume snapshot ${snapshotOf(data).id}`,
    );
    expect(report.codes.filter((code) => code === 'RESTORE_VOLUME')).toHaveLength(2);
    expect(newVolumes()).toEqual([]);
    const applied = await h.run('restore', report.apply);
    expect(applied.state).toBe('waiting');
  });

  test('a set without one of its volumes says so, in the plan and in each answer', async () => {
    snapshotOf(logs).status = 'error';
    const scratch = region.addVolume({ name: 'scratch' });
    db.volumeIds.push(scratch.id);
    const plan = await h.run('restore', { ...TO_NEW, dryRun: true });
    expect(plan.lines).toContain(`without db-logs (its snapshot ${snapshotOf(logs).id} is error)`);
    expect(plan.lines).toContain('without scratch (it has no snapshot of this slot)');
    const reports = await finish(await h.run('restore', TO_NEW));
    for (const { codes } of reports) expect(codes).toContain('RESTORE_WITHOUT_VOLUME');
    expect(reports.at(-1)!.state).toBe('done');
    expect(attached()).toEqual(['db-data']);
  });

  test('a set with an unfinished volume snapshot is refused, with the ways out', async () => {
    Object.assign(snapshotOf(logs), { status: 'creating', availableAt: new Date('2026-11-25') });
    const { error } = await h.fail('restore', TO_NEW);
    expect(error.message).toMatch(
      /at: the snapshot \S+ of the volume db-logs is still creating: .*"volumes": "none"/,
    );
    expect(newVolumes()).toEqual([]);
    const report = await h.run('restore', { ...TO_NEW, volumes: 'none' });
    expect(report.state).toBe('building');
  });

  test('only the volumes of the same policy and slot count', async () => {
    await take('2026-11-23T00:00:10Z', { policy: 'other' });
    await take('2026-11-24T00:00:10Z');
    const report = await h.run('restore', { ...TO_NEW, at: '2026-11-22' });
    expect(report.state).toBe('waiting');
    const from = newVolumes().map(({ snapshotId }) => snapshotId);
    const slots = region.volumeSnapshots
      .filter(({ id }) => from.includes(id))
      .map(({ metadata }) => `${metadata!.autosnap_policy} ${metadata!.autosnap_slot}`);
    expect(slots).toEqual(['daily 2026-11-22T00:00:00Z', 'daily 2026-11-22T00:00:00Z']);
  });

  test('an image that is not a snapshot of this deployment brings no volumes', async () => {
    const image = region.addImage({
      name: 'by hand',
      owner: h.cloud.account.projectId,
      properties: { instance_uuid: db.id },
    });
    const report = await h.run('restore', { ...TO_NEW, at: image.id });
    expect(report.state).toBe('building');
    expect(newVolumes()).toEqual([]);
  });

  test('volumes: none makes none', async () => {
    const reports = await finish(await h.run('restore', { ...TO_NEW, volumes: 'none' }));
    expect(reports.map(({ state }) => state)).toEqual(['building', 'done']);
    expect(newVolumes()).toEqual([]);
  });

  test.each(['at once', 'after a time'])('the same event again, %s, makes nothing twice', async (when) => {
    const event = { ...TO_NEW, request: 'mine' };
    await h.run('restore', event);
    for (let call = 0; call < 6; call++) {
      if (when === 'after a time') later();
      await h.run('restore', event);
    }
    expect(newVolumes()).toHaveLength(2);
    expect(newServers().length).toBe(when === 'at once' ? 0 : 1);
    if (when === 'after a time') expect(attached()).toEqual(['db-logs', 'db-data']);
  });

  test('a volume that no listing shows is found by its id', async () => {
    const first = await h.run('restore', TO_NEW);
    for (const { id } of newVolumes()) region.unlisted.add(id);
    await finish(first);
    expect(newVolumes()).toHaveLength(2);
    expect(attached()).toEqual(['db-logs', 'db-data']);
  });

  test.each([0, 1])('a lost answer to request %i for a volume makes nothing twice', async (after) => {
    let requests = 0;
    const edit = async (answer: Response) =>
      requests++ === after ? new Response('', { status: 503 }) : answer;
    h.cloud.faults.push({
      service: 'volume',
      method: 'POST',
      path: /\/volumes$/,
      times: 9,
      answer: { edit },
    });
    const reports = await finish(await h.run('restore', TO_NEW));
    expect(reports.at(-1)!.state).toBe('done');
    expect(newVolumes()).toHaveLength(2);
    expect(attached()).toEqual(['db-logs', 'db-data']);
  });

  test.each([0, 1])(
    'a request for a volume that fails after %i others is repeated by the next call',
    async (after) => {
      const answer = { status: 503, body: {} };
      const requests = { service: 'volume', method: 'POST', path: /\/volumes$/ } as const;
      h.cloud.faults.push({ ...requests, skip: after, times: 9, answer });
      const first = await h.run('restore', TO_NEW);
      expect(first.codes).toContain('RESTORE_UNCERTAIN');
      expect(newVolumes()).toHaveLength(after);
      h.cloud.faults.length = 0;
      const reports = await finish(first);
      expect(reports.at(-1)!.state).toBe('done');
      expect(newVolumes()).toHaveLength(2);
    },
  );

  test('a quota in the middle is said with what was made, and the next call resumes', async () => {
    region.maxVolumes = 3;
    const { report, error } = await h.fail('restore', TO_NEW);
    expect(report!.state).toBe('failed');
    const [first] = newVolumes();
    expect(error.message).toContain(`the cloud is creating the volume "db-logs" (${first!.id})`);
    expect(error.message).toMatch(/the volume "db-data" was not made: .*allowed \(3\).*free some/);
    region.maxVolumes = 10;
    later();
    const reports = await finish(await h.run('restore', again(report!)));
    expect(reports.at(-1)!.state).toBe('done');
    expect(newVolumes()).toHaveLength(2);
    expect(attached()).toEqual(['db-logs', 'db-data']);
  });

  test('after a quota, the restore can go on without volumes, and the made one is named', async () => {
    region.maxVolumes = 3;
    const { report } = await h.fail('restore', TO_NEW);
    later();
    const reports = await finish(await h.run('restore', { ...again(report!), volumes: 'none' }));
    expect(reports.at(-1)!.state).toBe('done');
    expect(attached()).toEqual([]);
    expect(reports.at(-1)!.lines).toContain(`the new volume "db-logs" (${newVolumes()[0]!.id}) is available`);
  });

  test('a volume in error is named; once it is deleted, the next call makes another one', async () => {
    const first = await h.run('restore', TO_NEW);
    const broken = newVolumes().find(({ name }) => name === 'db-data')!;
    broken.status = 'error';
    later();
    const { report, error } = await h.fail('restore', again(first));
    expect(error.message).toContain(`the new volume "db-data" (${broken.id}) is error: delete it`);
    expect(newServers()).toEqual([]);
    region.removeVolume(broken.id);
    const reports = await finish(await h.run('restore', again(report!)));
    expect(reports.at(-1)!.state).toBe('done');
    expect(attached()).toEqual(['db-logs', 'db-data']);
    expect(deleted()).toEqual([]);
  });

  test('a new volume that somebody attaches elsewhere is left there', async () => {
    const first = await h.run('restore', TO_NEW);
    const [taken] = newVolumes();
    later();
    db.volumeIds.push(taken!.id);
    const { error } = await h.fail('restore', again(first));
    expect(error.message).toContain(`is attached to ${db.id}: detach it`);
    expect(newServers()).toEqual([]);
  });

  test('a server that the cloud refuses leaves the volumes, which the corrected event uses', async () => {
    const first = await h.run('restore', TO_NEW);
    region.maxServers = 1;
    later();
    const { error } = await h.fail('restore', again(first));
    expect(error.message).toContain('The new volumes stay');
    for (const { id } of newVolumes()) expect(error.message).toContain(id);
    region.maxServers = 9;
    const reports = await finish(await h.run('restore', again(first)));
    expect(reports.at(-1)!.state).toBe('done');
    expect(newVolumes()).toHaveLength(2);
  });

  test('what is wrong with the server is said before any volume is made', async () => {
    const { error } = await h.fail('restore', { ...TO_NEW, keyName: 'nobody' });
    expect(error.message).toContain('keyName:');
    expect(newVolumes()).toEqual([]);
  });

  test.each(['conflict', 'lost'])('an attachment that ends in %s is done by the next call', async (what) => {
    const lost = { edit: async () => new Response('', { status: 503 }) };
    const conflict = { status: 409, body: { conflictingRequest: { code: 409, message: 'busy' } } };
    h.cloud.faults.push({
      ...({ service: 'compute', method: 'POST' } as const),
      path: /os-volume_attachments$/,
      answer: what === 'lost' ? lost : conflict,
    });
    const reports = await finish(await h.run('restore', TO_NEW));
    expect(reports.flatMap(({ codes }) => codes)).toContain('RESTORE_VOLUME_NOT_ATTACHED');
    expect(reports.at(-1)!.state).toBe('done');
    expect(attached()).toEqual(['db-logs', 'db-data']);
  });

  test('a new volume that is deleted before it is attached is said', async () => {
    let report = await h.run('restore', TO_NEW);
    later();
    report = await h.run('restore', again(report));
    expect(report.state).toBe('building');
    const [gone] = newVolumes();
    region.removeVolume(gone!.id);
    later();
    const { error } = await h.fail('restore', again(report));
    expect(error.message).toContain(`the new volume ${gone!.id} has been deleted since`);
    expect(newServers()[0]!.volumeIds).toHaveLength(1);
  });

  test('an event with a changed source is refused once volumes were made', async () => {
    await take('2026-11-23T00:00:10Z');
    const first = await h.run('restore', { ...TO_NEW, request: 'mine', at: '2026-11-22' });
    const { error } = await h.fail('restore', { ...again(first), at: region.images[0]!.id });
    expect(error.message).toContain('at: the restore "mine" has begun with');
    const other = await h.fail('restore', { ...again(first), request: 'other' });
    expect(other.error.message).toContain('was not made by the restore "other"');
  });

  test('where volumes can not be read, the restore is refused with the way out', async () => {
    h.cloud.faults.push({ service: 'volume', times: 99, answer: answers.forbidden });
    const { error } = await h.fail('restore', TO_NEW);
    expect(error.message).toContain("volumes: those of DFW can't be read");
    expect((await h.run('restore', { ...TO_NEW, volumes: 'none' })).state).toBe('building');
  });

  test('a cleanup keeps the set that a restore uses, for a day', async () => {
    await take('2026-11-23T00:00:10Z');
    await take('2026-11-24T00:00:10Z');
    await h.run('restore', { ...TO_NEW, at: '2026-11-22' });
    setTime('2026-11-24T12:00:00Z');
    await h.run('cleanup', policy({ keep: { last: 1 } }));
    const slots = () =>
      [
        ...region.images.map(({ properties }) => properties.autosnap_slot),
        ...region.volumeSnapshots.map(({ metadata }) => metadata!.autosnap_slot),
      ]
        .map((slot) => slot?.slice(8, 10))
        .sort();
    expect(slots()).toEqual(['22', '22', '22', '24', '24', '24']);
    setTime('2026-11-25T12:00:00Z');
    await h.run('cleanup', policy({ keep: { last: 1 } }));
    expect(slots()).toEqual(['24', '24', '24']);
  });
});

/** Each request of a restore with volumes, and which calls of the function send it. */
const STEPS: [string, Pick<Fault, 'service' | 'method' | 'path'>, occurrences: number][] = [
  ['a volume', { service: 'volume', method: 'POST', path: /\/volumes$/ }, 2],
  ['the server', { service: 'compute', method: 'POST', path: /\/servers$/ }, 1],
  ['an attachment', { service: 'compute', method: 'POST', path: /os-volume_attachments$/ }, 2],
  ['the list of volumes', { service: 'volume', method: 'GET', path: /\/volumes\/detail$/ }, 3],
  ['the list of volume snapshots', { service: 'volume', method: 'GET', path: /\/snapshots\/detail$/ }, 1],
  ['one volume', { service: 'volume', method: 'GET', path: /\/volumes\/[0-9a-f-]{36}$/ }, 3],
];
const INTERRUPTIONS = STEPS.flatMap(([what, request, occurrences]) =>
  Array.from({ length: occurrences }, (_, skip) => ({ what, request, skip })).flatMap((step) =>
    (['drop', 'lose', 'truncate'] as const)
      // A server that was requested without an answer, and that is not there, is never requested
      // again; see test/restore/resume.test.ts.
      .filter((answer) => what !== 'the server' || answer !== 'drop')
      .filter((answer) => request.method === 'POST' || answer === 'drop')
      .map((answer) => ({ ...step, answer })),
  ),
);

describe.each(KINDS)('a restore that is interrupted in a cloud by %s', (kind) => {
  test.each(everyNth(7, INTERRUPTIONS))(
    'is completed after $what number $skip gets the fault $answer',
    async ({ request, skip, answer }) => {
      useKind(kind);
      await take();
      // As many as the client repeats a request.
      h.cloud.faults.push({ ...request, skip, times: request.method === 'GET' ? 4 : 1, answer });
      let event: object = { ...TO_NEW, request: 'mine' };
      for (let call = 0; ; call++) {
        const { error, report } = await attempt(event);
        if (report?.state === 'done') break;
        event = report?.next ?? event;
        later();
        if (call > 12) throw error ?? new Error(report?.lines.join('; '));
      }
      expect(newVolumes()).toHaveLength(2);
      expect(newServers()).toHaveLength(1);
      expect(attached()).toEqual(['db-logs', 'db-data']);
      expect(deleted()).toEqual([]);
    },
  );

  async function attempt(event: object): Promise<{ error?: Error; report?: Restoration }> {
    const { error, report } = await h.fail('restore', event);
    return { error, ...(report ? { report } : {}) };
  }
});

test('a volume that several servers may have is attached with the API version for that', async () => {
  useKind('password');
  data.multiattach = true;
  await take();
  const reports = await finish(await h.run('restore', TO_NEW));
  expect(reports.at(-1)!.state).toBe('done');
  expect(attached()).toEqual(['db-logs', 'db-data']);
});

test('Cinder v1 that drops metadata: the volumes are found by their descriptions', async () => {
  await take();
  const lose = async (answer: Response) => {
    for (const volume of newVolumes()) volume.metadata = {};
    return answer;
  };
  h.cloud.faults.push({ service: 'volume', method: 'POST', times: 9, answer: { edit: lose } });
  const { request } = await h.run('restore', TO_NEW);
  later();
  await h.run('restore', { ...TO_NEW, request });
  expect(newVolumes()).toHaveLength(2);
  expect(newServers()).toHaveLength(1);
});

describe('a server at Rackspace that boots from a volume', () => {
  let root: CloudVolume;
  let server: CloudServer;
  const extra = () => region.volumes.filter(({ id }) => ![data.id, logs.id, root.id].includes(id));
  const TO = { server: 'bfv', to: 'new' };

  beforeEach(async () => {
    root = region.addVolume({ name: 'root', size: 50, type: 'SSD' });
    db.volumeIds = [];
    server = region.addServer({
      ...{ name: 'bfv', image: '', flavor: 'compute1-4', rootVolume: root.id },
      volumeIds: [root.id, data.id],
      devices: { [root.id]: '/dev/xvda', [data.id]: '/dev/xvdb' },
    });
    await take();
  });

  const restored = () => region.servers.find(({ id }) => id !== db.id && id !== server.id);

  test('its volumes are made, it boots from the root volume, and the others are attached', async () => {
    const plan = await h.run('restore', { ...TO, dryRun: true });
    expect(plan.lines).toContain(
      `a new volume "root" (50 GB) from volume snapshot ${snapshotOf(root).id}, which the server boots from`,
    );
    const reports = await finish(await h.run('restore', TO));
    expect(reports.map(({ state }) => state)).toEqual(['waiting', 'building', 'building', 'done']);
    const copies = extra();
    expect(copies.map(({ name, type }) => `${name} ${type}`).sort()).toEqual(['db-data SSD', 'root SSD']);
    const newRoot = copies.find(({ name }) => name === 'root')!;
    expect(restored()).toMatchObject({ image: '', rootVolume: newRoot.id, flavor: 'compute1-4' });
    expect(restored()!.volumeIds).toEqual([newRoot.id, copies.find(({ name }) => name === 'db-data')!.id]);
  });

  test('one that is gone is restored by its id, with the flavor of the event', async () => {
    region.removeServer(server);
    for (const { id } of [root, data]) region.removeVolume(id);
    const { error } = await h.fail('restore', { ...TO, server: server.id });
    expect(error.message).toContain('flavor: the original is gone');
    const event = { ...TO, server: server.id, name: 'again', flavor: 'compute1-4' };
    const reports = await finish(await h.run('restore', event));
    expect(reports.at(-1)!.state).toBe('done');
    expect(restored()).toMatchObject({ name: 'again', image: '' });
    expect(restored()!.volumeIds).toHaveLength(2);
  });

  test('without volumes it still gets its root volume', async () => {
    const reports = await finish(await h.run('restore', { ...TO, volumes: 'none' }));
    expect(reports.at(-1)!.state).toBe('done');
    expect(extra().map(({ name }) => name)).toEqual(['root']);
  });

  test('without a good snapshot of its root volume it is refused', async () => {
    snapshotOf(root).status = 'error';
    const { error } = await h.fail('restore', TO);
    expect(error.message).toContain('at: there is no good snapshot of bfv');
    expect(extra()).toEqual([]);
  });

  test('a request for the server whose answer is lost makes nothing twice', async () => {
    const edit = async () => new Response('', { status: 503 });
    h.cloud.faults.push({ service: 'compute', method: 'POST', path: /\/servers$/, answer: { edit } });
    const reports = await finish(await h.run('restore', TO));
    expect(reports.at(-1)!.state).toBe('done');
    expect(region.servers).toHaveLength(3);
    expect(extra()).toHaveLength(2);
  });
});

describe.each(KINDS)('one volume alone in a cloud by %s', (kind) => {
  beforeEach(async () => {
    useKind(kind);
    await take();
    await take('2026-11-23T00:00:10Z');
  });

  const newest = () =>
    region.volumeSnapshots.find(
      ({ volumeId, metadata }) => volumeId === data.id && metadata!.autosnap_slot === '2026-11-23T00:00:00Z',
    )!;

  test.each(['name', 'id'] as const)('by its %s: it is made, and attached to nothing', async (by) => {
    const first = await h.run('restore', { volume: data[by] });
    expect(first).toMatchObject({ state: 'waiting', name: 'db-data', image: newest().id, server: db.id });
    const reports = await finish(first);
    expect(reports.at(-1)).toMatchObject({ state: 'done', restored: newVolumes()[0]!.id });
    expect(newVolumes()).toEqual([
      expect.objectContaining({ name: 'db-data', size: 10, type: 'SSD', snapshotId: newest().id }),
    ]);
    expect(region.servers.every(({ volumeIds }) => !volumeIds.includes(newVolumes()[0]!.id))).toBe(true);
    expect(reports.at(-1)!.lines[0]).toContain('attach it with openstack server add volume');
  });

  test('for a volume and a server that are gone', async () => {
    region.removeServer(db);
    region.removeVolume(data.id);
    const reports = await finish(await h.run('restore', { volume: 'db-data' }));
    expect(reports.at(-1)!.state).toBe('done');
    expect(region.volumes.find(({ name }) => name === 'db-data')).toMatchObject({ size: 10, type: 'SSD' });
  });

  test('`at` may be a day or a volume snapshot id', async () => {
    const older = await h.run('restore', { volume: 'db-data', at: '2026-11-22', dryRun: true });
    expect(older.image).not.toBe(newest().id);
    expect(older.codes).toEqual(['RESTORE_VOLUME_SNAPSHOT', 'RESTORE_VOLUME']);
    const byId = await h.run('restore', { volume: 'db-data', at: older.image, dryRun: true });
    expect(byId.image).toBe(older.image);
    expect(newVolumes()).toEqual([]);
    const other = await h.fail('restore', { volume: 'db-logs', at: older.image });
    expect(other.error.message).toContain('at: there is no good snapshot of the volume db-logs');
  });

  test('of two snapshots of one slot, the one with the oldest data is restored for a moment, and the one with the newest for the latest', async () => {
    const { id: one, ...first } = newest();
    // A second one of the same slot, made in the evening.
    const id = crypto.randomUUID();
    region.addVolumeSnapshot({ ...first, id, createdAt: new Date('2026-11-23T18:00:00Z') });
    setTime('2026-11-23T20:00:00Z');
    const planned = async (at: string) =>
      h.run('restore', { volume: 'db-data', at, dryRun: true }).then((plan) => [plan.image, plan.lines[0]]);
    for (const at of ['2026-11-23T00:00:00Z', '2026-11-23T12:00:00Z', '2026-11-23']) {
      expect(await planned(at), at).toEqual([one, expect.stringContaining('made at 2026-11-23T00:00')]);
    }
    expect(await planned('latest')).toEqual([id, expect.stringContaining('made at 2026-11-23T18:00')]);
  });

  test('passes over a newer snapshot that is not good, and says so', async () => {
    newest().status = 'error';
    const report = await h.run('restore', { volume: 'db-data' });
    expect(report.image).not.toBe(newest().id);
    expect(report.codes).toContain('RESTORE_PASSED_OVER');
  });

  test('the same request again makes nothing twice, and refuses another volume', async () => {
    const event = { volume: 'db-data', request: 'mine' };
    await h.run('restore', event);
    await h.run('restore', event);
    later();
    expect((await h.run('restore', event)).state).toBe('done');
    expect(newVolumes()).toHaveLength(1);
    const { error } = await h.fail('restore', { volume: 'db-logs', request: 'mine' });
    expect(error.message).toContain('volume: the restore "mine" has begun with');
  });

  test('a lost answer makes nothing twice', async () => {
    const edit = async () => new Response('', { status: 503 });
    h.cloud.faults.push({ service: 'volume', method: 'POST', path: /\/volumes$/, answer: { edit } });
    const reports = await finish(await h.run('restore', { volume: 'db-data' }));
    expect(reports.at(-1)!.state).toBe('done');
    expect(newVolumes()).toHaveLength(1);
  });

  test('a quota is said, and the next call resumes', async () => {
    region.maxVolumes = 2;
    const { report, error } = await h.fail('restore', { volume: 'db-data' });
    expect(error.message).toMatch(/the volume "db-data" was not made: .*free some/);
    region.maxVolumes = 9;
    expect((await finish(await h.run('restore', again(report!)))).at(-1)!.state).toBe('done');
  });

  test.each<[string, object, RegExp]>([
    ['an unknown volume', { volume: 'nothing' }, /volume: there is no snapshot of a volume "nothing" in DFW/],
    ['a volume without snapshots', { volume: 'scratch' }, /volume: there is no snapshot of a volume/],
    ['a moment before the first', { volume: 'db-data', at: '2026-11-01' }, /at: there is no good snapshot/],
    ['an unknown key', { volume: 'db-data', server: 'db' }, /server: is not a known key/],
    ['to', { volume: 'db-data', to: 'new' }, /to: must be left out for a volume/],
    ['two volumes of one name', { volume: 'twice' }, /volume: 2 volumes are called "twice".*give the id/],
  ])('refuses %s', async (_, event, problem) => {
    region.addVolume({ name: 'scratch' });
    if ('volume' in event && event.volume === 'twice') {
      data.name = 'twice';
      logs.name = 'twice';
    }
    const before = region.volumes.length;
    const { error } = await h.fail('restore', event);
    expect(error.name).toBe('ValidationError');
    expect(error.message).toMatch(problem);
    expect(region.volumes).toHaveLength(before);
  });
});
