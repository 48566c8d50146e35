import { describe, expect, test } from 'vitest';
import type { FaultAnswer } from '../../local/cloud/faults.ts';
import { answers } from '../../local/cloud/faults.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, DAY_MS, history, MIDNIGHT } from '../history.ts';
import { reportBucket } from '../report-bucket.ts';

// Images that the cloud has promised, and does not have, or that hold nothing.

const LOST = 'aaaaaaaa-0000-4000-8000-000000000000';
const BY_HAND = { adhoc: true, request: 'before-upgrade', servers: { all: true } };

describe.each([
  ['a scheduled snapshot', policy()],
  ['an ad-hoc snapshot', BY_HAND],
])('%s that the cloud accepts', (_, event) => {
  async function answered(answer: FaultAnswer) {
    const h = await history(0);
    h.cloud.faults.push({ service: 'compute', method: 'POST', path: /action/, answer });
    return h;
  }

  test('is found by its name if the answer has no id', async () => {
    const h = await answered({ edit: () => new Response(null, { status: 202 }) });
    const { entries } = await h.run('snapshot', event);
    expect(entries).toMatchObject([{ outcome: 'taken', image: h.cloud.region('DFW').images[0]!.id }]);
  });

  test.each<[string, string, FaultAnswer]>([
    ['an answer without an id, and no image', 'IMAGE_NOT_FOUND', { status: 202, body: '' }],
    [
      'an answer with an id, and no image',
      'IMAGE_LOST',
      { status: 202, headers: { location: `http://glance/images/${LOST}` }, body: '' },
    ],
  ])('%s: the snapshot has failed, and the next try takes another', async (_title, code, answer) => {
    const h = await answered(answer);
    const { report } = await h.fail('snapshot', event);
    expect(report!.entries).toMatchObject([{ outcome: 'failed', code }]);
    expect((await h.run('snapshot', event)).totals).toEqual({ taken: 1 });
  });
});

describe('an active image', () => {
  test.each([
    ['without a size', { size: null }, /active, but has no size and no volume snapshots/],
    ['of no bytes', { size: 0 }, /active, but has no size and no volume snapshots/],
    [
      'without the id of a volume snapshot',
      { properties: { block_device_mapping: '[{"snapshot_id": null}]' } },
      /its block_device_mapping names no volume snapshot/,
    ],
  ])('%s protects nothing, and the page says why', async (_, changes, reason) => {
    const h = await history(0);
    const s3 = await reportBucket();
    h.cold();
    addSnapshot(h, h.web, 2, changes);
    deploy([policy()]);
    const { sentence, late } = await h.run('audit', {});
    expect(sentence).toBe(
      '0 of 1 server protected; web has no good daily snapshot; 1 snapshot of web does not count: active without data',
    );
    expect(late).toMatchObject([{ name: 'web', state: 'never', good: 0, failed: 0 }]);
    const page = s3.objects.get('/state.of.reports/autosnap.html');
    expect(page).toMatch(reason);
    expect(page).not.toContain('is not understood');
  });
});

describe('the image of an ad-hoc snapshot that is gone', () => {
  /** An ad-hoc snapshot of "web", taken at six in the morning, and still being made. */
  async function taken(event: object = BY_HAND) {
    setTime('2026-11-23T06:00:00Z');
    const h = await harness({ timing: { queuedMs: 7_200_000, savingMs: 7_200_000 } });
    const s3 = await reportBucket();
    h.cold();
    const dfw = h.cloud.region('DFW');
    addSnapshot(h, dfw.addServer({ name: 'web' }), 1);
    deploy([policy()]);
    const { entries } = await h.run('snapshot', event);
    setTime('2026-11-23T07:00:00Z');
    return { ...h, s3, dfw, image: entries[0]!.image! };
  }

  const goneIn = async (h: Harness) =>
    textsOf((await h.run('audit', {})).warnings).filter((one) => one.includes('the ad-hoc snapshot'));

  test('is reported for a day', async () => {
    const h = await taken();
    h.dfw.removeImage(h.image);
    expect(await goneIn(h)).toEqual([
      `DFW: the ad-hoc snapshot ${h.image} of web, taken 2026-11-23 06:00, does not exist any more: if nobody deleted it, the cloud could not finish it: take another`,
    ]);
    setTime('2026-11-24T06:00:01Z');
    expect(await goneIn(h)).toEqual([]);
  });

  test('is not reported while the image exists', async () => {
    const h = await taken();
    expect(await goneIn(h)).toEqual([]);
    // The listing says it.
    expect(h.cloud.received.filter(({ path }) => path.endsWith(h.image))).toEqual([]);
  });

  test('is not reported while only the listing lacks the image', async () => {
    const h = await taken();
    h.dfw.unlisted.add(h.image);
    expect(await goneIn(h)).toEqual([]);
  });

  test('is not reported if the cloud does not answer whether the image exists', async () => {
    const h = await taken();
    h.dfw.removeImage(h.image);
    h.cloud.faults.push({
      service: 'image',
      path: new RegExp(h.image),
      answer: answers.forbidden,
    });
    expect(await goneIn(h)).toEqual([]);
  });

  test('is not reported after a cleanup has deleted the expired image', async () => {
    const h = await taken({ ...BY_HAND, expires: '6h' });
    setTime('2026-11-23T13:00:00Z');
    expect((await h.run('cleanup', { policy: 'daily' })).totals).toMatchObject({ deleted: 1 });
    expect(await goneIn(h)).toEqual([]);
  });

  test('is not reported of a scheduled snapshot, whose server becomes late instead', async () => {
    const h = await taken({ policy: 'daily' });
    expect(h.image).toBeDefined();
    for (const { id } of [...h.dfw.images]) h.dfw.removeImage(id);
    setTime(new Date(MIDNIGHT.getTime() + DAY_MS / 3));
    expect(await goneIn(h)).toEqual([]);
  });

  test('is unknown if the reports cannot be read, which fails the audit', async () => {
    const h = await taken();
    h.s3.refuses = /prefix=runs/;
    const { error, report } = await h.fail('audit', {});
    expect(error.message).toMatch(/the day's reports can't be read: /);
    expect(report!.sentence).toContain('1 of 1 server protected');
  });
});
