import { beforeEach, describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { KINDS, type Kind } from '../cloud-kinds.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { dbWorld } from './db-world.ts';

// The volumes of servers: each gets a snapshot with the image of its server, and is rotated.

const OWNER = 'autosnap-test';
const SECRET = 'autosnap/test/rackspace';

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;

beforeEach(async () => {
  ({ h, region, db, data } = await dbWorld({ metadata: { kind: 'database' } }));
});

function useKind(kind: Kind): void {
  h.cloud.secrets.set(SECRET, h.cloud.secret(kind));
}

/** Takes the snapshots of each day up to `last`, from 2026-11-`first` on. */
async function takeDays(first: number, last: number, changes: Record<string, unknown> = {}): Promise<void> {
  for (let day = first; day <= last; day++) {
    setTime(`2026-11-${day}T00:00:10Z`);
    await h.run('snapshot', policy(changes));
  }
  setTime(`2026-11-${last}T06:00:00Z`);
}

const slotsOf = (volume: CloudVolume) =>
  region.volumeSnapshots
    .filter(({ volumeId }) => volumeId === volume.id)
    .map(({ metadata }) => metadata?.autosnap_slot?.slice(0, 10))
    .sort();

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(() => useKind(kind));

  test('a run takes the image and a snapshot of each attached volume, for one slot', async () => {
    const logs = region.addVolume({ name: 'db-logs', size: 5 });
    db.volumeIds.push(logs.id);
    const report = await h.run('snapshot', policy());
    expect(report.totals).toEqual({ taken: 1 });
    expect(report.entries).toEqual([
      expect.objectContaining({
        name: 'db',
        outcome: 'taken',
        volumes: [
          expect.objectContaining({ volume: data.id, name: 'db-data', outcome: 'taken', code: 'TAKEN' }),
          expect.objectContaining({ volume: logs.id, name: 'db-logs', outcome: 'taken' }),
        ],
      }),
    ]);
    const made = region.volumeSnapshots.map(({ volumeId, name, metadata, description }) => ({
      volumeId,
      name,
      metadata,
      description,
    }));
    expect(made).toContainEqual({
      volumeId: data.id,
      name: 'db-data-daily-20261123T000000Z',
      metadata: {
        autosnap_owner: OWNER,
        autosnap_policy: 'daily',
        autosnap_server: db.id,
        autosnap_slot: '2026-11-23T00:00:00Z',
        autosnap_device: '/dev/vdb',
        autosnap_type: '__DEFAULT__',
        autosnap_parts: '3',
      },
      description: `autosnap ${OWNER} daily ${db.id} 2026-11-23T00:00:00Z - - - /dev/vdb __DEFAULT__ 3`,
    });
    expect(made).toHaveLength(2);
  });

  test('the report has the time between the requests for the parts', async () => {
    const later = () => setTime('2026-11-23T00:00:13Z');
    h.cloud.faults.push({ service: 'volume', method: 'POST', answer: later });
    const report = await h.run('snapshot', policy());
    expect(report.entries[0]).toMatchObject({ outcome: 'taken', spreadSeconds: 3 });
  });

  test('a second run for the slot takes nothing', async () => {
    await h.run('snapshot', policy());
    const again = await h.run('snapshot', policy());
    expect(again.totals).toEqual({ skipped: 1 });
    expect(again.entries[0]!.volumes![0]).toMatchObject({ outcome: 'skipped', code: 'ALREADY_TAKEN' });
    expect(region.volumeSnapshots).toHaveLength(1);
  });

  test('a dry run takes nothing, and shows what would be taken', async () => {
    const report = await h.run('snapshot', policy({ dryRun: true }));
    expect(report.entries[0]!.volumes![0]).toMatchObject({ outcome: 'planned', code: 'WOULD_TAKE' });
    expect(region.volumeSnapshots).toEqual([]);
  });

  test.each<[string, unknown, number]>([
    ['none', 'none', 0],
    ['all except a name', { except: { names: ['db-*'] } }, 0],
    ['all except an id of another', { except: { ids: ['other'] } }, 1],
    ['all except by metadata', { except: { tagged: { kind: 'database' } } }, 0],
  ])('volumes: %s', async (_, volumes, count) => {
    await h.run('snapshot', policy({ volumes }));
    expect(region.volumeSnapshots).toHaveLength(count);
    expect(region.images.filter(({ properties }) => properties.autosnap_server === db.id)).toHaveLength(1);
  });

  test.each([
    ['none', 1],
    [{ except: { names: ['db-*'] } }, 1],
    ['attached', 0],
  ])('the run names the volumes that volumes: %j leaves out', async (volumes, count) => {
    const events = [policy({ volumes }), policy({ volumes, dryRun: true })];
    for (const event of events) {
      const { warnings } = await h.run('snapshot', event);
      expect(warnings.map(({ code }) => code)).toEqual(Array(count).fill('VOLUMES_EXCEPTED'));
    }
  });

  test('the run does not name a volume that another policy takes', async () => {
    deploy([policy({ volumes: 'none' }), policy({ policy: 'weekly' })]);
    expect((await h.run('snapshot', { policy: 'daily' })).warnings).toEqual([]);
  });

  test('ids are compared without case', async () => {
    const ids = [db.id.toUpperCase()];
    const volumes = { except: { ids: [data.id.toUpperCase()] } };
    const report = await h.run('snapshot', policy({ servers: { ids }, volumes }));
    expect(report.totals).toEqual({ taken: 1 });
    expect(region.volumeSnapshots).toEqual([]);
  });

  test('the cleanup rotates each volume by the rules of the policy', async () => {
    const rules = { keep: { last: 2 } };
    await takeDays(23, 27, rules);
    const report = await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toEqual(['2026-11-26', '2026-11-27']);
    expect(report.totals).toEqual({ deleted: 6, kept: 4 });
    expect(report.entries.map(({ volume }) => volume?.name).sort()).toEqual(['db-data', undefined]);
    const second = await h.run('cleanup', policy(rules));
    expect(second.totals).toEqual({ kept: 4 });
  });

  test('a volume snapshot of others is never deleted, whatever it is called', async () => {
    const rules = { keep: { last: 1 } };
    await takeDays(23, 25, rules);
    const [mine] = region.volumeSnapshots;
    const marker = { ...mine!.metadata! };
    const foreign = [
      region.addVolumeSnapshot({ volumeId: data.id, name: mine!.name }),
      region.addVolumeSnapshot({ volumeId: data.id, name: 'golden', metadata: marker }),
      region.addVolumeSnapshot({
        ...{ volumeId: data.id, name: mine!.name },
        metadata: { ...marker, autosnap_owner: 'another_prod' },
      }),
      region.addVolumeSnapshot({
        ...{ volumeId: data.id, name: mine!.name, metadata: marker },
        description: mine!.description!.replace('daily', 'weekly'),
        createdAt: mine!.createdAt!,
      }),
      // Created outside of the slot in its marker.
      region.addVolumeSnapshot({ volumeId: data.id, name: mine!.name, metadata: marker }),
    ].map(({ id }) => id);
    await h.run('cleanup', policy(rules));
    const left = region.volumeSnapshots.map(({ id }) => id);
    expect(left).toEqual(expect.arrayContaining(foreign));
    expect(left).toHaveLength(foreign.length + 1);
  });

  test('held, pending and failed ones stay, and do not count', async () => {
    const rules = { keep: { last: 1 } };
    await takeDays(23, 26, rules);
    const [a, b] = region.volumeSnapshots.toSorted((x, y) => x.createdAt!.getTime() - y.createdAt!.getTime());
    a!.metadata!.autosnap_hold = 'forever';
    b!.status = 'error_deleting';
    region.addVolumeSnapshot({
      ...{ volumeId: data.id, name: 'db-data-daily-20261126T060000Z', status: 'creating' },
      metadata: { ...a!.metadata, autosnap_hold: 'none', autosnap_slot: '2026-11-26T06:00:00Z' },
    });
    await h.run('cleanup', policy(rules));
    // Rackspace deletes none while another one of the volume is being made.
    expect(region.volumeSnapshots).toHaveLength(kind === 'rackspace' ? 5 : 4);
  });

  test('the snapshots of a detached volume stay, and those of a volume that is gone', async () => {
    const rules = { keep: { last: 1 } };
    await takeDays(23, 26, rules);
    db.volumeIds = [];
    const report = await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toHaveLength(4);
    expect(textsOf(report.warnings)).toContainEqual(
      expect.stringContaining('is attached to no server here: all 4 daily snapshots stay'),
    );
    const reasonsOf = ({ entries }: typeof report) =>
      entries.flatMap(({ volume, snapshots = [] }) => (volume ? snapshots.at(-1)!.reasons : []));
    expect(reasonsOf(report)).toEqual(['its volume is attached to no server here: the series is kept whole']);
    region.removeVolume(data.id);
    const gone = await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toHaveLength(4);
    expect(textsOf(gone.warnings)).toContainEqual(expect.stringContaining('is gone: 4 of its 4'));
    expect(reasonsOf(gone)).toEqual(['its volume is gone: the series is kept whole']);
  });

  test('orphans shrinks the snapshots of a volume only if a GET of it was 404', async () => {
    const rules = { keep: { last: 1 }, orphans: { after: '1d', keep: 1 } };
    await takeDays(20, 23, rules);
    db.volumeIds = [];
    setTime('2026-11-29T06:00:00Z');
    region.unlisted.add(data.id);
    await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toHaveLength(4);
    region.removeVolume(data.id);
    await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toEqual(['2026-11-23']);
  });

  test('the last good snapshot of a volume stays while newer ones fail', async () => {
    const rules = { keep: { last: 1 } };
    await takeDays(23, 26, rules);
    const newest = region.volumeSnapshots.toSorted((x, y) => y.createdAt!.getTime() - x.createdAt!.getTime());
    for (const one of newest.slice(0, 3)) one.status = 'error';
    await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toContain('2026-11-23');
  });

  test('where volumes can not be listed, images are taken, no volume snapshot is deleted, and the run fails', async () => {
    await takeDays(23, 25);
    h.cloud.faults.push({ service: 'volume', times: 99, answer: answers.forbidden });
    setTime('2026-11-26T00:00:10Z');
    const { report, error } = await h.fail('snapshot', policy());
    expect(report?.totals).toEqual({ taken: 1 });
    expect(error.message).toContain("DFW: the volumes can't be listed");
    const cleanup = await h.fail('cleanup', policy({ keep: { last: 1 } }));
    expect(cleanup.error.message).toContain("DFW: the volumes can't be listed");
    expect(slotsOf(data)).toHaveLength(3);
  });

  test.each(['attaching', 'extending', 'backing-up', 'detaching', 'creating'])(
    'a volume that is %s is tried again, and the image is taken once',
    async (status) => {
      data.status = status;
      const report = await h.run('snapshot', policy());
      expect(report.left?.busy?.servers).toEqual([{ name: 'db', region: 'DFW' }]);
      expect(report.entries[0]).toMatchObject({ outcome: 'skipped', code: 'WITHOUT_VOLUMES' });
      data.status = 'available';
      expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
      expect(region.volumeSnapshots).toHaveLength(1);
      expect(region.images.filter(({ properties }) => properties.autosnap_slot)).toHaveLength(1);
    },
  );

  test.each(['error', 'error_extending', 'maintenance'])(
    'a volume in %s fails the set with a remedy, and the image is taken',
    async (status) => {
      data.status = status;
      const { report, error } = await h.fail('snapshot', policy());
      expect(error.message).toMatch(/db in DFW: without the volume db-data: .*openstack volume show/);
      expect(report?.entries[0]).toMatchObject({ outcome: 'failed', code: 'WITHOUT_VOLUMES' });
      expect(region.images.filter(({ properties }) => properties.autosnap_slot)).toHaveLength(1);
    },
  );

  test('the volumes of a server without an image are taken', async () => {
    db.vmState = 'error';
    const { report } = await h.fail('snapshot', policy());
    expect(report?.entries[0]).toMatchObject({
      ...{ outcome: 'failed', code: 'SERVER_IN_STATE' },
      volumes: [expect.objectContaining({ outcome: 'taken' })],
    });
    expect(region.volumeSnapshots).toHaveLength(1);
  });

  test('a volume that is attached to two servers has one snapshot', async () => {
    region.addServer({ name: 'db-standby', volumeIds: [data.id] });
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 2 });
    expect(region.volumeSnapshots).toHaveLength(1);
  });

  test('a volume that the listing lacks is taken once', async () => {
    region.unlisted.add(data.id);
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect((await h.run('snapshot', policy())).totals).toEqual({ skipped: 1 });
    expect(region.volumeSnapshots).toHaveLength(1);
  });

  test('an answer that is lost takes nothing twice', async () => {
    h.cloud.faults.push({
      service: 'volume',
      method: 'POST',
      answer: { edit: async () => new Response('', { status: 503 }) },
    });
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect(region.volumeSnapshots).toHaveLength(1);
  });

  test('an ad-hoc snapshot takes the volumes, and its end ends all parts', async () => {
    await h.run('snapshot', { adhoc: true, expires: '1d', servers: { names: ['db'] } });
    expect(region.volumeSnapshots).toHaveLength(1);
    setTime('2026-11-25T06:00:00Z');
    await h.run('cleanup', policy());
    expect(region.volumeSnapshots).toEqual([]);
    expect(region.images.filter(({ properties }) => properties.autosnap_server === db.id)).toEqual([]);
  });

  test('a hold of an image holds the volume snapshots of its slot, and a release releases them', async () => {
    const rules = { keep: { last: 1 } };
    await takeDays(23, 25, rules);
    const image = region.images.find(
      ({ properties }) => properties.autosnap_slot === '2026-11-23T00:00:00Z',
    )!;
    const report = await h.run('hold', { hold: image.id });
    expect(report.entries[0]!.volumes).toEqual([
      expect.objectContaining({ volume: data.id, outcome: 'held', code: 'HELD' }),
    ]);
    await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toEqual(['2026-11-23', '2026-11-25']);
    await h.run('hold', { release: image.id });
    await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toEqual(['2026-11-25']);
  });

  test('the audit judges a server by its oldest part', async () => {
    await takeDays(23, 25);
    deploy([policy()]);
    expect((await h.run('audit', {})).sentence).toBe('1 of 1 server protected');
    for (const one of region.volumeSnapshots.filter(
      ({ metadata }) => metadata!.autosnap_slot! > '2026-11-24',
    )) {
      one.status = 'error';
    }
    const { sentence } = await h.run('audit', {});
    expect(sentence).toMatch(/^0 of 1 server protected; db, volume db-data is 30 hours late/);
  });

  test('a volume that was attached lately is not late yet', async () => {
    db.createdAt = new Date('2026-10-01T00:00:00Z');
    await takeDays(23, 25);
    deploy([policy()]);
    const added = region.addVolume({ name: 'new', size: 1 });
    db.volumeIds.push(added.id);
    expect((await h.run('audit', {})).sentence).not.toContain('late');
  });
});

