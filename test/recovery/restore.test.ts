import { describe, expect, test } from 'vitest';
import type { CloudServer } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import {
  again,
  changes,
  IN_PLACE,
  imageByHand,
  inPlace,
  later,
  leaveOut,
  PRIVATE,
  PUBLIC,
  restoredIn,
  safetySnapshotsIn,
  serversIn,
  TO_NEW,
  useKeystone,
  type World,
  world,
} from '../restore/world.ts';

describe('a restore to a new server', () => {
  test.each(['rackspace', 'keystone'])(
    'has the settings of the original, and takes the newest good snapshot: %s',
    async (cloud) => {
      const h = await world();
      if (cloud === 'keystone') useKeystone(h);
      addSnapshot(h, h.web, -1, { status: 'saving', size: null });
      const report = await h.run('restore', TO_NEW);
      const [restored, ...others] = restoredIn(h);
      expect(others).toEqual([]);
      expect(restored).toMatchObject({
        name: 'web-restored-2026-11-23',
        image: h.images[0]!.id,
        flavor: h.web.flavor,
        keyName: 'ops',
        securityGroups: ['web'],
        networks: h.web.networks,
        metadata: {
          autosnap: 'daily',
          role: 'front',
          autosnap_restore: `${report.request} new DFW ${h.web.id} ${h.images[0]!.id} 2026-11-23T06:00:00Z`,
        },
      });
      expect(report).toMatchObject({
        state: 'building',
        server: h.web.id,
        name: 'web',
        region: 'DFW',
        image: h.images[0]!.id,
        restored: restored!.id,
      });
      expect(report.lines).toContain(`the cloud is creating the server ${restored!.id}`);
      expect(h.web).toMatchObject({ metadata: { autosnap: 'daily', role: 'front' } });
    },
  );

  test('each further call finds the new server, and says when it is ready', async () => {
    const h = await world();
    const first = await h.run('restore', TO_NEW);
    const second = await h.run('restore', again(first));
    expect(second).toMatchObject({ state: 'building', restored: first.restored, image: first.image });
    later(h, 5);
    const third = await h.run('restore', again(second));
    expect(third.state).toBe('done');
    expect(third).not.toHaveProperty('next');
    expect(third.lines.join()).toMatch(/is ACTIVE, at 203\.0\.113\.\d+, 10\.180/);
    expect(await h.run('restore', again(second))).toEqual({ ...third, doneAt: expect.any(String) });
    expect(restoredIn(h)).toHaveLength(1);
  });

  test('the event overrides settings of the original', async () => {
    const h = await world();
    await h.run('restore', {
      ...TO_NEW,
      name: 'other',
      flavor: '1 GB General Purpose v1',
      networks: [PUBLIC],
      keyName: null,
      securityGroups: [],
      metadata: { a: 'b' },
      request: 'mine',
    });
    expect(restoredIn(h)[0]).toMatchObject({
      name: 'other',
      flavor: 'general1-1',
      networks: [PUBLIC],
      keyName: null,
      securityGroups: [],
      metadata: { a: 'b', autosnap_restore: expect.stringMatching(/^mine new DFW /) },
    });
  });

  test.each([
    ['the end of a day', '2026-11-22', 1],
    ['a moment', '2026-11-22T23:59:59Z', 1],
    ['the very moment', '2026-11-23T00:00:00Z', 0],
  ])('takes, for "at": %s, the image %s', async (_, at, image) => {
    const h = await world();
    expect(await h.run('restore', { ...TO_NEW, at, dryRun: true })).toMatchObject({
      image: h.images[image]!.id,
    });
  });

  test('takes a snapshot of one policy, if the event names it', async () => {
    const h = await world();
    const weekly = addSnapshot(h, h.web, 3, { properties: { autosnap_policy: 'weekly' } });
    const report = await h.run('restore', { ...TO_NEW, policy: 'weekly', dryRun: true });
    expect(report.image).toBe(weekly.id);
  });

  test('takes an image of the server by its id, whoever created it', async () => {
    const h = await world();
    const byHand = h.cloud.region('DFW').addImage({
      name: 'before the upgrade',
      owner: h.cloud.account.projectId,
      properties: { instance_uuid: h.web.id },
    });
    expect((await h.run('restore', TO_NEW)).image).toBe(h.images[0]!.id);
    expect((await h.run('restore', { ...TO_NEW, at: byHand.id })).image).toBe(byHand.id);
  });

  test('snapshots of the new server are a series of their own, and a manual image of it is not a snapshot of ours', async () => {
    const h = await world();
    const { restored } = await h.run('restore', TO_NEW);
    setTime('2026-11-24T00:00:10Z');
    const taken = await h.run('snapshot', policy({ servers: { tagged: { autosnap: 'daily' } } }));
    expect(taken.totals).toEqual({ taken: 2 });
    later(h, 60);
    const { properties } = h.cloud.region('DFW').images.find(({ name }) => name.startsWith('web-daily'))!;
    h.cloud.region('DFW').addImage({
      name: 'by hand',
      owner: h.cloud.account.projectId,
      properties: { ...properties, instance_uuid: restored! },
    });
    const { entries, warnings } = await h.run('cleanup', policy({ keep: { last: 1 }, dryRun: true }));
    expect(entries.map(({ server, snapshots }) => [server, snapshots?.length])).toEqual([
      [h.web.id, 3],
      [restored, 1],
    ]);
    expect(textsOf(warnings).join()).toMatch(
      /by hand \(.*\) is marked as ours, but its name does not end in/,
    );
  });
});

