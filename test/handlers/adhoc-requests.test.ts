import { describe, expect, test } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';

// An ad-hoc request takes a server once, even if it is repeated after its snapshot was deleted.

const BY_HAND = { adhoc: true, request: 'before-upgrade', servers: { all: true } };

/** A server whose ad-hoc snapshot was taken at six in the morning and has been deleted since. */
async function takenAndGone(bucket: boolean, event: object = BY_HAND, requestId = 'first') {
  setTime('2026-11-23T06:00:00Z');
  const h = await harness({ regions: ['DFW', 'ORD'], timing: { queuedMs: 0, savingMs: 0 } });
  const s3 = bucket ? await reportBucket(1) : undefined;
  h.cold();
  const dfw = h.cloud.region('DFW');
  dfw.addServer({ name: 'web' });
  expect((await h.run('snapshot', event, { requestId })).totals).toEqual({ taken: 1 });
  const image = dfw.images[0]!.id;
  dfw.removeImage(image);
  return { ...h, dfw, s3, image };
}

const OVER =
  'the request of 2026-11-23T06:00:00Z is more than a day old, so it takes no more snapshots; it has no snapshot of this server, or no longer has one: use another request name';
const tookBefore = (image: string) =>
  `this request already made image ${image}, which was deleted or renamed: use another request name`;
const reasonsOf = (report: Report | undefined) =>
  report?.entries.map(({ outcome, reason }) => `${outcome}: ${reason}`);

/** Each request goes to a new instance of the function, which has no memory of earlier ones. */
async function again(h: Harness, time: string, event: object = BY_HAND, requestId = 'again') {
  setTime(time);
  h.cold();
  return h.fail('snapshot', event, { requestId });
}

