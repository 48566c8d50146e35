import { describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, decisionOn } from '../history.ts';

const HOUR_MS = 3_600_000;
const createRequests = ({ cloud }: Harness) =>
  cloud.received.filter(({ service, method }) => service === 'compute' && method === 'POST');

/** A cloud with three servers in DFW and one in ORD, 20 seconds past midnight. */
async function fleet() {
  setTime('2026-11-23T00:00:20Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  const [web1, web2, db] = ['web-1', 'web-2', 'db'].map((name) => h.cloud.region('DFW').addServer({ name }));
  const mail = h.cloud.region('ORD').addServer({ name: 'mail' });
  return { ...h, web1: web1!, web2: web2!, db: db!, mail };
}

test('every selected server of each region gets one image, and the request has the complete marker', async () => {
  const { cloud, run, mail } = await fleet();
  const report = await run('snapshot', policy({ servers: { names: ['web-*', 'mail'] } }));
  expect(report).toMatchObject({
    job: 'snapshot',
    slot: '2026-11-23T00:00:00Z',
    lateSeconds: 20,
    nextRun: '2026-11-24T00:00:00Z',
    totals: { taken: 3 },
    failures: [],
    warnings: [],
  });
  expect(
    cloud
      .region('DFW')
      .images.map(({ name }) => name)
      .sort(),
  ).toEqual(['web-1-daily-20261123T000000Z', 'web-2-daily-20261123T000000Z']);
  const [image] = cloud.region('ORD').images;
  expect(image?.properties).toMatchObject({
    autosnap_owner: 'autosnap-test',
    autosnap_policy: 'daily',
    autosnap_server: mail.id,
    autosnap_slot: '2026-11-23T00:00:00Z',
    autosnap_hold: 'none',
  });
  expect(report.entries.find(({ name }) => name === 'mail')).toMatchObject({
    image: image?.id,
    outcome: 'taken',
  });
});

test('a server that is named by its id and also excluded causes a warning', async () => {
  const { run, web1, db } = await fleet();
  const servers = { ids: [web1.id, db.id], except: { names: ['web-*'] } };
  const report = await run('snapshot', policy({ servers }));
  expect(report).toMatchObject({
    totals: { taken: 1 },
    failures: [],
    warnings: [
      {
        code: 'IDS_EXCEPTED',
        text: expect.stringContaining(`servers.ids: ${web1.id}: servers.except excludes these servers`),
      },
    ],
  });
});

describe('one slot, one snapshot', () => {
  test('a slot whose image is active without data is taken once more, and that image is kept and reported', async () => {
    const h = await fleet();
    const servers = { names: ['db'] };
    await h.run('snapshot', policy({ servers }));
    h.cloud.advance(HOUR_MS);
    const dfw = h.cloud.region('DFW');
    const empty = dfw.images[0]!;
    empty.size = 0;
    expect((await h.run('snapshot', policy({ servers }))).totals).toEqual({ taken: 1 });
    h.cloud.advance(HOUR_MS);
    expect((await h.run('snapshot', policy({ servers }))).totals).toEqual({ skipped: 1 });
    const report = await h.run('cleanup', policy({ servers }));
    expect(report.totals).toEqual({ kept: 2 });
    expect(decisionOn(report, empty)).toContain('has no size and no volume snapshots');
  });

  test('an image that is active at once and without data is not reported as taken', async () => {
    setTime('2026-11-23T00:00:20Z');
    const h = await harness({ timing: { queuedMs: 0, savingMs: 0 } });
    h.cloud.region('DFW').addServer({ name: 'db' });
    h.cloud.faults.push({
      service: 'image',
      method: 'GET',
      path: /images/,
      times: Number.POSITIVE_INFINITY,
      answer: {
        edit: async (answer) =>
          new Response((await answer.text()).replaceAll(/"size": ?\d+/g, '"size": 0'), answer),
      },
    });
    const { report } = await h.fail('snapshot', policy());
    expect(report?.entries).toMatchObject([{ outcome: 'failed', code: 'IMAGE_EMPTY' }]);
  });

  test('after a lost answer an image of the slot without data does not count as its snapshot', async () => {
    const h = await fleet();
    const servers = { names: ['db'] };
    await h.run('snapshot', policy({ servers }));
    h.cloud.advance(HOUR_MS);
    h.cloud.region('DFW').images[0]!.size = 0;
    h.cloud.faults.push({ service: 'compute', method: 'POST', path: /action/, answer: answers.serverError });
    expect((await h.run('snapshot', policy({ servers }))).totals).toEqual({ taken: 1 });
    expect(h.cloud.region('DFW').images).toHaveLength(2);
  });

  test('a duplicate event takes nothing, whether at once, hours later, or when all is finished', async () => {
    const h = await fleet();
    await h.run('snapshot', policy());
    for (const [ms, status] of [
      [0, 'queued'],
      [5 * 60_000, 'saving'],
      [20 * HOUR_MS, 'active'],
    ] as const) {
      h.cloud.advance(ms);
      const again = await h.run('snapshot', policy());
      expect(again.totals).toEqual({ skipped: 4 });
      expect(again.entries[0]?.reason).toMatch(
        new RegExp(`^already (taken|asked for): image .* is ${status}$`),
      );
    }
    expect(createRequests(h)).toHaveLength(4);
  });

  test('a local time that occurs twice when clocks go back is one slot', async () => {
    const hourly = policy({ schedule: 'cron(30 * * * ? *)', timezone: 'America/Chicago' });
    const h = await fleet();
    // 01:30 in Chicago, one hour before the second 01:30.
    setTime('2026-11-01T06:30:20Z');
    expect(await h.run('snapshot', hourly)).toMatchObject({
      slot: '2026-11-01T06:30:00Z',
      lateSeconds: 20,
      nextRun: '2026-11-01T08:30:00Z',
      totals: { taken: 4 },
    });
    setTime('2026-11-01T07:30:20Z');
    expect(await h.run('snapshot', hourly)).toMatchObject({
      slot: '2026-11-01T06:30:00Z',
      nextRun: '2026-11-01T08:30:00Z',
      totals: { skipped: 4 },
    });
    expect(createRequests(h)).toHaveLength(4);
  });

  test('an interrupted run is finished by the next, and nothing is taken twice', async () => {
    const h = await fleet();
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      skip: 2,
      answer: answers.serverError,
      times: 4,
    });
    const { error } = await h.fail('snapshot', policy());
    expect(error.name).toBe('RunFailed');
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 2, skipped: 2 });
    const images = [...h.cloud.region('DFW').images, ...h.cloud.region('ORD').images];
    expect(new Set(images.map(({ properties }) => properties.autosnap_server)).size).toBe(4);
    expect(images).toHaveLength(4);
  });

  test('the next slot is taken again', async () => {
    const h = await fleet();
    await h.run('snapshot', policy());
    setTime('2026-11-24T00:00:10Z');
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 4 });
  });

  test('a failed snapshot is taken again in the same slot', async () => {
    const h = await fleet();
    h.web1.snapshotOutcome = 'killed';
    h.web2.snapshotOutcome = 'vanishes';
    await h.run('snapshot', policy());
    h.cloud.advance(HOUR_MS);
    const again = await h.run('snapshot', policy());
    expect(again.totals).toEqual({ taken: 2, skipped: 2 });
    expect(again.entries.filter(({ outcome }) => outcome === 'taken').map(({ name }) => name)).toEqual([
      'web-1',
      'web-2',
    ]);
  });

  test('two policies have separate slots at the same time', async () => {
    const h = await fleet();
    await h.run('snapshot', policy());
    h.cloud.advance(HOUR_MS);
    expect((await h.run('snapshot', policy({ policy: 'weekly' }))).totals).toEqual({ taken: 4 });
  });

  test('a snapshot of another deployment does not count for the slot', async () => {
    const h = await fleet();
    await h.run('snapshot', policy());
    h.cloud.advance(HOUR_MS);
    for (const { properties } of h.cloud.region('ORD').images) properties.autosnap_owner = 'autosnap-prod';
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1, skipped: 3 });
  });
});

