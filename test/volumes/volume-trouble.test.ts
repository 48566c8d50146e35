import { beforeEach, describe, expect, test } from 'vitest';
import { answers, type FaultAnswer, leavingOut } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { KINDS } from '../cloud-kinds.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, policy, setTime } from '../harness.ts';
import { dbWorld } from './db-world.ts';

// What can go wrong with the volumes of a server, in the run, in the cleanup and between the two.

const SECRET = 'autosnap/test/rackspace';
/** The roles of users who may delete images and no volume snapshots. */
const ROLES = { rackspace: ['nova:admin', 'cloudImages:admin', 'cbs:creator'], password: ['operator'] };

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;
let logs: CloudVolume;

beforeEach(async () => {
  ({ h, region, db, data } = await dbWorld({ others: [{ name: 'db-logs', size: 5 }] }));
  logs = region.volumes.at(-1)!;
});

async function takeDays(first: number, last: number, changes: Record<string, unknown> = {}): Promise<void> {
  for (let day = first; day <= last; day++) {
    setTime(`2026-11-${day}T00:00:10Z`);
    await h.run('snapshot', policy(changes));
  }
  setTime(`2026-11-${last}T06:00:00Z`);
}

const daysOf = (volume: CloudVolume, name = 'daily') =>
  region.volumeSnapshots
    .filter(({ volumeId, metadata }) => volumeId === volume.id && metadata?.autosnap_policy === name)
    .map(({ metadata }) => Number(metadata?.autosnap_slot?.slice(8, 10)))
    .sort();

const imagesTaken = () => region.images.filter(({ properties }) => properties.autosnap_slot).length;

/** Changes the cloud between the listing of the volumes and the first request for a snapshot. */
function beforeTheRequest(change: () => void): void {
  h.cloud.faults.push({ service: 'volume', method: 'POST', path: /snapshots$/, answer: change });
}

