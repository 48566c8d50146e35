import { describe, expect, test } from 'vitest';
import type { CloudImage } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, policy, setTime } from '../harness.ts';
import { addSnapshot, decisionOn, history, idsIn, idsOf } from '../history.ts';

const holdOf = ({ properties }: { properties: Record<string, string> }) => properties.autosnap_hold;
const changes = ({ cloud }: Harness) => cloud.received.filter(({ method }) => method === 'PATCH');

describe('a hold', () => {
  test.each([
    [
      'until a day',
      { until: '2027-01-31' },
      '2027-01-31',
      'held until 2027-02-01T12:00:00Z, when 2027-01-31 has ended in every time zone',
    ],
    [
      'until a moment',
      { until: '2026-12-01T08:00:00Z' },
      '2026-12-01T08:00:00Z',
      'held until 2026-12-01T08:00:00Z',
    ],
    ['for ever', { until: 'forever' }, 'forever', 'held forever'],
    ['for ever by default', {}, 'forever', 'held forever'],
  ])('%s is written to the image and reported', async (_, until, written, reason) => {
    const h = await history(2);
    const image = h.images[1]!;
    const report = await h.run('hold', { hold: image.id, ...until });
    expect(holdOf(image)).toBe(written);
    expect(report).toMatchObject({
      job: 'hold',
      policy: 'daily',
      totals: { held: 1 },
      warnings: [],
      failures: [],
    });
    expect(report.entries).toEqual([
      {
        server: h.web.id,
        name: 'web-daily-20261122T000000Z',
        region: 'DFW',
        image: image.id,
        outcome: 'held',
        code: written === 'forever' ? 'HELD' : 'HELD_UNTIL',
        reason,
      },
    ]);
    expect(holdOf(h.images[0]!)).toBe('none');
  });

  test('finds an image by its id in capital letters', async () => {
    const h = await history(1);
    const [image] = h.images;
    const { entries } = await h.run('hold', { hold: image!.id.toUpperCase() });
    expect(entries).toMatchObject([{ image: image!.id, outcome: 'held' }]);
    expect(holdOf(image!)).toBe('forever');
    await h.run('hold', { release: image!.id.toUpperCase() });
    expect(holdOf(image!)).toBe('none');
  });

  test.each(['killed', 'error'])('of an image that is %s is refused: it holds no data', async (status) => {
    const h = await history(2);
    const image = h.images[0]!;
    image.status = status as CloudImage['status'];
    const { error } = await h.fail('hold', { hold: image.id });
    expect(error.message).toContain(`the image ${image.id} has failed (${status}) and holds no data`);
    expect(changes(h)).toEqual([]);
    // Its release is not refused.
    expect((await h.run('hold', { release: image.id })).totals).toEqual({ released: 1 });
  });

  test.each<[string, Partial<CloudImage>]>([
    ['held', { properties: { autosnap_hold: 'forever' } }],
    ['protected', { protected: true }],
  ])(
    'of a failed image is said by cleanup and audit, which call it no trouble of the server: %s',
    async (_, kept) => {
      const h = await history(1);
      const { properties, ...changed } = kept;
      const failed = addSnapshot(h, h.web, 3, { status: 'killed', ...changed });
      Object.assign(failed.properties, properties);
      deploy([policy()]);
      const { warnings } = await h.run('cleanup', { policy: 'daily' });
      expect(warnings).toMatchObject([
        { code: 'FAILED_IMAGE_HELD', text: expect.stringContaining(failed.id) },
      ]);
      const { codes, ...found } = await h.run('audit', {});
      expect(codes).toMatchObject({ FAILED_IMAGE_HELD: 1 });
      expect(textsOf(found.warnings).join()).toContain(
        properties
          ? 'it is held: release it, and cleanup deletes it'
          : 'it is protected: remove the protection',
      );
      const metrics = h
        .logs()
        .split('\n')
        .findLast((line) => line.includes('"Troubles"'));
      expect(JSON.parse(metrics!)).toMatchObject({ policy: 'daily', Troubles: 0 });
    },
  );

  test('works on an image without the property, in another region', async () => {
    const h = await history(1, ['DFW', 'ORD']);
    const golden = h.cloud.region('ORD').addImage({ name: 'golden', owner: h.cloud.account.projectId });
    const report = await h.run('hold', { hold: golden.id });
    expect(holdOf(golden)).toBe('forever');
    expect(report.entries[0]).toMatchObject({ name: 'golden', region: 'ORD', server: '' });
  });

  test('keeps the image in the next cleanup without counting; after its release the image is rotated', async () => {
    const h = await history(5);
    const [newest, , , , oldest] = h.images;
    await h.run('hold', { hold: oldest!.id });
    await h.run('hold', { hold: newest!.id, until: '2027-01-01' });
    const held = await h.run('cleanup', policy());
    expect(held.totals).toEqual({ kept: 5 });
    expect(decisionOn(held, oldest!)).toBe('kept: held forever');
    expect(decisionOn(held, h.images[3]!)).toBe('kept: last 3 of 3');

    const released = await h.run('hold', { release: oldest!.id });
    expect(released.entries[0]).toMatchObject({ outcome: 'released', reason: 'rotated again by its policy' });
    expect(decisionOn(await h.run('cleanup', policy()), oldest!)).toBe('deleted: no rule keeps it');
    await h.run('hold', { release: newest!.id });
    await h.run('cleanup', policy());
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 3)));
  });

  test('ends at its time, not before', async () => {
    const h = await history(4);
    await h.run('hold', { hold: h.images[3]!.id, until: '2026-12-01T08:00:00Z' });
    setTime('2026-12-01T07:59:59Z');
    expect((await h.run('cleanup', policy())).totals).toEqual({ kept: 4 });
    setTime('2026-12-01T08:00:00Z');
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
  });

  test('that ends today lasts to the end of the day', async () => {
    const h = await history(4);
    await h.run('hold', { hold: h.images[3]!.id, until: '2026-11-23' });
    expect((await h.run('cleanup', policy())).totals).toEqual({ kept: 4 });
  });

  test('can be extended and shortened', async () => {
    const h = await history(1);
    for (const until of ['2027-01-01', 'forever', '2026-12-01']) {
      await h.run('hold', { hold: h.images[0]!.id, until });
      expect(holdOf(h.images[0]!)).toBe(until);
    }
  });
});

