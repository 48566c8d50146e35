import { beforeEach, describe, expect, test } from 'vitest';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { everyNth, KINDS, type Kind } from '../cloud-kinds.ts';
import { type Harness, policy, setTime } from '../harness.ts';
import { finishRestore, restoreUntil, twoVolumes } from '../restore/two-volumes.ts';
import { again } from '../restore/world.ts';

// In-place restores of servers with volumes: the disk is rebuilt, and the volumes are replaced.

const IN_PLACE = { server: 'db', to: 'in-place', confirm: 'db' };
const MINUTE_MS = 60_000;

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;
let logs: CloudVolume;

beforeEach(async () => {
  ({ h, region, db, data, logs } = await twoVolumes({ buildMs: 60_000 }));
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
const newOf = (name: string) => newVolumes().find((one) => one.name === name)!;
const snapshotOf = ({ id }: CloudVolume) => region.volumeSnapshots.find(({ volumeId }) => volumeId === id)!;
const taken = () => region.images.find(({ properties }) => properties.autosnap_policy === 'daily')!;
/** The requests that delete something; a detachment is not one of them. */
const deleted = () =>
  h.cloud.received.filter(
    ({ method, path }) => method === 'DELETE' && !path.includes('os-volume_attachments'),
  );
const attachedTo = (server: CloudServer) => {
  const { volumeIds } = region.servers.find(({ id }) => id === server.id)!;
  return volumeIds.map((id) => `${region.deviceOf(server, id)} ${region.volume(id)!.name}`).sort();
};

const finish = (first: Restoration, most = 14) => finishRestore(h, first, most);

const until = (code: string, event: object = IN_PLACE) => restoreUntil(h, code, event);

/** Everything that an in-place restore has to leave, however it was carried out. */
function expectRestored(): void {
  expect(attachedTo(db)).toEqual(['/dev/vdb db-logs', '/dev/vdc db-data']);
  expect(newVolumes()).toHaveLength(2);
  expect(db.volumeIds.toSorted()).toEqual(
    newVolumes()
      .map(({ id }) => id)
      .sort(),
  );
  expect(newOf('db-data')).toMatchObject({ size: 10, snapshotId: snapshotOf(data).id });
  expect(newOf('db-logs')).toMatchObject({ size: 5, snapshotId: snapshotOf(logs).id });
  expect(data.name).toMatch(/^db-data \(replaced 2026-11-22T\S+Z by restore \S+\)$/);
  expect(logs.name).toMatch(/^db-logs \(replaced 2026-11-22T\S+Z by restore \S+\)$/);
  expect(db).toMatchObject({ image: taken().id, vmState: 'active' });
  expect(deleted()).toEqual([]);
}

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(async () => {
    useKind(kind);
    await take();
  });

  test('the new volumes are made, then a safety snapshot is taken, the volumes are replaced with the server off, and the disk is rebuilt', async () => {
    const reports = await finish(await h.run('restore', IN_PLACE));
    expect(reports.map(({ state, codes }) => `${state} ${codes[0]}`)).toEqual([
      'waiting RESTORE_SNAPSHOT',
      'waiting RESTORE_SNAPSHOT',
      'building RESTORE_STOPPING',
      'building RESTORE_VOLUME_DETACHING',
      'building RESTORE_VOLUME_ATTACHING',
      'building SAFETY_GOOD',
      'building RESTORE_STARTING',
      'done RESTORED',
    ]);
    expectRestored();
    if (kind === 'rackspace') expect(newOf('db-data').type).toBe('SSD');
    const last = reports.at(-1)!;
    for (const { id, name } of [data, logs]) {
      expect(last.lines).toContain(
        `the old volume "${name}" (${id}) stays, with its data: when you no longer need it, delete it (openstack volume delete ${id})`,
      );
    }
  });

  test('a dry run shows which volume is made from what, and in the place of what', async () => {
    const plan = await h.run('restore', { server: 'db', to: 'in-place', dryRun: true });
    expect(plan).toMatchObject({ state: 'planned', image: taken().id });
    expect(plan.lines).toEqual(
      expect.arrayContaining([
        `a new volume "db-data" (10 GB) from volume snapshot ${snapshotOf(data).id}`,
        `the new volume "db-data" takes the place of "db-data" (${data.id}) at /dev/vdc while the server is off; the old one stays, detached, with a name that says so`,
        'the safety snapshot has the system disk alone, and no data of db-data, db-logs',
      ]),
    );
    expect(newVolumes()).toEqual([]);
    expect(plan.apply).toMatchObject({ at: taken().id, to: 'in-place' });
    const reports = await finish(await h.run('restore', { ...plan.apply, confirm: 'db' }));
    expect(reports.at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('without volumes, only the disk is replaced, and the answer names what the safety snapshot lacks', async () => {
    const event = { ...IN_PLACE, volumes: 'none' };
    const reports = await finish(await h.run('restore', event));
    expect(reports.map(({ state }) => state)).toEqual(['waiting', 'building', 'done']);
    expect(reports[0]!.codes).toContain('SAFETY_WITHOUT_VOLUMES');
    expect(newVolumes()).toEqual([]);
    expect(db.volumeIds).toEqual([data.id, logs.id]);
    expect(data.name).toBe('db-data');
  });

  test('a server that was off stays off', async () => {
    db.vmState = 'stopped';
    const reports = await finish(await h.run('restore', IN_PLACE));
    expect(reports[0]!.codes).toContain('RESTORE_STAYS_SHUTOFF');
    expect(reports.flatMap(({ codes }) => codes)).not.toContain('RESTORE_STARTING');
    expect(reports.at(-1)!.codes[0]).toBe('RESTORED_SHUTOFF');
    expect(attachedTo(db)).toEqual(['/dev/vdb db-logs', '/dev/vdc db-data']);
  });

  test('once it is restored, a server that somebody stops is not started by another call', async () => {
    const event = { ...IN_PLACE, request: 'mine' };
    await finish(await h.run('restore', event));
    db.vmState = 'stopped';
    const report = await h.run('restore', event);
    expect(report).toMatchObject({ state: 'done', codes: expect.arrayContaining(['RESTORED_SHUTOFF']) });
    expect(db.vmState).toBe('stopped');
  });

  test('a second restore replaces the volumes of the first, also from snapshots of the originals', async () => {
    await take('2026-11-23T00:00:10Z');
    await finish(await h.run('restore', { ...IN_PLACE, request: 'first' }));
    const first = newVolumes();
    const second = { ...IN_PLACE, request: 'second', at: '2026-11-22' };
    const reports = await finish(await h.run('restore', second));
    // The volumes that the first restore has replaced are none of the second's business.
    for (const { id } of [data, logs]) expect(reports.at(-1)!.lines.join()).not.toContain(id);
    expect(attachedTo(db)).toEqual(['/dev/vdb db-logs', '/dev/vdc db-data']);
    for (const volume of first) {
      expect(db.volumeIds).not.toContain(volume.id);
      expect(volume.name).toMatch(/^db-\w+ \(replaced \S+ by restore second\)$/);
    }
    expect(data.name).toMatch(/by restore first\)$/);
    const plan = await h.run('restore', { ...IN_PLACE, at: '2026-11-22', dryRun: true });
    expect(plan.codes).not.toContain('RESTORE_WITHOUT_VOLUME');
    expect(plan.codes).not.toContain('RESTORE_VOLUMES_STAY');
    expect(deleted()).toEqual([]);
  });
});

/** Each request of an in-place restore that changes something, in order. */
const CHANGES = [
  ...['the first volume', 'the second volume', 'the safety snapshot', 'the stop'],
  ...['the first new name', 'the first detachment', 'the second new name', 'the second detachment'],
  ...['the first attachment', 'the second attachment', 'the rebuild', 'the start', 'the mark'],
];

describe.each(KINDS)('in a cloud by %s, the next call goes on after', (kind) => {
  const isChange = ({ method, path }: { method: string; path: string }) =>
    method !== 'GET' && !/tokens/.test(path);

  /** The answer to a change is lost, and with `isKilled` all further requests of that call. */
  function loseAt(position: number, isKilled: boolean) {
    const seen = { changes: 0, isOver: false };
    const services = ['compute', 'image', 'volume'] as const;
    const faults = services.flatMap((service): Fault[] => [
      {
        ...{ service, times: Infinity, answer: 'lose' },
        when: ({ req }) => isChange(req) && seen.changes++ === position,
      },
      { service, times: Infinity, answer: 'drop', when: () => isKilled && seen.changes > position },
    ]);
    h.cloud.faults.push(...faults);
    return seen;
  }

  const cases = CHANGES.flatMap((what, position) =>
    (kind === 'rackspace' ? [true] : [true, false]).map((isKilled) => ({ what, position, isKilled })),
  );
  test.each(everyNth(5, cases))(
    '$what without an answer, killed: $isKilled',
    async ({ position, isKilled }) => {
      useKind(kind);
      await take();
      const seen = loseAt(position, isKilled);
      const event = { ...IN_PLACE, request: 'mine' };
      for (let calls = 0; ; calls++) {
        const { report } = await h.fail('restore', event);
        if (seen.changes > position) h.cloud.faults.length = 0;
        if (report?.state === 'done') break;
        later();
        expect(calls, report?.lines.join('; ')).toBeLessThan(14);
      }
      expect(seen.changes).toBeGreaterThan(position);
      expectRestored();
      const images = region.images.filter(({ properties }) => properties.autosnap_policy === 'adhoc');
      expect(images).toHaveLength(1);
    },
  );
});

describe('volumes that are not replaced', () => {
  beforeEach(() => useKind('password'));

  test('one that several servers may have stays attached to each of them, and the others are replaced', async () => {
    data.multiattach = true;
    await take();
    const standby = region.addServer({ name: 'standby', volumeIds: [data.id] });
    const reports = await finish(await h.run('restore', IN_PLACE));
    expect(reports[0]!.lines.join('\n')).toMatch(
      /without db-data: several servers may have it, and it is attached to \S+, \S+, so it is not replaced; restore it alone/,
    );
    expect(reports.at(-1)!.state).toBe('done');
    expect(attachedTo(db)).toEqual(['/dev/vdb db-logs', '/dev/vdc db-data']);
    expect(db.volumeIds).toContain(data.id);
    expect(standby.volumeIds).toEqual([data.id]);
    expect(newVolumes()).toHaveLength(1);
  });

  test.each<[string, () => void, RegExp]>([
    [
      'whose snapshot of the slot has failed',
      () => (snapshotOf(data).status = 'error'),
      /without db-data \(its snapshot \S+ is error\)/,
    ],
    [
      'that has no snapshot of the slot',
      () => region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(snapshotOf(data)), 1),
      /without db-data \(it has no snapshot of this slot\)/,
    ],
  ])('one %s stays attached as it is, and is named', async (_, change, said) => {
    await take();
    change();
    const reports = await finish(await h.run('restore', IN_PLACE));
    expect(reports[0]!.lines.join('\n')).toMatch(said);
    expect(reports[0]!.lines).toContain(
      `these volumes stay attached, with their current data: db-data (${data.id})`,
    );
    expect(reports.at(-1)!.state).toBe('done');
    expect(db.volumeIds).toEqual([data.id, newOf('db-logs').id]);
    expect(data.name).toBe('db-data');
  });

  test('one that was attached after the snapshot keeps its device', async () => {
    useKind('rackspace');
    await take();
    const added = region.addVolume({ name: 'added' });
    db.volumeIds.push(added.id);
    db.devices = { [added.id]: '/dev/vdb', [logs.id]: '/dev/vdd', [data.id]: '/dev/vdc' };
    const reports = await finish(await h.run('restore', IN_PLACE));
    expect(reports[0]!.lines.join('\n')).toContain(`current data: added (${added.id})`);
    expect(reports.at(-1)!.state).toBe('done');
    expect(attachedTo(db)).toEqual(['/dev/vdb added', '/dev/vdc db-data', '/dev/vdd db-logs']);
  });

  test.each(['detached', 'deleted'])(
    'an original that is %s by now is made again, and attached',
    async (what) => {
      await take();
      Object.assign(db, { volumeIds: [logs.id], devices: { [logs.id]: '/dev/vdb' } });
      if (what === 'deleted') region.removeVolume(data.id);
      const reports = await finish(await h.run('restore', IN_PLACE));
      expect(reports[0]!.lines).toContain(
        'the new volume "db-data" is attached at /dev/vdc: the server does not have the original',
      );
      expect(reports.at(-1)!.state).toBe('done');
      expect(attachedTo(db)).toEqual(['/dev/vdb db-logs', '/dev/vdc db-data']);
      if (what === 'detached') expect(data.name).toBe('db-data');
    },
  );
});

describe('what happens meanwhile', () => {
  beforeEach(async () => {
    useKind('password');
    await take();
  });

  const expectUntouched = () => {
    expect(db.volumeIds).toEqual([data.id, logs.id]);
    expect(db).toMatchObject({ vmState: 'active' });
    expect([data.name, logs.name]).toEqual(['db-data', 'db-logs']);
    expect(db.image).not.toBe(taken().id);
  };

  test('a new volume that is attached to another server: nothing is detached, and the error names both', async () => {
    const report = await until('SAFETY_REQUESTED');
    const other = region.addServer({ name: 'other', volumeIds: [newOf('db-data').id] });
    const { error } = await h.fail('restore', again(report));
    expect(error.message).toMatch(
      new RegExp(
        `the new volume "db-data" \\(\\S+\\) is attached to ${other.id}: detach it, and go on with the restore`,
      ),
    );
    expectUntouched();
    other.volumeIds = [];
    expect((await finish(await h.run('restore', again(report)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('a new volume that ends in an error: nothing is detached; once it is deleted, another one is made', async () => {
    const report = await until('SAFETY_REQUESTED');
    const failed = newOf('db-data');
    failed.status = 'error';
    const { error } = await h.fail('restore', again(report));
    expect(error.message).toMatch(
      /the new volume "db-data" .* is error: delete it .*, and go on with the restore/,
    );
    expectUntouched();
    region.removeVolume(failed.id);
    expect((await finish(await h.run('restore', again(report)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('a new volume that is deleted while the volumes are replaced: said, and the next call makes another', async () => {
    const report = await until('RESTORE_VOLUME_DETACHING');
    const gone = newOf('db-data');
    region.removeVolume(gone.id);
    const { error, report: failed } = await h.fail('restore', again(report));
    expect(error.message).toContain(`the new volume ${gone.id} has been deleted since`);
    expect(error.message).toContain(`the old volume "${data.name}" (${data.id}) stays`);
    const reports = await finish(await h.run('restore', again(failed!)));
    expect(reports.at(-1)!.state).toBe('done');
    expectRestored();
  });

  test.each(['SAFETY_REQUESTED', 'RESTORE_VOLUME_DETACHING'])(
    'a server that is deleted after %s: the error names the new and the old volumes',
    async (code) => {
      const report = await until(code);
      region.removeServer(db);
      const { error } = await h.fail('restore', again(report));
      expect(error.message).toMatch(/server: db is gone: use "to": "new"/);
      for (const { id } of newVolumes()) expect(error.message).toContain(id);
      if (code === 'RESTORE_VOLUME_DETACHING') {
        for (const { id } of [data, logs]) expect(error.message).toContain(id);
      }
      expect(newVolumes()).toHaveLength(2);
      expect(deleted()).toEqual([]);
    },
  );

  test('an old volume that is attached to a second server: it is not detached, until it is the only one', async () => {
    const report = await until('SAFETY_REQUESTED');
    const other = region.addServer({ name: 'other', volumeIds: [data.id] });
    const { error } = await h.fail('restore', again(report));
    expect(error.message).toMatch(
      /volumes: the volume "db-data" \(\S+\), which is to be replaced, may be attached to several servers/,
    );
    expectUntouched();
    other.volumeIds = [];
    expect((await finish(await h.run('restore', again(report)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('the volume snapshot of a new volume is deleted: the error says what is unknown', async () => {
    const report = await until('SAFETY_REQUESTED');
    region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(snapshotOf(data)), 1);
    const { error } = await h.fail('restore', again(report));
    expect(error.message).toMatch(
      /volumes: the new volume "db-data" .* it is unknown which volume it replaces/,
    );
    expectUntouched();
  });

  test('"volumes": "none" is refused once the volumes are being replaced', async () => {
    const report = await until('RESTORE_VOLUME_DETACHING');
    const { error } = await h.fail('restore', { ...again(report), volumes: 'none' });
    expect(error.message).toMatch(/volumes: the restore "\S+" has begun to replace the volumes/);
    expect((await finish(await h.run('restore', again(report)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('a safety snapshot that gets too old while the server is off: others are taken, however many', async () => {
    let report = await until('RESTORE_VOLUME_DETACHING');
    for (let count = 0; count < 3; count++) {
      later(60);
      report = await h.run('restore', again(report));
      expect(report.codes).toContain('SAFETY_REQUESTED');
      expect(report.codes).toContain('SAFETY_OLD');
    }
    later();
    expect((await finish(await h.run('restore', again(report)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('a safety snapshot that fails after the volumes were made: another one is taken', async () => {
    const report = await until('SAFETY_REQUESTED');
    const safety = region.images.find(({ id }) => id === report.safety)!;
    safety.status = 'killed';
    const second = await h.run('restore', again(report));
    expect(second.codes).toContain('SAFETY_FAILED');
    expect(second.codes).toContain('SAFETY_REQUESTED');
    later();
    expect((await finish(await h.run('restore', again(second)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('an old volume that the cloud is busy with: nothing is stopped or detached until it is in use', async () => {
    const report = await until('SAFETY_REQUESTED');
    logs.status = 'backing-up';
    const waiting = await h.run('restore', again(report));
    expect(waiting.lines[0]).toContain(`the old volume "db-logs" (${logs.id}) is backing-up`);
    expectUntouched();
    logs.status = 'available';
    expect((await finish(await h.run('restore', again(waiting)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('volumes that can not be read once the old ones are detached: the disk stays', async () => {
    await until('RESTORE_VOLUME_DETACHING', { ...IN_PLACE, request: 'mine' });
    // The record of the restore names its volumes, which the call would read first.
    h.cold();
    h.cloud.faults.push({ service: 'volume', times: 99, answer: answers.unavailable });
    const { error } = await h.fail('restore', { ...IN_PLACE, request: 'mine' });
    expect(error.message).toContain("volumes: those of DFW can't be read");
    expect(db.image).not.toBe(taken().id);
    h.cloud.faults.length = 0;
    const reports = await finish(await h.run('restore', { ...IN_PLACE, request: 'mine' }));
    expect(reports.at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('a server that is still stopping is waited for', async () => {
    const report = await until('RESTORE_STOPPING');
    Object.assign(db, { vmState: 'active', taskState: 'powering-off' });
    const waiting = await h.run('restore', again(report));
    expect(waiting.state).toBe('waiting');
    expect(waiting.lines[0]).toBe('db is busy (powering-off)');
    expect(db.volumeIds).toEqual([data.id, logs.id]);
    Object.assign(db, { vmState: 'stopped', taskState: null });
    expect((await finish(await h.run('restore', again(waiting)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test.each<[string, Pick<Fault, 'service' | 'method' | 'path'> & Partial<Fault>, string]>([
    ['stopped', { service: 'compute', method: 'POST', path: /action$/, skip: 1 }, 'RESTORE_NOT_STOPPED'],
    [
      'relieved of a volume',
      { service: 'compute', method: 'DELETE', path: /os-volume_attachments/ },
      'RESTORE_VOLUME_NOT_DETACHED',
    ],
    [
      'given a volume',
      { service: 'compute', method: 'POST', path: /os-volume_attachments/ },
      'RESTORE_VOLUME_NOT_ATTACHED',
    ],
    ['started', { service: 'compute', method: 'POST', path: /action$/, skip: 3 }, 'RESTORE_NOT_STARTED'],
  ])('a server that can not be %s yet is said, and the next call tries again', async (_, request, code) => {
    const body = { conflictingRequest: { code: 409, message: `Instance ${db.id} is locked` } };
    h.cloud.faults.push({ ...request, answer: { status: 409, body } });
    const reports = await finish(await h.run('restore', IN_PLACE));
    const report = reports.find(({ codes }) => codes.includes(code as never));
    expect(report?.lines.join('\n')).toContain('is locked');
    expect(reports.at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('a cloud that forbids the detachment: the restore fails with the reason, and can go on later', async () => {
    h.cloud.faults.push({
      ...{ service: 'compute', method: 'DELETE', path: /os-volume_attachments/, times: 1 },
      answer: answers.forbidden,
    });
    const report = await until('RESTORE_STOPPING');
    const { error, report: failed } = await h.fail('restore', again(report));
    expect(error.message).toMatch(/the old volume "db-\w+" \(\S+\) is not detached yet: .*lacks the role/);
    expect((await finish(await h.run('restore', again(failed!)))).at(-1)!.state).toBe('done');
    expectRestored();
  });

  test('two simultaneous calls do nothing twice', async () => {
    const event = { ...IN_PLACE, request: 'mine' };
    for (let calls = 0; ; calls++) {
      const both = await Promise.all([h.run('restore', event), h.run('restore', event)]);
      if (both.some(({ state }) => state === 'done')) break;
      later();
      expect(calls).toBeLessThan(14);
    }
    expectRestored();
  });
});

test('volumes that are over the quota: nothing is stopped or detached, and the next call goes on', async () => {
  await take();
  region.maxVolumes = 3;
  const { error, report } = await h.fail('restore', IN_PLACE);
  expect(error.message).toMatch(/the volume "db-data" was not made: .*free some/);
  expect(db).toMatchObject({ vmState: 'active', volumeIds: [data.id, logs.id] });
  region.maxVolumes = 9;
  expect((await finish(await h.run('restore', again(report!)))).at(-1)!.state).toBe('done');
  expectRestored();
});

test('volumes that can not be read are no absent ones: the restore is refused with the way out', async () => {
  await take();
  h.cloud.faults.push({ service: 'volume', times: 99, answer: answers.forbidden });
  const { error } = await h.fail('restore', IN_PLACE);
  expect(error.message).toMatch(/volumes: those of DFW can't be read: .*"volumes": "none"/);
  expect((await h.run('restore', { ...IN_PLACE, volumes: 'none' })).codes).toContain('SAFETY_REQUESTED');
});

test('a snapshot that the listing of images lacks is restored with its volumes', async () => {
  await take();
  region.unlisted.add(taken().id);
  const reports = await finish(await h.run('restore', { ...IN_PLACE, at: taken().id }));
  expect(reports.at(-1)!.state).toBe('done');
  expectRestored();
});

test('Cinder v1 that drops metadata: the new volumes are known by their descriptions', async () => {
  await take();
  const lose = async (answer: Response) => {
    for (const volume of newVolumes()) volume.metadata = {};
    return answer;
  };
  h.cloud.faults.push({ service: 'volume', method: 'POST', times: 9, answer: { edit: lose } });
  const { request } = await h.run('restore', IN_PLACE);
  later();
  await finish(await h.run('restore', { ...IN_PLACE, request }));
  expectRestored();
});

test('a server at Rackspace that boots from a volume is refused, with the way out', async () => {
  const root = region.addVolume({ name: 'root', size: 50 });
  region.addServer({
    name: 'bfv',
    image: '',
    flavor: 'compute1-4',
    rootVolume: root.id,
    volumeIds: [root.id],
  });
  await take();
  const { error } = await h.fail('restore', { server: 'bfv', to: 'in-place', confirm: 'bfv' });
  expect(error.message).toMatch(/to: bfv has its disk on a volume, .*: use "to": "new"/);
  expect(newVolumes()).toEqual([root]);
});

describe.each(KINDS)('after a restore in place in a cloud by %s', (kind) => {
  beforeEach(async () => {
    useKind(kind);
    await take();
    await finish(await h.run('restore', IN_PLACE));
    // A run for the slot of the restored set also takes the new volumes.
    await h.run('snapshot', policy());
    later();
  });

  test('the set has each volume once: as it was when the image was taken', async () => {
    expect(region.volumeSnapshots).toHaveLength(4);
    const plan = await h.run('restore', { server: 'db', to: 'new', dryRun: true });
    expect(plan.codes.filter((code) => code === 'RESTORE_VOLUME')).toHaveLength(2);
    expect(plan.lines.join()).toContain(snapshotOf(data).id);
    expect(plan.lines.join()).toContain(snapshotOf(logs).id);
  });

  test('a second restore in place ends', async () => {
    const reports = await finish(await h.run('restore', { ...IN_PLACE, request: 'again' }));
    expect(reports.at(-1)!.state).toBe('done');
    expect(attachedTo(db)).toHaveLength(2);
  });
});

test('a new volume that is deleted at the end of a restore in place is named by every further call', async () => {
  useKind('password');
  await take();
  const last = await until('RESTORE_STARTING');
  const gone = newOf('db-logs').id;
  db.volumeIds = db.volumeIds.filter((id) => id !== gone);
  region.removeVolume(gone);
  for (const _ of ['a call', 'another call']) {
    const { error } = await h.fail('restore', again(last));
    expect(error.message).toContain(`the new volume ${gone} has been deleted since`);
  }
});
