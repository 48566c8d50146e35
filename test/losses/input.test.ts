import { describe, expect, test } from 'vitest';
import { KEEP_RULES } from '../../lib/config/keep-rules.ts';
import { retain } from '../../lib/snapshots/retention.ts';
import { textsOf } from '../finding-texts.ts';
import { harness, type Job, policy } from '../harness.ts';
import { deletions, history, idsIn, idsOf, MIDNIGHT, take } from '../history.ts';
import { dailies } from '../snapshots.ts';

// Losses in other tools that took an invalid or empty input as a request to delete.

const JOBS: Job[] = ['snapshot', 'cleanup'];

/**
 * Runs both jobs with an event. Both have to refuse the event in the same words, and change
 * nothing.
 */
async function refused(event: unknown): Promise<string> {
  const h = await history(5);
  const [first, second] = [await h.fail('snapshot', event), await h.fail('cleanup', event)];
  expect(first.error.name).toBe('ValidationError');
  expect(second.error.message).toBe(first.error.message);
  expect(idsIn(h)).toEqual(idsOf(h.images));
  expect(h.cloud.received).toEqual([]);
  // Our own message, because those of the schema library quote values that may be secret.
  expect(first.error.message).not.toMatch('Invalid type');
  return first.error.message;
}

describe('L13 (home-assistant/core#138702): lost all backups, because 0 was read as "older than 0 days"', () => {
  const EMPTY = [0, null, ''];
  const fields = ['policy', 'schedule', 'cleanup', 'timezone', 'account', 'regions', 'servers', 'keep'];
  test.each([...fields, 'adopt', 'orphans', 'maxDeletes', 'dryRun'])('%s', async (field) => {
    for (const value of EMPTY) {
      expect(await refused(policy({ [field]: value }))).toMatch(`The event is refused: ${field}: `);
    }
  });

  const rules = [...KEEP_RULES, 'atLeast'];
  test.each(rules)('keep.%s', async (rule) => {
    for (const value of EMPTY) {
      const keep = { ...(rule === 'last' ? { daily: 1 } : { last: 1 }), [rule]: value };
      expect(await refused(policy({ keep }))).toMatch(`keep.${rule}: must be a`);
    }
  });

  test.each(['after', 'keep'])('orphans.%s', async (rule) => {
    for (const value of [...EMPTY, undefined]) {
      const orphans = { after: '30d', keep: 1, [rule]: value };
      expect(await refused(policy({ orphans }))).toMatch(`orphans.${rule}: `);
    }
  });

  test.each(['ids', 'names', 'tagged', 'all', 'except'])('servers.%s', async (selector) => {
    for (const value of EMPTY) {
      const servers = { ids: ['x'], [selector]: value };
      expect(await refused(policy({ servers }))).toMatch(
        new RegExp(`servers\\.${selector}: (must |is empty)`),
      );
    }
  });

  test.each(['policy', 'schedule', 'cleanup', 'servers', 'keep'])('%s is missing', async (field) => {
    const { [field]: _, ...rest } = policy();
    expect(await refused(rest)).toBe(`The event is refused: ${field}: is missing`);
  });
});

test('L14 (ghettoVCB#4; Nova createBackup): lost the newest backup, because a count of 0 was accepted', async () => {
  const h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web' });
  await take(h, MIDNIGHT);
  const { error } = await h.fail('cleanup', policy({ keep: { last: 0 } }));
  expect(error.message).toMatch('keep.last: must be a whole number of 1 or more');
  expect(h.cloud.region('DFW').images).toHaveLength(1);
  expect(deletions(h)).toEqual([]);
});

describe('L15 (ceph/ceph PR#36974): lost all snapshots, because an empty retention kept none', () => {
  test.each<[string, unknown]>([
    ['no rule', policy({ keep: {} })],
    ['only a floor', policy({ keep: { atLeast: 1 } })],
    ['rules that are absent', policy({ keep: { last: undefined, daily: undefined } })],
    ['an empty event', {}],
  ])('%s is refused', async (_, event) => {
    expect(await refused(event)).toMatch(/keep: (must have a rule|is missing)|policy: is missing/);
  });

  test('the retention itself refuses rules without any keep rule', () => {
    const decide = () =>
      retain(dailies('2026-11-23T00:00:00Z', 3), { atLeast: 1 }, { now: MIDNIGHT, timezone: 'UTC' });
    expect(decide).toThrow('no keep rule at all');
  });
});

describe('L16 (awslabs/rds-snapshot-tool PR#3): deleted snapshots of others, because the delete function did not get the pattern', () => {
  test.each(JOBS)('%s accepts the same event as the other job', async (job) => {
    const h = await history(4, ['DFW', 'ORD']);
    const narrow = policy({ policy: 'weekly', regions: ['ORD'] });
    expect(await h.run(job, narrow)).toMatchObject({ policy: 'weekly', totals: {} });
    expect(h.cloud.received.filter(({ region }) => region === 'DFW')).toEqual([]);
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });

  test.each(Object.keys(policy()))(
    'without %s both jobs refuse the event in the same words',
    async (part) => {
      const { [part]: _, ...rest } = policy();
      expect(await refused(rest)).toBe(`The event is refused: ${part}: is missing`);
    },
  );
});

describe('L17 (hetznercloud/cli#1159): lost nearly every snapshot, because an invalid date gave an empty cut-off', () => {
  test.each(['30', '30 days', 'thirty days', '1m', '-30d', '2026-11-01', 'NaN', 'd'])(
    '"%s"',
    async (text) => {
      expect(await refused(policy({ keep: { last: 1, within: text } }))).toMatch('keep.within: must be a');
      expect(await refused(policy({ orphans: { after: text, keep: 1 } }))).toMatch(
        'orphans.after: must be a',
      );
    },
  );

  test('an image with an invalid slot does not count as old', async () => {
    const h = await history(4);
    h.images[0]!.properties.autosnap_slot = 'yesterday';
    const { totals, warnings } = await h.run('cleanup', policy());
    expect(totals).toEqual({ kept: 3 });
    expect(textsOf(warnings)).toEqual([
      expect.stringMatching(/its autosnap_slot is not a time: it is kept and not counted/),
    ]);
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });
});
