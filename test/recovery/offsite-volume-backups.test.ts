import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import { answers, leavingOut } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, CloudVolumeBackup, Region } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';

// Copies of volumes: Cinder backups of the volume snapshots, rotated by offsite.keep.

const OWNER = 'autosnap-test';
const SECRET = 'autosnap/test/rackspace';
const DAY_MS = 86_400_000;

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;
let now: Date;

beforeEach(async () => {
  pass(Date.UTC(2026, 10, 10, 1) - (now?.getTime() ?? 0));
  h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 60_000 } });
  h.cloud.secrets.set(SECRET, h.cloud.secret('password'));
  await reportBucket();
  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', 'copies');
  region = h.cloud.region('DFW');
  data = region.addVolume({ name: 'db-data', size: 10 });
  db = region.addServer({ name: 'db', volumeIds: [data.id] });
  // The first backup of a region is made alone; these tests are about the next ones.
  region.addVolumeBackup({ volumeId: 'another', createdAt: new Date(0) });
});

function pass(ms: number): void {
  now = new Date((now?.getTime() ?? 0) + ms);
  setTime(now);
}

const event = (offsite: object = {}, changes: object = {}) =>
  policy({
    offsite: { schedule: 'rate(6 hours)', keep: { last: 2 }, volumes: 'backup', ...offsite },
    ...changes,
  });
const run = (offsite: object = {}, changes: object = {}) => h.run('offsite', event(offsite, changes));

/** The report of a run that has to fail. */
async function failedRun(offsite: object = {}, changes: object = {}): Promise<Report> {
  return (await h.fail('offsite', event(offsite, changes))).report!;
}

/** Adds a finished snapshot of a volume, of midnight before now. */
function addSnapshot(volume = data, server = db, owner = OWNER) {
  const slot = new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS);
  const { volumeId, ...marked } = newVolumeSnapshot(
    { id: volume.id, name: volume.name },
    { owner, policy: 'daily', server: server.id, slot },
  );
  return region.addVolumeSnapshot({ volumeId, ...marked, createdAt: new Date(slot.getTime() + 20_000) });
}

const backups = (volume = data) => region.volumeBackups.filter(({ volumeId }) => volumeId === volume.id);
const daysOf = (all: readonly CloudVolumeBackup[]) => all.map(({ dataAt }) => dataAt.getUTCDate()).sort();

/** Takes a snapshot and makes its backup, for that many days, without deleting any. */
async function backUpDays(count: number): Promise<CloudVolumeBackup[]> {
  for (let i = 0; i < count; i++) {
    addSnapshot();
    await run({ keep: { last: 99 } });
    pass(DAY_MS);
  }
  pass(-DAY_MS + 3_600_000);
  return backups();
}