test('the release of an image that is not held changes nothing of its rotation', async () => {
  const h = await history(4);
  expect((await h.run('hold', { release: h.images[0]!.id })).totals).toEqual({ released: 1 });
  expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
});

describe('the report of a release says what cleanup will do with the image', () => {
  type Given = Awaited<ReturnType<typeof history>>;
  const adhoc = { autosnap_policy: 'adhoc' };
  test.each<[string, (h: Given) => CloudImage, RegExp]>([
    [
      'one that somebody has renamed',
      ({ images }) => Object.assign(images[0]!, { name: 'renamed' }),
      /^renamed \(\S+\) is marked as ours, but its name does not end in .*: it does not count, and nothing deletes it$/,
    ],
    [
      'one whose hold nobody could read',
      ({ images }) => {
        images[0]!.properties.autosnap_hold = 'for a while';
        return images[0]!;
      },
      /^rotated again by its policy$/,
    ],
    [
      'one that others can see',
      ({ images }) => Object.assign(images[0]!, { visibility: 'shared' }),
      /^the image is shared: it stays until it is private again$/,
    ],
    [
      'one by hand, with an end',
      (h) =>
        addSnapshot(h, h.web, 1, { properties: { ...adhoc, autosnap_expires: '2027-01-01T00:00:00Z r' } }),
      /^the first cleanup after 2027-01-01T00:00:00Z deletes it$/,
    ],
    [
      'one by hand, whose end has passed',
      (h) =>
        addSnapshot(h, h.web, 1, {
          properties: { ...adhoc, autosnap_expires: '2026-11-22T12:00:00Z r' },
        }),
      /^its end, 2026-11-22T12:00:00Z, has passed: the next cleanup deletes it$/,
    ],
    [
      'one by hand, without',
      (h) => addSnapshot(h, h.web, 1, { properties: { ...adhoc, autosnap_expires: 'never r' } }),
      /^it is an ad-hoc snapshot without an expiry date, so nothing deletes it$/,
    ],
    [
      'one of a policy that was taken out',
      (h) => addSnapshot(h, h.web, 1, { properties: { autosnap_policy: 'weekly' } }),
      /^its policy weekly is no longer deployed, so nothing deletes it$/,
    ],
    [
      "somebody's own",
      ({ cloud }) => cloud.region('DFW').addImage({ name: 'golden', owner: cloud.account.projectId }),
      /^it is no snapshot of this deployment, so nothing here deletes it$/,
    ],
  ])('%s', async (_, imageOf, expected) => {
    const h = await history(1);
    deploy([policy()]);
    const { id } = imageOf(h);
    expect((await h.run('hold', { release: id })).entries[0]?.reason).toMatch(expected);
  });

  test('the report of a release says only what is known of an image that a policy may adopt', async () => {
    const h = await history(0);
    deploy([policy({ adopt: 'autosnap.py' })]);
    const name = `web-autosnap-${h.web.id}`;
    const { id } = h.cloud.region('DFW').addImage({ name, owner: h.cloud.account.projectId });
    expect((await h.run('hold', { release: id })).entries[0]?.reason).toMatch(
      /so only a policy with adopt may delete it$/,
    );
  });
});

