import { describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudServer } from '../../local/cloud/state.ts';
import {
  addLookalike,
  addThrowAway,
  drillEvent,
  drillWorld,
  markOf,
  NONCE,
  outcomes,
  record,
  sent,
  throwAways,
  UUID,
  type World,
} from '../drill/world.ts';
import { textsOf } from '../finding-texts.ts';
import { policy, setTime } from '../harness.ts';
import { decisionOn } from '../history.ts';

// Losses by drills that took another server for the one they had created.

/**
 * Runs drills every hour for two days, as deployed, and expects that a server is never changed.
 * Returns all warnings and failures.
 */
async function expectUntouched(h: World, server: CloudServer): Promise<string> {
  const before = structuredClone(server);
  const warnings: string[] = [];
  for (const time of ['23T06', '23T07', '23T10', '24T06', '24T07']) {
    setTime(`2026-11-${time}:00:00Z`);
    const { report } = await h.fail('drill', drillEvent({ schedule: 'cron(0 6 * * ? *)' }));
    warnings.push(...textsOf(report?.warnings), ...textsOf(report?.failures));
  }
  expect(throwAways(h)).toEqual([before]);
  expect(sent(h, 'DELETE').filter(({ path }) => path.includes(server.id))).toEqual([]);
  return warnings.join('\n');
}