describe('a server that cannot be snapshotted now is skipped', () => {
  test('because Nova is busy with it', async () => {
    const { run, web1 } = await fleet();
    web1.taskState = 'rebooting';
    const { entries, totals } = await run('snapshot', policy());
    expect(totals).toEqual({ taken: 3, skipped: 1 });
    expect(entries.find(({ name }) => name === 'web-1')?.reason).toBe(
      'the cloud is busy with the server (rebooting)',
    );
  });

  test('because it became busy after the listing: 409', async () => {
    const { cloud, run, web1 } = await fleet();
    const answer = () => {
      web1.taskState = 'image_uploading';
    };
    cloud.faults.push({ service: 'compute', method: 'POST', path: new RegExp(web1.id), answer });
    const { entries, totals } = await run('snapshot', policy());
    expect(totals).toEqual({ taken: 3, skipped: 1 });
    expect(entries.find(({ name }) => name === 'web-1')?.reason).toMatch(
      /^busy: .*while it is in task_state image_uploading/,
    );
  });

  test('because another request was slightly earlier: a 500 that means 409', async () => {
    const { cloud, run, web1 } = await fleet();
    const answer = answers.taskStateRace;
    cloud.faults.push({ service: 'compute', method: 'POST', path: new RegExp(web1.id), answer });
    const { entries, totals } = await run('snapshot', policy());
    expect(totals).toEqual({ taken: 3, skipped: 1 });
    expect(entries.find(({ name }) => name === 'web-1')?.reason).toMatch(/^busy: .*has become busy/);
  });

  test('because its last snapshot is still in progress', async () => {
    const { cloud, run } = await fleet();
    await run('snapshot', policy());
    setTime('2026-11-24T00:00:10Z');
    cloud.advance(-24 * HOUR_MS);
    const { totals, entries } = await run('snapshot', policy());
    expect(totals).toEqual({ skipped: 4 });
    expect(entries[0]?.reason).toMatch(/^the cloud is busy with the server \(image_/);
  });

  test('but not for ever because of a snapshot that stays queued', async () => {
    const { cloud, run, web1 } = await fleet();
    web1.snapshotOutcome = 'stuck';
    await run('snapshot', policy());
    cloud.advance(HOUR_MS);
    setTime('2026-11-24T00:00:10Z');
    web1.snapshotOutcome = 'active';
    expect((await run('snapshot', policy())).totals).toEqual({ taken: 4 });
  });
});

describe('a request whose answer is lost is not repeated before a check', () => {
  test('the image was created: it is found, and not requested again', async () => {
    const h = await fleet();
    h.cloud.faults.push({ service: 'compute', method: 'POST', path: new RegExp(h.db.id), answer: 'lose' });
    const { entries, totals } = await h.run('snapshot', policy());
    expect(totals).toEqual({ taken: 4 });
    expect(createRequests(h).filter(({ path }) => path.includes(h.db.id))).toHaveLength(1);
    const [image] = h.cloud
      .region('DFW')
      .images.filter(({ properties }) => properties.instance_uuid === h.db.id);
    expect(entries.find(({ name }) => name === 'db')?.image).toBe(image?.id);
  });

  test('the image was not created: it is requested once more', async () => {
    const h = await fleet();
    h.cloud.faults.push({ service: 'compute', method: 'POST', path: new RegExp(h.db.id), answer: 'drop' });
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 4 });
    expect(h.cloud.region('DFW').images).toHaveLength(3);
  });
});