describe('a backup is made', () => {
  test('of the newest volume snapshot, once, with the marker in metadata and description', async () => {
    addSnapshot();
    pass(DAY_MS);
    const newest = addSnapshot();
    const first = await run();
    expect(first).toMatchObject({ totals: { copying: 1 }, failures: [], warnings: [] });
    expect(first.entries).toMatchObject([
      {
        ...{ server: db.id, name: 'db', volume: { id: data.id, name: 'db-data' }, outcome: 'copying' },
        snapshots: [{ image: newest.id, backup: backups()[0]!.id, codes: ['BACKUP_REQUESTED'] }],
      },
    ]);
    expect(backups()).toMatchObject([
      {
        ...{ snapshotId: newest.id, parentId: null, name: 'db-data-daily-20261111T000000Z' },
        description: `autosnap ${OWNER} daily ${db.id} 2026-11-11T00:00:00Z - - - /dev/vdb __DEFAULT__`,
        metadata: { autosnap_owner: OWNER, autosnap_policy: 'daily', autosnap_server: db.id },
      },
    ]);
    const meanwhile = await run();
    expect(meanwhile.totals).toEqual({ copying: 1 });
    expect(meanwhile.entries[0]!.snapshots![0]).toMatchObject({
      status: 'creating',
      codes: ['BACKUP_RUNNING'],
    });
    pass(3_600_000);
    expect(await run()).toMatchObject({ totals: { kept: 1 }, failures: [], warnings: [] });
    expect(backups()).toHaveLength(1);
    expect(newest.status).toBe('available');
  });

  test('in clouds before volume API 3.43 the description alone is the marker', async () => {
    addSnapshot();
    h.cloud.faults.push({
      ...{
        service: 'volume',
        times: 999,
        when: (c) => /3\.43/.test(c.req.header('openstack-api-version') ?? ''),
      },
      answer: { status: 406, body: { computeFault: { code: 406, message: 'Not supported.' } } },
    });
    await run();
    pass(3_600_000);
    expect(await run()).toMatchObject({ totals: { kept: 1 }, failures: [], warnings: [] });
    expect(backups()).toMatchObject([{ metadata: {}, status: 'available' }]);
  });

  test('incrementally as long as the rules keep the whole chain, then in full again', async () => {
    for (let day = 0; day < 6; day++) {
      addSnapshot();
      await run();
      pass(DAY_MS);
    }
    const full = backups().filter(({ parentId }) => parentId === null);
    expect(backups().length).toBeLessThan(6);
    expect(full.length).toBeGreaterThan(0);
    // Cinder keeps what others depend on, so the newest two are always there, and nothing piles up.
    expect(daysOf(backups()).slice(-2)).toEqual([14, 15]);
    for (let day = 6; day < 12; day++) {
      addSnapshot();
      await run();
      pass(DAY_MS);
    }
    expect(backups().length).toBeLessThanOrEqual(5);
    for (const { parentId } of backups()) {
      if (parentId) expect(region.volumeBackups.map(({ id }) => id)).toContain(parentId);
    }
  });

  test('in full if the backup before it has failed', async () => {
    addSnapshot();
    region.backupOutcome = 'error';
    await run();
    region.backupOutcome = 'available';
    pass(DAY_MS);
    addSnapshot();
    await failedRun();
    expect(backups().map(({ parentId }) => parentId)).toEqual([null, null]);
  });

  test('not of a server that the policy does not select, nor of volume snapshots of others', async () => {
    addSnapshot(data, db, 'another_prod');
    region.addVolumeSnapshot({ volumeId: data.id, name: 'golden' });
    expect(await run()).toMatchObject({ totals: {}, entries: [] });
    addSnapshot();
    const report = await run({}, { servers: { all: true, except: { names: ['db'] } } });
    expect(report.entries).toEqual([]);
    expect(backups()).toEqual([]);
  });

  test('not in a dry run, which shows it', async () => {
    addSnapshot();
    const report = await run({}, { dryRun: true });
    expect(report.totals).toEqual({ planned: 1 });
    expect(report.entries[0]!.snapshots![0]!.reasons).toEqual(['a full backup of a volume of 10 GB to make']);
    expect(backups()).toEqual([]);
  });

  test('no backup is made without offsite.volumes', async () => {
    addSnapshot();
    expect(await run({ volumes: undefined })).toMatchObject({ entries: [], failures: [] });
    expect(backups()).toEqual([]);
  });

  test.each<[string, () => void, RegExp]>([
    ['of backups', () => Object.assign(region, { maxVolumeBackups: 1 }), /room for 0 backups/],
    ['of gigabytes', () => Object.assign(region, { maxVolumeBackupGigabytes: 10 }), /10 GB .*room for 9 GB/],
  ])('not above the quota %s, which is a failure that names the volume', async (_, fill, words) => {
    addSnapshot();
    fill();
    const report = await failedRun();
    expect(report.entries).toMatchObject([
      { volume: { name: 'db-data' }, outcome: 'failed', snapshots: [{ codes: ['BACKUP_OVER_QUOTA'] }] },
    ]);
    expect(report.entries[0]!.snapshots![0]!.reasons[0]).toMatch(words);
    const posts = h.cloud.received.filter(({ method, service }) => method === 'POST' && service === 'volume');
    expect(posts).toEqual([]);
  });

  test('once, although the answer to the request is lost', async () => {
    addSnapshot();
    h.cloud.faults.push({ service: 'volume', method: 'POST', path: /backups$/, answer: 'lose' });
    expect(await run()).toMatchObject({ totals: { copying: 1 }, failures: [] });
    await run();
    expect(backups()).toHaveLength(1);
  });

  test('again after a failed one, with longer and longer waits', async () => {
    region.backupOutcome = 'error';
    addSnapshot();
    await run();
    pass(3_600_000);
    const second = await failedRun();
    expect(textsOf(second.failures)).toEqual([
      expect.stringMatching(/^DFW: the backup \S+ of db-data of db has failed: The backup store refused/),
    ]);
    expect(second.entries[0]!.snapshots!.map(({ codes }) => codes)).toEqual([
      ['BACKUP_REQUESTED'],
      ['FAILED_ALONE'],
    ]);
    pass(3_600_000);
    const third = await failedRun();
    expect(third.entries[0]!.snapshots![0]).toMatchObject({
      outcome: 'failed',
      codes: ['BACKUP_RETRIED_LATER'],
    });
    expect(backups()).toHaveLength(2);
  });
});