describe('Y5: lost a production server, because its metadata said that a drill had created it', () => {
  test('the server stays, counts as a running drill and is reported; without the metadata it does not count', async () => {
    const h = await drillWorld();
    const image = h.newest[0]!;
    const server = addLookalike(h, image);
    const said = await expectUntouched(h, server);
    expect(said).toContain(`image ${image.id} does not name the drill: it is not deleted`);
    expect(image.properties).not.toHaveProperty('autosnap_proven');
    server.metadata = {};
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
  });

  test('a server that is older than the image does not count as a running drill', async () => {
    const h = await drillWorld();
    const image = h.newest[0]!;
    const createdAt = new Date('2026-11-22T23:00:00Z');
    const warnings = await expectUntouched(h, addLookalike(h, image, { createdAt }));
    expect(warnings).toContain(`image ${image.id} does not name the drill: it is not deleted`);
    expect(image.properties.autosnap_proven).toMatch(image.id);
  });

  test.each<[string, (h: World) => CloudServer]>([
    [
      'in the form that drills once wrote',
      (h) => {
        const { id } = h.newest[0]!;
        return addLookalike(h, h.newest[0]!, {}, `autosnap-test daily ${id} 2026-11-23T05:59:00Z`);
      },
    ],
    [
      'rebuilt from the image, with the nonce of a drill that was begun',
      (h) => {
        record(h.newest[0]!);
        return addLookalike(h, h.newest[0]!, { createdAt: new Date('2026-01-01T00:00:00Z') });
      },
    ],
    [
      'made from the image days after a drill that was begun and broke off',
      (h) => {
        record(h.newest[0]!, '', '2026-11-20T05:59:00Z');
        return addLookalike(h, h.newest[0]!);
      },
    ],
    [
      'with the metadata of a drill whose server is gone',
      (h) => {
        record(h.newest[0]!, crypto.randomUUID(), '2026-11-22T05:59:00Z');
        return addLookalike(h, h.newest[0]!);
      },
    ],
    [
      'of an image that has inherited the record of another',
      (h) => {
        const [image, other] = [h.newest[0]!, h.dfw.images[1]!];
        const server = addLookalike(h, image);
        record(other, server.id);
        image.properties.autosnap_drill = other.properties.autosnap_drill!;
        return server;
      },
    ],
    [
      'whose image is gone',
      (h) => {
        const image = h.dfw.images[1]!;
        const server = addThrowAway(h, image);
        h.dfw.removeImage(image.id);
        return server;
      },
    ],
    [
      "whose image is another project's",
      (h) => {
        const image = h.dfw.addImage({ name: 'theirs', owner: 'somebody', visibility: 'public' });
        return addThrowAway(h, image);
      },
    ],
    [
      'of another policy, older than any drill',
      (h) => {
        const { id } = h.newest[0]!;
        return addLookalike(h, h.newest[0]!, {}, `autosnap-test weekly ${id} ${NONCE}`);
      },
    ],
  ])('a drill does not delete a server %s', async (_, add) => {
    const h = await drillWorld();
    await expectUntouched(h, add(h));
  });

  test('a server with metadata copied from a throw-away server stays, while the throw-away server is deleted', async () => {
    const h = await drillWorld();
    let copy: CloudServer | undefined;
    h.cloud.faults.push({
      service: 'compute',
      method: 'GET',
      path: /servers\/[^/]{36}$/,
      answer: () => {
        const [{ metadata, image, createdAt }] = throwAways(h) as [CloudServer];
        copy = h.dfw.addServer({ name: 'copy', metadata: { ...metadata }, image, createdAt });
      },
    });
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
    expect(throwAways(h)).toEqual([copy]);
    expect(await expectUntouched(h, copy!)).toContain('names another server');
  });

  test('two servers with the nonce of a drill that was interrupted before its server was known both stay, and count as one drill', async () => {
    const h = await drillWorld(['web', 'db']);
    record(h.newest[0]!);
    const both = [
      addLookalike(h, h.newest[0]!),
      addLookalike(h, h.newest[0]!, { name: 'copy-drill-20261123T055900Z' }),
    ];
    const { report } = await h.fail('drill', drillEvent({ atOnce: 2 }));
    expect(report?.failures).toHaveLength(2);
    expect(report?.failures[0]?.text).toContain('another server has the same metadata');
    expect(outcomes(report)).toEqual(['db proven']);
    expect(throwAways(h)).toEqual(both);
  });

  test('a server that already has the nonce when the request is lost stays: only an answer identifies a server', async () => {
    const h = await drillWorld();
    const image = h.newest[0]!;
    h.cloud.faults.push({ service: 'compute', method: 'POST', path: /servers$/, answer: 'drop' });
    let other: CloudServer | undefined;
    h.cloud.faults.push({
      service: 'compute',
      path: /servers\/detail$/,
      times: Infinity,
      answer: () => {
        const [, nonce] = / ([^/]+)/.exec(image.properties.autosnap_drill ?? '') ?? [];
        if (other || !nonce) return;
        const createdAt = new Date('2026-11-23T05:58:00Z');
        const mark = markOf(image, 'autosnap-test', 'daily', nonce);
        other = addLookalike(h, image, { createdAt, name: 'web-drill-20261123T060000Z' }, mark);
      },
    });
    const { report } = await h.fail('drill', drillEvent());
    expect(textsOf(report?.failures).join()).toContain(
      'it was not created right after the drill was recorded on image',
    );
    expect(throwAways(h)).toEqual([other]);
  });

  test('a server that was restored from the image of a drill stays, if the cloud had refused the server of the drill', async () => {
    const h = await drillWorld();
    const image = h.newest[0]!;
    const mark = () => markOf(image, 'autosnap-test', 'daily', / ([^/]+)/.exec(seen)?.[1]);
    let seen = '';
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      path: /servers$/,
      answer: {
        edit: () => {
          seen = image.properties.autosnap_drill ?? '';
          return Response.json({ forbidden: { code: 403, message: 'Quota exceeded' } }, { status: 403 });
        },
      },
    });
    await h.fail('drill', drillEvent());
    expect(seen).toMatch(/\/$/);
    // The cloud may have created the server despite its answer, so the nonce stays.
    expect(image.properties.autosnap_drill).toBe(seen);
    setTime('2026-11-23T06:10:00Z');
    const production = addLookalike(h, image, { name: 'web-production', createdAt: new Date() }, mark());
    setTime('2026-11-23T07:00:00Z');
    await h.run('drill', drillEvent()).catch(() => undefined);
    expect(throwAways(h)).toContain(production);
  });

  test('a server that is rebuilt or reused between the verdict and the deletion stays', async () => {
    const h = await drillWorld();
    const server = addThrowAway(h, h.newest[0]!);
    // The first read returns the server of the drill. The second read, right before the deletion,
    // returns a server that is used for something else.
    h.cloud.faults.push({
      service: 'compute',
      method: 'GET',
      path: /servers\/[^/]{36}$/,
      skip: 1,
      answer: () => {
        server.metadata = {};
      },
    });
    const report = await h.run('drill', drillEvent({ schedule: 'cron(0 0 1 1 ? 2199)' }));
    expect(textsOf(report.warnings).join()).toContain('its metadata are no longer those of a drill');
    expect(throwAways(h)).toEqual([server]);
  });
});

