import { describe, expect, test } from 'vitest';
import { digest } from '../../lib/audit/digest.ts';
import { headline } from '../../lib/audit/headline.ts';
import type { AuditedSeries } from '../../lib/audit/model.ts';
import { namingOf } from '../../lib/audit/naming.ts';
import { STYLE } from '../../lib/audit/page/style.ts';
import { reportPage } from '../../lib/audit/page.ts';
import { summaryOf } from '../../lib/audit/summary.ts';
import { SERIES_TROUBLES, type SeriesTrouble, troublesIn } from '../../lib/audit/troubles.ts';
import { incidentRemedies } from '../../lib/reporting/sentences/incident.ts';
import { sentenceOf, titleOf } from '../../lib/reporting/sentences.ts';
import { auditOf, seriesOf, shown } from './audits.ts';

/** A series with exactly one kind of trouble. */
const EXAMPLES: Record<SeriesTrouble['name'], AuditedSeries> = {
  late: seriesOf([shown(4)]),
  unproven: seriesOf([shown(0, { unproven: '2026-11-24T04:00:00Z' })], {
    proof: { unprovenSeconds: 9, failed: '2026-11-24T04:00:00Z' },
  }),
  behind: seriesOf([shown(0)], {
    copied: { newest: '2026-11-20T00:00:00Z', ageSeconds: 9, behind: true },
  }),
  pointMissed: seriesOf([shown(0)], { missed: { point: 3_600_000 } }),
  timeMissed: seriesOf([shown(0)], { missed: { time: 60_000 } }),
  notRotating: seriesOf([shown(0)], { notRotating: 3 }),
  failed: seriesOf([shown(0), shown(1, { state: 'failed' })]),
  stuck: seriesOf([shown(0), shown(1, { state: 'stuck' })]),
  unknown: seriesOf([shown(0), shown(1, { state: 'unknown', status: 'deactivated' })]),
};

const WELL = auditOf([seriesOf([shown(0)])]);

describe.each(SERIES_TROUBLES)('the trouble $name', ({ name, isIn, ...trouble }) => {
  const example = EXAMPLES[name];
  const audit = auditOf([example]);
  const naming = namingOf(audit);

  test('applies only to its own example', () => {
    const others = Object.keys(EXAMPLES).filter((other) => isIn(EXAMPLES[other as typeof name]));
    expect(others).toEqual([name]);
    expect(isIn(WELL.series[0]!)).toBe(false);
  });

  test('has a section in the digest, and makes the day bad', () => {
    const { text, good } = digest(audit, [], undefined);
    expect(good).toBe(false);
    const { title, reasonOf } = trouble.digest;
    expect(text).toContain(`\n\n${title}\n- ${sentenceOf(reasonOf(example, naming))}\n\n`);
  });

  test('changes the headline', () => {
    expect(headline(audit)).not.toBe(headline(WELL));
    const one = trouble.clauseOf?.('web-1', [example]);
    if (one !== undefined) expect(headline(audit)).toBe(`${headline(WELL)}; ${one}`);
  });

  test('is on the page: in the notices, the icon and the row', () => {
    const [html, well] = [reportPage(audit), reportPage(WELL)];
    const notices = trouble.noticesOf?.([example], naming) ?? [];
    expect(html.match(/<li class="problem">/g) ?? []).toHaveLength(notices.length);
    const iconOf = (page: string) => /<link rel="icon" href="([^"]+)"/.exec(page)?.[1];
    expect(iconOf(html) === iconOf(well)).toBe(notices.length === 0 && name !== 'late');
    const note = trouble.noteOf?.(example);
    expect(html.includes(`<span class="${name}">${note}</span>`)).toBe(note !== undefined);
    expect(STYLE.includes(`.standing .${name}{`)).toBe(note !== undefined);
  });

  test('is in the summary and in the metric Troubles, if it is listed and counted', () => {
    const summary = summaryOf(audit, []) as unknown as Record<string, unknown>;
    if (trouble.isListed) expect(summary[name]).toMatchObject([{ server: example.server }]);
    else expect(summary).not.toHaveProperty(name);
    expect(troublesIn(audit.policies, audit.series)).toEqual(trouble.isCounted ? [name] : []);
  });
});

test.each<[string, (trouble: SeriesTrouble) => unknown, SeriesTrouble['name'][]]>([
  [
    'are counted by the metric',
    ({ isCounted }) => isCounted,
    ['late', 'unproven', 'pointMissed', 'timeMissed', 'failed', 'stuck', 'unknown'],
  ],
  [
    'are listed in the summary',
    ({ isListed }) => isListed,
    ['late', 'unproven', 'pointMissed', 'timeMissed', 'behind', 'notRotating'],
  ],
  [
    'stand above the servers of the page',
    ({ noticesOf }) => noticesOf,
    ['unproven', 'pointMissed', 'timeMissed', 'behind', 'failed', 'stuck', 'unknown'],
  ],
  ['stand at the row of a series', ({ noteOf }) => noteOf, ['unproven', 'behind']],
])('the troubles that %s', (_, has, names) => {
  expect(SERIES_TROUBLES.filter(has).map(({ name }) => name)).toEqual(names);
});

