import { describe, expect, test } from 'vitest';
import type { SnapshotLine } from '../../lib/reporting/report.ts';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, policy } from '../harness.ts';
import { addSnapshot, deletions, history, idsIn, idsOf } from '../history.ts';
import { inProcesses } from '../processes.ts';

const linesOf = (lines: SnapshotLine[] | undefined, outcome: string) =>
  lines?.filter((line) => line.outcome === outcome).map(({ image }) => image);

test('deletes what the policy does not keep, the oldest first, with reasons for each decision', async () => {
  const h = await history(5);
  const { entries, ...report } = await h.run('cleanup', policy());
  expect(report).toEqual({
    job: 'cleanup',
    policy: 'daily',
    owner: 'autosnap-test',
    account: 'rackspace',
    dryRun: false,
    totals: { deleted: 2, kept: 3 },
    codes: { LAST: 3, NO_RULE: 2 },
    failureCodes: {},
    failures: [],
    warnings: [],
    nothingSelected: false,
    omitted: 0,
  });
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({ name: 'web', region: 'DFW', outcome: 'deleted' });
  expect(entries[0]?.snapshots?.map(({ outcome, reasons }) => `${outcome}: ${reasons}`)).toEqual([
    'kept: last 1 of 3',
    'kept: last 2 of 3',
    'kept: last 3 of 3',
    'deleted: no rule keeps it',
    'deleted: no rule keeps it',
  ]);
  expect(deletions(h).map(({ path }) => path)).toEqual([4, 3].map((i) => `/v2/images/${h.images[i]?.id}`));
  expect(h.cloud.region('DFW').images).toEqual(h.images.slice(0, 3));
});

test('a second cleanup deletes nothing', async () => {
  const h = await history(5);
  await h.run('cleanup', policy());
  expect((await h.run('cleanup', policy())).totals).toEqual({ kept: 3 });
  expect(deletions(h)).toHaveLength(2);
});

test('a dry run shows what would be deleted, and deletes nothing', async () => {
  const h = await history(5);
  const { totals } = await h.run('cleanup', policy({ dryRun: true }));
  expect(totals).toEqual({ planned: 2, kept: 3 });
  expect(deletions(h)).toEqual([]);
});

test('a run deletes at most maxDeletes snapshots, the oldest, and leaves the others to the next run', async () => {
  const h = await history(8, ['DFW', 'ORD']);
  const first = await h.run('cleanup', policy({ maxDeletes: 2 }));
  expect(first.totals).toEqual({ deferred: 3, deleted: 2, kept: 3 });
  expect(linesOf(first.entries[0]?.snapshots, 'deleted')).toEqual([h.images[6]?.id, h.images[7]?.id]);
  expect(first.entries[0]?.snapshots?.[3]?.reasons).toEqual([
    'no rule keeps it',
    'more than 2 (maxDeletes) in one run',
  ]);
  expect((await h.run('cleanup', policy({ maxDeletes: 9 }))).totals).toEqual({ deleted: 3, kept: 3 });
});

describe('images that are never touched', () => {
  test.each<[string, (h: Awaited<ReturnType<typeof history>>) => CloudImage]>([
    [
      'an image without a marker, named like ours',
      ({ cloud, web }) =>
        cloud.region('DFW').addImage({
          name: 'web-daily',
          owner: cloud.account.projectId,
          createdAt: new Date(0),
          properties: { image_type: 'snapshot', instance_uuid: web.id },
        }),
    ],
    [
      'the disk of a shelved server',
      ({ cloud, web }) =>
        cloud.region('DFW').addImage({
          name: 'web-shelved',
          owner: cloud.account.projectId,
          properties: { image_type: 'snapshot', instance_uuid: web.id },
        }),
    ],
    [
      "another deployment's",
      (h) => addSnapshot(h, h.web, 90, { properties: { autosnap_owner: 'autosnap-prod' } }),
    ],
    ["another policy's", (h) => addSnapshot(h, h.web, 90, { properties: { autosnap_policy: 'weekly' } })],
    [
      "another project's, shared with us",
      (h) => addSnapshot(h, h.web, 90, { owner: '999', visibility: 'shared' }),
    ],
    [
      'one of a server restored from ours',
      (h) => addSnapshot(h, h.web, 90, { properties: { instance_uuid: 'other' } }),
    ],
    ['one with a broken slot', (h) => addSnapshot(h, h.web, 90, { properties: { autosnap_slot: 'soon' } })],
    ['a held one', (h) => addSnapshot(h, h.web, 90, { properties: { autosnap_hold: '2027-01-01' } })],
    ['a protected one', (h) => addSnapshot(h, h.web, 90, { protected: true })],
    ['a queued one', (h) => addSnapshot(h, h.web, 90, { status: 'queued', size: null })],
    ['a deactivated one', (h) => addSnapshot(h, h.web, 90, { status: 'deactivated' })],
    ['an empty one', (h) => addSnapshot(h, h.web, 90, { size: 0 })],
    ['one of a server that is gone', (h) => addSnapshot(h, { ...h.web, id: 'gone' }, 90)],
    ["the same server's in another region", (h) => addSnapshot(h, h.web, 90, {}, 'ORD')],
  ])('%s', async (_, add) => {
    const h = await history(5, ['DFW', 'ORD']);
    const image = add(h);
    expect((await h.run('cleanup', policy())).totals.deleted).toBe(2);
    const there = [...h.cloud.region('DFW').images, ...h.cloud.region('ORD').images];
    expect(there).toContainEqual(expect.objectContaining({ id: image.id }));
    expect(there).toHaveLength(4);
  });
});