describe('a restore of a deleted server', () => {
  const gone = async () => {
    const h = await world();
    serversIn(h).splice(0);
    return h;
  };

  test('finds it by its name, takes the settings of the event, and reports unknown settings', async () => {
    const h = await gone();
    h.images[0]!.name = 'web-daily-20261123T000000Z';
    h.images[0]!.properties.instance_type_flavorid = 'general1-2';
    const report = await h.run('restore', { ...TO_NEW, keyName: 'ops' });
    expect(restoredIn(h)).toMatchObject([
      { flavor: 'general1-2', keyName: 'ops', networks: [PUBLIC, PRIVATE] },
    ]);
    const text = report.lines.join('\n');
    for (const field of ['networks', 'securityGroups', 'metadata']) {
      expect(text).toMatch(new RegExp(`^${field}: the original is gone, .*"${field}" gives others$`, 'm'));
    }
    later(h, 5);
    expect((await h.run('restore', again(report))).state).toBe('done');
  });

  test.each<[string, object]>([
    ['by its policy', policy()],
    ['by hand', { adhoc: true, servers: { all: true } }],
  ])('takes the settings that its snapshot recorded, taken %s', async (_, event) => {
    const h = await world();
    h.images.splice(0).map(({ id }) => h.cloud.region('DFW').removeImage(id));
    Object.assign(h.web, { flavor: 'compute1-4', securityGroups: ['default', 'web'] });
    setTime(new Date(h.cloud.now().getTime() + 86_400_000));
    await h.run('snapshot', event);
    later(h, 180);
    serversIn(h).splice(0);
    const report = await h.run('restore', TO_NEW);
    expect(restoredIn(h)).toMatchObject([
      { flavor: 'compute1-4', keyName: 'ops', securityGroups: ['default', 'web'] },
    ]);
    expect(report.lines.join('\n')).toMatch(
      /flavor 3.75 GB Compute v1, as the original had\nnetworks: the original is gone.*\nkey pair: ops, as the original had\nsecurity groups: default, web, as the original had\nmetadata: the original is gone/,
    );
  });

  test('takes an image of somebody else, and the settings that the newest snapshot recorded', async () => {
    const h = await world();
    const [newest] = h.images;
    const blueprint = (flavor: string) => JSON.stringify({ flavor, keyName: null });
    newest!.properties.autosnap_restore_as = blueprint('general1-1');
    const byHand = h.cloud.region('DFW').addImage({
      name: 'by hand',
      owner: h.cloud.account.projectId,
      properties: { instance_uuid: h.web.id, autosnap_restore_as: blueprint('compute1-4') },
    });
    serversIn(h).splice(0);
    const report = await h.run('restore', { ...TO_NEW, server: h.web.id, at: byHand.id });
    expect(restoredIn(h)).toMatchObject([{ flavor: 'general1-1', image: byHand.id, keyName: null }]);
    expect(report.lines).toContain('key pair: none, as the original had');
  });

  test('finds it by its id; without a recorded flavor the event has to name one', async () => {
    const h = await gone();
    const { error } = await h.fail('restore', { ...TO_NEW, server: h.web.id });
    expect(error.message).toMatch(
      /flavor: the original is gone and the snapshot does not say which it had: give one that fits: "512MB Standard Instance" \(2\)/,
    );
    expect(changes(h)).toEqual([]);
    await h.run('restore', { ...TO_NEW, server: h.web.id, flavor: '2' });
    expect(restoredIn(h)).toMatchObject([{ name: 'web-restored-2026-11-23', flavor: '2' }]);
  });

  test('an existing server with the same name takes precedence, and the deleted one is mentioned', async () => {
    const h = await world();
    const old = { id: crypto.randomUUID(), name: 'web' };
    addSnapshot(h, old, 0, { name: 'web-daily-20261123T000000Z' });
    const report = await h.run('restore', { ...TO_NEW, dryRun: true });
    expect(report.server).toBe(h.web.id);
    expect(report.lines[0]).toContain(`another "web" as well, which is gone: name it by its id, ${old.id}`);
  });
});