describe('Y5, the other half: a production server lost its policies, because its metadata mentioned a drill', () => {
  test.each<[string, (h: World) => CloudServer]>([
    ['no text', (h) => addLookalike(h, h.newest[0]!, {}, '')],
    ['any text', (h) => addLookalike(h, h.newest[0]!, {}, 'true')],
    ['the mark of a drill', (h) => addLookalike(h, h.newest[0]!)],
    [
      'the mark of a drill that has another server',
      (h) => {
        record(h.newest[0]!, crypto.randomUUID());
        return addLookalike(h, h.newest[0]!);
      },
    ],
    [
      'the mark of a drill of another deployment',
      (h) => addLookalike(h, h.newest[0]!, {}, markOf(h.newest[0]!, 'autosnap-dev')),
    ],
  ])('a server with %s stays in its policies', async (_, add) => {
    const h = await drillWorld();
    const other = add(h);
    setTime('2026-11-24T00:00:10Z');
    const report = await h.run('snapshot', policy());
    expect(outcomes(report)).toEqual(['web taken', 'web-drill-20261123T055900Z taken']);
    expect(report.entries.map(({ server }) => server)).toContain(other.id);
  });

  test('the throw-away server itself is in no policy', async () => {
    const h = await drillWorld();
    addThrowAway(h, h.newest[0]!);
    setTime('2026-11-24T00:00:10Z');
    expect(outcomes(await h.run('snapshot', policy()))).toEqual(['web taken']);
  });
});

describe('servers and images that a listing lacks', () => {
  const LISTING = { service: 'compute', path: /servers\/detail$/ } as const;

  test('a throw-away server that the listing lacks is found by its image, and no second one is created', async () => {
    const h = await drillWorld(['web', 'db']);
    const left = addThrowAway(h, h.newest[0]!);
    h.cloud.faults.push({ ...LISTING, answer: { status: 200, body: { servers: [] } } });
    const report = await h.run('drill', drillEvent());
    expect(outcomes(report)).toEqual(['web proven']);
    expect(sent(h, 'POST')).toEqual([]);
    expect(h.dfw.servers).not.toContain(left);
  });

  test('a server that cannot be read still counts as a running drill', async () => {
    const h = await drillWorld(['web', 'db']);
    const left = addThrowAway(h, h.newest[0]!);
    h.cloud.faults.push({ ...LISTING, answer: { status: 200, body: { servers: [] } } });
    h.cloud.faults.push({
      service: 'compute',
      path: new RegExp(`servers/${left.id}$`),
      answer: answers.forbidden,
    });
    const { error } = await h.fail('drill', drillEvent());
    expect(error.message).toContain('The next run checks the server again');
    expect(sent(h, 'POST')).toEqual([]);
  });

  test('a server that answers 404 no longer counts', async () => {
    const h = await drillWorld();
    record(h.newest[0]!, crypto.randomUUID(), '2026-11-22T05:59:00Z');
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
  });

  test('an image that the listing lacks is read by its id, and the drill of its server ends with a verdict', async () => {
    const h = await drillWorld();
    const left = addThrowAway(h, h.newest[0]!);
    h.cloud.faults.push({ service: 'image', path: /images$/, answer: { status: 200, body: { images: [] } } });
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
    expect(h.dfw.servers).not.toContain(left);
    expect(h.newest[0]!.properties.autosnap_proven).toMatch(h.newest[0]!.id);
  });

  test('a server whose image cannot be read is left to the next run', async () => {
    const h = await drillWorld();
    const left = addThrowAway(h, h.newest[0]!);
    h.cloud.faults.push({ service: 'image', path: /images\/[^/]{36}$/, answer: answers.forbidden });
    const { error } = await h.fail('drill', drillEvent());
    expect(error.message).toContain('The next run checks the server again');
    expect(throwAways(h)).toEqual([left]);
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
    expect(throwAways(h)).toEqual([]);
  });

  test('a server whose image was deleted stays, because nothing proves that a drill created it, and the report has a remedy', async () => {
    const h = await drillWorld();
    const left = addThrowAway(h, h.newest[0]!);
    h.dfw.removeImage(h.newest[0]!.id);
    const { error, report } = await h.fail('drill', drillEvent());
    expect(error.message).toMatch(
      /image \S+ is gone, so nothing but the metadata .* is not deleted, and counts towards .*\. If a drill has made it, delete it by hand/,
    );
    expect(throwAways(h)).toEqual([left]);
    expect(report?.totals).toEqual({});
  });
});

