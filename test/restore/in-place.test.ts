import { describe, expect, test } from 'vitest';
import type { CloudServer } from '../../local/cloud/state.ts';
import { setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import {
  again,
  changes,
  IN_PLACE,
  inPlace,
  later,
  leaveOut,
  safetySnapshotsIn,
  useKeystone,
  type World,
  world,
} from './world.ts';

const safetyOf = (h: World, id: string | undefined) =>
  h.cloud.region('DFW').images.find((image) => image.id === id)!;

describe('the disk is replaced only if a safety snapshot of this restore was begun within the hour', () => {
  test('the disk is replaced a minute before the hour is over; later another snapshot is taken, and the answer has the reason', async () => {
    for (const [minutes, state] of [
      [59, 'building'],
      [60, 'waiting'],
    ] as const) {
      const h = await world();
      const first = await h.run('restore', IN_PLACE);
      later(h, minutes);
      const second = await h.run('restore', again(first));
      expect(second.state).toBe(state);
      expect(h.rebuilt).toHaveLength(state === 'building' ? 1 : 0);
      if (state === 'building') continue;
      expect(second.safety).not.toBe(first.safety);
      expect(second.lines.join('\n')).toMatch(
        new RegExp(
          `the safety snapshot ${first.safety} was begun at 2026-11-23T06:00:00Z, an hour ago or more: .*\nso another one is taken: number 2 of at most 3`,
        ),
      );
      later(h, 30);
      expect(await h.run('restore', again(second))).toMatchObject({
        state: 'building',
        safety: second.safety,
        image: first.image,
      });
    }
  });

  test('a request that is used again after 30 days first takes a safety snapshot', async () => {
    const h = await world();
    const event = { ...IN_PLACE, request: 'mine' };
    const { first } = await inPlace(h, event);
    later(h, 30 * 24 * 60);
    // The metadata of the server no longer mention the first restore.
    h.web.metadata = { autosnap: 'daily' };
    const reused = await h.run('restore', event);
    expect(reused.state).toBe('waiting');
    expect(reused.safety).not.toBe(first.safety);
    expect(h.rebuilt).toHaveLength(1);
    expect(reused.lines.join('\n')).toContain(`${first.safety} can't be used: web was rebuilt after it`);
    later(h, 30);
    expect(await h.run('restore', again(reused))).toMatchObject({ state: 'building', safety: reused.safety });
  });

  test('a request that is used again while the server has its record does nothing twice', async () => {
    const h = await world();
    const event = { ...IN_PLACE, request: 'mine' };
    await inPlace(h, event);
    later(h, 30 * 24 * 60);
    const reused = await h.run('restore', event);
    expect(reused.state).toBe('done');
    expect(reused.lines.join('\n')).toContain(
      'chosen by the call of 2026-11-23T06:30:00Z; to start another restore, omit',
    );
    expect(h.rebuilt).toHaveLength(1);
    expect(safetySnapshotsIn(h)).toHaveLength(1);
  });

  test('a restore whose snapshots take longer than an hour is refused after three of them, with the remedy', async () => {
    const h = await world();
    let event: object = IN_PLACE;
    for (const taken of [1, 2, 3]) {
      const asked = await h.run('restore', event);
      expect(asked.state).toBe('waiting');
      expect(safetySnapshotsIn(h)).toHaveLength(taken);
      later(h, 90);
      const safety = safetyOf(h, asked.safety);
      Object.assign(safety, { status: 'saving', size: null });
      h.web.taskState = 'image_uploading';
      const waiting = await h.run('restore', again(asked));
      expect(waiting.state).toBe('waiting');
      expect(waiting.lines.join('\n')).toMatch(
        /an hour ago or more, .* another one will be taken, 3 at most/,
      );
      Object.assign(safety, { status: 'active', size: 1 });
      h.web.taskState = null;
      event = again(waiting);
    }
    const { error } = await h.fail('restore', event);
    expect(error.name).toBe('ValidationError');
    expect(error.message).toMatch(/to: 3 safety snapshots were taken, and none was good .* Use "to": "new"/);
    expect(safetySnapshotsIn(h)).toHaveLength(3);
    expect(h.rebuilt).toHaveLength(0);
  });

  test('a restore whose snapshots disappear, as failed ones do in Nova, is refused after three of them', async () => {
    const h = await world();
    h.web.snapshotOutcome = 'vanishes';
    let event: object = IN_PLACE;
    for (const _ of [1, 2, 3]) {
      const asked = await h.run('restore', event);
      expect(asked.state).toBe('waiting');
      later(h, 30);
      event = again(asked);
    }
    const { error } = await h.fail('restore', event);
    expect(error.message).toMatch(/3 safety snapshots .* is gone: it failed, or somebody deleted it/);
  });

  test.each<[string, (h: World, request: string) => void]>([
    [
      'an ad-hoc snapshot with the same request',
      (h, request) =>
        void addSnapshot(h, h.web, -0.2, {
          name: 'web-adhoc-20261123T044800Z',
          properties: {
            autosnap_policy: 'adhoc',
            autosnap_expires: `never ${request} unknown`,
          },
        }),
    ],
    [
      'a safety snapshot of another request',
      (h) => {
        const [safety] = safetySnapshotsIn(h);
        safety!.properties.autosnap_restore = `other ${h.images[0]!.id} ${h.web.image}`;
      },
    ],
  ])('%s is not a safety snapshot', async (_, prepare) => {
    const h = await world();
    await inPlace(h, { ...IN_PLACE, request: 'other' });
    prepare(h, 'mine');
    const images = safetySnapshotsIn(h).length;
    const report = await h.run('restore', { ...IN_PLACE, request: 'mine' });
    expect(report.state).toBe('waiting');
    expect(safetySnapshotsIn(h)).toHaveLength(images + 1);
    expect(h.rebuilt).toHaveLength(1);
  });

  test.each(['another image', 'the same image'])(
    'after another restore from %s, the safety snapshot of the first restore is no longer valid',
    async (which) => {
      const h = await world();
      if (which === 'the same image') h.web.image = h.images[1]!.id;
      const first = await h.run('restore', IN_PLACE);
      later(h, 15);
      // Otherwise the record of the first restore keeps the other one from beginning.
      h.cold();
      const other = await h.run('restore', { ...IN_PLACE, at: h.images[1]!.id, request: 'other' });
      later(h, 15);
      expect(await h.run('restore', again(other))).toMatchObject({ state: 'building' });
      later(h, 15);
      h.cold();
      const second = await h.run('restore', again(first));
      expect(second).toMatchObject({ state: 'waiting', image: first.image });
      expect(second.lines.join('\n')).toContain('web was rebuilt after it');
      expect(h.rebuilt).toHaveLength(1);
    },
  );

  /**
   * A restore that is called again when its safety snapshot is good, while something changes before
   * the last check.
   */
  const whenAtTheLastLook = async (happens: (h: World, safety: string) => unknown) => {
    const h = await world();
    const first = await h.run('restore', IN_PLACE);
    later(h, 30);
    const answer = () => happens(h, first.safety!);
    h.cloud.faults.push({ service: 'compute', path: /\/flavors\/detail$/, answer });
    return { h, second: await h.run('restore', again(first)) };
  };

  test.each<[string, (h: World, safety: string) => void, string]>([
    [
      'is deleted',
      (h, safety) => h.cloud.region('DFW').removeImage(safety),
      'the safety snapshot is gone, or is not ours any more',
    ],
    [
      'loses its data',
      (h, safety) => void Object.assign(safetyOf(h, safety), { size: 0 }),
      'the safety snapshot is failed by now',
    ],
    [
      'is deactivated',
      (h, safety) => void Object.assign(safetyOf(h, safety), { status: 'deactivated' }),
      'the safety snapshot is failed by now',
    ],
    [
      'gets the mark of another deployment',
      (h, safety) => void Object.assign(safetyOf(h, safety).properties, { autosnap_owner: 'someone' }),
      'the safety snapshot is gone, or is not ours any more',
    ],
    [
      'becomes older than an hour',
      () => setTime(new Date(Date.now() + 40 * 60_000)),
      'the safety snapshot is old by now',
    ],
  ])(
    'the disk stays if the safety snapshot %s between the first and the last check',
    async (_, happens, why) => {
      const { h, second } = await whenAtTheLastLook(happens);
      expect(second.state).toBe('waiting');
      expect(second).toMatchObject({
        codes: ['RESTORE_POSTPONED'],
        lines: [`${why}`],
      });
      expect(h.rebuilt).toHaveLength(0);
    },
  );

  test('the disk stays if the server has another name or a task at the last check', async () => {
    const renamed: Partial<CloudServer>[] = [{ name: 'mail' }, { taskState: 'rebooting' }];
    for (const change of renamed) {
      const { h, second } = await whenAtTheLastLook((h) => Object.assign(h.web, change));
      expect(second.state).toBe('waiting');
      expect(h.rebuilt).toHaveLength(0);
    }
  });
});

test('a safety snapshot that the listing lacks is found by its id', async () => {
  const h = await world();
  const first = await h.run('restore', IN_PLACE);
  later(h, 30);
  leaveOut(h, (id) => id === first.safety);
  expect(await h.run('restore', again(first))).toMatchObject({ state: 'building', safety: first.safety });
  expect(safetySnapshotsIn(h)).toHaveLength(1);
});

test('the image to restore, which the listing lacks, is found by its id', async () => {
  const h = await world();
  const first = await h.run('restore', IN_PLACE);
  later(h, 30);
  leaveOut(h, (id) => id === first.image);
  expect(await h.run('restore', again(first))).toMatchObject({ state: 'building', image: first.image });
});

test('the restore is refused if its image is deleted meanwhile, and the server is unchanged', async () => {
  const h = await world();
  const first = await h.run('restore', IN_PLACE);
  later(h, 30);
  h.cloud.region('DFW').removeImage(first.image);
  const { error } = await h.fail('restore', again(first));
  expect(error.message).toMatch(
    /at: image \S+ has been deleted since: start a new restore, .*; the disk of web is as it was/,
  );
  expect(h.rebuilt).toHaveLength(0);
});

describe('two simultaneous calls', () => {
  test('take one safety snapshot and rebuild once', async () => {
    const h = await world();
    const event = { ...IN_PLACE, request: 'mine' };
    await Promise.allSettled([h.run('restore', event), h.run('restore', event)]);
    expect(safetySnapshotsIn(h)).toHaveLength(1);
    later(h, 30);
    const both = await Promise.all([h.run('restore', event), h.run('restore', event)]);
    expect(h.rebuilt).toEqual([h.web.id]);
    for (const { state } of both) expect(['building', 'waiting']).toContain(state);
    later(h, 30);
    expect((await h.run('restore', event)).state).toBe('done');
  });
});

describe('a server in a state in which Nova does not rebuild it is refused before the safety snapshot', () => {
  test.each([
    ['paused', 'PAUSED'],
    ['suspended', 'SUSPENDED'],
    ['rescued', 'RESCUE'],
    ['shelved', 'SHELVED'],
    ['shelved_offloaded', 'SHELVED_OFFLOADED'],
    ['resized', 'VERIFY_RESIZE'],
    ['error', 'ERROR'],
  ])('the state %s, which Nova shows as %s', async (vmState, status) => {
    const h = await world();
    h.web.vmState = vmState;
    const { error } = await h.fail('restore', IN_PLACE);
    expect(error.message).toMatch(
      new RegExp(`server: web is ${status}; a restore in place needs it ACTIVE or SHUTOFF`),
    );
    expect(changes(h)).toEqual([]);
  });

  test('a server that is paused after the safety snapshot is left unchanged', async () => {
    const h = await world();
    const first = await h.run('restore', IN_PLACE);
    later(h, 30);
    h.web.vmState = 'paused';
    const { error } = await h.fail('restore', again(first));
    expect(error.message).toMatch(/server: web is PAUSED; .* bring it there/);
    expect(h.rebuilt).toHaveLength(0);
    h.web.vmState = 'active';
    expect((await h.run('restore', again(first))).state).toBe('building');
  });

  test('a server that fails after its safety snapshot is restored anyway', async () => {
    const h = await world();
    const first = await h.run('restore', IN_PLACE);
    later(h, 30);
    h.web.vmState = 'error';
    expect((await h.run('restore', again(first))).state).toBe('building');
  });

  test('a stopped server is restored, and has to be started', async () => {
    const h = await world();
    h.web.vmState = 'stopped';
    const first = await h.run('restore', IN_PLACE);
    expect(first.codes).toContain('RESTORE_STAYS_SHUTOFF');
    later(h, 30);
    const second = await h.run('restore', again(first));
    later(h, 30);
    await h.run('restore', again(second));
    h.web.vmState = 'stopped';
    const third = await h.run('restore', again(second));
    expect(third.state).toBe('done');
    expect(third.codes).toContain('RESTORED_SHUTOFF');
  });

  test('a locked server is refused if the cloud shows the lock; otherwise the error of the rebuild has a remedy', async () => {
    const h = await world();
    const edit = async (answer: Response) => {
      const body = (await answer.json()) as { server: object };
      return new Response(JSON.stringify({ server: { ...body.server, locked: true } }), answer);
    };
    h.cloud.faults.push({ service: 'compute', path: /\/servers\/[0-9a-f-]{36}$/, answer: { edit } });
    const { error } = await h.fail('restore', IN_PLACE);
    expect(error.message).toMatch(/server: web is locked.* unlock it/);
    expect(changes(h)).toEqual([]);

    const first = await h.run('restore', IN_PLACE);
    later(h, 30);
    const body = { conflictingRequest: { code: 409, message: `Instance ${h.web.id} is locked` } };
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      path: /\/action$/,
      answer: { status: 409, body },
    });
    const refused = await h.fail('restore', again(first));
    expect(refused.error.message).toMatch(
      /409 Instance \S+ is locked: if it is busy, .*; if it is locked, unlock it .*Nothing was made or changed/,
    );
  });
});

describe('a root disk that is a volume', () => {
  test.each([true, false])(
    'is refused although the server shows an image, and another attached volume is not: %s',
    async (rootOnVolume) => {
      const h = await world();
      useKeystone(h);
      const rootVolume = rootOnVolume ? { rootVolume: 'v1' } : {};
      Object.assign(h.web, { ...rootVolume, volumeIds: ['v1'] } satisfies Partial<CloudServer>);
      if (!rootOnVolume) {
        expect((await h.run('restore', IN_PLACE)).state).toBe('waiting');
        return;
      }
      const { error } = await h.fail('restore', IN_PLACE);
      expect(error.message).toMatch(/to: web has its disk on a volume, which can't be rebuilt/);
      expect(changes(h)).toEqual([]);
    },
  );
});