describe('a restore in place', () => {
  test('first takes a safety snapshot, then rebuilds; the server keeps its settings', async () => {
    const h = await world();
    const { addresses } = h.web;
    const first = await h.run('restore', IN_PLACE);
    expect(first).toMatchObject({ state: 'waiting', image: h.images[0]!.id });
    const safety = h.cloud.region('DFW').images.find(({ id }) => id === first.safety)!;
    expect(safety).toMatchObject({ name: 'web-before-restore-adhoc-20261123T060000Z' });
    expect(safety.properties).toMatchObject({
      autosnap_policy: 'adhoc',
      autosnap_server: h.web.id,
      autosnap_expires: expect.stringMatching(`^never ${first.request} {`),
    });

    expect(await h.run('restore', again(first))).toMatchObject({ state: 'waiting', safety: safety.id });
    expect(h.web.building).toBeUndefined();
    later(h, 30);
    const second = await h.run('restore', again(first));
    expect(second).toMatchObject({ state: 'building', restored: h.web.id, image: h.images[0]!.id });
    expect(second.lines.join('\n')).toContain(`"at":"${safety.id}"`);
    expect(await h.run('restore', again(first))).toMatchObject({ state: 'building' });
    later(h, 60);
    expect(await h.run('restore', again(second))).toMatchObject({ state: 'done', image: h.images[0]!.id });
    expect(h.web).toMatchObject({
      name: 'web',
      image: h.images[0]!.id,
      addresses,
      keyName: 'ops',
      metadata: {
        autosnap: 'daily',
        role: 'front',
        autosnap_restore: `${first.request} in-place DFW ${h.web.id} ${first.image} 2026-11-23T06:30:00Z`,
      },
    });
    expect(changes(h).map(({ method, path }) => `${method} ${path.split('/').at(-1)}`)).toEqual([
      'POST action',
      'POST action',
    ]);
  });

  test('keeps the chosen image, whatever is taken meanwhile, also if the first event is sent again', async () => {
    const h = await world();
    const first = await h.run('restore', IN_PLACE);
    later(h, 30);
    // At 06:24 a newer snapshot exists.
    addSnapshot(h, h.web, -6.4 / 24);
    const second = await h.run('restore', { ...IN_PLACE, request: first.request });
    expect(second).toMatchObject({ state: 'building', image: h.images[0]!.id });
  });

  test('the latest snapshot is never a safety snapshot; its id undoes the restore', async () => {
    const h = await world();
    const { first } = await inPlace(h);
    expect(await h.run('restore', { ...TO_NEW, dryRun: true })).toMatchObject({ image: h.images[0]!.id });
    const { third } = await inPlace(h, { ...IN_PLACE, at: first.safety });
    expect(third).toMatchObject({ state: 'done', image: first.safety });
    expect(h.web.image).toBe(first.safety);
  });

  test('Y1 after a restore: an image that somebody creates of the rebuilt server is not rotated', async () => {
    const h = await world();
    await inPlace(h);
    const golden = await imageByHand(h, 'golden');
    expect(golden.properties).toMatchObject({
      autosnap_slot: '2026-11-23T00:00:00Z',
      autosnap_server: h.web.id,
    });
    for (const day of [24, 25, 26]) {
      setTime(`2026-11-${day}T00:00:10Z`);
      expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
      later(h, 60);
    }
    await h.run('cleanup', policy({ keep: { last: 1 } }));
    const left = h.cloud.region('DFW').images.map(({ name }) => name);
    expect(left).toContain('golden');
    expect(left.filter((name) => name.startsWith('web-daily'))).toHaveLength(1);
  });

  test.each(['killed', 'vanishes', 'stuck'] as const)(
    'a safety snapshot that is %s stops the restore',
    async (outcome) => {
      const h = await world();
      h.web.snapshotOutcome = outcome;
      const first = await h.run('restore', IN_PLACE);
      later(h, 90);
      setTime('2026-11-23T07:30:00Z');
      if (outcome === 'vanishes') {
        // Nothing tells the vanished snapshot from one that was never requested, so a new one is
        // requested.
        expect((await h.run('restore', again(first))).state).toBe('waiting');
      } else {
        const { error, report } = await h.fail('restore', again(first));
        expect(error.message).toMatch(
          /the safety snapshot .* has failed .*, so the disk of web is not replaced/,
        );
        expect(report).toMatchObject({ state: 'failed' });
        expect(report!.next).not.toHaveProperty('request');
      }
      expect(h.web.image).not.toBe(h.images[0]!.id);
    },
  );

  test('a server that is busy when its rebuild is due is left to a later call', async () => {
    const h = await world();
    const first = await h.run('restore', IN_PLACE);
    later(h, 30);
    h.web.taskState = 'image_uploading';
    expect(await h.run('restore', again(first))).toMatchObject({ state: 'waiting' });
    h.web.taskState = null;
    expect(await h.run('restore', again(first))).toMatchObject({ state: 'building' });
  });

  test('a rebuild that ends in ERROR fails with the message of the cloud', async () => {
    const h = await world();
    const first = await h.run('restore', IN_PLACE);
    h.web.buildFault = 'No valid host was found.';
    later(h, 30);
    const second = await h.run('restore', again(first));
    later(h, 60);
    const { error } = await h.fail('restore', again(second));
    expect(error.message).toMatch(/web \(.*\) is in ERROR: No valid host was found\./);
  });
});