describe('a region that fails does not stop another', () => {
  test.each([
    ['its servers can not be listed', { service: 'compute', path: /detail/, answer: answers.serverError }],
    ['its images can not be listed', { service: 'image', answer: answers.html }],
    ['a page is cut short', { service: 'image', answer: 'truncate' }],
  ] as const)('%s', async (_, fault) => {
    const { cloud, fail, logs } = await fleet();
    cloud.faults.push({ ...fault, region: 'ORD', times: Number.POSITIVE_INFINITY });
    const { error, report } = await fail('snapshot', policy());
    const ofRegions = logs().match(/"region":"[A-Z]+","Failed":\d/g);
    expect(ofRegions).toEqual(['"region":"ORD","Failed":1']);
    expect(report?.totals).toEqual({ taken: 3 });
    expect(report?.failures[0]?.text).toMatch(/^ORD can't be read, so no snapshot is taken there: /);
    expect(error.message).toMatch(/^snapshot daily failed: ORD can't be read/);
    expect(cloud.region('ORD').images).toEqual([]);
  });
});

test('a server name that is invalid for an image is cut and cleaned', async () => {
  const { cloud, run, web1, web2 } = await fleet();
  web1.name = 'w'.repeat(255);
  web2.name = ' two\u0007\nlines ';
  expect((await run('snapshot', policy())).totals).toEqual({ taken: 4 });
  const names = cloud.region('DFW').images.map(({ name }) => name);
  expect(names).toContain(`${'w'.repeat(219)}-daily-20261123T000000Z`);
  expect(names).toContain('twolines-daily-20261123T000000Z');
});

test('a run that reaches its deadline stops and reports what is left, and the retry finishes it', async () => {
  const h = await fleet();
  h.hangAfter(0, { service: 'compute', method: 'POST' });
  const { error, report } = await h.fail('snapshot', policy(), { remainingMs: 5_600 });
  expect(error.message).toMatch('run deadline reached: 4 servers deferred to the next try');
  expect(report?.totals).toEqual({ deferred: 4 });
  h.cloud.faults.length = 0;
  expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 4 });
});

