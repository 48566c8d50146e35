import { describe, expect, test } from 'vitest';
import { digest } from '../../lib/audit/digest.ts';
import { headline } from '../../lib/audit/headline.ts';
import { listingOf } from '../../lib/audit/listing.ts';
import type { AuditedSeries } from '../../lib/audit/model.ts';
import { missedObjectives } from '../../lib/audit/objectives.ts';
import { reportPage } from '../../lib/audit/page.ts';
import { auditOf, seriesOf, shown } from './audits.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const drilled = { proven: '2026-11-21T09:00:00Z', unprovenSeconds: 3 * 86_400, recoverySeconds: 240 };
const web = seriesOf([shown(0)], { proof: drilled });
const data = { volume: { id: 'volume-1', name: 'data' } };

test('a server is restorable to the oldest of its parts, in the time of its last drill', () => {
  const { servers, recovery } = listingOf(
    auditOf([web, seriesOf([shown(1)], data)]),
    { list: 'servers' },
    'prod',
  );
  expect(servers).toMatchObject([
    {
      newestGood: shown(1).slot,
      recoverySeconds: 240,
      restorable: 'to 33 hours ago, in about 4 minutes (drilled 3 days ago)',
    },
  ]);
  expect(recovery).toBe(
    'Each server is restorable to 33 hours ago or later; the oldest is web-1; the longest drill took 4 minutes, of web-1',
  );
});

test('the worst of the fleet comes first, with the longest drill of all', () => {
  const db = seriesOf([shown(3)], { name: 'db', proof: { ...drilled, recoverySeconds: 45 } });
  const { text } = digest(auditOf([web, db]), [], undefined);
  expect(
    text
      .split('\n\n')
      .find((part) => part.startsWith('Restorable'))
      ?.split('\n'),
  ).toEqual([
    'Restorable',
    '- Each server is restorable to 3 days ago or later; the oldest is db; the longest drill took 4 minutes, of web-1',
    '- db: restorable to 3 days ago, in about 45 seconds (drilled 3 days ago)',
    '- web-1: restorable to 9 hours ago, in about 4 minutes (drilled 3 days ago)',
  ]);
});

const listed = (...series: AuditedSeries[]) => listingOf(auditOf(series), { list: 'servers' }, 'prod');

test('a server whose image has no snapshot is restorable to no time, and is the worst', () => {
  const { servers, recovery } = listed(seriesOf([]), seriesOf([shown(0)], data));
  expect(servers?.[0]).toMatchObject({ restorable: 'to no time yet' });
  expect(servers?.[0]).not.toHaveProperty('newestGood');
  expect(recovery).toMatch(/^web-1 can't be restored yet/);
});

test('a server is restorable without a volume that has no snapshot yet', () => {
  const { servers, recovery } = listed(web, seriesOf([], data));
  expect(servers).toMatchObject([
    { restorable: 'to 9 hours ago without volume data, in about 4 minutes (drilled 3 days ago)' },
  ]);
  expect(recovery).toBe(
    'Each server is restorable to 9 hours ago or later; the oldest is web-1; web-1 only without volume data; the longest drill took 4 minutes, of web-1',
  );
});

test('a server that waits for the first snapshot of its policy is restorable from an ad-hoc one', () => {
  const adhoc = seriesOf([shown(1)], { policy: 'adhoc', state: 'adhoc' });
  const { servers, recovery } = listed(seriesOf([], { state: 'waiting' }), adhoc);
  expect(servers).toMatchObject([{ state: 'waiting', restorable: 'to 33 hours ago' }]);
  expect(recovery).toMatch(/^Each server is restorable to 33 hours ago or later; the oldest is web-1;/);
});

test.each<[string, AuditedSeries[]]>([
  ['whose volume waits', [web, seriesOf([], { ...data, state: 'waiting' })]],
  [
    'whose image waits, with a shared volume',
    [
      seriesOf([], { state: 'waiting' }),
      seriesOf([shown(0)], {
        ...data,
        server: 'other',
        name: 'other',
        alsoOf: [{ server: web.server, name: 'web-1' }],
      }),
      seriesOf([shown(0)], { server: 'other', name: 'other' }),
    ],
  ],
  [
    'that one policy protects while another waits',
    [web, seriesOf([], { policy: 'weekly', state: 'waiting' })],
  ],
])('the states of the rows are those that the sentence counts, of a server %s', (_, series) => {
  const audit = auditOf(series);
  const { servers = [] } = listingOf(audit, { list: 'servers' }, 'prod');
  const having = (state: string) => servers.filter((one) => one.state === state).length;
  const waiting = having('waiting');
  expect(headline(audit)).toBe(
    `${having('protected')} of ${servers.length} server${servers.length === 1 ? '' : 's'} protected${waiting > 0 ? `; ${waiting} waits for its first snapshot` : ''}`,
  );
});

test('the page has the figure of the fleet, and a note in the row of a server that was drilled', () => {
  const html = reportPage(auditOf([web]));
  expect(html).toContain('<dt>Restorable to</dt><dd>9 hours ago <small>at worst, in about 4 minutes</small>');
  expect(html).toContain('<span>restorable to 9 hours ago, in about 4 minutes (drilled 3 days ago)</span>');
  expect(reportPage(auditOf([seriesOf([shown(0)])]))).not.toContain('estorable to');
});

describe('an objective', () => {
  test.each<[string, AuditedSeries, object, object | undefined]>([
    ['for the point is met', web, { point: 9 * HOUR_MS }, undefined],
    ['for the point is missed', web, { point: 9 * HOUR_MS - 1 }, { point: 9 * HOUR_MS - 1 }],
    ['for the time is met', web, { time: 4 * MINUTE_MS }, undefined],
    ['for the time is missed', web, { time: 3 * MINUTE_MS }, { time: 3 * MINUTE_MS }],
    ['for the time is not judged before a drill', seriesOf([shown(0)]), { time: MINUTE_MS }, undefined],
    ['for the point is not judged without a snapshot', seriesOf([]), { point: HOUR_MS }, undefined],
    ['does not count for a server that is gone', { ...web, state: 'orphaned' }, { point: 1 }, undefined],
  ])('%s', (_, series, objectives, missed) => {
    expect(missedObjectives(series, objectives)).toEqual(missed);
  });
});

test('the page has the command that restores a server, by its id if several have its name', () => {
  const restoresOf = (...series: AuditedSeries[]) => {
    const html = reportPage(auditOf(series), 'dev');
    const [, json = ''] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html) ?? [];
    return (JSON.parse(json) as { restores: string[] }).restores;
  };
  const namesake = seriesOf([shown(0)], { server: 'other-id' });
  expect(restoresOf(web)).toEqual(['npx autosnap restore --stage dev --server web-1']);
  expect(restoresOf(web, namesake).toSorted()).toEqual([
    'npx autosnap restore --stage dev --server other-id',
    'npx autosnap restore --stage dev --server server-web-1',
  ]);
  expect(restoresOf(seriesOf([]))).toEqual(['']);
});