describe('an interrupted call', () => {
  const POST_SERVERS = { service: 'compute', method: 'POST', path: /\/servers$/ } as const;
  const ACTION = { service: 'compute', method: 'POST', path: /\/action$/ } as const;

  test('a lost answer: the new server is found, and is the only one', async () => {
    const h = await world();
    h.cloud.faults.push({ ...POST_SERVERS, answer: 'lose' });
    expect(await h.run('restore', TO_NEW)).toMatchObject({
      state: 'building',
      restored: restoredIn(h)[0]!.id,
    });
    expect(restoredIn(h)).toHaveLength(1);
  });

  test('only looks for the server after a lost request, and a new restore creates one', async () => {
    const h = await world();
    h.cloud.faults.push({ ...POST_SERVERS, answer: 'drop' });
    const { error, report } = await h.fail('restore', TO_NEW);
    expect(error.message).toMatch(/A listing can lack a server that exists, so this call requests no other/);
    const { error: still } = await h.fail('restore', again(report!));
    expect(still.message).toMatch(
      /once you are sure that there is no such server, start a new restore, without "request" and "asked"/,
    );
    expect(restoredIn(h)).toEqual([]);
    const { request: _, asked: __, ...anew } = again(report!);
    expect(await h.run('restore', anew)).toMatchObject({ state: 'building' });
    expect(restoredIn(h)).toHaveLength(1);
  });

  test('a lost answer and a late listing: the server is found later, and is the only one', async () => {
    const h = await world();
    const shown = leaveOut(h, (id) => restoredIn(h).some((server) => server.id === id));
    h.cloud.faults.push({ ...POST_SERVERS, answer: 'lose' });
    const { report } = await h.fail('restore', TO_NEW);
    const { report: second } = await h.fail('restore', again(report!));
    shown();
    expect(await h.run('restore', again(second!))).toMatchObject({
      state: 'building',
      restored: restoredIn(h)[0]!.id,
    });
    expect(restoredIn(h)).toHaveLength(1);
  });

  test.each(['lose', 'drop'] as const)(
    'in place is completed by later calls, whichever request gets the fault %s',
    async (answer) => {
      const h = await world();
      const event = { ...IN_PLACE, request: 'r-1' };
      const call = () => h.run('restore', event).catch(() => undefined);
      h.cloud.faults.push({ ...ACTION, answer });
      await call();
      await call();
      later(h, 30);
      h.cloud.faults.push({ ...ACTION, answer });
      await call();
      await call();
      later(h, 60);
      expect((await h.run('restore', event)).state).toBe('done');
      expect(h.cloud.region('DFW').images.filter(({ name }) => name.startsWith('web-before'))).toHaveLength(
        1,
      );
      expect(changes(h).filter(({ path }) => path.endsWith('/action'))).toHaveLength(
        answer === 'lose' ? 2 : 4,
      );
    },
  );
});