test('the series of a deleted server is kept completely, and reported', async () => {
  const h = await history(5);
  h.cloud.region('DFW').servers.pop();
  const { totals, warnings, entries } = await h.run('cleanup', policy());
  expect(totals).toEqual({ kept: 5 });
  expect(textsOf(warnings)).toEqual([
    `DFW: server web (${h.web.id}) no longer exists: 5 of 5 daily snapshots stay`,
  ]);
  expect(entries[0]?.snapshots?.[4]?.reasons).toEqual(['its server is gone: the series is kept whole']);
});

test('a failed snapshot is deleted once a newer good one exists and a day has passed', async () => {
  const h = await history(3);
  const old = addSnapshot(h, h.web, 1.5, { status: 'killed', size: null });
  addSnapshot(h, h.web, 0.2, { status: 'killed', size: null });
  const { entries } = await h.run('cleanup', policy());
  expect(linesOf(entries[0]?.snapshots, 'deleted')).toEqual([old.id]);
});

test('an ad-hoc snapshot is deleted once it has expired, not before', async () => {
  const h = await history(1);
  const add = (expires: string) =>
    addSnapshot(h, h.web, 30, {
      properties: { autosnap_policy: 'adhoc', autosnap_expires: `${expires} r unknown` },
    });
  const ended = add('2026-11-23T05:59:59Z');
  const running = add('2026-11-23T06:00:01Z');
  add('never');
  const { totals } = await h.run('cleanup', policy());
  expect(totals).toEqual({ deleted: 1, kept: 3 });
  expect(h.cloud.region('DFW').images.map(({ id }) => id)).toContain(running.id);
  expect(h.cloud.region('DFW').images.map(({ id }) => id)).not.toContain(ended.id);
});

test('pending snapshots that will never finish are reported with a remedy', async () => {
  const h = await history(1);
  const stuck = addSnapshot(h, h.web, 2, { status: 'queued', size: null });
  const { warnings } = await h.run('cleanup', policy());
  expect(textsOf(warnings)).toEqual([
    `DFW: image ${stuck.id} of web is queued since 2026-11-21T00:00:20Z and its server is idle: it will never finish; delete it`,
  ]);
});

describe('nothing is deleted if something cannot be read', () => {
  test.each([
    ['the images', { service: 'image', path: /images$/ }, answers.serverError],
    ['the servers', { service: 'compute', path: /detail$/ }, answers.unavailable],
    ['the second page', { service: 'image', path: /images$/, skip: 1 }, answers.html],
    ['a whole page', { service: 'image', path: /images$/ }, 'truncate'],
    [
      'an image in the listing',
      { service: 'image', path: /images$/ },
      { status: 200, body: { images: [{ id: 'x' }] } },
    ],
  ] as const)('%s', async (_, fault, answer) => {
    const h = await history(5, ['DFW', 'ORD']);
    h.cloud.pageSize = 2;
    h.cloud.faults.push({ ...fault, region: 'DFW', answer, times: Number.POSITIVE_INFINITY });
    const ord = h.cloud.region('ORD').addServer({ name: 'mail' });
    for (let age = 0; age < 5; age++) addSnapshot(h, ord, age, {}, 'ORD');
    const { error, report } = await h.fail('cleanup', policy());
    expect(error.message).toMatch("DFW can't be read, so nothing is deleted there");
    expect(report?.totals).toEqual({ deleted: 2, kept: 3 });
    expect(h.cloud.region('DFW').images).toHaveLength(5);
    expect(h.cloud.region('ORD').images).toHaveLength(3);
  });

  test('a read that fails right before a deletion stops the region', async () => {
    const h = await history(8);
    const fault = {
      service: 'image',
      method: 'GET',
      path: /images\/./,
      skip: 4,
      answer: answers.serverError,
    } as const;
    h.cloud.faults.push({ ...fault, times: 4 });
    const { report } = await h.fail('cleanup', policy());
    expect(report?.totals).toEqual({ failed: 1, deferred: 3, deleted: 1, kept: 3 });
    expect(report?.entries[0]?.snapshots?.[3]?.reasons[0]).toMatch(/^not tried: \[GET\]/);
  });
});