test('a dry run shows what it would take, and takes nothing', async () => {
  const h = await fleet();
  const { totals, entries } = await h.run('snapshot', policy({ dryRun: true }));
  expect(totals).toEqual({ planned: 4 });
  expect(entries[0]).toMatchObject({
    outcome: 'planned',
    reason: 'would be taken as db-daily-20261123T000000Z',
  });
  expect(createRequests(h)).toEqual([]);
});

test('each run logs in again, because the cloud uploads with the token for hours', async () => {
  const { cloud, run } = await fleet();
  await run('snapshot', policy());
  await run('snapshot', policy());
  expect(cloud.received.filter(({ service }) => service === 'identity')).toHaveLength(2);
  expect(new Set(cloud.received.flatMap(({ token }) => token ?? [])).size).toBe(2);
});

describe('a server that a listing lacks', () => {
  const leaveOut = ({ cloud }: Harness, ...names: string[]) => {
    const edit = async (answer: Response) => {
      const { servers } = (await answer.json()) as { servers: { name: string }[] };
      return Response.json({ servers: servers.filter(({ name }) => !names.includes(name)) });
    };
    cloud.faults.push({ service: 'compute', path: /detail$/, times: 9, answer: { edit } });
  };

  test('is taken if the policy names its id', async () => {
    const h = await fleet();
    leaveOut(h, 'db');
    const servers = { ids: [h.db.id, h.web1.id] };
    expect((await h.run('snapshot', policy({ servers }))).totals).toEqual({ taken: 2 });
  });

  test('is a failure if the cloud does not show whether it exists, and the others are taken', async () => {
    const h = await fleet();
    leaveOut(h, 'db');
    h.cloud.faults.push({
      service: 'compute',
      path: new RegExp(`servers/${h.db.id}$`),
      times: 9,
      answer: answers.forbidden,
    });
    const { report } = await h.fail('snapshot', policy({ servers: { ids: [h.db.id, h.web1.id] } }));
    expect(report?.totals).toEqual({ taken: 1, failed: 1 });
    expect(report?.entries[0]).toMatchObject({
      server: h.db.id,
      region: 'DFW',
      reason: expect.stringMatching(
        `^the cloud does not say whether server ${h.db.id} exists, so no snapshot of it is taken: `,
      ),
    });
  });

  describe('a server whose cell is down', () => {
    /** db had its snapshot of the 23rd. From then on no listing has it, and GET fails. */
    async function cellDown() {
      const h = await fleet();
      await h.run('snapshot', policy());
      h.cloud.region('DFW').unlisted.add(h.db.id);
      const path = new RegExp(`servers/${h.db.id}$`);
      const answer = { status: 500, body: { computeFault: { code: 500, message: 'The cell is down.' } } };
      h.cloud.faults.push({ service: 'compute', method: 'GET', path, times: 99, answer });
      setTime('2026-11-24T00:00:20Z');
      return h;
    }

    test.each([
      ['of which there is a young snapshot is a failure that names it', { all: true }, 3],
      ['that the policy may have selected by its metadata, too', { names: ['web-*'], tagged: { a: 'b' } }, 2],
    ])('%s', async (_, servers, taken) => {
      const h = await cellDown();
      const { report, error } = await h.fail('snapshot', policy({ servers }));
      expect(report?.totals).toEqual({ taken, failed: 1 });
      expect(report?.failedIn).toEqual({ DFW: 1 });
      expect(error.message).toMatch(`db in DFW: the cloud does not say whether server ${h.db.id} exists`);
    });

    test.each([
      ['that the policy cannot select', { servers: { names: ['web-*'] } }],
      ['that the policy excludes', { servers: { all: true, except: { names: ['db'] } } }],
      ['that only another policy has snapshots of', { policy: 'weekly' }],
    ])('%s causes no failure', async (_, changes) => {
      const h = await cellDown();
      expect((await h.run('snapshot', policy(changes))).totals.failed).toBeUndefined();
    });

    test('fails an ad-hoc run that names it', async () => {
      const h = await cellDown();
      deploy([policy()]);
      const { report } = await h.fail('snapshot', { policy: 'daily', servers: { ids: [h.db.id] } });
      expect(report?.entries).toMatchObject([{ server: h.db.id, region: 'DFW', outcome: 'failed' }]);
    });

    test('does not concern an ad-hoc run for others', async () => {
      const h = await cellDown();
      deploy([policy()]);
      const report = await h.run('snapshot', { policy: 'daily', servers: { names: ['web-*'] } });
      expect(report.totals).toEqual({ taken: 2 });
    });

    test('counts as long as its snapshots are recent', async () => {
      const h = await cellDown();
      setTime('2026-11-27T00:00:20Z');
      expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 3 });
    });
  });
});