describe('a repeated request', () => {
  test.each(['2026-11-24T06:00:00Z', '2026-12-20T06:00:00Z'])(
    'at %s, after its snapshot was deleted, takes none and fails',
    async (time) => {
      const h = await takenAndGone(true);
      const { report } = await again(h, time);
      expect(reasonsOf(report)).toEqual([`failed: ${OVER}`]);
      expect(h.dfw.images).toEqual([]);
    },
  );

  test('as a retry of the same invocation, without a name, takes none either', async () => {
    const { request: _, ...event } = BY_HAND;
    const h = await takenAndGone(true, event);
    const { report } = await again(h, '2026-11-24T07:00:00Z', event, 'first');
    expect(report?.totals).toEqual({ failed: 1 });
    expect((await again(h, '2026-11-24T07:00:00Z', event, 'second')).report?.totals).toEqual({ taken: 1 });
  });

  test('within a day, after its snapshot was deleted, takes none and names the image', async () => {
    const h = await takenAndGone(true);
    const { report } = await again(h, '2026-11-24T05:59:59Z');
    expect(reasonsOf(report)).toEqual([`failed: ${tookBefore(h.image)}`]);
    expect(h.dfw.images).toEqual([]);
  });

  test('within a day, as a retry of the same invocation, takes another snapshot', async () => {
    const h = await takenAndGone(true);
    const { report } = await again(h, '2026-11-23T06:10:00Z', BY_HAND, 'first');
    expect(report?.totals).toEqual({ taken: 1 });
  });

  test('within a day, after its snapshot was renamed, takes none and names the image', async () => {
    const h = await takenAndGone(true);
    await again(h, '2026-11-23T07:00:00Z', BY_HAND, 'first');
    const [image] = h.dfw.images;
    image!.name = 'before the upgrade';
    const { report } = await again(h, '2026-11-23T08:00:00Z');
    expect(reasonsOf(report)).toEqual([`failed: ${tookBefore(image!.id)}`]);
    expect(h.dfw.images).toHaveLength(1);
  });

  test('within a day, after its snapshot has failed, takes another snapshot', async () => {
    const h = await takenAndGone(true);
    await again(h, '2026-11-23T07:00:00Z', BY_HAND, 'first');
    h.dfw.images[0]!.status = 'killed';
    expect((await again(h, '2026-11-23T08:00:00Z')).report?.totals).toEqual({ taken: 1 });
  });

  test('takes no server that was created after the request, such as a restored one', async () => {
    const h = await takenAndGone(true);
    h.dfw.addServer({ name: 'db' });
    const second = await again(h, '2026-11-23T07:00:00Z', BY_HAND, 'second');
    expect(reasonsOf(second.report)).toEqual([`failed: ${tookBefore(h.image)}`]);
    expect(h.dfw.images).toEqual([]);
  });

  test('takes the servers that it was made for, whatever their names are now', async () => {
    const h = await takenAndGone(true);
    const names = { ...BY_HAND, request: 'by-name', servers: { names: ['app-*'] } };
    const app = h.dfw.addServer({ name: 'app-1', taskState: 'resize_migrating' });
    expect((await again(h, '2026-11-23T07:00:00Z', names)).report?.totals).toEqual({ skipped: 1 });
    Object.assign(app, { name: 'renamed', taskState: null });
    h.dfw.addServer({ name: 'app-2' });
    const { report } = await again(h, '2026-11-23T08:00:00Z', names, 'second');
    expect(report?.entries.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(['renamed taken']);
  });

  test('fails for a server that is gone by now, with its name, and not for one that it has taken', async () => {
    const h = await takenAndGone(true);
    const both = { ...BY_HAND, request: 'both' };
    const db = h.dfw.addServer({ name: 'db', taskState: 'resize_migrating' });
    expect((await again(h, '2026-11-23T07:00:00Z', both)).report?.totals).toEqual({ taken: 1, skipped: 1 });
    for (const server of [...h.dfw.servers]) h.dfw.removeServer(server);
    const { report } = await again(h, '2026-11-23T08:00:00Z', both, 'second');
    expect(report?.entries.map(({ server, outcome, code }) => `${server} ${outcome} ${code}`)).toEqual([
      `${db.id} failed SERVER_GONE_BY_NOW`,
    ]);
  });

  test('adds the servers of a region that could not be read before', async () => {
    const h = await takenAndGone(true);
    const ord = h.cloud.region('ORD');
    ord.addServer({ name: 'ord-1' });
    const all = { ...BY_HAND, request: 'all-regions' };
    h.cloud.faults.push({ service: 'compute', region: 'ORD', times: 99, answer: { status: 404, body: {} } });
    await again(h, '2026-11-23T07:00:00Z', all);
    h.cloud.faults.length = 0;
    h.dfw.addServer({ name: 'later' });
    const { report } = await again(h, '2026-11-23T08:00:00Z', all, 'second');
    const taken = report?.entries.filter(({ outcome }) => outcome === 'taken').map(({ name }) => name);
    expect(taken).toEqual(['ord-1']);
  });

  test('that a queue resumes gives up a server whose image has failed', async () => {
    const h = await takenAndGone(true);
    const request = { ...BY_HAND, request: 'gives-up' };
    await again(h, '2026-11-23T07:00:00Z', request);
    const [image] = h.dfw.images;
    image!.status = 'killed';
    const { report } = await again(h, '2026-11-23T07:00:00Z', request, 'second');
    expect(report?.entries.map(({ outcome, code }) => `${outcome} ${code}`)).toEqual([
      'failed REQUEST_FAILED',
    ]);
    expect(h.dfw.images).toEqual([image]);
  });

  test.each([
    ['listed', /list-type/],
    ['read', /GET .*before-upgrade\//],
  ])("when what it took can't be %s, is carried out, and that is said", async (_, refuses) => {
    const h = await takenAndGone(true);
    h.s3!.refuses = refuses;
    const { report } = await again(h, '2026-11-23T08:00:00Z');
    expect(report?.totals).toEqual({ taken: 1 });
    expect(textsOf(report?.warnings).join()).toContain(
      'the record of this ad-hoc request could not be read or written',
    );
    // The rule for requests older than a day still applies.
    h.dfw.removeImage(h.dfw.images[0]!.id);
    const late = await again(h, '2026-11-25T08:00:00Z');
    expect(reasonsOf(late.report)).toEqual([`failed: ${OVER}`]);
  });

  test('is carried out and reported once if its record cannot be written', async () => {
    const h = await takenAndGone(true);
    h.s3!.refuses = /PUT .*\/after\//;
    h.dfw.addServer({ name: 'db' });
    const { report } = await again(h, '2026-11-23T08:00:00Z', { ...BY_HAND, request: 'after' });
    expect(report?.totals).toEqual({ taken: 2 });
    expect(textsOf(report?.warnings)).toEqual([
      expect.stringContaining('the record of this ad-hoc request could not be read or written'),
    ]);
  });

  test('is done if its snapshot exists, however late', async () => {
    const h = await takenAndGone(true);
    await again(h, '2026-11-23T08:00:00Z', BY_HAND, 'first');
    const { report } = await again(h, '2026-12-01T00:00:00Z');
    expect(report?.totals).toEqual({ skipped: 1 });
  });

  test('with another name or another account is a request of its own', async () => {
    const h = await takenAndGone(true);
    h.cloud.secrets.set('autosnap/test/other', h.cloud.secret('rackspace'));
    const other = { ...BY_HAND, account: 'other' };
    expect((await again(h, '2026-11-25T00:00:00Z', other)).report?.totals).toEqual({ taken: 1 });
    const named = { ...BY_HAND, request: 'after-upgrade' };
    expect((await again(h, '2026-11-25T01:00:00Z', named)).report?.totals).toEqual({ taken: 1 });
  });

  test('takes another snapshot if the request is no longer remembered', async () => {
    const h = await takenAndGone(true);
    h.s3!.objects.clear();
    expect((await again(h, '2026-12-25T00:00:00Z')).report?.totals).toEqual({ taken: 1 });
  });
});

describe('a repeated request with an end', () => {
  const UPGRADE = { ...BY_HAND, expires: '1d' };

  /** A server with a snapshot of a request at six in the morning, which expires later. */
  async function takenUntil(expires: string, request: string | null = UPGRADE.request) {
    setTime('2026-11-23T06:00:00Z');
    const h = await harness({ timing: { queuedMs: 0, savingMs: 0 } });
    await reportBucket(1);
    const dfw = h.cloud.region('DFW');
    dfw.addServer({ name: 'web' });
    await h.run('snapshot', { ...UPGRADE, request: request ?? undefined, expires }, { requestId: 'first' });
    return { ...h, dfw, image: dfw.images[0]!.id };
  }

  test.each([
    ['as before', '1h', '1h'],
    ['sooner', '30d', '1h'],
  ])('%s, is done, and the report has the time at which the snapshot expires', async (_, first, second) => {
    const h = await takenUntil(first);
    const { report } = await again(h, '2026-11-23T06:30:00Z', { ...UPGRADE, expires: second });
    const until = first === '1h' ? '2026-11-23T07:00:00Z' : '2026-12-23T06:00:00Z';
    const taken = `already taken: image ${h.image} is active, and is deleted once ${until} has passed`;
    expect(reasonsOf(report)).toEqual([`skipped: ${taken}`]);
  });

  test.each([
    ['later', { ...UPGRADE, expires: '30d' }],
    ['for ever', BY_HAND],
  ])('%s, fails, and the error has the time at which the snapshot expires', async (_, event) => {
    const h = await takenUntil('1h');
    const { report } = await again(h, '2026-11-23T06:30:00Z', event);
    expect(reasonsOf(report)).toEqual([
      `failed: this request already made image ${h.image}, which expires at 2026-11-23T07:00:00Z, earlier than you now ask: hold it, or use another request name`,
    ]);
    expect(h.dfw.images.map(({ id }) => id)).toEqual([h.image]);
  });

  test.each([
    ['until after the end that is asked for', '2027-01-01', { skipped: 1 }],
    ['forever', 'forever', { skipped: 1 }],
    ['for too short', '2026-12-01', { failed: 1 }],
  ])('later, while the snapshot is held %s', async (_, until, totals) => {
    const h = await takenUntil('1h');
    await h.run('hold', { hold: h.image, until });
    const { report } = await again(h, '2026-11-23T06:30:00Z', { ...UPGRADE, expires: '30d' });
    expect(report?.totals).toEqual(totals);
  });

  test.each([
    ['named', UPGRADE],
    ['without a name, run again', { ...UPGRADE, request: 'first' }],
  ])('%s, after a cleanup has deleted its expired snapshot, takes another one', async (_, event) => {
    const h = await takenUntil('1h', event.request === 'first' ? null : event.request);
    setTime('2026-11-23T08:00:00Z');
    await h.run('cleanup', policy());
    expect(h.dfw.images).toEqual([]);
    expect((await again(h, '2026-11-23T08:10:00Z', event)).report?.totals).toEqual({ taken: 1 });
  });

  test('without a name, run again after its snapshot was deleted, takes none', async () => {
    const h = await takenUntil('3h', null);
    h.dfw.removeImage(h.image);
    const { report } = await again(h, '2026-11-23T08:10:00Z', { ...UPGRADE, request: 'first' });
    expect(reasonsOf(report)).toEqual([`failed: ${tookBefore(h.image)}`]);
  });

  test('after the end, takes another snapshot while the request is younger than a day, and none later', async () => {
    const h = await takenUntil('1h');
    expect((await again(h, '2026-11-23T07:00:00Z', UPGRADE)).report?.totals).toEqual({ taken: 1 });
    const { report } = await again(h, '2026-11-24T07:00:00Z', { ...UPGRADE, expires: '14d' });
    expect(reasonsOf(report)).toEqual([`failed: ${OVER}`]);
  });
});

test('a dry run does not count as a request', async () => {
  const h = await takenAndGone(true);
  const dry = { ...BY_HAND, request: 'tried', dryRun: true };
  expect((await again(h, '2026-11-23T08:00:00Z', dry)).report?.totals).toEqual({ planned: 1 });
  expect((await again(h, '2026-11-25T08:00:00Z', { ...dry, dryRun: false })).report?.totals).toEqual({
    taken: 1,
  });
});

test('without a bucket only the snapshots remember a request', async () => {
  const h = await takenAndGone(false);
  expect((await again(h, '2026-11-25T00:00:00Z')).report?.totals).toEqual({ taken: 1 });
});

test('if the bucket does not answer, a request is carried out with a warning', async () => {
  const h = await takenAndGone(true);
  h.s3!.down = true;
  const { report } = await again(h, '2026-11-25T00:00:00Z');
  expect(report?.totals).toEqual({ taken: 1 });
  expect(textsOf(report?.warnings).join()).toContain(
    'the record of this ad-hoc request could not be read or written',
  );
});