describe('each image is read again right before its deletion', () => {
  /** Changes the cloud after the plan was made, before the first deletion. */
  const meanwhile = (h: Harness, change: () => unknown) =>
    h.cloud.faults.push({ service: 'image', method: 'GET', path: /images\/./, answer: change });

  test.each<[string, (image: CloudImage) => unknown, RegExp]>([
    [
      'it was put on hold',
      (image) => Object.assign(image.properties, { autosnap_hold: 'forever' }),
      /held forever/,
    ],
    [
      'it was protected',
      (image) => Object.assign(image, { protected: true }),
      /held: the image is protected/,
    ],
    [
      'its marker was taken off',
      (image) => Object.assign(image, { properties: {} }),
      /no longer has the marker of this deployment/,
    ],
    [
      'its marker was changed',
      (image) => Object.assign(image.properties, { autosnap_policy: 'weekly' }),
      /its name does not end in -weekly-20261120T000000Z/,
    ],
    [
      'its marker and its name were changed',
      (image) => {
        image.name = image.name.replace('daily', 'weekly');
        image.properties.autosnap_policy = 'weekly';
        delete image.properties.autosnap_restore_as;
      },
      /its marker has changed/,
    ],
    ['it was renamed', (image) => Object.assign(image, { name: 'golden' }), /it was renamed/],
    [
      'it was shared',
      (image) => Object.assign(image, { visibility: 'shared' }),
      /the image is shared: it stays until it is private again/,
    ],
    ['it was deactivated', (image) => Object.assign(image, { status: 'deactivated' }), /it is deactivated/],
  ])('%s: the image is kept', async (_, change, reason) => {
    const h = await history(4);
    meanwhile(h, () => change(h.images[3]!));
    const { totals, entries } = await h.run('cleanup', policy());
    expect(totals).toEqual({ kept: 4 });
    expect(entries[0]?.snapshots?.[3]?.reasons[0]).toMatch(/^changed since the plan: /);
    expect(entries[0]?.snapshots?.[3]?.reasons[0]).toMatch(reason);
    expect(deletions(h)).toEqual([]);
  });

  test('an image that somebody else has deleted counts as deleted', async () => {
    const h = await history(4);
    meanwhile(h, () => h.cloud.region('DFW').removeImage(h.images[3]!.id));
    const { entries } = await h.run('cleanup', policy());
    expect(entries[0]?.snapshots?.[3]).toMatchObject({
      outcome: 'deleted',
      reasons: ['no rule keeps it', 'already gone'],
    });
  });

  test('the run stops at the minimum if good snapshots that have to stay disappear', async () => {
    const h = await history(6);
    // All but the three oldest disappear; of these, atLeast 2 have to stay.
    meanwhile(h, () => {
      for (const { id } of h.images.slice(0, 3)) h.cloud.region('DFW').removeImage(id);
    });
    const { report } = await h.fail('cleanup', policy({ keep: { last: 2, atLeast: 2 } }));
    expect(h.cloud.region('DFW').images).toEqual(h.images.slice(3, 5));
    expect(report?.entries[0]?.snapshots?.[4]?.reasons).toEqual([
      'fewer than 2 good ones (atLeast) would be left',
    ]);
  });

  test('snapshots of another series do not count, whatever the listing shows', async () => {
    const h = await history(1);
    addSnapshot(h, h.web, -0.1, { properties: { autosnap_policy: 'weekly' } });
    const edit = async (answer: Response) =>
      new Response((await answer.text()).replaceAll('weekly', 'daily'), answer);
    h.cloud.faults.push({ service: 'image', method: 'GET', path: /images$/, answer: { edit } });
    await h.run('cleanup', policy({ keep: { last: 1 } }));
    expect(idsIn(h)).toContain(h.images[0]!.id);
  });
});

