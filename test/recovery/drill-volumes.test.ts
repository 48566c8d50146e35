import { describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import { KINDS } from '../cloud-kinds.ts';
import { expectCleanAfterKill } from '../drill/killing.ts';
import {
  expectNothingLeft,
  originalsOf,
  SHORT,
  type VolumeWorld,
  volumeWorld,
} from '../drill/volume-world.ts';
import { outcomes, reasons } from '../drill/world.ts';
import { textsOf } from '../finding-texts.ts';
import { setTime } from '../harness.ts';

// Drills of the whole set of a server: its image and its volumes, also of servers that boot from
// one.

const HOUR_MS = 3_600_000;
const BOOT = { service: 'compute', method: 'POST', path: /\/servers$/ } as const;
const FILL = { service: 'volume', method: 'POST', path: /\/volumes$/ } as const;

const deletedVolumes = ({ cloud }: VolumeWorld) =>
  cloud.received.filter(({ method, service }) => method === 'DELETE' && service === 'volume');
const later = (hours = 1) => setTime(new Date(Date.now() + hours * HOUR_MS));

describe.each(KINDS)('a set in a cloud by %s', (kind) => {
  test('is booted with new volumes from the snapshots of its volumes, all of which are deleted afterwards', async () => {
    const w = await volumeWorld(kind);
    const before = originalsOf(w);
    const seen: string[] = [];
    w.cloud.faults.push({
      service: 'compute',
      method: 'DELETE',
      answer: () => {
        const [server] = w.newServers();
        for (const id of server!.volumeIds) {
          const { name, size, type, snapshotId } = w.region.volume(id)!;
          const of = w.region.volumeSnapshots.find((one) => one.id === snapshotId)!.volumeId;
          seen.push(`${name} ${size} ${type} ${w.region.volume(of)!.name} ${w.region.deviceOf(server!, id)}`);
        }
        expect(server!.rootVolume).toBeUndefined();
      },
    });
    const report = await w.run('drill', w.event());
    expect(seen).toEqual([
      'db-data-drill 10 SSD db-data /dev/vdb',
      'db-logs-drill 5 __DEFAULT__ db-logs /dev/vdc',
    ]);
    expect(outcomes(report)).toEqual(['db proven']);
    expect(reasons(report)).toContain('with new volumes from the snapshots of db-data, db-logs');
    expect(report.failures).toEqual([]);
    expectNothingLeft(w);
    expect(originalsOf(w)).toEqual(before);
    for (const { path } of deletedVolumes(w)) expect(path).not.toContain('cascade');
    const image = w.region.images[0]!;
    expect(image.properties.autosnap_proven).toBe(`${image.id} 2026-11-22T06:00:00Z with-volumes`);
    for (const { id, metadata } of w.region.volumeSnapshots) {
      expect(metadata!.autosnap_proven).toBe(`${id} 2026-11-22T06:00:00Z`);
    }
  });

  test('is booted without its volumes if the policy does not ask for them, which the result says', async () => {
    const w = await volumeWorld(kind);
    const report = await w.run('drill', w.event({ volumes: false }));
    expect(outcomes(report)).toEqual(['db proven']);
    expect(reasons(report)).toContain('without 2 volumes of the original');
    expect(w.cloud.received.filter(({ path }) => /\/volumes$/.test(path))).toEqual([]);
    expect(w.region.images[0]!.properties.autosnap_proven).toMatch(/ without-volumes$/);
  });

  test('its volumes are filled over several runs, and nothing is requested twice', async () => {
    const w = await volumeWorld(kind, { volumeMs: 2.5 * HOUR_MS });
    const reports = await w.finish();
    const each = reports.map((one) => outcomes(one).join());
    expect(each.slice(0, 3)).toEqual(['db deferred', 'db deferred', 'db deferred']);
    // On a busy machine the volumes are deleted by one more run.
    expect(each.filter((one) => one === 'db proven')).toHaveLength(1);
    expect(reasons(reports[0])).toContain(
      'the cloud is still creating the volumes of the drill from the snapshots of db-data, db-logs',
    );
    expect(
      w.cloud.received.filter(({ method, path }) => method === 'POST' && /\/volumes$/.test(path)),
    ).toHaveLength(2);
    expectNothingLeft(w);
  });

  test('a dry run names the volumes and their sizes, and makes nothing', async () => {
    const w = await volumeWorld(kind);
    const report = await w.run('drill', w.event({}, { dryRun: true }));
    expect(outcomes(report)).toEqual(['db planned']);
    expect(reasons(report)).toContain(
      'with a new volume from the snapshot of db-data (10 GB); with a new volume from the snapshot of db-logs (5 GB)',
    );
    expectNothingLeft(w);
    await w.cloud.idle();
    expect(
      w.cloud.received.filter(({ method, service }) => method !== 'GET' && service === 'volume').length,
    ).toBe(2);
  });

  test.each([
    ['the number of volumes', { maxVolumes: 3 }, 'needs 2 volumes and the quota of the cloud has room for 1'],
    [
      'their gigabytes',
      { maxVolumeGigabytes: 44 },
      'need 15 GB and the quota of the cloud has room for 14 GB',
    ],
  ])('a quota that is too small for %s is said before anything is made', async (_, quota, said) => {
    const w = await volumeWorld(kind);
    Object.assign(w.region, quota);
    const plan = await w.fail('drill', w.event({}, { dryRun: true }));
    expect(reasons(plan.report)).toContain(said);
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain(said);
    expectNothingLeft(w);
    expect(
      w.cloud.received.filter(({ method, path }) => method === 'POST' && /\/volumes$/.test(path)),
    ).toEqual([]);
    expect(
      w.cloud.received.filter(({ method, path }) => method === 'POST' && /\/servers$/.test(path)),
    ).toEqual([]);
  });

  test('a volume in an error fails the drill with the reason, and everything is deleted', async () => {
    const w = await volumeWorld(kind, { volumeMs: HOUR_MS / 2 });
    await w.run('drill', w.event(), SHORT);
    const broken = w.newVolumes().find(({ name }) => name === 'db-logs-drill')!;
    broken.status = 'error';
    later();
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain(
      `could not make a volume from the snapshot of db-logs: volume ${broken.id} is in error`,
    );
    expect(w.region.images[0]!.properties.autosnap_drilled).toContain('2026-11-22T07:00:00Z');
    expect(w.region.images[0]!.properties).not.toHaveProperty('autosnap_proven');
    expectNothingLeft(w);
  });

  test('a server that does not boot with its volumes fails the drill, and everything is deleted', async () => {
    const w = await volumeWorld(kind);
    w.region.newServers = { buildFault: 'No valid host was found.' };
    const { error, report } = await w.fail('drill', w.event());
    expect(error.message).toContain('the server does not boot: No valid host was found.');
    expect(outcomes(report)).toEqual(['db failed']);
    expectNothingLeft(w);
  });

  test('a volume that the cloud refuses fails the drill, and the others are deleted', async () => {
    const w = await volumeWorld(kind);
    w.cloud.faults.push({ ...FILL, skip: 1, answer: answers.forbidden });
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain('the cloud makes no volume from the snapshot of db-logs');
    expectNothingLeft(w);
    expect((await w.run('drill', w.event())).totals).toEqual({ proven: 1 });
  });

  test('a server that the cloud refuses fails the drill, and the volumes are deleted', async () => {
    const w = await volumeWorld(kind);
    w.cloud.faults.push({ ...BOOT, answer: answers.quota });
    const { report } = await w.fail('drill', w.event());
    expect(outcomes(report)).toEqual(['db failed']);
    expectNothingLeft(w);
  });

  test('a set whose volume snapshots are not finished waits', async () => {
    const w = await volumeWorld(kind);
    w.region.volumeSnapshots[1]!.status = 'creating';
    const report = await w.run('drill', w.event());
    expect(outcomes(report)).toEqual(['db skipped']);
    expect(reasons(report)).toContain('the snapshots of its volumes are not finished yet');
  });

  test('a set with a volume snapshot that is being backed up waits', async () => {
    const w = await volumeWorld(kind);
    w.region.volumeSnapshots[1]!.status = 'backing-up';
    const report = await w.run('drill', w.event());
    expect(outcomes(report)).toEqual(['db skipped']);
    expect(reasons(report)).toContain('the snapshots of its volumes are not finished yet');
    expectNothingLeft(w);
  });

  test('a volume whose snapshot has failed is named in the result with the reason', async () => {
    const w = await volumeWorld(kind);
    const logs = w.originals.find(({ name }) => name === 'db-logs')!;
    const failed = w.region.volumeSnapshots.find(({ volumeId }) => volumeId === logs.id)!;
    failed.status = 'error';
    const added = w.region.addVolume({ name: 'db-new', size: 1 });
    w.db.volumeIds.push(added.id);
    const said = `without 2 volumes of the original: db-logs (its snapshot ${failed.id} is in error), db-new (it has no snapshot of this slot)`;
    expect(reasons(await w.run('drill', w.event({}, { dryRun: true })))).toContain(said);
    // The new volumes are those that the drill has made.
    w.originals.push(added);
    const report = await w.run('drill', w.event());
    expect(outcomes(report)).toEqual(['db proven']);
    expect(reasons(report)).toContain(said);
    expect(w.region.images[0]!.properties.autosnap_proven).toMatch(/ without-volumes$/);
  });

  test('a set that lacks a volume is booted with the others, which the result says', async () => {
    const w = await volumeWorld(kind);
    w.region.volumeSnapshots.splice(1, 1);
    const report = await w.run('drill', w.event());
    expect(outcomes(report)).toEqual(['db proven']);
    expect(reasons(report)).toMatch(
      /with new volumes from the snapshots of db-(data|logs); without 1 volume of the original/,
    );
    expect(w.region.images[0]!.properties.autosnap_proven).toMatch(/ without-volumes$/);
    expectNothingLeft(w);
  });

  test('a cleanup during the drill deletes none of its snapshots', async () => {
    const w = await volumeWorld(kind, { volumeMs: 5 * HOUR_MS });
    const used = [...w.region.images, ...w.region.volumeSnapshots].map(({ id }) => id);
    setTime('2026-11-23T00:00:10Z');
    await w.run('snapshot', w.event());
    setTime('2026-11-22T23:00:00Z');
    await w.run('drill', w.event(), SHORT);
    expect(w.newVolumes()).toHaveLength(2);
    setTime('2026-11-23T07:00:00Z');
    const { entries } = await w.run('cleanup', w.event({}, { keep: { last: 1 } }));
    expect(JSON.stringify(entries)).toContain('DRILL_RUNNING');
    const left = [...w.region.images, ...w.region.volumeSnapshots].map(({ id }) => id);
    expect(left).toEqual(expect.arrayContaining(used));
  });
});

describe.each(KINDS)('a server that boots from a volume, in a cloud by %s', (kind) => {
  test('is drilled with its root volume alone, and nothing is left', async () => {
    const w = await volumeWorld(kind, { root: true });
    const before = originalsOf(w);
    const booted: (string | undefined)[] = [];
    w.cloud.faults.push({
      service: 'compute',
      method: 'DELETE',
      answer: () => {
        const [server] = w.newServers();
        expect(server!.image).toBe('');
        booted.push(w.region.volume(server!.rootVolume!)!.snapshotId!, ...server!.volumeIds.slice(1));
      },
    });
    const report = await w.run('drill', w.event({ volumes: false }));
    expect(report.failures).toEqual([]);
    expect(outcomes(report)).toEqual(['db proven']);
    expect(reasons(report)).toContain('without 2 volumes of the original');
    const root = w.region.volumeSnapshots.find(({ volumeId }) => volumeId === w.originals[0]!.id)!;
    expect(booted).toEqual([root.id]);
    expectNothingLeft(w);
    expect(originalsOf(w)).toEqual(before);
  });

  test('is drilled with all of its volumes if the policy asks for them, once for each snapshot', async () => {
    const w = await volumeWorld(kind, { root: true });
    const sizes: number[] = [];
    w.cloud.faults.push({
      service: 'compute',
      method: 'DELETE',
      answer: () => sizes.push(...w.newServers()[0]!.volumeIds.map((id) => w.region.volume(id)!.size)),
    });
    const report = await w.run('drill', w.event());
    expect(outcomes(report)).toEqual(['db proven']);
    expect(reasons(report)).toContain('with new volumes from the snapshots of db-data, db-logs');
    expect(sizes).toEqual([20, 10, 5]);
    expectNothingLeft(w);
    setTime('2026-11-23T06:00:00Z');
    expect((await w.run('drill', w.event())).totals).toEqual({});
  });

  test('its quotas are checked first', async () => {
    const w = await volumeWorld(kind, { root: true });
    w.region.maxVolumes = w.region.volumes.length + 2;
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain('needs 3 volumes and the quota of the cloud has room for 2');
    expectNothingLeft(w);
  });

  test('a failed boot is written down, and nothing is left', async () => {
    const w = await volumeWorld(kind, { root: true });
    w.region.newServers = { buildFault: 'No bootable device.' };
    const { report } = await w.fail('drill', w.event());
    expect(outcomes(report)).toEqual(['db failed']);
    expectNothingLeft(w);
    expect((await w.run('drill', w.event())).totals).toEqual({});
  });

  test('its throw-away server gets no snapshot while it exists', async () => {
    const w = await volumeWorld(kind, { root: true });
    w.region.newServers = { addresses: ['127.0.0.1'] };
    const check = { check: { port: 1 }, networks: ['11111111-1111-1111-1111-111111111111'] };
    await w.run('drill', w.event(check), { remainingMs: 29_000 });
    expect(w.newServers()).toHaveLength(1);
    setTime('2026-11-23T00:00:10Z');
    const report = await w.run('snapshot', w.event());
    expect(report.entries.map(({ name }) => name)).toEqual(['db']);
  });
});

test('at Rackspace a server boots from a volume with a flavor that allows it', async () => {
  const w = await volumeWorld('rackspace', { root: true });
  for (const one of w.region.flavors) one.extraSpecs = { class: one.id === '2' ? 'standard1' : 'general1' };
  const made: string[] = [];
  w.cloud.faults.push({ ...BOOT, answer: async (c) => made.push(await c.req.raw.clone().text()) });
  expect((await w.run('drill', w.event())).totals).toEqual({ proven: 1 });
  expect(JSON.parse(made[0]!).server).toMatchObject({ flavorRef: 'general1-1', imageRef: '' });
});

test('a drill that is killed after a request for a volume or a server leaves nothing behind', async () => {
  const isCounted = (method: string, path: string) => method === 'POST' && /\/(volumes|servers)$/.test(path);
  for (const at of [0, 1, 2]) {
    await expectCleanAfterKill(await volumeWorld('rackspace'), at, { isCarriedOut: true, isCounted });
  }
});

describe.each(KINDS)('a volume that is not provably of a drill stays, in a cloud by %s', (kind) => {
  /** A drill whose volumes are being filled, and its volumes. */
  async function filling() {
    const w = await volumeWorld(kind, { volumeMs: HOUR_MS / 2 });
    await w.run('drill', w.event(), SHORT);
    const [data, logs] = ['db-data-drill', 'db-logs-drill'].map(
      (name) => w.newVolumes().find((one) => one.name === name)!,
    );
    return { w, data: data!, logs: logs! };
  }

  test('a volume of a person with a copied mark', async () => {
    const { w, data } = await filling();
    const { metadata, description, snapshotId, createdAt } = data;
    const copy = w.region.addVolume({
      name: 'mine',
      metadata: { ...metadata },
      description: description!,
      snapshotId,
      createdAt,
    });
    later();
    const { error, report } = await w.fail('drill', w.event());
    expect(outcomes(report)).toEqual(['db proven']);
    expect(error.message).toContain(
      `volume mine (${copy.id}) has the metadata of a drill, but no record of a drill names it: it is not deleted`,
    );
    expect(w.newVolumes()).toEqual([copy]);
    copy.metadata = {};
    copy.description = null;
    expect((await w.run('drill', w.event())).failures).toEqual([]);
  });

  test('both of two volumes with the mark of a drill that was killed before it knew the ids', async () => {
    const { w, data } = await filling();
    const key = w.records()[0]!;
    const record = JSON.parse(w.s3.objects.get(key)!);
    for (const one of record.volumes) delete one.id;
    w.s3.objects.set(key, JSON.stringify(record));
    const { metadata, description, snapshotId, createdAt } = data;
    const copy = w.region.addVolume({
      metadata: { ...metadata },
      description: description!,
      snapshotId,
      createdAt,
    });
    later();
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain('another volume has the same metadata');
    expect(
      w
        .newVolumes()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([copy.id, data.id].sort());
    expect(w.newServers()).toEqual([]);
  });

  test.each<[string, (record: { at: string; volumes: { id: string }[] }) => unknown]>([
    ['that was created before the record', (record) => (record.at = '2026-11-22T06:30:00Z')],
    ['of which the record names another one', (record) => (record.volumes[0]!.id = crypto.randomUUID())],
  ])('a volume %s', async (_, change) => {
    const { w, data } = await filling();
    const key = w.records()[0]!;
    const record = JSON.parse(w.s3.objects.get(key)!);
    change(record);
    w.s3.objects.set(key, JSON.stringify(record));
    later();
    await w.fail('drill', w.event());
    expect(w.newVolumes()).toContainEqual(data);
    expect(w.newServers()).toEqual([]);
  });

  test('a volume that was made from another snapshot', async () => {
    const { w, data } = await filling();
    data.snapshotId = crypto.randomUUID();
    later();
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain('the cloud does not say that it was made from volume snapshot');
    expect(w.newVolumes()).toEqual([data]);
  });

  test('a volume without any record', async () => {
    const { w, data, logs } = await filling();
    for (const key of w.records()) w.s3.objects.delete(key);
    later();
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain('no record of a drill names it');
    expect(w.newVolumes()).toEqual(expect.arrayContaining([data, logs]));
    expect(deletedVolumes(w).filter(({ path }) => path.includes(data.id))).toEqual([]);
  });

  test('a volume whose mark somebody has removed, which is then theirs', async () => {
    const { w, logs } = await filling();
    Object.assign(logs, { metadata: {}, description: null });
    later();
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain('its metadata are no longer those of the drill');
    expect(w.newVolumes()).toEqual([logs]);
    expect(w.records()).toEqual([]);
  });

  test('a volume that somebody has attached to another server, and detached again', async () => {
    const { w, data } = await filling();
    w.db.volumeIds.push(data.id);
    later();
    const { error, report } = await w.fail('drill', w.event());
    expect(error.message).toContain(`it is attached to ${w.db.id}`);
    expect(outcomes(report)).toEqual(['db failed']);
    expect(w.newVolumes()).toEqual([data]);
    w.db.volumeIds.pop();
    later(24);
    const again = await w.fail('drill', w.event());
    expect(textsOf(again.report?.failures).join()).toContain(`${data.id}) has the metadata of a drill`);
    await w.fail('drill', w.event());
    expect(w.newVolumes()).toContainEqual(data);
    expect(deletedVolumes(w).filter(({ path }) => path.includes(data.id))).toEqual([]);
  });

  test('a volume of which somebody has made a snapshot stays until that is gone', async () => {
    const { w, data } = await filling();
    w.region.addVolumeSnapshot({ volumeId: data.id, name: 'mine' });
    later();
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toMatch(/could not be deleted; the next run tries again: .*400/);
    expect(w.newVolumes()).toEqual([data]);
    w.region.volumeSnapshots.pop();
    later();
    expect((await w.run('drill', w.event())).totals).toEqual({ deleted: 1 });
    expectNothingLeft(w);
  });
});

describe('the bucket with the records', () => {
  test('cannot be read: no volume is made or deleted, and the run fails', async () => {
    const w = await volumeWorld('password');
    w.s3.refuses = /drills/;
    const { error, report } = await w.fail('drill', w.event());
    expect(error.message).toContain("the records of the drills with volumes can't be read");
    expect(outcomes(report)).toEqual(['db failed']);
    expectNothingLeft(w);
  });

  test('cannot be written: nothing is requested', async () => {
    const w = await volumeWorld('password');
    w.s3.refuses = /PUT .*drills/;
    const { error } = await w.fail('drill', w.event());
    expect(error.message).toContain(
      'nothing was requested, because the drill could not be recorded in the bucket',
    );
    expectNothingLeft(w);
    expect(
      w.cloud.received.filter(({ method, path }) => method === 'POST' && /\/(volumes|servers)$/.test(path)),
    ).toEqual([]);
  });
});

test('a slow deletion is waited for by later runs', async () => {
  const w = await volumeWorld('rackspace', { volumeMs: HOUR_MS / 2 });
  await w.run('drill', w.event(), SHORT);
  for (const one of w.newVolumes()) one.deletesSlowly = true;
  later();
  const report = await w.run('drill', w.event(), { remainingMs: 29_000 });
  expect(outcomes(report)).toEqual(['db proven']);
  expect(reasons(report)).toContain('are still being deleted: the next run checks again');
  for (const { id } of w.newVolumes()) w.region.removeVolume(id);
  later();
  expect((await w.run('drill', w.event())).totals).toEqual({ deleted: 1 });
  expectNothingLeft(w);
});