test('deadline before the answer: the call fails, says how to resume, and nothing is created twice', async () => {
  const h = await world();
  h.cloud.faults.push({ service: 'compute', method: 'POST', path: /\/servers$/, answer: 'hang' });
  const { error, report } = await h.fail('restore', TO_NEW, { remainingMs: 6_500 });
  expect(error.message).toMatch(/run deadline reached\. The result is not visible yet/);
  await h.fail('restore', again(report!));
  expect(restoredIn(h)).toEqual([]);
});

describe('a dry run', () => {
  test.each([
    ['to a new server', { ...TO_NEW, dryRun: true }, /a new server "web-restored-2026-11-23" from image/],
    ['in place', { ...IN_PLACE, dryRun: true }, /a safety snapshot of web/],
    ['in place, not confirmed yet', { server: 'web', to: 'in-place', dryRun: true }, /add "confirm": "web"/],
  ])('%s shows what would be done, and only reads', async (_, event, line) => {
    const h = await world();
    const report = await h.run('restore', event);
    expect(report).toMatchObject({ state: 'planned', dryRun: true, image: h.images[0]!.id });
    // Whoever invokes the function with `next` until there is none, carries nothing out.
    expect(report).not.toHaveProperty('next');
    expect(report.apply).toMatchObject({ server: h.web.id, region: 'DFW', at: h.images[0]!.id });
    expect(report.apply).not.toHaveProperty('dryRun');
    expect(report.apply).toHaveProperty('request', report.request);
    expect(report.lines.join('\n')).toMatch(line);
    expect(changes(h)).toEqual([]);
    expect(h.logs()).toContain('web in DFW would be restored');
    expect(h.logs()).toContain('to carry this out: invoke restore with {');
  });

  test('of a restore that has begun is followed by a dry run', async () => {
    const h = await world();
    const first = await h.run('restore', TO_NEW);
    const report = await h.run('restore', { ...again(first), dryRun: true });
    expect(report).toMatchObject({ state: 'building', next: { ...again(first), dryRun: true } });
  });

  test('is carried out by the event in its answer, even if there is a newer snapshot by then', async () => {
    const h = await world();
    const { apply } = await h.run('restore', { ...TO_NEW, dryRun: true });
    setTime('2026-11-24T06:00:00Z');
    addSnapshot(h, h.web, -1);
    expect(await h.run('restore', apply as object)).toMatchObject({
      state: 'building',
      image: h.images[0]!.id,
    });
  });

  test.each([
    ['a new server', TO_NEW],
    ['in place', IN_PLACE],
  ])('is carried out once, however often the event in its answer is sent: %s', async (_, event) => {
    const h = await world();
    const { apply } = await h.run('restore', { ...event, dryRun: true });
    const first = await h.run('restore', apply as object);
    const second = await h.run('restore', apply as object);
    expect([second.request, second.restored]).toEqual([first.request, first.restored]);
    expect(restoredIn(h)).toHaveLength(event === TO_NEW ? 1 : 0);
    expect(safetySnapshotsIn(h)).toHaveLength(event === TO_NEW ? 0 : 1);
  });
});