describe('a server that changes between listing and request', () => {
  const meanwhile = (h: Harness, change: () => unknown) =>
    h.cloud.faults.push({ service: 'compute', method: 'POST', answer: change });

  test('is skipped without a failure if it was deleted', async () => {
    const h = await fleet();
    meanwhile(h, () => void h.cloud.region('ORD').servers.pop());
    const servers = { names: ['mail'] };
    expect(await h.run('snapshot', policy({ servers }))).toMatchObject({
      totals: { skipped: 1 },
      entries: [{ name: 'mail', outcome: 'skipped', reason: 'the server is gone by now' }],
    });
  });

  test('is a failure if it exists although the request answered 404', async () => {
    const h = await fleet();
    const answer = { status: 404, body: { itemNotFound: { code: 404, message: 'Not here.' } } };
    h.cloud.faults.push({ service: 'compute', method: 'POST', times: 9, answer });
    const { report } = await h.fail('snapshot', policy({ servers: { names: ['mail'] } }));
    expect(report?.totals).toEqual({ failed: 1 });
  });

  test('is a failure if the cloud does not show whether it exists', async () => {
    const h = await fleet();
    meanwhile(h, () => void h.cloud.region('ORD').servers.pop());
    const path = new RegExp(`servers/${h.mail.id}$`);
    h.cloud.faults.push({ service: 'compute', method: 'GET', path, times: 9, answer: answers.forbidden });
    const { report } = await h.fail('snapshot', policy({ servers: { names: ['mail'] } }));
    expect(report?.totals).toEqual({ failed: 1 });
  });
});

describe('a request that was accepted without the id of an image', () => {
  const anonymous = async () => new Response('{}', { status: 202 });

  test('counts as taken if the image is found', async () => {
    const h = await fleet();
    h.cloud.faults.push({ service: 'compute', method: 'POST', answer: { edit: anonymous } });
    const report = await h.run('snapshot', policy({ servers: { names: ['mail'] } }));
    expect(report.entries).toMatchObject([{ outcome: 'taken', image: h.cloud.region('ORD').images[0]!.id }]);
  });

  test('is a failure if there is no such image', async () => {
    const h = await fleet();
    const answer = { status: 202, body: {} };
    h.cloud.faults.push({ service: 'compute', method: 'POST', times: 9, answer });
    const { report } = await h.fail('snapshot', policy({ servers: { names: ['mail'] } }));
    expect(report?.totals).toEqual({ failed: 1 });
    expect(report?.entries[0]?.reason).toBe(
      'the cloud accepted the request for mail-daily-20261123T000000Z, but no such image can be found',
    );
  });
});

