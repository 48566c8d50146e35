import { describe, expect, test } from 'vitest';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, policy, setTime } from '../harness.ts';
import { addSnapshot, DAY_MS, decisionOn, history, MIDNIGHT } from '../history.ts';

/** A good daily snapshot of "web" and a failed ad-hoc snapshot that expires at `expires`. */
async function failedByHand(status: string, expires?: string) {
  const h = await history(1);
  const adhoc = addSnapshot(h, h.web, -0.1, {
    status,
    ...(status === 'active' ? {} : { size: null }),
    properties: { autosnap_policy: 'adhoc', ...(expires ? { autosnap_expires: `${expires} r` } : {}) },
  });
  setTime(new Date(MIDNIGHT.getTime() + DAY_MS / 3));
  deploy([policy(), policy({ policy: 'weekly' })]);
  return { ...h, adhoc };
}

const metric = ({ logs }: Harness, name: string) =>
  logs()
    .split('\n')
    .filter((line) => line.includes(`"${name}"`) && line.includes('"Stuck"'))
    .map((line) => JSON.parse(line)[name]);

describe.each(['killed', 'error'])('an ad-hoc snapshot that is %s', (status) => {
  test.each([
    ['without an end', undefined, 'it never expires: delete it by hand', /: delete it by hand/],
    [
      'with an end',
      '2026-12-07T00:00:00Z',
      'it expires at 2026-12-07T00:00:00Z',
      /: take another; cleanup deletes it after 2026-12-07T00:00:00Z/,
    ],
  ])('%s counts as failed in cleanup, which says when it goes', async (_, expires, end, remedy) => {
    const h = await failedByHand(status, expires);
    const report = await h.run('cleanup', { policy: 'daily' });
    expect(decisionOn(report, h.adhoc)).toContain(`ad hoc, failed (${status})`);
    expect(decisionOn(report, h.adhoc)).toContain(end);
    expect(textsOf(report.warnings).join()).toMatch(remedy);
    expect(textsOf(report.warnings).join()).toContain(
      `the ad-hoc snapshot ${h.adhoc.id} of web failed (${status})`,
    );
    expect(report.totals).toEqual({ kept: 2 });
  });

  test('is a trouble of one policy in the audit', async () => {
    const h = await failedByHand(status);
    const { warnings } = await h.run('audit', {});
    expect(textsOf(warnings).join()).toContain(`the ad-hoc snapshot ${h.adhoc.id} of web failed (${status})`);
    expect(metric(h, 'Failed').sort()).toEqual([0, 1]);
  });
});

test.each([
  ['good', {}, 0],
  ['still being made', { status: 'saving', size: null }, 1],
  ['of another request', { request: 'other' }, 1],
])('a failed one whose request was repeated, and is %s', async (_, changes, troubles) => {
  const { request = 'r', ...image } = { request: 'r', ...changes };
  const h = await failedByHand('killed', '2026-12-07T00:00:00Z');
  const properties = { autosnap_policy: 'adhoc', autosnap_expires: `2026-12-07T00:00:00Z ${request}` };
  addSnapshot(h, h.web, -0.2, { ...image, properties });
  const { warnings } = await h.run('cleanup', { policy: 'daily' });
  const isFailed = ({ code }: { code: string }) => code === 'ADHOC_SNAPSHOT_FAILED';
  expect(warnings.filter(isFailed)).toHaveLength(troubles);
  const { warnings: audited, sentence } = await h.run('audit', {});
  expect(audited.filter(isFailed)).toHaveLength(troubles);
  expect(sentence.includes('failed')).toBe(troubles > 0);
  expect(metric(h, 'Failed').sort()).toEqual([0, troubles]);
});

test('a good ad-hoc snapshot is no trouble', async () => {
  const h = await failedByHand('active');
  expect((await h.run('audit', {})).warnings).toEqual([]);
  expect(metric(h, 'Failed')).toEqual([0, 0]);
});

test('a failed ad-hoc snapshot is deleted once it has expired', async () => {
  const h = await failedByHand('killed', '2026-11-24T00:00:00Z');
  setTime(new Date(MIDNIGHT.getTime() + 2 * DAY_MS));
  expect((await h.run('cleanup', { policy: 'daily' })).totals).toEqual({ deleted: 1, kept: 1 });
});

test.each([
  ['no size', { size: null }],
  ['size 0', { size: 0 }],
])('an active image with %s is kept with the correct reason, and does not count', async (_, changes) => {
  const h = await history(1);
  const empty = addSnapshot(h, h.web, -0.1, changes);
  const report = await h.run('cleanup', policy({ keep: { last: 1 } }));
  expect(decisionOn(report, empty)).toContain('has no size and no volume snapshots');
  expect(report.codes.UNKNOWN_STATUS).toBeUndefined();
  expect(report.totals).toEqual({ kept: 2 });
});