/** Takes the statuses out of a listing of volumes, as Cinder v1 may. */
const withoutStatuses = {
  edit: async (answer: Response) => {
    const { volumes } = (await answer.json()) as { volumes: { status?: string }[] };
    for (const one of volumes) delete one.status;
    return Response.json({ volumes });
  },
};

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(() => void h.cloud.secrets.set(SECRET, h.cloud.secret(kind)));

  test('a volume that is detached after the listing still gets its snapshot', async () => {
    beforeTheRequest(() => db.volumeIds.shift());
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect(daysOf(data)).toEqual([23]);
  });

  test('a volume that moves to another server keeps one series, and is taken once for a slot', async () => {
    const other = region.addServer({ name: 'standby' });
    beforeTheRequest(() => other.volumeIds.push(db.volumeIds.shift()!));
    const rules = { keep: { last: 2 } };
    await h.run('snapshot', policy(rules));
    await h.run('snapshot', policy(rules));
    expect(daysOf(data)).toEqual([23]);
    await takeDays(24, 26, rules);
    const report = await h.run('cleanup', policy(rules));
    // The only set of the first server with its volume stays, too.
    expect(daysOf(data)).toEqual([23, 25, 26]);
    expect(report.warnings).toEqual([]);
    deploy([policy(rules)]);
    expect((await h.run('audit', {})).sentence).toBe('2 of 2 servers protected');
  });

  test('a volume that is deleted after the listing is no failure, and the other parts are taken', async () => {
    beforeTheRequest(() => {
      db.volumeIds.shift();
      region.removeVolume(data.id);
    });
    const report = await h.run('snapshot', policy());
    expect(report.entries[0]).toMatchObject({ outcome: 'taken' });
    expect(report.entries[0]!.volumes).toEqual([
      expect.objectContaining({ name: 'db-data', outcome: 'skipped', code: 'VOLUME_GONE_BY_NOW' }),
      expect.objectContaining({ name: 'db-logs', outcome: 'taken' }),
    ]);
  });

  test('a volume that is there is not taken for deleted, although the cloud answers 404', async () => {
    const message = 'The resource could not be found.';
    h.cloud.faults.push({
      service: 'volume',
      method: 'POST',
      answer: { status: 404, body: { itemNotFound: { code: 404, message } } },
    });
    const { report, error } = await h.fail('snapshot', policy());
    expect(report?.entries[0]).toMatchObject({ outcome: 'failed', code: 'WITHOUT_VOLUMES' });
    expect(error.message).toContain('without the volume db-data');
    expect([daysOf(data), daysOf(logs), imagesTaken()]).toEqual([[], [23], 1]);
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect([daysOf(data), daysOf(logs), imagesTaken()]).toEqual([[23], [23], 1]);
  });

  test('a volume of a type without snapshots fails with the words of the cloud, and the rest is taken', async () => {
    const message = 'Invalid volume: Snapshots of this volume type are not supported.';
    h.cloud.faults.push({
      service: 'volume',
      method: 'POST',
      answer: { status: 400, body: { badRequest: { code: 400, message } } },
    });
    const { report, error } = await h.fail('snapshot', policy());
    expect(error.message).toContain('without the volume db-data');
    expect(error.message).toContain('Snapshots of this volume type are not supported');
    expect(daysOf(logs)).toEqual([23]);
    expect(imagesTaken()).toBe(1);
    expect(report?.totals).toEqual({ failed: 1 });
  });

  test.each([
    ['error', 'VOLUME_IN_STATE'],
    ['extending', 'VOLUME_BUSY'],
    ['in-use', undefined],
  ])('a volume in %s that the listing shows without a status is looked at first', async (status, cause) => {
    h.cloud.faults.push({ service: 'volume', path: /volumes\/detail$/, times: 9, answer: withoutStatuses });
    data.status = status;
    const run = h.run('snapshot', policy()).catch(() => undefined);
    await run;
    expect(daysOf(data)).toEqual(cause ? [] : [23]);
    expect(daysOf(logs)).toEqual([23]);
    if (cause) expect(h.logs()).toContain(cause);
  });

  test.each<[string, FaultAnswer]>([
    ['does not exist', { status: 404, body: { itemNotFound: { code: 404, message: 'Not found.' } } }],
    ['can not be read', answers.unavailable],
  ])('a volume that only the server shows, and that %s, fails the set', async (_, answer) => {
    h.cloud.faults.push({
      service: 'volume',
      path: /volumes\/detail$/,
      times: 99,
      answer: leavingOut(data.id),
    });
    h.cloud.faults.push({ service: 'volume', path: new RegExp(`volumes/${data.id}$`), times: 99, answer });
    const { report, error } = await h.fail('snapshot', policy());
    expect(report?.entries[0]).toMatchObject({ outcome: 'failed', cause: 'VOLUME_UNKNOWN' });
    expect(error.message).toContain(`without the volume ${data.id}: `);
    expect([daysOf(data), daysOf(logs), imagesTaken()]).toEqual([[], [23], 1]);
    deploy([policy()]);
    setTime('2026-11-23T06:00:00Z');
    expect((await h.run('audit', {})).sentence).toMatch(/^0 of 1 server protected/);
  });

  test('the spread of a set includes the parts that an earlier run took', async () => {
    data.status = 'attaching';
    await h.run('snapshot', policy());
    data.status = 'in-use';
    setTime('2026-11-23T00:20:10Z');
    const report = await h.run('snapshot', policy());
    expect(report.entries[0]).toMatchObject({ outcome: 'taken', spreadSeconds: 1200 });
    expect((await h.run('snapshot', policy())).entries[0]).toMatchObject({ spreadSeconds: 1200 });
  });

  test('an encrypted volume is taken as any other', async () => {
    data.type = 'LUKS';
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect(daysOf(data)).toEqual([23]);
  });

  test('a quota that another user fills during the run fails the set, is not tried again, and takes nothing twice', async () => {
    let asked = 0;
    h.cloud.faults.push({
      service: 'volume',
      method: 'POST',
      skip: 1,
      times: 99,
      when: () => Boolean(++asked),
      answer: {
        status: 413,
        headers: { 'retry-after': '0' },
        body: { overLimit: { code: 413, message: 'SnapshotLimitExceeded', retryAfter: '0' } },
      },
    });
    const { report, error } = await h.fail('snapshot', policy());
    expect(report?.entries[0]).toMatchObject({ outcome: 'failed', code: 'WITHOUT_VOLUMES' });
    expect(error.message).toContain('SnapshotLimitExceeded');
    expect(asked).toBe(2);
    h.cloud.faults.length = 0;
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect([daysOf(data), daysOf(logs), imagesTaken()]).toEqual([[23], [23], 1]);
  });

  test.each([
    {
      status: 429,
      body: {
        computeFault: { code: 429, message: "Snapshot quota limit exceeded per volume. Can't create" },
      },
    },
    {
      status: 413,
      body: { overLimit: { code: 413, message: 'SnapshotLimitExceeded: (10) exceeded', retryAfter: '0' } },
    },
  ])('a quota of snapshots that is answered with $status is named with a remedy', async (answer) => {
    h.cloud.faults.push({ service: 'volume', method: 'POST', path: /snapshots$/, times: 99, answer });
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toMatch(
      /without the volumes db-data, db-logs: .*: delete snapshots of the volume, or ask the cloud for a higher quota/,
    );
  });

  test('a catalogue without block storage fails the run, and takes the images', async () => {
    for (const one of h.cloud.catalogue) Object.assign(one, { volumeUrl: undefined });
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain('DFW: the volumes of 1 server get no snapshots');
    expect(imagesTaken()).toBe(1);
  });

  test('one volume snapshot that the cloud does not delete is a warning, and lets the others go', async () => {
    const rules = { keep: { last: 1 } };
    await takeDays(23, 25, rules);
    h.cloud.faults.push({ service: 'volume', method: 'DELETE', answer: answers.forbidden });
    const { warnings } = await h.run('cleanup', policy(rules));
    expect(warnings.map(({ code }) => code)).toEqual(['NOT_DELETABLE']);
    expect(region.volumeSnapshots).toHaveLength(3);
  });

  test('where the user may not delete volume snapshots, the cleanup fails with the role, and rotates the images', async () => {
    const rules = { keep: { last: 1 } };
    await takeDays(23, 25, rules);
    h.cloud.account.roles = ROLES[kind];
    h.cloud.faults.push({ service: 'volume', method: 'DELETE', times: 99, answer: answers.forbidden });
    const { error } = await h.fail('cleanup', policy(rules));
    expect(error.message).toContain('at Rackspace nova:admin and cloudImages:admin, for volumes cbs:admin');
    expect(daysOf(data)).toEqual([23, 24, 25]);
    expect(imagesTaken()).toBe(1);
  });

  test('a snapshot that stays in creation holds the next one back for a day at most', async () => {
    await h.run('snapshot', policy());
    const stuck = region.volumeSnapshots.find(({ volumeId }) => volumeId === data.id)!;
    Object.assign(stuck, { status: 'creating', availableAt: undefined });
    setTime('2026-11-24T00:00:05Z');
    const report = await h.run('snapshot', policy());
    expect(report.entries[0]!.volumes).toEqual([
      expect.objectContaining({ name: 'db-data', outcome: 'skipped', code: 'SNAPSHOT_PENDING' }),
      expect.objectContaining({ name: 'db-logs', outcome: 'taken' }),
    ]);
    setTime('2026-11-25T00:00:10Z');
    await h.run('snapshot', policy()).catch(() => undefined);
    // Rackspace makes no other snapshot of the volume meanwhile.
    expect(daysOf(data)).toEqual(kind === 'rackspace' ? [23] : [23, 25]);
    deploy([policy()]);
    const { sentence } = await h.run('audit', {});
    expect(sentence).toContain(kind === 'rackspace' ? 'volume db-data' : 'stuck');
  });

  test('a failed snapshot of a volume is taken again for the same slot', async () => {
    await h.run('snapshot', policy());
    region.volumeSnapshots.find(({ volumeId }) => volumeId === data.id)!.status = 'error';
    const again = await h.run('snapshot', policy());
    expect(again.entries[0]).toMatchObject({ outcome: 'taken' });
    expect(daysOf(data)).toEqual([23, 23]);
    expect(daysOf(logs)).toEqual([23]);
    expect(imagesTaken()).toBe(1);
  });

  test('a snapshot that could not be deleted stays, is said, and lets the others go', async () => {
    const rules = { keep: { last: 1 } };
    await takeDays(23, 25, rules);
    region.volumeSnapshots.find(({ volumeId }) => volumeId === data.id)!.status = 'error_deleting';
    const report = await h.run('cleanup', policy(rules));
    expect(daysOf(data)).toEqual([23, 25]);
    expect(textsOf(report.warnings).join()).toContain('error_deleting');
  });

  test('two policies take one volume, each for itself, and rotate only their own', async () => {
    const weekly = policy({ policy: 'weekly', schedule: 'cron(0 0 ? * * *)', keep: { last: 2 } });
    const daily = policy({ keep: { last: 1 } });
    for (let day = 23; day <= 26; day++) {
      for (const [minute, event] of [
        ['00', daily],
        ['10', weekly],
      ] as const) {
        setTime(`2026-11-${day}T00:${minute}:10Z`);
        await h.run('snapshot', event);
      }
    }
    setTime('2026-11-26T06:00:00Z');
    await h.run('cleanup', daily);
    await h.run('cleanup', weekly);
    expect(daysOf(data)).toEqual([26]);
    expect(daysOf(data, 'weekly')).toEqual([25, 26]);
  });

  test('two policies of the same minute both get their snapshot of a volume', async () => {
    const weekly = policy({ policy: 'weekly', keep: { last: 2 } });
    await h.run('snapshot', policy());
    const first = await h.run('snapshot', weekly);
    setTime('2026-11-23T00:02:10Z');
    const second = await h.run('snapshot', weekly);
    // Rackspace makes one snapshot of a volume at a time, so there the second one waits.
    expect([first.totals, second.totals]).toEqual(
      kind === 'rackspace' ? [{ skipped: 1 }, { taken: 1 }] : [{ taken: 1 }, { skipped: 1 }],
    );
    expect([daysOf(data), daysOf(data, 'weekly')]).toEqual([[23], [23]]);
  });

  test('a set whose image failed is taken again, and its volumes are not taken twice', async () => {
    await h.run('snapshot', policy());
    region.images.find(({ properties }) => properties.autosnap_slot)!.status = 'error';
    setTime('2026-11-23T06:00:00Z');
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect([daysOf(data), daysOf(logs), imagesTaken()]).toEqual([[23], [23], 2]);
  });

  test('a server is late when its images fail, however good the snapshots of its volumes are', async () => {
    await takeDays(23, 25);
    for (const { properties, ...image } of region.images)
      if (properties.autosnap_slot! > '2026-11-24')
        Object.assign(region.image(image.id)!, { status: 'error' });
    deploy([policy()]);
    expect((await h.run('audit', {})).sentence).toMatch(/^0 of 1 server protected; db is 30 hours late/);
  });
});