test('a backup that the listings lack is not made again', async () => {
  addSnapshot();
  await run();
  pass(3_600_000);
  const [backup] = backups();
  region.unlisted.add(backup!.id);
  for (const changes of [{}, { dryRun: true }]) {
    const { totals } = await run({}, changes);
    expect(totals).not.toHaveProperty('planned');
    expect(backups()).toEqual([backup]);
  }
});

test('a backup that one listing lacks is not made again', async () => {
  addSnapshot();
  await run();
  pass(3_600_000);
  delete region.volumeSnapshots[0]!.metadata!.autosnap_backup;
  const [backup] = backups();
  h.cloud.faults.push({ service: 'volume', path: /backups\/detail$/, answer: leavingOut(backup!.id) });
  await run();
  expect(backups()).toEqual([backup]);
});

test('the first backup of a region is made alone', async () => {
  region.volumeBackups.splice(0);
  const logs = region.addVolume({ name: 'db-logs', size: 5 });
  db.volumeIds.push(logs.id);
  for (const volume of [data, logs]) addSnapshot(volume);
  for (let i = 0; i < 2; i++) {
    const report = await run();
    expect(report.totals).toEqual({ copying: 1, skipped: 1 });
    expect(report.codes).toMatchObject({ BACKUP_WAITS: 1 });
  }
  expect(region.volumeBackups).toHaveLength(1);
  pass(3_600_000);
  expect((await run()).totals).toEqual({ copying: 1, kept: 1 });
});

test('a backup that is never finished is a failure, and no other one begins', async () => {
  const logs = region.addVolume({ name: 'db-logs', size: 5 });
  db.volumeIds.push(logs.id);
  region.hasBackupService = false;
  addSnapshot();
  await run();
  pass(4 * DAY_MS);
  for (const volume of [data, logs]) addSnapshot(volume);
  for (let i = 0; i < 2; i++) {
    const report = await failedRun();
    expect(report.totals).toEqual({ failed: 1, skipped: 2 });
    expect(report.failureCodes).toEqual({ BACKUP_STUCK: 1 });
  }
  expect(region.volumeBackups).toHaveLength(2);
});