test.each(['hold', 'release'])(
  'a dry run of %s shows what it would do, and changes nothing',
  async (what) => {
    const h = await history(1, ['DFW', 'ORD']);
    h.images[0]!.properties.autosnap_hold = '2027-01-01';
    const report = await h.run('hold', { [what]: h.images[0]!.id, dryRun: true });
    expect(report).toMatchObject({ dryRun: true, totals: { planned: 1 } });
    expect(holdOf(h.images[0]!)).toBe('2027-01-01');
    expect(changes(h)).toEqual([]);
  },
);

describe('an event is refused and changes no hold, because of', () => {
  type History = Awaited<ReturnType<typeof history>>;
  const foreign = { owner: '999', name: 'foreign' };
  test.each<[string, (h: History) => unknown, RegExp]>([
    [
      'a day that has passed',
      ({ images }) => ({ hold: images[0]?.id, until: '2026-11-21' }),
      /^The event is refused: until: 2026-11-21 has passed: give a later one, or "forever"$/,
    ],
    [
      'a moment that has passed',
      ({ images }) => ({ hold: images[0]?.id, until: '2026-11-23T06:00:00Z' }),
      /until: 2026-11-23T06:00:00Z has passed/,
    ],
    [
      'a date in words',
      ({ images }) => ({ hold: images[0]?.id, until: 'next year' }),
      /until: must be a date such as/,
    ],
    [
      'the 30th of February',
      ({ images }) => ({ hold: images[0]?.id, until: '2027-02-30' }),
      /until: must be a date/,
    ],
    ['no date', ({ images }) => ({ hold: images[0]?.id, until: null }), /until: must be a date/],
    ['an id that no image has', () => ({ hold: 'x' }), /hold: this project has no image x in DFW, ORD$/],
    ['the same, to release', () => ({ release: 'x' }), /release: this project has no image x in DFW, ORD$/],
    [
      "another project's image, shared with us",
      ({ cloud }) => ({ hold: cloud.region('DFW').addImage({ ...foreign, visibility: 'shared' }).id }),
      /hold: this project has no image /,
    ],
    [
      'a public image',
      ({ cloud }) => ({ hold: cloud.region('DFW').addImage({ ...foreign, visibility: 'public' }).id }),
      /hold: this project has no image /,
    ],
    ['no id', () => ({ hold: '' }), /hold: must be the id of an image/],
    ['an empty event', () => ({}), /: send \{"hold": "<image id>"\} or \{"release": "<image id>"\}$/],
    [
      'an unknown key',
      ({ images }) => ({ hold: images[0]?.id, untill: 'forever' }),
      /untill: is not a known key/,
    ],
    [
      'an end for a release',
      ({ images }) => ({ release: images[0]?.id, until: 'forever' }),
      /until: is not a known key/,
    ],
    [
      'both at once',
      ({ images: [a, b] }) => ({ hold: a?.id, release: b?.id }),
      /: send only one of \{"hold": .*\} or \{"release": .*\}$/,
    ],
    [
      'a day whose end has five digits in its year',
      ({ images }) => ({ hold: images[0]?.id, until: '9999-12-31' }),
      /until: must end before the year 10000: send "forever"/,
    ],
    ['a policy', () => policy(), /: send \{"hold": "<image id>"\} or \{"release": "<image id>"\}$/],
  ])('%s', async (_, event, problem) => {
    const h = await history(2, ['DFW', 'ORD']);
    const { error } = await h.fail('hold', event(h));
    expect(error.name).toBe('ValidationError');
    expect(error.message).toMatch(problem);
    expect(changes(h)).toEqual([]);
    expect(h.images.map(holdOf)).toEqual(['none', 'none']);
  });
});

test('a hold by a user without the role fails and names the role, and the image is not held', async () => {
  const h = await history(1);
  h.cloud.account.role = 'creator';
  const { error } = await h.fail('hold', { hold: h.images[0]!.id });
  expect(holdOf(h.images[0]!)).toBe('none');
  expect(error.message).toMatch(/403 .*You are not authorized to complete modify_image action/);
  expect(error.message).toMatch(/lacks the role for this, grant it: at Rackspace .*cloudImages:admin/);
});