describe("a property that an image would inherit from an image of Rackspace's schedule", () => {
  const KEY = 'org.openstack__1__created_by';

  test.each([
    ['its server was made from it', true],
    ['it is not known any more, but an earlier snapshot shows it', false],
  ])('is overwritten: %s', async (_, known) => {
    const h = await fleet();
    const ord = h.cloud.region('ORD');
    const scheduled = { [KEY]: 'scheduled_images_service' };
    const owner = h.cloud.account.projectId;
    const { id } = ord.addImage({ name: 'scheduled', owner, createdAt: new Date(0), properties: scheduled });
    Object.assign(h.mail, { image: id, inherits: scheduled });
    if (!known) {
      addSnapshot(h, h.mail, 1, { properties: scheduled }, 'ORD');
      ord.removeImage(id);
    }
    await h.run('snapshot', policy({ servers: { names: ['mail'] } }));
    h.cloud.advance(HOUR_MS);
    expect(ord.images[0]!.properties[KEY]).toBe('autosnap');
    // The image is therefore one of ours, and not taken again.
    expect((await h.run('snapshot', policy({ servers: { names: ['mail'] } }))).totals).toEqual({
      skipped: 1,
    });
  });

  test('is not set if there is nothing to inherit', async () => {
    const h = await fleet();
    const dfw = h.cloud.region('DFW');
    const { id } = dfw.addImage({ name: 'mine', owner: h.cloud.account.projectId });
    for (const server of dfw.servers) server.image = id;
    await h.run('snapshot', policy());
    for (const { properties } of dfw.images) expect(properties).not.toHaveProperty(KEY);
  });
});

describe('an image that the next run would not recognise is reported as failed', () => {
  const KEY = 'org.openstack__1__created_by';
  const scheduled = { [KEY]: 'scheduled_images_service' };
  const refused = (message: string) => ({ status: 400, body: { badRequest: { code: 400, message } } });

  test('an image moved from Rackspace to an OpenStack passes on the property, which is overwritten there as well', async () => {
    const h = await fleet();
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
    const dfw = h.cloud.region('DFW');
    const owner = h.cloud.account.projectId;
    const { id } = dfw.addImage({ name: 'moved', owner, createdAt: new Date(0), properties: scheduled });
    dfw.addServer({ name: 'moved-1', image: id });
    const moved = policy({ servers: { names: ['moved-*'] } });
    expect((await h.run('snapshot', moved)).totals).toEqual({ taken: 1 });
    h.cloud.advance(HOUR_MS);
    expect(dfw.images[0]!.properties[KEY]).toBe('autosnap');
    expect((await h.run('snapshot', moved)).totals).toEqual({ skipped: 1 });
  });

  test('if the cloud refuses to overwrite the property, the image is reported, and no retry creates another', async () => {
    const h = await fleet();
    const ord = h.cloud.region('ORD');
    Object.assign(h.mail, { inherits: scheduled });
    h.cloud.faults.push({ service: 'compute', method: 'POST', answer: refused('Invalid key') });
    const mail = policy({ servers: { names: ['mail'] } });
    const { report } = await h.fail('snapshot', mail);
    const [image] = ord.images;
    expect(report?.totals).toEqual({ failed: 1 });
    expect(report?.entries[0]).toMatchObject({
      image: image!.id,
      reason: `mail-daily-20261123T000000Z (${image!.id}) is marked as ours, but it says that scheduled_images_service made it: it does not count, and nothing deletes it: compare the image's properties with this (openstack image show ${image!.id}), stop what changed them, then delete the image`,
    });

    h.cloud.advance(HOUR_MS);
    h.cloud.faults.push({ service: 'compute', method: 'POST', answer: refused('Invalid key') });
    const again = await h.fail('snapshot', mail);
    expect(again.report?.entries[0]?.reason).toMatch(
      /^its image would inherit that something else has made it, .* does not let org.openstack__1__created_by be overwritten: .*Invalid key/,
    );
    expect(ord.images).toHaveLength(1);
    expect((await h.run('snapshot', mail)).totals).toEqual({ taken: 1 });
  });

  test('if the clock of the cloud is past the next slot, nothing is requested', async () => {
    const h = await fleet();
    h.cloud.advance(20 * 60_000);
    const often = policy({ schedule: 'rate(15 minutes)', servers: { names: ['mail'] } });
    const { report } = await h.fail('snapshot', often);
    expect(report?.entries[0]).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^the cloud's clock is 20 minutes ahead, so the image would be dated/),
    });
    expect(createRequests(h)).toEqual([]);
  });

  test('if only the clock of its images is past the next slot, the image is created and reported', async () => {
    const h = await fleet();
    const ahead = async (answer: Response) => {
      const body = (await answer.json()) as { images: { created_at: string }[] };
      for (const image of body.images) image.created_at = '2026-11-23T00:20:20Z';
      return Response.json(body);
    };
    const edit = {
      service: 'image',
      region: 'ORD',
      path: /images$/,
      times: 9,
      answer: { edit: ahead },
    } as const;
    h.cloud.faults.push(edit);
    const often = policy({ schedule: 'rate(15 minutes)', servers: { names: ['mail'] } });
    const { report } = await h.fail('snapshot', often);
    expect(report?.totals).toEqual({ failed: 1 });
    expect(report?.entries[0]?.reason).toMatch(
      /it was created at 2026-11-23T00:20:20Z, which is not between its slot .*, then delete the image$/,
    );
  });

  test('if the cloud drops the marker, the image is reported', async () => {
    const h = await fleet();
    const meanwhile = async (answer: Response) => {
      for (const { properties } of h.cloud.region('ORD').images) delete properties.autosnap_owner;
      return answer;
    };
    h.cloud.faults.push({ service: 'compute', method: 'POST', answer: { edit: meanwhile } });
    const { report } = await h.fail('snapshot', policy({ servers: { names: ['mail'] } }));
    expect(report?.entries[0]?.reason).toMatch(/^the cloud did not store the marker on image /);
  });

  test('the check at the end needs no request per snapshot', async () => {
    const h = await fleet();
    const dfw = h.cloud.region('DFW');
    for (let i = 0; i < 20; i++) dfw.addServer({ name: `more-${i}` });
    await h.run('snapshot', policy({ regions: ['DFW'] }));
    const calls = h.cloud.received.filter(({ service }) => service === 'image').length;
    // Listings of visible and of hidden images, at the beginning and at the end.
    expect(calls).toBe(4);
  });
});

