import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import type { CloudServer } from '../../local/cloud/state.ts';
import {
  addLookalike,
  addThrowAway,
  drillEvent as event,
  markOf,
  NONCE,
  outcomes,
  reasons,
  record,
  sent,
  throwAways,
  UUID,
  type World,
  drillWorld as world,
} from '../drill/world.ts';
import { textsOf } from '../finding-texts.ts';
import { policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';

const HOUR_MS = 3_600_000;
const PRIVATE = '11111111-1111-1111-1111-111111111111';

describe('a snapshot that boots', () => {
  test('is proven by a small server without a network, a key or a name of the fleet, which is deleted afterwards', async () => {
    const h = await world();
    const made: CloudServer[] = [];
    h.cloud.faults.push({
      service: 'compute',
      method: 'GET',
      path: /servers\/[^/]{36}$/,
      answer: () => made.push(...throwAways(h)),
    });
    const report = await h.run('drill', event());
    expect(made[0]).toMatchObject({
      name: 'web-drill-20261123T060000Z',
      image: h.newest[0]!.id,
      flavor: '2',
      networks: [],
      keyName: null,
      securityGroups: [],
    });
    const mark = new RegExp(`^autosnap-test daily ${h.newest[0]!.id} (${UUID})$`);
    const [, nonce] = mark.exec(made[0]!.metadata.autosnap_drill!)!;
    expect(h.newest[0]!.properties.autosnap_drill).toBe(
      `${h.newest[0]!.id} ${nonce}/2026-11-23T06:00:00Z/${made[0]!.id}`,
    );
    expect(report).toMatchObject({
      job: 'drill',
      totals: { proven: 1 },
      failures: [],
      nextRun: '2026-11-24T06:00:00Z',
      entries: [{ server: h.fleet[0]!.id, name: 'web', region: 'DFW', image: h.newest[0]!.id }],
    });
    expect(reasons(report)).toContain('the server booted, and became ACTIVE');
    const verdict = `${h.newest[0]!.id} 2026-11-23T06:00:00Z`;
    expect(h.newest[0]!.properties).toMatchObject({ autosnap_proven: verdict, autosnap_drilled: verdict });
    expect(h.dfw.servers).toEqual(h.fleet);
    expect(h.logs()).toMatch(/"Proven": ?1/);
  });

  test('has the time until its server was ACTIVE by the cloud, however late that is seen', async () => {
    const h = await world();
    const [newest] = h.newest;
    const building = { status: 'BUILD', endsAt: new Date('2026-11-23T05:10:00Z') } as const;
    const at = '2026-11-23T05:00:00Z';
    record(newest!, addLookalike(h, newest!, { createdAt: new Date(at), building }).id, at);
    const report = await h.run('drill', event());
    expect(report.entries).toMatchObject([{ outcome: 'proven', activeSeconds: 600 }]);
    expect(report.entries[0]).not.toHaveProperty('answeredSeconds');
    expect(newest!.properties.autosnap_recovery).toBe(`${newest!.id} 2026-11-23T06:00:00Z 600`);
    expect(reasons(report)).toContain('became ACTIVE after 10 minutes');
  });

  test('one snapshot is drilled each night, the longest untested first, and none again without a newer one', async () => {
    const h = await world(['a', 'b', 'c']);
    const drilled: string[] = [];
    for (let night = 23; night < 27; night++) {
      for (const hour of [2, 3, 4]) {
        setTime(`2026-11-${night}T0${hour}:40:00Z`);
        drilled.push(...outcomes(await h.run('drill', event({ schedule: 'cron(0 3 * * ? *)' }))));
      }
    }
    expect(drilled.toSorted()).toEqual(['a proven', 'b proven', 'c proven']);
    for (const server of h.fleet) addSnapshot(h, server, -3);
    setTime('2026-11-27T06:00:00Z');
    expect(outcomes(await h.run('drill', event()))).toEqual([drilled[0]]);
  });

  test('passes as soon as its server is ACTIVE', async () => {
    const h = await world(['web'], 1, 60_000);
    h.cloud.faults.push({
      service: 'compute',
      method: 'GET',
      path: /servers\/[^/]{36}$/,
      skip: 1,
      answer: () => h.cloud.advance(60_000),
    });
    expect((await h.run('drill', event())).totals).toEqual({ proven: 1 });
  });

  test('is also drilled if its server was deleted, so that no policy can select it', async () => {
    const h = await world();
    h.dfw.servers.length = 0;
    expect(outcomes(await h.run('drill', event({}, { dryRun: true })))).toEqual(['web planned']);
    expect(outcomes(await h.run('drill', event()))).toEqual(['web proven']);
  });

  test.each<[string, object, string[]]>([
    ['by name', { names: ['db-*'] }, []],
    ['by id', { ids: 'db' }, []],
    ['by a tag that it has', { tagged: { drill: 'never' } }, []],
    ['by another name', { names: ['mail-*'] }, ['db-1 proven']],
  ])('is not drilled if the policy excepts its server %s', async (_, except, expected) => {
    const h = await world(['db-1']);
    h.fleet[0]!.metadata = { drill: 'never' };
    const ids = 'ids' in except ? { ids: [h.fleet[0]!.id] } : {};
    const servers = { all: true, except: { ...except, ...ids } };
    expect(outcomes(await h.run('drill', event({}, { servers, dryRun: true })))).toHaveLength(
      expected.length,
    );
    expect(outcomes(await h.run('drill', event({}, { servers })))).toEqual(expected);
  });

  test('is drilled in the turn of a server that the policy no longer selects', async () => {
    const h = await world(['db-1', 'web-1']);
    addSnapshot(h, h.fleet[0]!, 9);
    expect(outcomes(await h.run('drill', event({}, { servers: { names: ['web-*'] } })))).toEqual([
      'web-1 proven',
    ]);
  });

  test.each<[string, object, number]>([
    ['except by the name in the snapshot', { all: true, except: { names: ['db-*'] } }, 0],
    ['except by id', { all: true, except: { ids: 'db' } }, 0],
    ['perhaps except, by tag', { all: true, except: { tagged: { drill: 'never' } } }, 0],
    ['names that do not match the name in the snapshot', { names: ['web-*'] }, 0],
    ['all, except others', { all: true, except: { names: ['web-*'] } }, 1],
    ['the name in the snapshot', { names: ['db-?'] }, 1],
  ])('of a deleted server is judged by its id and former name: %s', async (_, servers, count) => {
    const h = await world(['db-1']);
    const { id } = h.fleet[0]!;
    h.dfw.servers.length = 0;
    const selector = JSON.parse(JSON.stringify(servers).replace('"ids":"db"', `"ids":["${id}"]`));
    expect(outcomes(await h.run('drill', event({}, { servers: selector })))).toHaveLength(count);
  });

  test('of a deleted server whose full name the snapshot does not have is not drilled if names are excepted', async () => {
    const h = await world(['db-1'], 0);
    addSnapshot(h, { id: h.fleet[0]!.id, name: `${'x'.repeat(240)}-secret` }, 1);
    h.dfw.servers.length = 0;
    const servers = { all: true, except: { names: ['*-secret'] } };
    expect(outcomes(await h.run('drill', event({}, { servers })))).toEqual([]);
    expect(outcomes(await h.run('drill', event()))).toHaveLength(1);
  });

  test('is judged, and its server deleted, if the policy has excluded its server since', async () => {
    const h = await world(['db-1']);
    addThrowAway(h, h.newest[0]!);
    const servers = { all: true, except: { names: ['db-*'] } };
    expect((await h.run('drill', event({}, { servers }))).totals).toEqual({ proven: 1 });
    expect(throwAways(h)).toEqual([]);
  });

  test('is also drilled if autosnap.py made it and the policy adopted it', async () => {
    const h = await world(['web'], 0);
    const { id, name } = h.fleet[0]!;
    const image = h.dfw.addImage({
      name: `${name}-autosnap-${id}`,
      owner: h.cloud.account.projectId,
      createdAt: new Date('2026-11-22T00:00:00Z'),
      properties: { instance_uuid: id },
    });
    expect((await h.run('drill', event({}, { adopt: 'autosnap.py' }))).totals).toEqual({ proven: 1 });
    expect(image.properties.autosnap_proven).toMatch(image.id);
    expect((await h.run('drill', event({}, { adopt: 'autosnap.py' }))).totals).toEqual({});
  });
});

describe('a check of the booted server', () => {
  /** A web server on loopback, as the throw-away server would have it. Returns its port. */
  async function listen(status = 200): Promise<number> {
    const server = createServer((request, response) => {
      expect(request.headers).not.toHaveProperty('authorization');
      response.writeHead(status, { location: 'http://192.0.2.1/' }).end('x'.repeat(1e6));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    return (server.address() as AddressInfo).port;
  }

  async function answering(check: object, addresses: string[]) {
    const h = await world();
    h.dfw.newServers = { addresses };
    return h.fail('drill', event({ networks: [PRIVATE], check }), { remainingMs: 35_000 });
  }

  test.each([
    ['a TCP port', {}, 200],
    ['a path', { path: '/health' }, 200],
    ['a path that leads elsewhere', { path: '/' }, 302],
  ])('%s, at any of its addresses', async (_, check, status) => {
    const port = await listen(status);
    const { error, report } = await answering({ port, ...check }, ['127.0.0.2', '127.0.0.1']);
    expect(error.message).toBe('the run did not fail');
    expect(report?.totals).toEqual({ proven: 1 });
    expect(reasons(report)).toContain('127.0.0.1');
    expect(report?.entries[0]).toMatchObject({
      activeSeconds: expect.any(Number),
      answeredSeconds: expect.any(Number),
    });
  });

  test.each([
    ['nobody listens', {}, 0, 'port 1 of 127.0.0.1 does not answer (ECONNREFUSED)'],
    ['it is ill', { path: '/health' }, 503, '/health answers 503'],
  ])('has not passed yet: %s', async (_, check, status, said) => {
    const port = status ? await listen(status) : 1;
    const { report } = await answering({ port, ...check }, ['127.0.0.1']);
    expect(report?.totals).toEqual({ deferred: 1 });
    expect(reasons(report)).toContain(`the server is ACTIVE, but`);
    expect(reasons(report)).toContain(said);
  });

  test('has failed if it does not pass within the hours', async () => {
    const h = await world();
    h.dfw.newServers = { addresses: ['127.0.0.1'] };
    const asked = event({ networks: [PRIVATE], check: { port: 1 }, hours: 2 });
    await h.run('drill', asked, { remainingMs: 35_000 });
    setTime('2026-11-23T07:59:00Z');
    expect((await h.run('drill', asked, { remainingMs: 35_000 })).totals).toEqual({ deferred: 1 });
    setTime('2026-11-23T08:00:00Z');
    const { error } = await h.fail('drill', asked);
    expect(error.message).toMatch(
      /port 1 of 127\.0\.0\.1 .* after 120 minutes, and drill\.hours allows 2 hours/,
    );
    expect(throwAways(h)).toEqual([]);
  });
});

describe('a snapshot that does not boot', () => {
  test('is marked as failed, its server is deleted, the run fails, and the retry begins no other drill', async () => {
    const h = await world(['a', 'b']);
    h.dfw.newServers = { buildFault: 'No valid host was found.' };
    const { error, report } = await h.fail('drill', event());
    expect(error.message).toContain('the server does not boot: No valid host was found.');
    expect(report?.totals).toEqual({ failed: 1 });
    const [tried, other] = h.newest.sort((a) => (a.properties.autosnap_drilled ? -1 : 1));
    expect(tried!.properties.autosnap_drilled).toBe(`${tried!.id} 2026-11-23T06:00:00Z`);
    expect(tried!.properties).not.toHaveProperty('autosnap_proven');
    expect(other!.properties).not.toHaveProperty('autosnap_drilled');
    expect(throwAways(h)).toEqual([]);
    expect((await h.run('drill', event())).totals).toEqual({});
  });

  test('is drilled again when its turn comes', async () => {
    const h = await world();
    h.dfw.newServers = { buildFault: 'No valid host was found.' };
    await h.fail('drill', event());
    h.dfw.newServers = {};
    setTime('2026-11-24T06:00:00Z');
    expect((await h.run('drill', event())).totals).toEqual({ proven: 1 });
  });

  test('has a limited time to be built', async () => {
    const h = await world(['web'], 2, 9 * HOUR_MS);
    expect((await h.run('drill', event(), { remainingMs: 35_000 })).totals).toEqual({ deferred: 1 });
    setTime('2026-11-23T07:00:00Z');
    const going = await h.run('drill', event(), { remainingMs: 35_000 });
    expect(reasons(going)).toContain(
      'the server is still in BUILD after 60 minutes: the next run checks again',
    );
    setTime('2026-11-23T08:00:00Z');
    const { report } = await h.fail('drill', event());
    expect(report?.totals).toEqual({ failed: 1 });
    expect(throwAways(h)).toEqual([]);
    expect(sent(h, 'POST')).toHaveLength(1);
  });
});

describe('faults during a drill', () => {
  const CREATE = { service: 'compute', method: 'POST', path: /\/servers$/ } as const;
  const LOOK = { service: 'compute', method: 'GET', path: /servers\/[^/]{36}$/ } as const;
  const VERDICT = { service: 'image', method: 'PATCH' } as const;
  const REMOVE = { service: 'compute', method: 'DELETE' } as const;

  test('the answer to the request is lost: the server is found, and no second one is created', async () => {
    const h = await world();
    h.cloud.faults.push({ ...CREATE, answer: 'lose' });
    expect((await h.run('drill', event())).totals).toEqual({ proven: 1 });
    expect(sent(h, 'POST')).toHaveLength(1);
    expect(throwAways(h)).toEqual([]);
  });

  test.each<[string, Omit<Fault, 'service'>, RegExp]>([
    [
      'the request is lost',
      { ...CREATE, answer: 'drop' },
      /If the cloud created a server all the same, the next run/,
    ],
    ['the cloud is ill', { ...CREATE, answer: answers.serverError }, /500 .*the next run finds it/],
    ['a conflict', { ...CREATE, answer: answers.conflict }, /409/],
    ['a quota', { ...CREATE, answer: answers.quota }, /413/],
    ['the role is missing', { ...CREATE, answer: answers.forbidden }, /lacks the role/],
    ['the flavors', { service: 'compute', path: /flavors/, answer: answers.forbidden } as Fault, /403/],
  ])('no server can be created: %s', async (_, fault, message) => {
    const h = await world();
    h.cloud.faults.push(fault as Fault);
    const { error, report } = await h.fail('drill', event());
    expect(report?.totals).toEqual({ failed: 1 });
    expect(error.message).toMatch(message);
    expect(throwAways(h)).toEqual([]);
    h.cloud.faults.length = 0;
    expect((await h.run('drill', event())).totals).toEqual({ proven: 1 });
  });

  test('the request hangs until the deadline: if a server was created, the next run finds it', async () => {
    const h = await world();
    h.cloud.faults.push({ ...CREATE, answer: 'hang' });
    const report = await h.run('drill', event(), { remainingMs: 7_000 });
    expect(report.totals).toEqual({ deferred: 1 });
    const image = h.newest[0]!;
    const nonce = new RegExp(`^${image.id} (${UUID})/2026-11-23T06:00:00Z/$`).exec(
      image.properties.autosnap_drill!,
    )![1]!;
    const itsServer = { name: 'web-drill-20261123T060000Z', createdAt: new Date() };
    addLookalike(h, image, itsServer, markOf(image, 'autosnap-test', 'daily', nonce));
    expect((await h.run('drill', event())).totals).toEqual({ proven: 1 });
    expect(throwAways(h)).toEqual([]);
  });

  test('the server cannot be read: the next run reads it', async () => {
    const h = await world();
    h.cloud.faults.push({ ...LOOK, answer: answers.forbidden });
    const { error } = await h.fail('drill', event());
    expect(error.message).toContain('The next run checks the server again');
    expect(throwAways(h)).toHaveLength(1);
    expect((await h.run('drill', event())).totals).toEqual({ proven: 1 });
    expect(sent(h, 'POST')).toHaveLength(1);
    expect(throwAways(h)).toEqual([]);
  });

  test('the verdict cannot be written: the server is deleted anyway', async () => {
    const h = await world();
    // The drill and its server are recorded on the image by then.
    h.cloud.faults.push({ ...VERDICT, skip: 2, answer: answers.forbidden });
    const { error } = await h.fail('drill', event());
    expect(error.message).toMatch(
      /the server booted, .* could not be written on the image: .* lacks the role/,
    );
    expect(throwAways(h)).toEqual([]);
  });

  test('the verdict is written but the server cannot be deleted: the next run deletes it, and writes no other verdict', async () => {
    const h = await world();
    h.cloud.faults.push({ ...REMOVE, answer: answers.conflict });
    const { error, report } = await h.fail('drill', event());
    expect(report?.totals).toEqual({ failed: 1 });
    expect(error.message).toMatch(
      /the server booted, .* the server could not be deleted; the next run tries again: .*409/,
    );
    const before = { ...h.newest[0]!.properties };
    setTime('2026-11-23T07:00:00Z');
    const next = await h.run('drill', event());
    expect(outcomes(next)).toEqual(['web deleted']);
    expect(reasons(next)).toContain('its snapshot already has a verdict');
    expect(h.newest[0]!.properties).toEqual(before);
    expect(throwAways(h)).toEqual([]);
  });

  test('a slow deletion is waited for; one that never ends is reported', async () => {
    const h = await world();
    h.dfw.newServers = { deletesSlowly: true };
    const first = await h.run('drill', event(), { remainingMs: 35_000 });
    expect(outcomes(first)).toEqual(['web proven']);
    expect(reasons(first)).toContain('the server is still being deleted: the next run checks again');
    setTime('2026-11-23T07:00:00Z');
    expect((await h.run('drill', event(), { remainingMs: 35_000 })).totals).toEqual({ deferred: 1 });
    setTime('2026-11-23T09:30:00Z');
    const { error } = await h.fail('drill', event(), { remainingMs: 35_000 });
    expect(error.message).toContain('the cloud does not delete the server: delete it by hand');
  });

  test('the marker of its snapshot changes meanwhile: the server is deleted, and no verdict is written', async () => {
    const h = await world();
    h.cloud.faults.push({
      ...LOOK,
      answer: () => {
        h.newest[0]!.properties.autosnap_owner = 'somebody';
      },
    });
    expect((await h.run('drill', event())).totals).toEqual({ deleted: 1 });
    expect(h.newest[0]!.properties).not.toHaveProperty('autosnap_drilled');
    expect(throwAways(h)).toEqual([]);
  });

  test('somebody else deletes the server first', async () => {
    const h = await world();
    h.cloud.faults.push({ ...LOOK, answer: () => h.dfw.servers.splice(1) });
    const report = await h.run('drill', event());
    expect(outcomes(report)).toEqual(['web skipped']);
    expect(h.newest[0]!.properties).not.toHaveProperty('autosnap_drilled');
  });

  test('a region cannot be read: nothing is changed there, and the run fails', async () => {
    const h = await world();
    const left = addThrowAway(h, h.newest[0]!);
    h.cloud.faults.push({ service: 'image', region: 'DFW', answer: answers.forbidden });
    const { error } = await h.fail('drill', event());
    expect(error.message).toContain("DFW can't be read, so no drill is begun there");
    expect(throwAways(h)).toEqual([left]);
    expect(sent(h, 'DELETE')).toEqual([]);
  });
});

describe('a server that was left over', () => {
  test.each<[string, (h: World) => unknown, string]>([
    ['a run broke off before the verdict', () => {}, 'web proven'],
    [
      'a run broke off after it',
      ({ newest }) => {
        newest[0]!.properties.autosnap_drilled = `${newest[0]!.id} 2026-11-23T05:59:30Z`;
      },
      'web deleted',
    ],
    [
      "its snapshot is nobody's any more",
      ({ newest }) => {
        newest[0]!.properties.autosnap_owner = 'somebody';
      },
      '? deleted',
    ],
  ])('is deleted: %s', async (_, change, expected) => {
    const h = await world();
    addThrowAway(h, h.newest[0]!);
    change(h);
    const report = await h.run('drill', event({ schedule: 'cron(0 0 1 1 ? 2199)' }));
    expect(outcomes(report).map((entry) => entry.replace('web-drill', '?'))).toEqual([expected]);
    expect(throwAways(h)).toEqual([]);
  });

  /** The throw-away server of another policy for the same server. */
  function addWeekly(h: World): CloudServer {
    const name = 'web-weekly-20261123T000000Z';
    const image = addSnapshot(h, h.fleet[0]!, 0, { name, properties: { autosnap_policy: 'weekly' } });
    return addThrowAway(h, image, {}, markOf(image, 'autosnap-test', 'weekly'));
  }

  test.each<[string, (h: World) => CloudServer]>([
    ['of another deployment', (h) => addLookalike(h, h.newest[0]!, {}, markOf(h.newest[0]!, 'autosnap-dev'))],
    ['of another policy, which looks after it', (h) => addWeekly(h)],
    ['with a marker and another image', (h) => addThrowAway(h, h.newest[0]!, { image: crypto.randomUUID() })],
    ['with a marker and its disk on a volume', (h) => addThrowAway(h, h.newest[0]!, { image: '' })],
    [
      'with half a marker',
      (h) => addThrowAway(h, h.newest[0]!, {}, `autosnap-test daily ${h.newest[0]!.id}`),
    ],
    [
      'with a marker whose nonce is none',
      (h) => addThrowAway(h, h.newest[0]!, {}, markOf(h.newest[0]!, 'autosnap-test', 'daily', 'today')),
    ],
    ['with more than a marker', (h) => addThrowAway(h, h.newest[0]!, {}, `${markOf(h.newest[0]!)} x`)],
    ['with the key alone', (h) => addThrowAway(h, h.newest[0]!, {}, 'true')],
    ['with the name alone', (h) => addThrowAway(h, h.newest[0]!, { metadata: {} })],
  ])("stays, however old, and is in nobody's way: a server %s", async (_, add) => {
    const h = await world();
    const other = add(h);
    const morning = event({ schedule: 'cron(0 6 * * ? *)' });
    expect((await h.run('drill', morning)).totals).toMatchObject({ proven: 1 });
    setTime('2026-11-24T05:58:00Z');
    await h.run('drill', morning);
    expect(throwAways(h)).toEqual([other]);
    expect(sent(h, 'DELETE').filter(({ path }) => path.includes(other.id))).toEqual([]);
  });

  test('stays and is not reported if it belongs to another deployment', async () => {
    const h = await world();
    addLookalike(h, h.newest[0]!, {}, markOf(h.newest[0]!, 'autosnap-dev'));
    expect((await h.run('drill', event())).totals).toEqual({ proven: 1 });
  });

  test('is deleted if its policy no longer has drills and it is older than the longest drill', async () => {
    const h = await world();
    addWeekly(h);
    setTime('2026-11-24T06:00:00Z');
    expect(reasons(await h.run('drill', event()))).toContain('the server is older than 24 hours');
    expect(throwAways(h)).toEqual([]);
  });

  test('stays if it becomes something else right before its deletion', async () => {
    const h = await world();
    const left = addThrowAway(h, h.newest[0]!);
    h.cloud.faults.push({
      service: 'image',
      method: 'PATCH',
      answer: () => {
        left.image = crypto.randomUUID();
      },
    });
    const { warnings } = await h.run('drill', event({ schedule: 'cron(0 0 1 1 ? 2199)' }));
    expect(textsOf(warnings).join()).toMatch(
      /the cloud does not say that it was made from image .* is not deleted/,
    );
    expect(throwAways(h)).toEqual([left]);
    expect(sent(h, 'DELETE')).toEqual([]);
  });
});

describe('the limit atOnce', () => {
  test.each([1, 2, 3])('at most %i servers exist at once, including older ones', async (atOnce) => {
    const h = await world(['a', 'b', 'c', 'd', 'e'], 1, 9 * HOUR_MS);
    addThrowAway(h, h.newest[0]!, {
      building: { status: 'BUILD', endsAt: new Date('2026-11-23T09:00:00Z') },
    });
    for (let i = 0; i < 3; i++) {
      await h.run('drill', event({ atOnce }), { remainingMs: 35_000 });
      expect(throwAways(h).length).toBeLessThanOrEqual(atOnce);
    }
    expect(throwAways(h)).toHaveLength(atOnce);
    expect(new Set(throwAways(h).map(({ image }) => image)).size).toBe(atOnce);
  });

  test('two simultaneous runs stay within the limit', async () => {
    const h = await world(['a', 'b', 'c'], 1);
    const results = await Promise.all([h.run('drill', event()), h.run('drill', event())]);
    expect(throwAways(h)).toEqual([]);
    expect(results.flatMap(({ totals }) => totals.failed ?? [])).toEqual([]);
  });

  test('a server beyond the limit is deleted, the youngest first', async () => {
    const h = await world(['a', 'b'], 1, 9 * HOUR_MS);
    // Another run creates its own server between this run's listing and its request.
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      path: /\/servers$/,
      answer: () => addThrowAway(h, h.newest[1]!),
    });
    const report = await h.run('drill', event(), { remainingMs: 35_000 });
    expect(throwAways(h).map(({ name }) => name)).toEqual(['web-drill']);
    expect(reasons(report)).toContain('another run began a drill at the same moment, and drill.atOnce is 1');
  });
});

describe('a drill that is not possible lets the run try another', () => {
  const CREATE = { service: 'compute', method: 'POST', path: /\/servers$/ } as const;
  const PATCH = { service: 'image', method: 'PATCH' } as const;
  const GONE = { status: 404, body: { message: 'No image found', code: '404 Not Found' } };

  test('no flavor fits', async () => {
    const h = await world(['a', 'b']);
    h.newest[h.fleet[0]!.id < h.fleet[1]!.id ? 0 : 1]!.minRam = 1_000_000;
    const { error, report } = await h.fail('drill', event());
    expect(report?.totals).toEqual({ failed: 1, proven: 1 });
    expect(error.message).toContain('no flavor is large enough');
  });

  test.each<[string, Fault, number]>([
    ['the server is refused', { ...CREATE, answer: answers.conflict }, 2],
    ['its image can not be marked', { ...PATCH, answer: answers.forbidden }, 1],
    ['its image is gone', { service: 'image', path: /images\/[^/]{36}$/, answer: GONE }, 1],
  ])('%s', async (_, fault, requests) => {
    const h = await world(['a', 'b']);
    h.cloud.faults.push(fault);
    const { report } = await h.fail('drill', event());
    expect(report?.totals).toMatchObject({ proven: 1 });
    expect(report?.entries).toHaveLength(2);
    expect(sent(h, 'POST')).toHaveLength(requests);
    expect(throwAways(h)).toEqual([]);
  });

  test('a refused drill moves to the end of the queue', async () => {
    const h = await world(['a', 'b', 'c']);
    h.cloud.faults.push({ ...CREATE, answer: answers.quota });
    const first = (await h.fail('drill', event())).report?.entries[0]?.name;
    const next = [];
    for (const day of [24, 25, 26]) {
      setTime(`2026-11-${day}T06:00:00Z`);
      next.push((await h.run('drill', event())).entries[0]?.name);
    }
    expect(next.at(-1)).toBe(first);
    expect(new Set(next).size).toBe(3);
  });

  test('after an exceeded quota no other drill is tried', async () => {
    const h = await world(['a', 'b', 'c']);
    h.dfw.maxServers = 3;
    const { error, report } = await h.fail('drill', event());
    expect(report?.totals).toEqual({ failed: 1 });
    expect(error.message).toContain('Quota exceeded for instances');
    expect(sent(h, 'POST')).toHaveLength(1);
  });

  test('after twenty refusals no other drill is tried', async () => {
    const h = await world(
      Array.from({ length: 24 }, (_, i) => `web-${i}`),
      1,
    );
    h.cloud.faults.push({ ...PATCH, times: Infinity, answer: answers.forbidden });
    const { error, report } = await h.fail('drill', event());
    expect(report?.totals).toEqual({ failed: 20 });
    expect(error.message).toMatch(/no server was requested, because the drill .* lacks the role/);
    expect(sent(h, 'POST')).toEqual([]);
  });

  test('if verdicts can never be written, a snapshot is booted once for each slot', async () => {
    const h = await world();
    h.cloud.faults.push({ ...PATCH, skip: 2, times: Infinity, answer: answers.forbidden });
    await h.fail('drill', event());
    for (const hour of ['07', '08', '09']) {
      setTime(`2026-11-23T${hour}:00:00Z`);
      await h.run('drill', event());
    }
    expect(sent(h, 'POST')).toHaveLength(1);
  });

  test.each<[string, (h: World, left: CloudServer) => unknown]>([
    [
      'is locked',
      (h, { id }) =>
        h.cloud.faults.push({
          service: 'compute',
          method: 'DELETE',
          path: new RegExp(id),
          times: Infinity,
          answer: answers.conflict,
        }),
    ],
    [
      'is being deleted, and stays',
      (_, left) => {
        left.taskState = 'deleting';
      },
    ],
  ])('a server that %s counts towards atOnce for `hours` and one more', async (_, change) => {
    const h = await world(['a', 'b'], 1);
    const left = addThrowAway(h, h.newest[0]!);
    change(h, left);
    const hourly = event({ schedule: 'cron(0 7-12 * * ? *)' });
    setTime('2026-11-23T07:00:00Z');
    await h.fail('drill', hourly, { remainingMs: 35_000 });
    expect(h.newest[1]!.properties).not.toHaveProperty('autosnap_proven');
    setTime('2026-11-23T09:00:00Z');
    const { error } = await h.fail('drill', hourly, { remainingMs: 35_000 });
    expect(error.message).toContain('the cloud does not delete the server: delete it by hand');
    expect(h.newest[1]!.properties.autosnap_proven).toMatch(h.newest[1]!.id);
    expect(throwAways(h)).toEqual([left]);
  });

  test('with three servers that cannot be deleted no more are created, which is a failure', async () => {
    const h = await world(['a', 'b', 'c', 'd'], 1);
    for (const [i, image] of h.newest.slice(0, 3).entries()) {
      const nonce = NONCE.replace('0c9b', `000${i}`);
      const metadata = { autosnap_drill: markOf(image, 'autosnap-test', 'daily', nonce) };
      const { id } = addLookalike(h, image, { taskState: 'deleting', metadata });
      record(image, id, '2026-11-23T05:59:00Z', nonce);
    }
    setTime('2026-11-23T09:00:00Z');
    const { error } = await h.fail('drill', event(), { remainingMs: 35_000 });
    expect(error.message).toContain(
      "3 drills have servers or volumes that can't be deleted, so no more are begun",
    );
    expect(sent(h, 'POST')).toEqual([]);
  });
});

describe('a dry run', () => {
  test('shows which snapshots would boot with which settings, and which leftover servers would be deleted; and changes nothing', async () => {
    const h = await world(['web', 'db', 'mail']);
    addThrowAway(h, h.newest[0]!);
    addThrowAway(h, addSnapshot(h, h.fleet[0]!, 9), { name: 'old-drill' });
    h.dfw.images.at(-1)!.properties.autosnap_drilled = `${h.dfw.images.at(-1)!.id} 2026-11-23T05:59:30Z`;
    const report = await h.run('drill', event({ atOnce: 3 }, { dryRun: true }));
    expect(report.totals).toEqual({ planned: 3 });
    expect(reasons(report)).toMatch(
      /^old-drill \([-0-9a-f]+\): would be deleted: its snapshot already has a verdict$/m,
    );
    expect(reasons(report)).toMatch(/^web-drill .*would be judged, then deleted$/m);
    expect(reasons(report)).toMatch(
      /^would be booted as (db|mail)-drill-20261123T060000Z, flavor 512MB Standard Instance, no network$/m,
    );
    expect([...sent(h, 'POST'), ...sent(h, 'PATCH'), ...sent(h, 'DELETE')]).toEqual([]);
  });
});

describe('refused events', () => {
  test('an event of a policy without drills is refused', async () => {
    const h = await world();
    expect((await h.fail('drill', policy())).error.message).toContain('drill: is missing');
  });

  test('at Rackspace a drill without networks is refused, because a server would get a public address by default', async () => {
    const h = await world();
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('rackspace'));
    expect((await h.fail('drill', event())).error.message).toContain('drill.networks: is missing');
    expect(sent(h, 'POST')).toEqual([]);
    expect((await h.run('drill', event({ networks: [PRIVATE] }))).totals).toEqual({ proven: 1 });
  });

  test.each([
    ['that is not there', 'huge', /drill\.flavor: there is no flavor "huge"/],
    [
      'that is too small',
      '512MB Standard Instance',
      /drill\.flavor: 512MB .* too small: .* 20 GB of disk and 1024 MB/,
    ],
  ])('a flavor %s', async (_, flavor, message) => {
    const h = await world();
    h.newest[0]!.minRam = 1024;
    expect((await h.fail('drill', event({ flavor }))).error.message).toMatch(message);
    expect(sent(h, 'POST')).toEqual([]);
  });

  test('a network that does not exist', async () => {
    const h = await world();
    const { error } = await h.fail('drill', event({ networks: ['nowhere'] }));
    expect(error.message).toContain('Network nowhere could not be found');
  });
});