describe('a cloud with volume API 2', () => {
  /** Renames the endpoints in the catalogue, or adds old ones. */
  const renamed = (change: (catalog: { type: string; endpoints: { url: string }[] }[]) => void) => ({
    edit: async (answer: Response) => {
      const body = (await answer.json()) as { token: { catalog: Parameters<typeof change>[0] } };
      change(body.token.catalog);
      const headers = new Headers(answer.headers);
      headers.delete('content-length');
      return new Response(JSON.stringify(body), { status: answer.status, headers });
    },
  });

  beforeEach(() => void h.cloud.secrets.set(SECRET, h.cloud.secret('password')));

  test('and nothing newer: volumes are taken and rotated', async () => {
    const answer = renamed((catalog) => {
      const service = catalog.find(({ type }) => type === 'volumev3')!;
      service.type = 'volumev2';
      for (const one of service.endpoints) one.url = one.url.replace('/v3/', '/v2/');
    });
    h.cloud.faults.push({ service: 'identity', method: 'POST', times: 99, answer });
    const rules = { keep: { last: 1 } };
    await takeDays(23, 25, rules);
    await h.run('cleanup', policy(rules));
    expect([daysOf(data), daysOf(logs)]).toEqual([[25], [25]]);
    const asked = h.cloud.received.filter(({ service }) => service === 'volume').map(({ path }) => path);
    expect(asked.filter((path) => !path.startsWith('/v2/'))).toEqual([]);
  });

  test('and a newer one: the newer one is used', async () => {
    const answer = renamed((catalog) => {
      const { endpoints } = catalog.find(({ type }) => type === 'volumev3')!;
      catalog.unshift({
        type: 'volumev2',
        endpoints: endpoints.map((one) => ({ ...one, url: one.url.replace('/v3/', '/v2/') })),
      });
    });
    h.cloud.faults.push({ service: 'identity', method: 'POST', times: 99, answer });
    await h.run('snapshot', policy());
    const asked = h.cloud.received.filter(({ service }) => service === 'volume').map(({ path }) => path);
    expect(asked.filter((path) => !path.startsWith('/v3/'))).toEqual([]);
    expect(daysOf(data)).toEqual([23]);
  });
});