describe('an interrupted run', () => {
  const claimed = new RegExp(` ${NONCE}/2026-11-23T05:59:00Z/${UUID}$`);

  test('between the nonce and the request: the next run begins the drill again', async () => {
    const h = await drillWorld();
    record(h.newest[0]!);
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
  });

  test('between the request and its answer: the server that was created right after the nonce is identified, judged and deleted', async () => {
    const h = await drillWorld();
    record(h.newest[0]!);
    addLookalike(h, h.newest[0]!);
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
    expect(h.newest[0]!.properties.autosnap_drill).toMatch(claimed);
    expect(throwAways(h)).toEqual([]);
    expect(sent(h, 'POST')).toEqual([]);
  });

  test('between the request and its answer, if the server cannot be identified: it is left to the next run', async () => {
    const h = await drillWorld();
    record(h.newest[0]!);
    const left = addLookalike(h, h.newest[0]!);
    h.cloud.faults.push({ service: 'image', method: 'PATCH', answer: answers.forbidden });
    await h.fail('drill', drillEvent());
    expect(throwAways(h)).toEqual([left]);
    expect(sent(h, 'DELETE')).toEqual([]);
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
  });
});

describe('cleanup keeps the image of a drill, because only the image proves that the drill created its server', () => {
  const KEPT = 'kept: a drill of it may still be running';
  const GOES = 'deleted: no rule keeps it';

  /**
   * Three snapshots of a server and a drill of the oldest. A cleanup with `last: 1` keeps the
   * newest.
   */
  async function drilling() {
    const h = await drillWorld(['web'], 3);
    const oldest = h.dfw.images.at(-1)!;
    addThrowAway(h, oldest);
    const cleanUp = async (time: string, changes: object = {}) => {
      setTime(`2026-11-${time}Z`);
      return decisionOn(await h.run('cleanup', policy({ keep: { last: 1 }, ...changes })), oldest);
    };
    return { ...h, oldest, cleanUp };
  }

  test('until two hours after the `hours` of the drill', async () => {
    const { cleanUp } = await drilling();
    const changes = { drill: { schedule: 'cron(0 * * * ? *)', hours: 3 } };
    expect(await cleanUp('23T10:58:59', changes)).toBe(KEPT);
    expect(await cleanUp('23T10:59:00', changes)).toBe(GOES);
  });

  test('until the next slot of the drills, which would otherwise not know that this slot had its drill', async () => {
    const { cleanUp } = await drilling();
    const changes = { drill: { schedule: 'cron(0 5 * * ? *)', hours: 3 } };
    expect(await cleanUp('24T04:59:59', changes)).toBe('kept: a drill of it was begun for this slot');
    expect(await cleanUp('24T05:00:00', changes)).toBe(GOES);
  });

  test('for the longest possible drill, if the policy no longer has drills', async () => {
    const { cleanUp } = await drilling();
    expect(await cleanUp('24T07:58:59')).toBe(KEPT);
    expect(await cleanUp('24T07:59:00')).toBe(GOES);
  });

  test('whatever the verdict, because the server may still exist', async () => {
    const { oldest, cleanUp } = await drilling();
    oldest.properties.autosnap_drilled = `${oldest.id} 2026-11-23T06:00:00Z`;
    expect(await cleanUp('23T06:00:00')).toBe(KEPT);
  });

  test('but not because of a record that the image has inherited', async () => {
    const { oldest, cleanUp } = await drilling();
    oldest.properties.autosnap_drill = `${NONCE} ${NONCE}/2026-11-23T05:59:00Z/`;
    expect(await cleanUp('23T06:00:00')).toBe(GOES);
  });

  test('also if the drill began after the plan', async () => {
    const h = await drillWorld(['web'], 3);
    const oldest = h.dfw.images.at(-1)!;
    h.cloud.faults.push({
      service: 'image',
      method: 'GET',
      path: new RegExp(`images/${oldest.id}$`),
      answer: () => {
        record(oldest);
      },
    });
    const report = await h.run('cleanup', policy({ keep: { last: 1 } }));
    expect(decisionOn(report, oldest)).toBe(
      'kept: changed since the plan: a drill of it may still be running',
    );
    expect(h.dfw.images).toContain(oldest);
  });
});

