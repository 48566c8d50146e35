import { beforeEach, describe, expect, test } from 'vitest';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';
import { dbWorld } from './db-world.ts';

// The audit counts a server as the worst of its parts: its image and each of its volumes.

const SECRET = 'autosnap/test/rackspace';

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;

beforeEach(async () => {
  ({ h, region, db, data } = await dbWorld());
});

async function takeDays(first: number, last: number): Promise<void> {
  for (let day = first; day <= last; day++) {
    setTime(`2026-11-${day}T00:00:10Z`);
    await h.fail('snapshot', policy());
  }
  setTime(`2026-11-${last}T06:00:00Z`);
}

/** Spoils the snapshots of a volume from a day on. */
function failFrom(volume: CloudVolume, day: number): void {
  for (const one of region.volumeSnapshots) {
    const slot = one.metadata?.autosnap_slot ?? '';
    if (one.volumeId === volume.id && slot >= `2026-11-${day}`) one.status = 'error';
  }
}

async function sentence(): Promise<string> {
  deploy([policy()]);
  return (await h.run('audit', {})).sentence;
}

/** The text of the list on the report page, a line for each section title and row. */
async function pageRows(): Promise<string[]> {
  const s3 = await reportBucket();
  h.cold();
  await sentence();
  const html = [...s3.objects].find(([key]) => key.endsWith('.html'))![1];
  const text = (part: string) =>
    part
      .replace(/<svg[\s\S]*?<\/svg>|<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
  const parts = html.match(/<h2>[^<]*<span class="count">.*?<\/h2>|<li class="row"[\s\S]*?<\/li>/g)!;
  return parts.map(text);
}

describe.each(['rackspace', 'password'] as const)('in a cloud by %s', (kind) => {
  beforeEach(() => h.cloud.secrets.set(SECRET, h.cloud.secret(kind)));

  test('a server with a new volume waits for the first snapshot of the volume', async () => {
    await takeDays(23, 25);
    expect(await sentence()).toBe('1 of 1 server protected');
    db.volumeIds.push(region.addVolume({ name: 'db-new', size: 1 }).id);
    expect(await sentence()).toBe('0 of 1 server protected; 1 waits for its first snapshot');
    expect(await pageRows()).toEqual([
      'Waiting for the first snapshot 1',
      expect.stringMatching(/^db .*, Waiting none yet 3 good, .* without volume db-new$/),
      expect.stringMatching(/^db, volume db-data .* 6 hours old/),
      expect.stringMatching(/^db, volume db-new .* none yet$/),
    ]);
  });

  test.each(['saving', 'error'])('a server whose first image is in %s waits', async (status) => {
    db.createdAt = new Date('2026-11-22T23:50:00Z');
    await takeDays(23, 23);
    const image = region.images.find(({ properties }) => properties.autosnap_slot)!;
    Object.assign(image, { status, activeAt: undefined, savingAt: undefined });
    expect(await sentence()).toMatch(/^0 of 1 server protected; 1 waits for its first snapshot/);
  });

  test('a volume of several servers makes each of them late', async () => {
    data.multiattach = true;
    region.addServer({ name: 'standby', volumeIds: [data.id] });
    region.addServer({ name: 'web' });
    await takeDays(23, 25);
    expect(await sentence()).toBe('3 of 3 servers protected');
    failFrom(data, 24);
    setTime('2026-11-25T13:00:00Z');
    expect(await sentence()).toMatch(
      /^1 of 3 servers protected; 2 servers have no fresh snapshot, the worst is (db|standby), volume db-data, 37 hours late/,
    );
    const rows = await pageRows();
    expect(rows[0]).toBe('Needs attention 2');
    const without = rows.filter((row) => /without volume db-data since 2026-11-23 00:00/.test(row));
    expect(without.map((row) => row.split(' ')[0]).sort()).toEqual(['db', 'standby']);
    expect(rows.filter((row) => / volume db-data DFW/.test(row))).toHaveLength(1);
  });

  test('the row of a server is as old as its oldest part, and sections count servers', async () => {
    region.addServer({ name: 'web' });
    await takeDays(23, 25);
    failFrom(data, 25);
    expect(await pageRows()).toEqual([
      'Protected 2',
      expect.stringMatching(
        /^db DFW .* 30 hours old 3 good, .* without volume db-data since 2026-11-24 00:00$/,
      ),
      expect.stringMatching(/^db, volume db-data .* 30 hours old/),
      expect.stringMatching(/^web .* 6 hours old/),
    ]);
  });

  test('a volume that has moved to another server waits for a snapshot with that one', async () => {
    const web = region.addServer({ name: 'web' });
    await takeDays(23, 25);
    expect(await sentence()).toBe('2 of 2 servers protected');
    db.volumeIds = [];
    web.volumeIds.push(data.id);
    expect(await sentence()).toBe('1 of 2 servers protected; 1 waits for its first snapshot');
    const plan = await h.run('restore', { server: 'web', to: 'new', dryRun: true });
    expect(plan.lines).toContainEqual(expect.stringMatching(/without .*db-data/));
    setTime('2026-11-26T00:00:10Z');
    await h.run('snapshot', { policy: 'daily' });
    setTime('2026-11-26T06:00:00Z');
    expect(await sentence()).toBe('2 of 2 servers protected');
  });

  test('no volume of a server is taken that is deleted before its image is requested', async () => {
    h.cloud.faults.push({
      ...{ service: 'compute', method: 'POST', path: /action$/ },
      answer: () => region.removeServer(db),
    });
    const { totals, entries } = await h.run('snapshot', policy());
    expect(totals).toEqual({ skipped: 1 });
    expect(entries).toMatchObject([{ name: 'db', outcome: 'skipped', code: 'SERVER_GONE_BY_NOW' }]);
    expect(region.volumeSnapshots).toEqual([]);
  });

  test('a volume that a server on volumes has got after its image waits for the next one', async () => {
    const root = region.addVolume({ name: 'root', size: 50 });
    region.removeServer(db);
    const its = { image: '', rootVolume: root.id, volumeIds: [root.id], devices: { [root.id]: '/dev/vda' } };
    const server = region.addServer({ name: 'db', ...its });
    await takeDays(23, 25);
    expect(await sentence()).toBe('1 of 1 server protected');
    server.volumeIds.push(region.addVolume({ name: 'db-new', size: 1 }).id);
    expect(await sentence()).toBe('0 of 1 server protected; 1 waits for its first snapshot');
    const plan = await h.run('restore', { server: 'db', to: 'new', dryRun: true });
    expect(plan.lines).toContainEqual(expect.stringMatching(/without .*db-new/));
    setTime('2026-11-27T13:00:00Z');
    expect(await sentence()).toMatch(
      /^0 of 1 server protected; db(, volume db-new)? has no good daily snapshot/,
    );
    setTime('2026-11-28T00:00:10Z');
    await h.run('snapshot', { policy: 'daily' });
    setTime('2026-11-28T06:00:00Z');
    expect(await sentence()).toBe('1 of 1 server protected');
  });

  test.each([20, 21])('a server whose parts fail in turns from day %i on is late', async (first) => {
    db.createdAt = data.createdAt = new Date('2026-11-10T00:00:00Z');
    await takeDays(20, 27);
    for (let day = first; day <= 27; day++) {
      const isOfDay = (slot: string | undefined) => slot?.startsWith(`2026-11-${day}`);
      const image = region.images.find(({ properties }) => isOfDay(properties.autosnap_slot))!;
      const saved = region.volumeSnapshots.find(({ metadata }) => isOfDay(metadata?.autosnap_slot))!;
      (day % 2 ? image : saved).status = 'error';
    }
    expect(await sentence()).toMatch(
      first === 20
        ? /^0 of 1 server protected; db has no good daily snapshot/
        : /^0 of 1 server protected; db is 6 days late/,
    );
    const { servers } = await h.run('audit', { list: 'servers' });
    const [listed] = servers as { state: string; newestGood?: string }[];
    expect([listed!.state, listed!.newestGood]).toEqual(
      first === 20 ? ['never', undefined] : ['late', '2026-11-20T00:00:00Z'],
    );
  });

  test.each([
    ['none', false],
    [{ except: { names: ['db-*'] } }, true],
  ])('the audit names the volumes that volumes: %j leaves out', async (volumes, isListed) => {
    await h.run('snapshot', policy({ volumes }));
    deploy([policy({ volumes })]);
    const audit = await h.run('audit', {});
    expect(audit.sentence).toBe('1 of 1 server protected');
    expect(textsOf(audit.warnings)).toEqual([
      `DFW: the policy daily leaves out volumes, which are in no snapshot: ${isListed ? 'db-data' : data.id} of db`,
    ]);
    expect(audit.policies[0]!.problems).toEqual([]);
  });

  test('a volume that another policy takes is not left out', async () => {
    const daily = policy({ volumes: 'none' });
    deploy([daily, policy({ policy: 'weekly' })]);
    expect(textsOf((await h.run('audit', {})).warnings)).toEqual([]);
  });

  test('the snapshots of a volume have the name of their server, also after its end', async () => {
    await takeDays(22, 23);
    region.removeServer(db);
    const { entries } = await h.run('cleanup', policy());
    expect(entries.map(({ name, volume }) => [name, volume?.name])).toEqual(
      expect.arrayContaining([
        ['db', undefined],
        ['db', 'db-data'],
      ]),
    );
    for (const { id, properties } of region.images) if (properties.autosnap_slot) region.removeImage(id);
    const alone = await h.run('cleanup', policy());
    expect(alone.entries).toMatchObject([{ name: '', server: db.id, volume: { name: 'db-data' } }]);
    expect((await pageRows()).at(-1)).toMatch(new RegExp(`^server ${db.id}, volume db-data `));
  });

  test('without a volume service the volume is named, and the server is not said to be on it', async () => {
    await takeDays(23, 23);
    data.name = '';
    for (const one of h.cloud.catalogue) Object.assign(one, { volumeUrl: undefined });
    h.cold();
    deploy([policy()]);
    const { report } = await h.fail('audit', {});
    expect(report).toMatchObject({
      sentence: expect.stringContaining(
        `db, volume ${data.id}: the account's catalogue has no volume service in DFW, so no snapshot of the volume can be made or verified`,
      ),
    });
  });
});
