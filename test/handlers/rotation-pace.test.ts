import { describe, expect, test } from 'vitest';
import { textsOf } from '../finding-texts.ts';
import { deploy, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, history } from '../history.ts';
import { reportBucket } from '../report-bucket.ts';

/**
 * An hourly policy with 200 snapshots, of which its rules keep 3, and with a cleanup once a day.
 */
async function hourly(changes: Record<string, unknown> = {}) {
  setTime('2026-11-23T06:00:00Z');
  const h = await harness();
  const web = h.cloud.region('DFW').addServer({ name: 'web' });
  for (let hours = 0; hours < 200; hours++) {
    addSnapshot(h, web, hours / 24, { properties: { autosnap_policy: 'hourly' } });
  }
  deploy([
    policy({ policy: 'hourly', schedule: 'cron(0 * * * ? *)', cleanup: 'cron(30 3 * * ? *)', ...changes }),
  ]);
  return h;
}

describe('a rotation that is too slow for its schedule', () => {
  test('causes a warning in cleanup, with the number of waiting snapshots', async () => {
    const h = await hourly();
    const report = await h.run('cleanup', { policy: 'hourly' });
    expect(report.totals).toEqual({ deleted: 10, deferred: 187, kept: 3 });
    expect(textsOf(report.warnings)).toEqual([
      expect.stringMatching(/^DFW: the series hourly of web grows faster than it is rotated: 187 snapshots/),
    ]);
  });

  test('is counted completely by the audit, beyond maxDeletes', async () => {
    const h = await hourly();
    await reportBucket();
    h.cold();
    await h.run('audit', {});
    for (const day of ['24', '25']) {
      setTime(`2026-11-${day}T03:30:00Z`);
      await h.run('cleanup', { policy: 'hourly' });
      await h.run('audit', {});
    }
    const { notRotating } = await h.run('audit', {});
    expect(notRotating).toMatchObject([{ name: 'web', notRotating: 200 - 2 * 10 - 3 }]);
  });

  test('fails doctor with a remedy', async () => {
    const h = await hourly();
    const { error } = await h.fail('doctor', {});
    expect(error.message).toContain('more than 10 snapshots of a server are taken between two cleanups');
    expect(error.message).toContain('Let cleanup run more often, or raise maxDeletes.');
  });
});

test.each([
  ['a larger maxDeletes', { maxDeletes: 24 }],
  ['a cleanup that runs more often', { cleanup: 'rate(6 hours)' }],
])('doctor accepts %s', async (_, changes) => {
  const h = await hourly(changes);
  expect((await h.run('doctor', {})).checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
});

test('a series with much to delete after `keep` was lowered does not grow, and is done in so many runs', async () => {
  const h = await hourly({ cleanup: 'rate(6 hours)' });
  const { warnings } = await h.run('cleanup', { policy: 'hourly' });
  expect(warnings.map(({ code }) => code)).toEqual(['ROTATION_BACKLOG']);
  expect(textsOf(warnings)).toEqual([
    'DFW: the series hourly of web has 187 snapshots that are left to later runs, and one deletes 10 at most: they go in 19 more runs; to delete them sooner, raise maxDeletes',
  ]);
});

test('a backlog that the next runs can delete causes no warning', async () => {
  const h = await history(13);
  expect((await h.run('cleanup', policy({ maxDeletes: 5 }))).warnings).toEqual([]);
});