describe('a cloud that loses the metadata of volume snapshots, and does not take them later', () => {
  const rules = { keep: { last: 1 } };

  beforeEach(() => {
    h.cloud.secrets.set(SECRET, h.cloud.secret('rackspace'));
    region.keepsVolumeMetadata = false;
  });

  test('rotates by the marker in the description', async () => {
    await takeDays(23, 25, rules);
    expect(region.volumeSnapshots).toHaveLength(6);
    expect(region.volumeSnapshots.every(({ metadata }) => Object.keys(metadata!).length === 0)).toBe(true);
    expect((await h.run('snapshot', policy(rules))).totals).toEqual({ skipped: 1 });
    await h.run('cleanup', policy(rules));
    expect(region.volumeSnapshots.map(({ name }) => name).sort()).toEqual([
      'db-data-daily-20261125T000000Z',
      'db-logs-daily-20261125T000000Z',
    ]);
  });

  test('holds a set by the description, and releases it', async () => {
    await takeDays(23, 25, rules);
    const image = region.images.find(({ properties }) => properties.autosnap_slot?.startsWith('2026-11-23'))!;
    await h.run('hold', { hold: image.id });
    await h.run('cleanup', policy(rules));
    expect(region.volumeSnapshots).toHaveLength(4);
    await h.run('hold', { release: image.id });
    await h.run('cleanup', policy(rules));
    expect(region.volumeSnapshots).toHaveLength(2);
  });

  test('takes no snapshot without either marker for one of this deployment', async () => {
    await takeDays(23, 25, rules);
    for (const one of region.volumeSnapshots) one.description = null;
    await h.run('cleanup', policy(rules));
    expect(region.volumeSnapshots).toHaveLength(6);
  });
});