describe('answers to a deletion', () => {
  const once = (
    h: Harness,
    answer: (typeof answers)['conflict' | 'forbidden' | 'unavailable' | 'unauthorized'],
    times = 1,
  ) => h.cloud.faults.push({ service: 'image', method: 'DELETE', answer, times });

  test('409: the image is in use, so it stays with a warning, and the run succeeds', async () => {
    const h = await history(5);
    once(h, answers.conflict);
    const { totals, warnings, entries } = await h.run('cleanup', policy());
    expect(totals).toEqual({ deleted: 1, kept: 4 });
    expect(entries[0]?.snapshots?.[4]?.reasons[0]).toMatch(/ 409 The image is in use/);
    expect(textsOf(warnings)).toEqual([
      expect.stringMatching(
        `DFW: image ${h.images[4]!.id} of web can't be deleted; other snapshots are deleted instead: `,
      ),
    ]);
  });

  test.each([
    ['409', answers.conflict],
    ['403', answers.forbidden],
    ['400', { status: 400, body: { badRequest: { code: 400, message: 'No.' } } }],
  ])(
    'Y27: %s for the ten oldest: the next ones are deleted instead, and the ten are reported',
    async (_, answer) => {
      const h = await history(16);
      const stubborn = h.images.slice(6).map(({ id }) => id);
      const path = new RegExp(stubborn.join('|'));
      h.cloud.faults.push({
        service: 'image',
        method: 'DELETE',
        path,
        times: Number.POSITIVE_INFINITY,
        answer,
      });
      const keep = { last: 2 };
      const first = await h.run('cleanup', policy({ keep }));
      expect(first.totals).toEqual({ deleted: 4, kept: 12 });
      expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 2), ...h.images.slice(6)]));
      for (const id of stubborn)
        expect(textsOf(first.warnings)).toContainEqual(expect.stringMatching(`image ${id} of web can't`));
      const last = await (answer === answers.conflict
        ? h.run('cleanup', policy({ keep }))
        : Promise.resolve(first));
      expect(last.warnings).toHaveLength(10);
    },
  );

  test('403: the report names the role that the user lacks', async () => {
    const h = await history(4);
    h.cloud.account.role = 'creator';
    const { error } = await h.fail('cleanup', policy());
    expect(error.message).toMatch(/1 of 4 snapshots failed/);
    expect(error.message).toMatch('at Rackspace nova:admin and cloudImages:admin');
  });

  test('503 for all tries: the image is left to the next run, which deletes it', async () => {
    const h = await history(4);
    once(h, answers.unavailable, 4);
    const { report } = await h.fail('cleanup', policy());
    expect(report?.entries[0]?.snapshots?.[3]?.reasons[0]).toMatch(/It is left to the next run/);
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
  });

  test('401: the run logs in again and continues', async () => {
    const h = await history(5);
    once(h, answers.unauthorized);
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 2, kept: 3 });
    expect(h.cloud.received.filter(({ service }) => service === 'identity')).toHaveLength(2);
  });

  test('401 twice: the run deletes nothing more in the region', async () => {
    const h = await history(6);
    once(h, answers.unauthorized, 2);
    const { report } = await h.fail('cleanup', policy());
    expect(report?.totals).toEqual({ failed: 1, deferred: 2, kept: 3 });
    expect(deletions(h)).toHaveLength(2);
  });

  test('204 although the image still exists: not reported as deleted', async () => {
    const h = await history(4);
    h.cloud.faults.push({ service: 'image', method: 'DELETE', answer: { status: 204, body: '' } });
    const { report } = await h.fail('cleanup', policy());
    expect(report?.totals).toEqual({ failed: 1, kept: 3 });
    expect(report?.entries[0]?.snapshots?.[3]?.reasons).toEqual([
      'the cloud accepted the deletion, but the image is still there',
    ]);
  });

  test('a lost answer: an image that is gone counts as deleted', async () => {
    const h = await history(4);
    h.cloud.faults.push({ service: 'image', method: 'DELETE', answer: 'lose', times: 1 });
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
  });
});