describe('drills never multiply, although the image that proves the ownership of a server was deleted', () => {
  const HOURLY = { schedule: 'cron(30 * * * ? *)', hours: 2 };

  /**
   * Runs drills every hour. The fleet has a new snapshot each hour, and the images are deleted
   * while their servers boot.
   */
  async function deleting(hours: number, drill: object) {
    const h = await drillWorld(['web', 'db', 'mail'], 1, 24 * 3_600_000);
    const errors: string[] = [];
    const counts: number[] = [];
    for (let hour = 1; hour <= hours; hour++) {
      setTime(new Date(Date.parse('2026-11-23T06:30:00Z') + hour * 3_600_000));
      const { error } = await h.fail('drill', drillEvent({ ...HOURLY, ...drill }), { remainingMs: 24_000 });
      errors.push(error.message);
      for (const { image } of throwAways(h)) h.dfw.removeImage(image);
      counts.push(throwAways(h).length);
    }
    return { ...h, errors, counts };
  }

  test('a server that was left over counts as a running drill, and each run fails and reports it with a remedy until it is deleted', async () => {
    const h = await deleting(5, { atOnce: 1 });
    const [left, ...others] = throwAways(h);
    expect(others).toEqual([]);
    for (const message of h.errors.slice(1)) {
      expect(message).toContain(`${left!.name} (${left!.id})`);
      expect(message).toContain('delete it by hand');
    }
    h.dfw.servers.splice(h.dfw.servers.indexOf(left!), 1);
    await h.run('drill', drillEvent(HOURLY), { remainingMs: 24_000 });
    expect(throwAways(h)).toHaveLength(1);
  });

  test('if several drills may run at once, each slot adds at most one server', async () => {
    const h = await deleting(3, { atOnce: 2, schedule: 'cron(30 7 * * ? *)' });
    expect(h.counts).toEqual([2, 2, 2]);
  });

  test('a drill that was begun for the slot counts, even if another may run', async () => {
    const h = await drillWorld(['web', 'db']);
    const left = addThrowAway(h, h.newest[0]!);
    h.dfw.removeImage(h.newest[0]!.id);
    const drill = { atOnce: 2, schedule: 'cron(0 5 * * ? *)' };
    expect((await h.fail('drill', drillEvent(drill))).report?.totals).toEqual({ proven: 1 });
    expect((await h.fail('drill', drillEvent(drill))).report?.totals).toEqual({});
    expect(throwAways(h)).toEqual([left]);
  });

  test('with three servers left over no more are created, whatever atOnce allows', async () => {
    const h = await drillWorld(['a', 'b', 'c', 'd']);
    for (const [i, image] of h.newest.slice(0, 3).entries()) {
      const mark = markOf(image, 'autosnap-test', 'daily', NONCE.replace('0c9b', `000${i}`));
      addLookalike(h, image, {}, mark);
      h.dfw.removeImage(image.id);
    }
    const { error } = await h.fail('drill', drillEvent({ atOnce: 5 }));
    expect(error.message).toContain(
      "3 drills have servers or volumes that can't be deleted, so no more are begun",
    );
    expect(sent(h, 'POST')).toEqual([]);
  });

  test('servers left over by another policy do not count', async () => {
    const h = await drillWorld();
    const image = h.dfw.images[1]!;
    const left = addLookalike(h, image, {}, markOf(image, 'autosnap-test', 'weekly'));
    expect((await h.run('drill', drillEvent())).totals).toEqual({ proven: 1 });
    expect(throwAways(h)).toEqual([left]);
  });

  test('an hourly policy with long drills creates one server at a time, one a day, although its snapshots rotate meanwhile', async () => {
    const h = await drillWorld(['web'], 0, 24 * 3_600_000);
    const hourly = policy({
      schedule: 'cron(0 * * * ? *)',
      keep: { last: 2 },
      drill: { schedule: 'cron(30 3 * * ? *)', hours: 2 },
    });
    const counts: number[] = [];
    const made = new Set<string>();
    for (let hour = 3; hour < 9; hour++) {
      setTime(`2026-11-23T0${hour}:00:10Z`);
      await h.run('snapshot', hourly);
      setTime(`2026-11-23T0${hour}:31:00Z`);
      await h.fail('drill', hourly, { remainingMs: 24_000 });
      counts.push(throwAways(h).length);
      for (const { id } of throwAways(h)) made.add(id);
      setTime(`2026-11-23T0${hour}:50:00Z`);
      await h.run('cleanup', hourly);
    }
    expect(Math.max(...counts)).toBe(1);
    expect(counts.at(-1)).toBe(0);
    expect(made.size).toBe(1);
  });
});