describe('an ad-hoc snapshot', () => {
  test('with a request id is taken once, whoever asks again', async () => {
    const { cloud, run } = await fleet();
    const asked = { ...adhoc, request: 'before-upgrade' };
    await run('snapshot', asked, { requestId: 'r1' });
    cloud.advance(HOUR_MS);
    expect((await run('snapshot', asked, { requestId: 'r2' })).totals).toEqual({ skipped: 1 });
    expect((await run('snapshot', { ...adhoc, request: 'another' })).totals).toEqual({ taken: 1 });
  });

  const adhoc = { adhoc: true, servers: { names: ['db'] } };

  test('is taken whatever the slot, each time', async () => {
    const { cloud, run } = await fleet();
    await run('snapshot', policy());
    cloud.advance(HOUR_MS);
    const first = await run('snapshot', { ...adhoc, expires: '14d' });
    expect(first).toMatchObject({ policy: 'adhoc', totals: { taken: 1 } });
    cloud.advance(HOUR_MS);
    await run('snapshot', adhoc);
    const made = cloud
      .region('DFW')
      .images.filter(({ properties }) => properties.autosnap_policy === 'adhoc');
    expect(made.map(({ properties }) => properties.autosnap_expires?.split(' ')[0])).toEqual([
      'never',
      '2026-12-07T00:00:20Z',
    ]);
  });

  test('is not taken again when Lambda retries the same invocation', async () => {
    const { cloud, run } = await fleet();
    await run('snapshot', adhoc, { requestId: 'r1' });
    cloud.advance(HOUR_MS);
    const again = await run('snapshot', adhoc, { requestId: 'r1' });
    expect(again.entries[0]).toMatchObject({
      outcome: 'skipped',
      reason: expect.stringMatching(/^already taken/),
    });
  });
});