describe('a dry run checks what the new server needs', () => {
  const dry = { ...TO_NEW, dryRun: true };

  test.each([
    ['networks', { networks: ['nowhere'] }, /networks: DFW has no nowhere: it has .*\(backend\)/],
    ['flavor', { flavor: 'huge' }, /flavor: there is no flavor "huge"/],
    [
      'keyName',
      { keyName: 'oops' },
      /keyName: DFW has no oops: give the name of a key pair of the secret's user/,
    ],
    ['securityGroups', { securityGroups: ['wbe'] }, /securityGroups: DFW has no wbe: it has .*web/],
  ])('%s that the region lacks are named, with what there is', async (_, fields, problem) => {
    const h = await world();
    useKeystone(h);
    const { error } = await h.fail('restore', { ...dry, ...fields });
    expect(error.message).toMatch(problem);
    expect(changes(h)).toEqual([]);
  });

  test('all problems are named at once', async () => {
    const h = await world();
    useKeystone(h);
    const { error } = await h.fail('restore', { ...dry, networks: ['nowhere'], securityGroups: ['wbe'] });
    expect(error.message).toMatch(/networks: DFW[\s\S]*securityGroups: DFW/);
  });

  test('the key pair of the original is checked as well, because it may belong to another user', async () => {
    const h = await world();
    h.web.keyName = 'theirs';
    expect((await h.fail('restore', dry)).error.message).toContain('keyName: DFW has no theirs');
    expect((await h.run('restore', { ...dry, keyName: null })).state).toBe('planned');
  });

  test('what the cloud does not show is said, and is no refusal', async () => {
    const h = await world();
    const report = await h.run('restore', { ...dry, securityGroups: ['web'] });
    expect(report.codes).toContain('RESTORE_PART_UNCHECKED');
    expect(report.lines.join('\n')).toContain('securityGroups: not checked whether');
  });

  test('a second server of the same name is said', async () => {
    const h = await world();
    const { restored } = await h.run('restore', TO_NEW);
    const { lines } = await h.run('restore', { ...dry, name: 'web-restored-2026-11-23' });
    expect(lines.join('\n')).toContain(
      `there is a server "web-restored-2026-11-23" already (${restored}), so two servers will have this name`,
    );
  });
});

test('the dry run of a restore that waits keeps its safety snapshots in `apply`', async () => {
  const h = await world();
  const first = await h.run('restore', IN_PLACE);
  const { safetySnapshots } = again(first);
  later(h, 30);
  const report = await h.run('restore', { ...again(first), dryRun: true });
  expect(report.apply).toEqual({ ...again(first), safetySnapshots });
});

test('an unconfirmed dry run in place is carried out only with `confirm` in addition', async () => {
  const h = await world();
  const { apply } = await h.run('restore', { server: 'web', to: 'in-place', dryRun: true });
  const { error } = await h.fail('restore', apply as object);
  expect(error.message).toContain('add "confirm": "web"');
  expect(changes(h)).toEqual([]);
  expect((await h.run('restore', { ...(apply as object), confirm: 'web' })).state).toBe('waiting');
});