describe('the rotation', () => {
  test('deletes what offsite.keep does not keep, the dependents first', async () => {
    await backUpDays(3);
    const all = backups();
    expect(all.map(({ parentId }) => parentId)).toEqual([null, all[0]!.id, all[1]!.id]);
    const kept = await run({ keep: { last: 1 } });
    expect(kept).toMatchObject({ totals: { kept: 3 }, failures: [] });
    expect(kept.codes).toMatchObject({ BACKUP_HAS_DEPENDENTS: 2 });
    // The next one is in full, because the chain has backups that no rule keeps.
    pass(DAY_MS);
    addSnapshot();
    await run({ keep: { last: 1 } });
    pass(3_600_000);
    const report = await run({ keep: { last: 1 } });
    expect(report.totals).toEqual({ kept: 1, deleted: 3 });
    const deleted = h.cloud.received
      .filter(({ method }) => method === 'DELETE')
      .map(({ path }) => path.split('/').at(-1));
    expect(deleted).toEqual(all.toReversed().map(({ id }) => id));
    expect(daysOf(backups())).toEqual([13]);
    expect((await run({ keep: { last: 1 } })).totals).toEqual({ kept: 1 });
  });

  test('deletes at most maxDeletes of a volume, and in a dry run none', async () => {
    await backUpDays(4);
    for (const one of backups()) one.parentId = null;
    const keep = { keep: { last: 1 } };
    expect((await run(keep, { dryRun: true, maxDeletes: 2 })).totals).toEqual({
      kept: 1,
      planned: 2,
      deferred: 1,
    });
    expect(backups()).toHaveLength(4);
    expect((await run(keep, { maxDeletes: 2 })).totals).toEqual({ kept: 1, deleted: 2, deferred: 1 });
    expect(daysOf(backups())).toEqual([12, 13]);
  });

  test.each<[string, (backup: CloudVolumeBackup) => void]>([
    ['without a marker', (one) => Object.assign(one, { metadata: {}, description: 'mine' })],
    ['that was renamed', (one) => Object.assign(one, { name: 'golden' })],
    ['whose markers differ', (one) => Object.assign(one.metadata, { autosnap_slot: '2026-11-01T00:00:00Z' })],
    ['that was not made from a volume snapshot', (one) => Object.assign(one, { snapshotId: null })],
    [
      'whose data are of another time',
      (one) => Object.assign(one, { dataAt: new Date('2026-11-02T00:00:00Z') }),
    ],
    ['of another deployment', (one) => Object.assign(one.metadata, { autosnap_owner: 'another_prod' })],
    ['with a hold', (one) => Object.assign(one.metadata, { autosnap_hold: 'forever' })],
    ['in another status', (one) => Object.assign(one, { status: 'restoring' })],
  ])('never deletes a backup %s', async (_, change) => {
    await backUpDays(4);
    for (const one of backups()) one.parentId = null;
    change(backups()[0]!);
    const { id } = backups()[0]!;
    const report = await run({ keep: { last: 1 } });
    expect(report.totals).toMatchObject({ deleted: 2 });
    expect(backups().map((one) => one.id)).toContain(id);
  });

  test('keeps all backups of a volume that is attached to no listed server', async () => {
    await backUpDays(3);
    for (const one of backups()) one.parentId = null;
    db.volumeIds.splice(0);
    const report = await run({ keep: { last: 1 } });
    expect(report).toMatchObject({ totals: { kept: 3 }, codes: { BACKUP_VOLUME_UNATTACHED: 2 } });
    expect(backups()).toHaveLength(3);
  });

  test.each<[string, (backup: CloudVolumeBackup) => unknown, string]>([
    ['is held', (one) => Object.assign(one.metadata, { autosnap_hold: 'forever' }), 'CHANGED'],
    ['has another marker', (one) => Object.assign(one, { metadata: {}, description: '' }), 'CHANGED'],
    ['is being restored', (one) => Object.assign(one, { status: 'restoring' }), 'CHANGED'],
    [
      'is needed by another one',
      ({ id, volumeId }) => region.addVolumeBackup({ volumeId, parentId: id }),
      'BACKUP_HAS_DEPENDENTS',
    ],
  ])('leaves a backup that %s since the listing', async (_, change, code) => {
    await backUpDays(2);
    for (const one of backups()) one.parentId = null;
    const [oldest] = backups();
    const path = new RegExp(`backups/${oldest!.id}`);
    h.cloud.faults.push({ service: 'volume', method: 'GET', path, answer: () => change(oldest!) });
    const report = await run({ keep: { last: 1 } });
    expect(report).toMatchObject({ totals: { kept: 2 }, codes: { [code]: 1 } });
    expect(h.cloud.received.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  test.each([
    ['fails if the cloud still lists it', () => {}, { failed: 1, kept: 1 }],
    [
      'is deleted if the cloud does not list it',
      () => void region.volumeBackups.splice(region.volumeBackups.indexOf(backups()[0]!), 1),
      { deleted: 1, kept: 1 },
    ],
  ])('the deletion of a backup that is not found %s', async (_, answer, totals) => {
    await backUpDays(2);
    for (const one of backups()) one.parentId = null;
    const path = new RegExp(`backups/${backups()[0]!.id}`);
    const body = { itemNotFound: { code: 404, message: 'gone' } };
    h.cloud.faults.push({
      ...{ service: 'volume', method: 'GET', path },
      answer: {
        edit() {
          answer();
          return Response.json(body, { status: 404 });
        },
      },
    });
    const keep = { keep: { last: 1 } };
    const report = 'failed' in totals ? await failedRun(keep) : await run(keep);
    expect(report.totals).toEqual(totals);
    expect(h.cloud.received.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  test('stops at the minimum, counted right before each deletion', async () => {
    await backUpDays(3);
    for (const one of backups()) one.parentId = null;
    const [, , newest] = backups();
    h.cloud.faults.push({
      ...{ service: 'volume', path: new RegExp(`backups/${newest!.id}`), times: 9 },
      answer: { status: 404, body: { itemNotFound: { code: 404, message: 'gone' } } },
    });
    // The listing still has the newest one, so both others were to go.
    const report = await run({ keep: { last: 1 } });
    expect(report.codes).toMatchObject({ TOO_FEW_COPIES_LEFT: 1 });
    expect(daysOf(backups())).toHaveLength(2);
  });

  test('reports a kept backup that has vanished', async () => {
    await backUpDays(3);
    for (const one of backups()) one.parentId = null;
    const vanish = () => {
      region.volumeBackups.splice(
        region.volumeBackups.findIndex(({ dataAt }) => dataAt.getUTCDate() === 12),
        1,
      );
    };
    h.cloud.faults.push({ service: 'volume', method: 'DELETE', answer: vanish });
    const report = await failedRun({ keep: { last: 2 } });
    expect(report).toMatchObject({ totals: { deleted: 1 }, failureCodes: { COPY_LOST: 1 } });
  });

  test.each<[string, RegExp]>([
    ['the backups', /backups\/detail/],
    ['the volume snapshots', /snapshots\/detail/],
    ['the volumes', /volumes\/detail/],
  ])('deletes and makes nothing if %s can not be listed', async (_, path) => {
    await backUpDays(3);
    for (const one of backups()) one.parentId = null;
    pass(DAY_MS);
    addSnapshot();
    h.cloud.faults.push({ service: 'volume', path, times: 99, answer: answers.forbidden });
    const report = await failedRun({ keep: { last: 1 } });
    expect(report.failureCodes).toEqual({ BACKUPS_UNREADABLE: 1 });
    expect(backups()).toHaveLength(3);
  });

  test('a backup that a listing lacks makes no other one go', async () => {
    await backUpDays(3);
    for (const one of backups()) one.parentId = null;
    region.unlisted.add(backups()[0]!.id);
    const report = await run({ keep: { last: 1 } });
    expect(report).toMatchObject({ totals: { deleted: 1, kept: 1 }, failures: [] });
    expect(daysOf(backups())).toEqual([10, 12]);
  });

  test('a refused deletion is left to a later run, and the next one goes', async () => {
    await backUpDays(3);
    for (const one of backups()) one.parentId = null;
    h.cloud.faults.push({
      ...{ service: 'volume', method: 'DELETE' },
      answer: { status: 400, body: { badRequest: { code: 400, message: 'Invalid backup: it is in use.' } } },
    });
    const report = await run({ keep: { last: 1 } }, { maxDeletes: 1 });
    expect(report.totals).toEqual({ kept: 2, deleted: 1 });
    expect(daysOf(backups())).toEqual([10, 12]);
  });

  test('a failed backup is deleted a day later, once a newer one is good', async () => {
    region.backupOutcome = 'error';
    addSnapshot();
    await run();
    region.backupOutcome = 'available';
    pass(3_600_000);
    await failedRun();
    pass(3_600_000);
    expect((await run()).totals).toEqual({ kept: 2 });
    pass(DAY_MS);
    addSnapshot();
    await run();
    pass(3_600_000);
    await run();
    expect(backups().map(({ status }) => status)).toEqual(['available', 'available']);
  });
});

describe('a server whose system disk is a volume', () => {
  test('is backed up by its volumes, and is not reported as impossible to copy', async () => {
    region.servers.splice(0);
    const root = region.addVolume({ name: 'root', size: 20 });
    const extra = region.addVolume({ name: 'extra', size: 5 });
    region.addServer({ name: 'web', image: '', volumeIds: [root.id, extra.id], rootVolume: root.id });
    setTime('2026-11-23T00:00:10Z');
    await h.run('snapshot', event());
    setTime('2026-11-23T02:00:00Z');
    const report = await run();
    expect(report).toMatchObject({ totals: { copying: 2 }, failures: [], warnings: [] });
    expect([...backups(root), ...backups(extra)]).toHaveLength(2);
    setTime('2026-11-23T08:00:00Z');
    expect(await run()).toMatchObject({ totals: { kept: 2 }, failures: [], warnings: [] });
    expect(backups(root)[0]!.metadata).toMatchObject({ autosnap_slot: '2026-11-23T00:00:00Z' });
  });

  test('can not be copied without offsite.volumes', async () => {
    region.servers.splice(0);
    region.addServer({ name: 'web', image: '' });
    setTime('2026-11-23T00:00:10Z');
    await h.run('snapshot', event());
    setTime('2026-11-23T02:00:00Z');
    const report = await run({ volumes: undefined });
    expect(report.codes).toMatchObject({ NEVER_COPIED: 1 });
  });
});

describe('without a backup service', () => {
  test('Rackspace needs none, which is said once and is no failure', async () => {
    h.cloud.secrets.set(SECRET, h.cloud.secret('rackspace'));
    addSnapshot();
    const report = await run();
    expect(report).toMatchObject({ failures: [], warnings: [{ code: 'BACKUPS_NOT_NEEDED' }] });
    expect(await run()).toMatchObject({ failures: [], warnings: [] });
  });

  test('another cloud that answers 404 is a failure', async () => {
    addSnapshot();
    h.cloud.faults.push({
      ...{ service: 'volume', path: /backups/, times: 9 },
      answer: {
        status: 404,
        body: { itemNotFound: { code: 404, message: 'The resource could not be found.' } },
      },
    });
    const report = await failedRun();
    expect(report.failureCodes).toEqual({ BACKUP_SERVICE_MISSING: 1 });
  });
});

test.each<[string, 'password' | 'rackspace', number | undefined, unknown[]]>([
  ['a cloud with backups', 'password', undefined, []],
  ['a cloud that answers 404', 'password', 404, [['fail', 'BACKUP_SERVICE_MISSING']]],
  ['a cloud that answers 403', 'password', 403, [['fail', 'BACKUPS_UNREADABLE']]],
  ['Rackspace', 'rackspace', undefined, [['pass', 'BACKUPS_NOT_NEEDED']]],
])('doctor checks the backup service: %s', async (_, kind, status, expected) => {
  h.cloud.secrets.set(SECRET, h.cloud.secret(kind));
  const body = { itemNotFound: { code: status, message: 'No.' } };
  if (status) h.cloud.faults.push({ service: 'volume', path: /backups/, times: 9, answer: { status, body } });
  const doctor = { policies: [event()] };
  const isFailing = JSON.stringify(expected).includes('fail');
  const { checks } = isFailing ? (await h.fail('doctor', doctor)).report! : await h.run('doctor', doctor);
  const found = checks.filter(({ check, code }) => check === 'offsite' && code.startsWith('BACKUP'));
  expect(found.map(({ verdict, code }) => [verdict, code])).toEqual(expected);
});

describe('the audit', () => {
  beforeEach(() => deploy([event() as ReturnType<typeof policy>]));
  const behind = async () =>
    (await h.run('audit', {})).behind.map(({ volume, copied }) => [volume?.name, copied]);

  test('judges the copies of a volume as those of an image', async () => {
    addSnapshot();
    expect(await behind()).toEqual([]);
    pass(2 * DAY_MS);
    expect(await behind()).toEqual([['db-data', { behind: true }]]);
    await h.run('offsite', { policy: 'daily' });
    pass(3_600_000);
    expect(await behind()).toEqual([]);
  });

  test('a volume snapshot that is being backed up is no trouble', async () => {
    addSnapshot();
    pass(DAY_MS);
    addSnapshot();
    await h.run('offsite', { policy: 'daily' });
    const { sentence, policies } = await h.run('audit', {});
    expect(sentence).not.toContain('do not count');
    expect(policies.flatMap(({ problems }) => problems)).toEqual([]);
  });

  test('a server on volumes is copied when each of its volumes is', async () => {
    region.servers.splice(0);
    const volumes = ['root', 'extra'].map((name) => region.addVolume({ name, size: 5 }));
    const [root] = volumes;
    region.addServer({
      name: 'web',
      image: '',
      volumeIds: volumes.map(({ id }) => id),
      rootVolume: root!.id,
    });
    setTime('2026-11-23T00:00:10Z');
    await h.run('snapshot', { policy: 'daily' });
    setTime('2026-11-25T02:00:00Z');
    expect(await behind()).toEqual([[undefined, { behind: true }]]);
    await h.run('offsite', { policy: 'daily' });
    setTime('2026-11-25T03:00:00Z');
    expect(await behind()).toEqual([]);
    region.volumeBackups.splice(-1);
    expect(await behind()).toEqual([[undefined, { behind: true }]]);
  });

  test.each([
    ['offsite without volumes', { volumes: undefined }, {}],
    ['no offsite', {}, { offsite: undefined }],
  ])('names the backups that nothing rotates any more: %s', async (_, offsite, changes) => {
    for (let day = 0; day < 2; day++) {
      addSnapshot();
      await h.run('offsite', { policy: 'daily' });
      pass(DAY_MS);
    }
    const unmanaged = async () =>
      textsOf((await h.run('audit', {})).warnings).filter((text) => /backup/.test(text));
    expect(await unmanaged()).toEqual([]);
    deploy([JSON.parse(JSON.stringify(event(offsite, changes)))]);
    h.cold();
    expect(await unmanaged()).toEqual([
      'DFW: the policy daily makes no backups of volumes any more, and nothing rotates 2 backups of it, 20 GB: set offsite.volumes: backup in the policy again, or delete them by hand',
    ]);
    expect(backups()).toHaveLength(2);
  });

  test('is silent about backups of others, and where the cloud has no service for them', async () => {
    deploy([policy()]);
    h.cold();
    expect(textsOf((await h.run('audit', {})).warnings)).toEqual([]);
    h.cloud.faults.push({ service: 'volume', path: /backups/, times: 9, answer: answers.forbidden });
    expect(textsOf((await h.run('audit', {})).warnings)).toEqual([]);
  });

  test('says that the backups can not be listed', async () => {
    addSnapshot();
    h.cloud.faults.push({ service: 'volume', path: /backups/, times: 9, answer: answers.forbidden });
    const { policies } = await h.run('audit', {});
    expect(policies[0]!.codes).toContain('POLICY_COPIES_UNREADABLE');
  });
});

test('an unknown value of offsite.volumes is refused, with the field and the remedy', async () => {
  const { error } = await h.fail('offsite', event({ volumes: 'snapshots' }));
  expect(error.message).toContain('offsite.volumes: must be "backup", or be left out');
});
