import { expect, test } from 'vitest';
import type { Incident } from '../../lib/incidents/incident-log.ts';
import { incidentMail } from '../../lib/incidents/mail.ts';
import type { SeriesProblem } from '../../lib/reporting/reasons.ts';
import { auditOf } from '../audit/audits.ts';

const failed = (server: string, changes: object = {}): Incident['problems'][number] => ({
  kind: 'server',
  key: server,
  account: 'rackspace',
  region: 'DFW',
  server,
  policies: ['daily'],
  isTransient: false,
  known: [],
  reasons: [
    {
      code: 'SERVER_FAILED',
      job: 'snapshot',
      policy: 'daily',
      where: 'DFW',
      server,
      name: server,
      message: 'no',
    },
  ],
  ...changes,
});

const ended = (...problems: Incident['problems']) => {
  const incident = {
    since: '2026-11-24T00:00:00Z',
    notifiedAt: '2026-11-24T00:00:00Z',
    title: 'web-1',
    problems,
  };
  const news = { begun: [], lasting: [], ended: [incident], failedRuns: 0, rejected: 0 };
  return incidentMail(auditOf([]), news, { service: 'autosnap', stage: 'test', console: undefined })!;
};

test.each<[string, Incident['problems'], string]>([
  ['the problem', [failed('db')], 'db: snapshot daily failed'],
  ['the number of the others', [failed('db'), failed('mail')], 'db: snapshot daily failed, and 1 more'],
  ['each server once', [failed('db'), failed('db', { key: 'drill' })], 'db: snapshot daily failed'],
  ['no consequence', [failed('mail', { joined: true }), failed('db')], 'db: snapshot daily failed'],
])('the end of an incident names what has ended, not what it began with: %s', (_, problems, title) => {
  const { subject, text } = ended(...problems);
  expect(subject).toMatch(new RegExp(`: ended: ${title}$`));
  // Whether it was mended, accepted, deleted or deselected is not known.
  expect(text).toMatch(/^Ended: the audit no longer sees this:\n- /);
});

test('two troubles of a server name it once', () => {
  const of = { server: 'db-2', where: 'DFW', policy: 'daily' };
  const inTrouble = (problem: SeriesProblem) =>
    ({ code: 'SERVER_IN_TROUBLE', server: 's', name: 'db-2', problem }) as const;
  const stuck = inTrouble({ code: 'SERIES_STUCK', ...of, images: ['i'] });
  const behind = inTrouble({ code: 'SERIES_NOT_ROTATED', ...of, count: 2 });
  const elsewhere = inTrouble({ code: 'SERIES_STUCK', ...of, policy: 'weekly', images: ['j'] });
  const { text } = ended(failed('s', { reasons: [stuck, behind, elsewhere] }));
  expect(text).toContain(
    '- db-2 in DFW, daily: never finished: i; delete it by hand; no rule keeps 2 snapshots',
  );
  expect(text).toContain('; db-2 in DFW, weekly: never finished: j;');
});