test('a server at Rackspace that boots from a volume is protected by the snapshots of its volumes', async () => {
  const root = region.addVolume({ name: 'root', size: 50 });
  const server = region.addServer({ name: 'bfv', image: '', volumeIds: [root.id], rootVolume: root.id });
  await takeDays(23, 25);
  deploy([policy()]);
  expect(slotsOf(root)).toHaveLength(3);
  expect(region.images.filter(({ properties }) => properties.autosnap_server === server.id)).toEqual([]);
  expect((await h.run('audit', {})).sentence).toBe('2 of 2 servers protected');
});

test('a server on volumes in an OpenStack has them in its image, and no other snapshots', async () => {
  useKind('password');
  region.addServer({ name: 'bfv', image: '', volumeIds: ['root', 'more'] });
  await h.run('snapshot', policy({ servers: { names: ['bfv'] } }));
  expect(region.volumeSnapshots.map(({ name }) => name)).toEqual([
    expect.stringContaining('snapshot for bfv'),
    expect.stringContaining('snapshot for bfv'),
  ]);
});

test('volumes that a quota has no room for are left out whole, and said by server', async () => {
  useKind('password');
  db.volumeIds.push(region.addVolume({ name: 'db-2', size: 1 }).id);
  region.addServer({ name: 'web', volumeIds: [region.addVolume({ name: 'web-data', size: 1 }).id] });
  region.maxVolumeSnapshots = 1;
  const { report, error } = await h.fail('snapshot', policy());
  expect(report?.totals).toEqual({ taken: 1, failed: 1 });
  expect(error.message).toContain('needs 2 volume snapshots and the quota of the cloud has room for 1');
  expect(region.volumeSnapshots.map(({ name }) => name)).toEqual(['web-data-daily-20261123T000000Z']);
  expect(region.images.filter(({ properties }) => properties.autosnap_slot)).toHaveLength(2);
});