describe('refused without a change', () => {
  const set = (changes: Partial<CloudServer>) => (h: World) => void Object.assign(h.web, changes);
  const nothing = () => {};
  const OTHER = 'aaaaaaaa-0000-4000-8000-000000000000';
  test.each<[string, object | ((h: World) => object), (h: World) => unknown, RegExp]>([
    [
      'no such server',
      { ...TO_NEW, server: 'wbe' },
      nothing,
      /server: there is no "wbe" in DFW, ORD, nor a snapshot of one/,
    ],
    [
      'two servers of the name',
      TO_NEW,
      (h) => h.cloud.region('ORD').addServer({ name: 'web' }),
      /server: 2 servers are called "web": \S+ in DFW, created at \S+; \S+ in ORD, created at \S+: give the id/,
    ],
    [
      "a region that can't be read, where there may be another",
      TO_NEW,
      (h) =>
        h.cloud.faults.push({
          service: 'compute',
          region: 'ORD',
          times: 9,
          answer: { status: 403, body: 'no' },
        }),
      /region ORD can't be read: .*\n.*server: give the id of the server, or its "region"/,
    ],
    [
      'an unknown region',
      { ...TO_NEW, region: 'LON' },
      nothing,
      /region: the account has no region "LON": it has DFW, ORD/,
    ],
    [
      'no snapshot',
      TO_NEW,
      (h) => h.images.map(({ id }) => h.cloud.region('DFW').removeImage(id)),
      /at: there is no good snapshot of web: take one/,
    ],
    [
      'a snapshot of no such policy',
      { ...TO_NEW, policy: 'weekly' },
      nothing,
      /no good snapshot of web by the policy "weekly"/,
    ],
    [
      'none as old',
      { ...TO_NEW, at: '2026-11-01' },
      nothing,
      /no good snapshot of web at or before 2026-11-01T23:59:59Z: the oldest good one, of 2026-11-22T00:00:00Z, was made at 2026-11-22T00:00:20Z/,
    ],
    [
      'all still saving',
      TO_NEW,
      (h) => h.images.map((image) => Object.assign(image, { status: 'saving', size: null })),
      /is saving, .*is saving\. One that is still being made can be restored when it is active/,
    ],
    [
      'one by its id that is still saving',
      (h) => ({ ...TO_NEW, at: h.images[0]!.id }),
      (h) => Object.assign(h.images[0]!, { status: 'saving', size: null }),
      /at: image \S+ is still saving: wait until it is active/,
    ],
    [
      'one by its id that has failed',
      (h) => ({ ...TO_NEW, at: h.images[0]!.id }),
      (h) => Object.assign(h.images[0]!, { status: 'killed', size: null }),
      /at: image \S+ can't be restored: it is killed and has no data/,
    ],
    [
      'an id that no image has',
      { ...TO_NEW, at: OTHER },
      nothing,
      /at: this project has no image aaaaaaaa-\S+ in DFW/,
    ],
    [
      'an image of another server',
      { ...TO_NEW, at: OTHER },
      (h) =>
        h.cloud
          .region('DFW')
          .addImage({ id: OTHER, name: 'x', owner: '123456', properties: { instance_uuid: 'y' } }),
      /at: image aaaaaaaa-\S+ was made from the server y, and not from web \(\S+\): give "server": "y", or another image/,
    ],
    [
      'an image of which nobody knows the server',
      { ...TO_NEW, at: OTHER },
      (h) => h.cloud.region('DFW').addImage({ id: OTHER, name: 'x', owner: '123456' }),
      /at: image aaaaaaaa-\S+ was not made from web \(\S+\): give another image/,
    ],
    [
      'a server that was deleted and made again under its name',
      TO_NEW,
      (h) => {
        const dfw = h.cloud.region('DFW');
        dfw.removeServer(h.web);
        dfw.addServer({ name: 'web' });
      },
      /at: there is no good snapshot of web; an earlier server of this name, (\S+), which is gone, has 2 good snapshots: to restore it, invoke restore with \{"server":"\1","to":"new"\}/,
    ],
    [
      "another project's image",
      { ...TO_NEW, at: OTHER },
      (h) =>
        h.cloud.region('DFW').addImage({
          id: OTHER,
          name: 'x',
          owner: '999',
          visibility: 'shared',
          properties: { instance_uuid: h.web.id },
        }),
      /at: this project has no image/,
    ],
    [
      'a flavor with too small a disk',
      { ...TO_NEW, flavor: '2' },
      (h) => (h.images[0]!.minDisk = 40),
      /flavor: 512MB Standard Instance \(20 GB, 512 MB\) is too small: image \S+ needs 40 GB of disk and 512 MB of memory: give one that fits: "2 GB General Purpose v1" \(general1-2\)/,
    ],
    [
      'a flavor with too little memory',
      { ...TO_NEW, flavor: '2' },
      (h) => (h.images[0]!.minRam = 1024),
      /flavor: .* is too small/,
    ],
    [
      'no such flavor',
      { ...TO_NEW, flavor: 'huge' },
      nothing,
      /flavor: there is no flavor "huge": give one that fits/,
    ],
    [
      "the original's flavor gone",
      TO_NEW,
      set({ flavor: 'old' }),
      /flavor: there is no old any more, which the original had/,
    ],
    [
      'a network that is gone',
      TO_NEW,
      (h) => h.cloud.region('DFW').networks.pop(),
      /400 Network 5b9c\S+ could not be found: .*"networks": the ids of existing networks/,
    ],
    [
      'no such key pair',
      { ...TO_NEW, keyName: 'nobody' },
      nothing,
      /400 Invalid key_name provided: .*the "keyName" of one that/,
    ],
    [
      'no such security group',
      { ...TO_NEW, securityGroups: ['none'] },
      nothing,
      /"securityGroups": the names of existing groups/,
    ],
    [
      'the quota used up',
      TO_NEW,
      (h) => (h.cloud.region('DFW').maxServers = 1),
      /413 Quota exceeded for instances: .*: if a quota is used up, free some of it.*Nothing was made/,
    ],
    [
      'the quota used up, elsewhere',
      TO_NEW,
      (h) => {
        useKeystone(h);
        h.cloud.region('DFW').maxServers = 1;
      },
      /403 Quota exceeded for instances: Requested 1, but already used 1 of 1 instances: if a quota is used up, free some of it/,
    ],
    [
      'a role that may not',
      TO_NEW,
      (h) => (h.cloud.account.role = 'observer'),
      /403 .*lacks the role for this/,
    ],
    [
      'no confirmation',
      { ...IN_PLACE, confirm: undefined },
      nothing,
      /confirm: everything on web would be replaced: add "confirm": "web"/,
    ],
    [
      'a wrong confirmation',
      { ...IN_PLACE, confirm: 'wbe' },
      nothing,
      /confirm: is not the name of the server, which is "web"/,
    ],
    [
      'a wrong one of a dry run',
      { ...IN_PLACE, confirm: 'wbe', dryRun: true },
      nothing,
      /confirm: is not the name/,
    ],
    [
      'in place, but gone',
      (h) => ({ ...IN_PLACE, server: h.web.id }),
      (h) => serversIn(h).splice(0),
      /server: \S+ is gone: use "to": "new"/,
    ],
    ['in place, a busy one', IN_PLACE, set({ taskState: 'rebooting' }), /server: web is busy \(rebooting\)/],
    [
      'in place, a broken one',
      IN_PLACE,
      set({ vmState: 'error' }),
      /server: web is ERROR; a restore in place needs it ACTIVE or SHUTOFF/,
    ],
    [
      'in place, on a volume, with too small a flavor and not confirmed: all at once',
      { ...IN_PLACE, confirm: undefined },
      (h) => {
        Object.assign(h.web, { image: '', flavor: '2' });
        h.images[0]!.minDisk = 40;
      },
      /- confirm: .*\n- to: web has its disk on a volume, .*\n- at: image \S+ needs 40 GB/,
    ],
    [
      'a request that a server carries which does not say of what',
      { ...IN_PLACE, request: 'r-1' },
      (h) => h.cloud.region('DFW').addServer({ name: 'x', metadata: { autosnap_restore: 'r-1' } }),
      /request: the metadata of server \S+ name request "r-1" but are unreadable/,
    ],
    ['a word for a date', { ...TO_NEW, at: 'yesterday' }, nothing, /at: must be "latest", a date such as/],
    ['the 30th of February', { ...TO_NEW, at: '2026-02-30' }, nothing, /at: must be "latest"/],
    ['no direction', { server: 'web' }, nothing, /to: is missing/],
    ['an unknown direction', { server: 'web', to: 'there' }, nothing, /to: must be "new" or "in-place"/],
    ['no server', { to: 'new' }, nothing, /server: is missing/],
    [
      'several things at once',
      { to: 'in-place', servr: 'web', flavor: 'x', at: 5 },
      nothing,
      /- server: is missing\n- at: must be .*\n- flavor: is for "to": "new" only: a rebuild keeps what the server has\n- servr: is not a known key/,
    ],
    [
      'a confirmation of what replaces nothing',
      { ...TO_NEW, confirm: 'web' },
      nothing,
      /confirm: is for "to": "in-place" only/,
    ],
  ])('%s', async (_, event, prepare, problem) => {
    const h = await world(['DFW', 'ORD']);
    prepare(h);
    const before = serversIn(h).length;
    const images = h.cloud.region('DFW').images.length;
    const { error } = await h.fail('restore', typeof event === 'function' ? event(h) : event);
    expect(error.name).toBe('ValidationError');
    expect(error.message).toMatch(problem);
    expect(serversIn(h)).toHaveLength(before);
    expect(h.cloud.region('DFW').images).toHaveLength(images);
    expect(changes(h).filter(({ path }) => !path.endsWith('/servers'))).toEqual([]);
  });
});

test('a new server that is deleted meanwhile is never reported as restored', async () => {
  const h = await world();
  const first = await h.run('restore', TO_NEW);
  // Nova still shows a server for a moment after its deletion.
  const [restored] = restoredIn(h);
  delete restored!.building;
  restored!.vmState = 'deleted';
  const { error } = await h.fail('restore', again(first));
  expect(error.message).toContain('the server has been deleted since: start a new restore');
});

test('a new server that ends in ERROR fails with the message of the cloud and how to delete it', async () => {
  const h = await world();
  const first = await h.run('restore', TO_NEW);
  restoredIn(h)[0]!.buildFault = 'No valid host was found.';
  later(h, 5);
  const { error } = await h.fail('restore', again(first));
  expect(error.message).toMatch(/is in ERROR: No valid host was found\.\n.*openstack server delete /);
});

test('no root password is read, logged or returned', async () => {
  const h = await world();
  await h.run('restore', TO_NEW);
  expect(h.logs()).not.toMatch(/adminPass/);
});