describe('the listing after the deletions', () => {
  test('Y11: good snapshots that disappeared before the last listing are a failure, although nothing was deleted', async () => {
    const h = await history(7);
    const gone = h.images.slice(1, 4);
    h.cloud.faults.push({
      service: 'image',
      method: 'GET',
      path: /images\/./,
      answer: () => {
        for (const { id } of gone) h.cloud.region('DFW').removeImage(id);
      },
    });
    const { report } = await h.fail('cleanup', policy({ keep: { last: 5, atLeast: 5 } }));
    expect(deletions(h)).toEqual([]);
    for (const { id } of gone) {
      expect(textsOf(report?.failures)).toContainEqual(
        expect.stringMatching(`image ${id} of web .* has disappeared`),
      );
    }
  });

  test('an image that this listing lacks and GET returns still exists', async () => {
    const h = await history(4);
    const edit = async (answer: Response) => {
      const body = (await answer.json()) as { images: { id: string }[] };
      return Response.json({ ...body, images: body.images.filter(({ id }) => id !== h.images[1]!.id) });
    };
    const listing = { service: 'image', method: 'GET', path: /images$/, region: 'DFW' } as const;
    h.cloud.faults.push({ ...listing, skip: 2, times: 9, answer: { edit } });
    expect(await h.run('cleanup', policy())).toMatchObject({ totals: { deleted: 1, kept: 3 }, failures: [] });
  });

  test('an image that this listing has and GET does not return is gone', async () => {
    const h = await history(4);
    const edit = async (answer: Response) => {
      const body = (await answer.json()) as { images: { id: string }[] };
      return Response.json({ ...body, images: [...body.images, { ...body.images[0], id: h.images[3]!.id }] });
    };
    const listing = { service: 'image', method: 'GET', path: /images$/, region: 'DFW' } as const;
    h.cloud.faults.push({ ...listing, skip: 2, answer: { edit } });
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
  });

  test('a kept snapshot that has disappeared is a failure with its name', async () => {
    const h = await history(4);
    h.cloud.faults.push({
      service: 'image',
      method: 'DELETE',
      answer: () => h.cloud.region('DFW').removeImage(h.images[1]!.id),
    });
    const { error } = await h.fail('cleanup', policy());
    expect(error.message).toMatch(
      `image ${h.images[1]?.id} of web (active, 2026-11-22T00:00:00Z) was to be kept and has disappeared: this run did not delete it`,
    );
  });

  test('a pending snapshot that has disappeared has failed, which is a warning', async () => {
    const h = await history(4);
    const pending = addSnapshot(h, h.web, 0.1, { status: 'saving', size: null });
    h.cloud.faults.push({
      service: 'image',
      method: 'DELETE',
      answer: () => h.cloud.region('DFW').removeImage(pending.id),
    });
    const { warnings } = await h.run('cleanup', policy());
    expect(textsOf(warnings)).toContainEqual(
      expect.stringMatching(`image ${pending.id} .* so the snapshot failed`),
    );
  });

  test('if this listing fails, the deletions are not confirmed', async () => {
    const h = await history(4);
    h.cloud.faults.push({
      service: 'image',
      path: /images$/,
      region: 'DFW',
      // The two listings before the deletions: one page of images, one of hidden images.
      skip: 4,
      answer: answers.serverError,
      times: 4,
    });
    const { error, report } = await h.fail('cleanup', policy());
    expect(error.message).toMatch("DFW can't be read after the deletions, so they are not confirmed");
    expect(report?.totals).toEqual({ failed: 1, kept: 3 });
  });
});

test('a run that reaches its deadline stops and reports what is left, and the next run finishes it', async () => {
  const h = await history(6);
  h.hangAfter(1, { service: 'image', method: 'DELETE' });
  const { error, report } = await h.fail('cleanup', policy(), { remainingMs: 6_000 });
  h.cloud.faults.length = 0;
  expect(error.message).toMatch('run deadline reached: 2 snapshots deferred to the next try');
  expect(report?.totals.deferred).toBe(2);
  expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 2, kept: 3 });
});

test('two simultaneous cleanups in separate processes delete the same as one', async () => {
  const h = await history(9);
  const both = await inProcesses(h, 2, 'cleanup', policy());
  expect(both.map(({ totals }) => totals)).toEqual([
    { deleted: 6, kept: 3 },
    { deleted: 6, kept: 3 },
  ]);
  expect(h.cloud.region('DFW').images).toEqual(h.images.slice(0, 3));
});