test('a snapshot without its metadata is recognised by its description', async () => {
  const lost = async (answer: Response) => {
    for (const one of region.volumeSnapshots) one.metadata = {};
    return answer;
  };
  const rules = { keep: { last: 1 } };
  h.cloud.faults.push({ service: 'volume', method: 'POST', times: 99, answer: { edit: lost } });
  await takeDays(23, 25, rules);
  await h.run('cleanup', policy(rules));
  expect(region.volumeSnapshots).toHaveLength(1);
});

test('Rackspace makes one snapshot of a volume at a time: the next one waits', async () => {
  region.addVolumeSnapshot({ volumeId: data.id, name: 'by hand', status: 'creating' });
  const report = await h.run('snapshot', policy());
  expect(report.entries[0]!.volumes![0]).toMatchObject({
    outcome: 'skipped',
    code: 'VOLUME_SNAPSHOT_IN_PROGRESS',
  });
});

test('a volume that is being made from a snapshot keeps the snapshot', async () => {
  const rules = { keep: { last: 1 } };
  await takeDays(23, 24, rules);
  const [first] = region.volumeSnapshots;
  region.addVolume({ name: 'restoring', snapshotId: first!.id, status: 'creating' });
  await h.run('cleanup', policy(rules));
  expect(slotsOf(data)).toHaveLength(2);
});