test.each([
  [
    'failed',
    seriesOf([shown(1, { state: 'failed' })]),
    'a snapshot failed',
    /^web-1 \(SERIES_FAILED\): Look at /,
  ],
  [
    'failed',
    seriesOf([shown(1, { state: 'failed' })], { state: 'adhoc', policy: 'adhoc', countedBy: 'daily' }),
    'an ad-hoc snapshot failed',
    /^web-1 \(SERIES_ADHOC_FAILED\): Take others\. .+ delete those without an expiry date by hand\.$/,
  ],
] as const)('an e-mail about a snapshot that %s says so, and what to do', (name, series, title, remedy) => {
  const audit = auditOf([series]);
  const { digest } = SERIES_TROUBLES.find((one) => one.name === name)!;
  const problem = digest.reasonOf(series, namingOf(audit));
  const reason = { code: 'SERVER_IN_TROUBLE', server: 's', name: 'web-1', problem } as const;
  expect(titleOf(reason)).toBe(`web-1: ${title}`);
  expect(
    incidentRemedies(reason, { service: 'autosnap', stage: 'test', accounts: ['rackspace'] })[0],
  ).toMatch(remedy);
});

test('a policy that selects nothing and a policy with missing runs are in trouble too', () => {
  const [policy] = WELL.policies;
  const troubles = (changes: object) => troublesIn([{ ...policy!, ...changes }], WELL.series);
  expect(troubles({})).toEqual([]);
  expect(troubles({ missing: [] })).toEqual([]);
  expect(troubles({ nothingSelected: true, missing: ['cleanup'] })).toEqual(['nothingSelected', 'missing']);
});

describe('failed and stuck snapshots are trouble', () => {
  const broken = (changes: Partial<AuditedSeries>) =>
    seriesOf([shown(0), shown(1, { state: 'failed' }), shown(2, { state: 'stuck' })], changes);
  test.each<[string, Partial<AuditedSeries>, string[]]>([
    ['of a server that is to have snapshots', {}, ['failed', 'stuck']],
    ['of one that waits for its first', { state: 'waiting' }, ['failed', 'stuck']],
    ['made by hand', { state: 'adhoc', policy: 'adhoc', countedBy: 'daily' }, ['failed', 'stuck']],
    ['not of a server that is gone', { state: 'orphaned', name: '' }, []],
    ['not of one that the policy does not select any more', { state: 'deselected' }, []],
    ['not made by hand, of a server that is gone', { state: 'adhoc', policy: 'adhoc' }, []],
  ])('%s', (_, changes, expected) => {
    expect(troublesIn(WELL.policies, [broken(changes)])).toEqual(expected);
    expect(digest(auditOf([broken(changes)]), [], undefined).good).toBe(expected.length === 0);
  });
});

test('a failed snapshot that is held says so, and is trouble only without a newer good one', () => {
  const held = shown(1, { state: 'failed', reasons: [{ code: 'HELD' }] });
  const failed = shown(2, { state: 'failed' });
  const textOf = (series: AuditedSeries) => {
    const audit = auditOf([series]);
    const found = SERIES_TROUBLES.find(({ name }) => name === 'failed')!;
    return found.isIn(series) ? sentenceOf(found.digest!.reasonOf(series, namingOf(audit))) : undefined;
  };
  expect(textOf(seriesOf([shown(0), held]))).toBeUndefined();
  expect(textOf(seriesOf([shown(0), held, failed]))).toMatch(
    /the snapshot image-2 failed in the cloud; cleanup deletes each/,
  );
  expect(textOf(seriesOf([held, failed, shown(3)]))).toMatch(
    /the snapshots image-1, image-2 failed in the cloud; cleanup deletes each .*; held: image-1: release it, and cleanup deletes it then$/,
  );
  expect(textOf(seriesOf([held, shown(3)]))).toMatch(
    /the snapshot image-1 failed in the cloud; held: image-1: release it/,
  );
});

test('the summary has the codes and sentences of problems, warnings and failures, and counts the codes', () => {
  const [policy] = WELL.policies;
  const summary = summaryOf(
    auditOf([], {
      policies: [{ ...policy!, problems: [{ code: 'POLICY_ID_UNKNOWN', server: 's' }] }],
      warnings: Array.from({ length: 101 }, () => ({
        code: 'SERVER_ON_IMAGE_SCHEDULE',
        region: 'DFW',
        name: 'web',
      })),
    }),
    [{ code: 'DIGEST_NOT_SENT', message: 'no' }],
  );
  expect(summary.policies).toMatchObject([
    { codes: ['POLICY_ID_UNKNOWN'], problems: ['servers.ids: there is no server s'] },
  ]);
  expect(summary.warnings[0]).toMatchObject({
    code: 'SERVER_ON_IMAGE_SCHEDULE',
    region: 'DFW',
    text: expect.stringMatching(/^DFW: web also has Rackspace's own image schedule/),
  });
  expect(summary.warnings).toHaveLength(100);
  expect(summary.failures).toEqual([{ code: 'DIGEST_NOT_SENT', text: 'the digest was not sent: no' }]);
  expect(summary.codes).toEqual({
    POLICY_ID_UNKNOWN: 1,
    SERVER_ON_IMAGE_SCHEDULE: 101,
    DIGEST_NOT_SENT: 1,
  });
});