describe('two regions with one block storage service', () => {
  beforeEach(async () => {
    h = await harness({ regions: ['DFW', 'ORD'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 1000 } });
    useKind('password');
    region = h.cloud.region('DFW');
    const [dfw, ord] = h.cloud.catalogue;
    Object.assign(ord!, { volumeUrl: dfw!.volumeUrl });
    data = region.addVolume({ name: 'db-data', size: 10 });
    db = h.cloud.region('ORD').addServer({ name: 'db', volumeIds: [data.id] });
  });

  test('a volume is rotated, reported and judged once, in the region of its server', async () => {
    const rules = { keep: { last: 2 } };
    await takeDays(23, 26, rules);
    expect(slotsOf(data)).toHaveLength(4);
    const report = await h.run('cleanup', policy(rules));
    expect(report.totals).toEqual({ deleted: 4, kept: 4 });
    expect(report.warnings).toEqual([]);
    expect(slotsOf(data)).toEqual(['2026-11-25', '2026-11-26']);
    deploy([policy(rules)]);
    expect((await h.run('audit', {})).sentence).toBe('1 of 1 server protected');
  });

  test('the snapshots of a detached volume stay, and are reported once', async () => {
    const rules = { keep: { last: 2 } };
    await takeDays(23, 26, rules);
    db.volumeIds = [];
    const report = await h.run('cleanup', policy(rules));
    expect(slotsOf(data)).toHaveLength(4);
    expect(textsOf(report.warnings)).toEqual([expect.stringContaining('is attached to no server here')]);
  });
});
