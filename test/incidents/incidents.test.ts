import { describe, expect, test } from 'vitest';
import type { Incident, IncidentLog } from '../../lib/incidents/incident-log.ts';
import { updateIncidents } from '../../lib/incidents/incidents.ts';
import type { Problem } from '../../lib/incidents/problem.ts';
import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { problemTitle } from '../../lib/reporting/sentences/incident-mail.ts';
import { sentenceOf } from '../../lib/reporting/sentences.ts';

const HOUR_MS = 3_600_000;
const BEGINNING = Date.parse('2026-11-23T00:00:00Z');

function problem(kind: Problem['kind'], changes: Partial<Problem> = {}): Problem {
  const { account = 'rackspace', region, policies = kind === 'unreadable' ? [] : ['daily'], job } = changes;
  return {
    kind,
    key: [kind, account, region, ...policies, job].join('/'),
    account,
    policies,
    isTransient: false,
    reasons: [{ code: 'UNEXPECTED', error: 'Error', message: kind }],
    ...changes,
  };
}

const server = (name: string, changes: Partial<Problem> = {}) =>
  problem('server', {
    key: name,
    server: name,
    region: 'DFW',
    job: 'snapshot',
    reasons: [{ code: 'UNEXPECTED', error: 'Error', message: name }],
    ...changes,
  });

/** What hourly audits tell that see these problems, one list an audit: begun `+`, ended `-`. */
function mailsOf(...audits: Problem[][]): string[] {
  let log: Pick<IncidentLog, 'incidents' | 'gone'> = { incidents: [], gone: [] };
  return audits.map((seen, hour) => {
    const now = new Date(BEGINNING + hour * HOUR_MS);
    const { begun, lasting, ended, ...next } = updateIncidents(log, seen, now);
    log = JSON.parse(JSON.stringify(next));
    const titles = (sign: string, some: Incident[]) =>
      some.map(({ problems }) => sign + problems.map(problemTitle).join('+'));
    return [...titles('+', begun), ...titles('!', lasting), ...titles('-', ended)].join(' ');
  });
}

const db = server('db');
const web = server('web');
const lateWith = (facts: { newestGood?: string }) =>
  server('db', {
    reasons: [
      {
        code: 'SERVER_IN_TROUBLE',
        problem: { code: 'SERIES_LATE', server: 'db', where: 'DFW', policy: 'daily', lateMs: 1, ...facts },
        server: 'db',
        name: 'db',
        ageSeconds: 1,
      },
    ],
  });
const late = lateWith({ newestGood: '2026-11-22T00:00:00Z' });
const unprotected = lateWith({});
const locked = server('db', {
  reasons: [
    {
      code: 'SERVER_FAILED',
      job: 'snapshot',
      policy: 'daily',
      where: 'DFW',
      server: 'db',
      name: 'db',
      cause: 'SERVER_LOCKED',
      message: 'locked',
    },
  ],
});
const failed = problemTitle(locked);
const outage = problem('unreadable', { isTransient: true });
const wrongKey = problem('unreadable', { cause: 'UNAUTHORIZED' });
const crash = problem('run', { job: 'snapshot', isTotal: true });
const partly = problem('run', { job: 'snapshot', isTotal: false });
const failing = (...codes: ReasonCode[]) =>
  problem('run', {
    job: 'snapshot',
    isTotal: false,
    reasons: [
      {
        code: 'RUN_FAILED',
        job: 'snapshot',
        policy: 'daily',
        failures: codes.map((code) => ({ code, text: code, region: 'DFW' })),
      },
    ],
  });
const regionFailed = failing('REGION_UNREADABLE');
const farLate = { ...late, key: 'far', server: 'far', region: 'ORD' };
const lost = problem('dropped');
const noRecord = problem('coverage', { account: '', policies: [], isTransient: true });
const silence = problem('missing', { job: 'snapshot', isTotal: true });

const unread = (region: string) => problem('unreadable', { region });

describe('an incident', () => {
  test.each<[string, Problem[][], string[]]>([
    [
      'is mailed once, and once more when two audits have not seen it',
      [[db], [db], [], [], []],
      ['+db', '', '', '-db', ''],
    ],
    ['that one audit does not see goes on', [[db], [], [db], [], []], ['+db', '', '', '', '-db']],
    ['that comes again is mailed again', [[db], [], [], [db]], ['+db', '', '-db', '+db']],
    [
      'of a drop goes on while what is covered can not be compared',
      [[lost], [noRecord], [noRecord], [noRecord], [lost], [], []],
      ['+dropped', '', '+coverage', '', '', '-coverage', '-dropped'],
    ],
    ['of several servers is one', [[db, web], [web], [web]], ['+db+web', '', '']],
    ['of a server beside another that began before is another', [[db], [db, web]], ['+db', '+web']],
    [
      'of several accounts with one cause is one',
      [[wrongKey, problem('unreadable', { account: 'b', cause: 'UNAUTHORIZED' })]],
      ['+unreadable+unreadable'],
    ],
    [
      'is joined by an account that fails later for the same cause, which is mailed if it lasts',
      Array.from({ length: 27 }, (_, hour) =>
        hour < 2
          ? [wrongKey]
          : [wrongKey, problem('unreadable', { account: 'b', cause: 'UNAUTHORIZED', key: 'b' })],
      ),
      ['+unreadable', ...Array<string>(25).fill(''), '!unreadable'],
    ],
    [
      'is joined by the same server in a further policy',
      [[locked], [locked, { ...locked, key: 'db/weekly', policies: ['weekly'] }], [], [], []],
      [`+${failed}`, '', '', `-${failed}+${failed}`, ''],
    ],
    [
      'begins with what leaves servers without snapshots',
      [[problem('missing', { job: 'cleanup' }), silence, lost]],
      ['+missing+missing +dropped'],
    ],
    [
      'of two causes is two',
      [[wrongKey, problem('unreadable', { account: 'b', cause: 'FORBIDDEN' })]],
      ['+unreadable +unreadable'],
    ],
    [
      'that is transient is mailed when a second audit sees it',
      [[outage], [outage], [], []],
      ['', '+unreadable', '', '-unreadable'],
    ],
    [
      'that is transient and over by the next audit is mailed to nobody',
      [[outage], [], [], []],
      ['', '', '', ''],
    ],
    [
      'that is transient is mailed at once with a run that failed for it',
      [[outage, crash]],
      ['+unreadable+run'],
    ],
    ['of an account that is not transient is mailed at once', [[wrongKey]], ['+unreadable']],
  ])('%s', (_, audits, mailed) => {
    expect(mailsOf(...audits)).toEqual(mailed);
  });
});

describe('what follows from an open incident joins it', () => {
  test.each<[string, Problem[][], string[]]>([
    [
      'all of an account that can not be read',
      [[wrongKey], [wrongKey, crash, db, silence]],
      ['+unreadable', ''],
    ],
    ['at the same audit', [[crash, wrongKey, db]], ['+unreadable+run+server'.replace('server', 'db')]],
    ['servers that no run takes', [[crash], [crash, db]], ['+run', '']],
    [
      'a run that fails in part where a region can not be read',
      [[unread('ORD')], [unread('ORD'), partly]],
      ['+unreadable', ''],
    ],
    ['servers that no run comes for', [[silence], [silence, db]], ['+missing', '']],
    ['a selector that has lost all its servers', [[lost], [lost, problem('policy')]], ['+dropped', '']],
  ])('%s', (_, audits, mailed) => {
    expect(mailsOf(...audits)).toEqual(mailed);
  });

  test.each<[string, Problem[][], string[]]>([
    [
      'and keeps it open: a run that failed meanwhile, until the next good one',
      [[wrongKey], [wrongKey, crash], [crash], [crash], [crash], [], []],
      ['+unreadable', '', '', '', '', '', '-unreadable+run'],
    ],
    [
      'and keeps it open: a server that is late because of it, and becomes so only later',
      [[wrongKey], [wrongKey, crash], [crash], [crash, late], [crash, late], [], []],
      ['+unreadable', '', '', '', '', '', `-unreadable+run+${problemTitle(late)}`],
    ],
    [
      'for a day, and is an incident of its own then',
      [[wrongKey], [wrongKey, crash], ...Array<Problem[]>(25).fill([crash]), [crash], [crash, late]],
      ['+unreadable', ...Array<string>(26).fill(''), '+run -unreadable', ''],
    ],
    [
      'until it has a cause of its own',
      [[wrongKey], [wrongKey, late], [late], [late], [locked], [locked], [], []],
      ['+unreadable', '', '', '', `+${failed} -unreadable`, '', '', `-${failed}`],
    ],
    [
      'but is mailed at its end if it has had one from the beginning',
      [[wrongKey, locked], [wrongKey, locked], [locked], [locked], [locked]],
      [`+unreadable+${failed}`, '', '', `+${failed} -unreadable`, ''],
    ],
    [
      'in the region in which a run failed',
      [[regionFailed], [regionFailed], [regionFailed, late, farLate]],
      [`+${problemTitle(regionFailed)}`, '', `+${problemTitle(farLate)}`],
    ],
    [
      'also if that is seen before the end',
      [[crash], [crash, late], [crash, late], [locked], [locked], [locked]],
      ['+run', '', '', `+${failed}`, '-run', ''],
    ],
    [
      'but not while the incident explains it',
      [[wrongKey], [wrongKey, late], [wrongKey, locked], [locked], [locked]],
      ['+unreadable', '', '', `+${failed}`, '-unreadable'],
    ],
  ])('%s', (_, audits, mailed) => {
    expect(mailsOf(...audits)).toEqual(mailed);
  });
});

describe('what does not follow is an incident of its own', () => {
  test.each<[string, Problem[][], string[]]>([
    ['another account', [[wrongKey], [wrongKey, server('db', { account: 'b' })]], ['+unreadable', '+db']],
    [
      'another region',
      [[problem('unreadable', { region: 'ORD' })], [problem('unreadable', { region: 'ORD' }), db]],
      ['+unreadable', '+db'],
    ],
    ['what has dropped out of coverage', [[wrongKey], [wrongKey, lost]], ['+unreadable', '+dropped']],
    [
      'another policy, of what has dropped out of coverage',
      [[lost], [lost, problem('policy', { policies: ['weekly'] })]],
      ['+dropped', '+policy'],
    ],
    ['another policy', [[crash], [crash, server('db', { policies: ['weekly'] })]], ['+run', '+db']],
    ['a late server beside a run that fails in part', [[partly], [partly, db]], ['+run', '+db']],
    ['runs that are missing beside a server that fails', [[db], [db, silence]], ['+db', '+missing']],
    ['a run that crashes beside a server that fails', [[db], [db, crash]], ['+db', '+run']],
    [
      'a run that crashes beside a region that can not be read',
      [[unread('ORD')], [unread('ORD'), crash]],
      ['+unreadable', '+run'],
    ],
    [
      'the drill of a server beside a run that crashes',
      [[crash], [crash, server('db', { job: 'drill' })]],
      ['+run', '+db'],
    ],
    [
      'a problem that comes back when two audits have not seen it, though its incident goes on',
      [[db, web], [web], [web], [db, web]],
      ['+db+web', '', '', '+db'],
    ],
    [
      'a late server beside a cleanup that crashes',
      [[problem('run', { job: 'cleanup' })], [problem('run', { job: 'cleanup' }), db]],
      ['+run', '+db'],
    ],
    [
      'a late server beside a selector without servers',
      [[problem('policy')], [problem('policy'), db]],
      ['+policy', '+db'],
    ],
  ])('%s', (_, audits, mailed) => {
    expect(mailsOf(...audits)).toEqual(mailed);
  });
});

describe('a problem with another cause', () => {
  const title = problemTitle(failing('CLOUD'));

  test.each<[string, Problem[][], string[]]>([
    ['is mailed again: a server', [[db], [db], [locked], [locked]], ['+db', '', `+${failed}`, '']],
    [
      'is mailed again: a run',
      [[failing('REGION_UNREADABLE')], [failing('CLOUD')], [failing('REGION_UNREADABLE')]],
      [`+${title}`, `+${title}`, ''],
    ],
    ['is not mailed again if the server is only late', [[locked], [late], [late]], [`+${failed}`, '', '']],
    [
      'is mailed again if the server has been late for a day',
      [[locked], ...Array<Problem[]>(25).fill([late])],
      [`+${failed}`, ...Array<string>(23).fill(''), `!${problemTitle(late)}`, ''],
    ],
    [
      'is mailed again if the server has no good snapshot any more',
      [[locked], [late], [unprotected], [unprotected]],
      [`+${failed}`, '', `+${problemTitle(unprotected)}`, ''],
    ],
  ])('%s', (_, audits, mailed) => {
    expect(mailsOf(...audits)).toEqual(mailed);
  });
});

describe('servers that fail for one cause of the cloud', () => {
  const flaky = (name: string, cause = 'rackspace/DFW/CLOUD') => server(name, { sharedCause: cause });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => flaky(name)) as [Problem, Problem, Problem];
  const mailed = (...audits: Problem[][]) =>
    mailsOf(...audits).flatMap((text, hour) => (text ? `${hour}: ${text}` : []));

  test('are one incident, although they fail in different audits', () => {
    expect(mailed([a], [a, b], [b], [b, c], [c], [], [])).toEqual(['0: +a', '6: -a+b+c']);
  });

  test('cause three e-mails if they recur', () => {
    const hours = Array.from({ length: 72 }, (_, hour) => (hour % 4 === 0 ? [[a, b, c][hour % 3]!] : []));
    const quiet = Array.from({ length: 26 }, () => []);
    expect(mailed(...hours, ...quiet)).toEqual(['0: +a', '2: -a', '4: +b', expect.stringMatching(/^9\d: -/)]);
  });

  test('are mailed once they have lasted for a day', () => {
    const audits = Array.from({ length: 30 }, (_, hour) => (hour === 0 ? [a] : [a, b]));
    expect(mailed(...audits)).toEqual(['0: +a', '25: !b']);
  });

  test('are other incidents in another region or for another cause', () => {
    expect(mailed([a], [a, flaky('x', 'rackspace/ORD/CLOUD')], [a, locked])).toEqual([
      '0: +a',
      '1: +x',
      `2: +${failed}`,
    ]);
  });
});

test('an unreadable region does not end its incidents', () => {
  expect(mailsOf([lost], [wrongKey], [wrongKey], [wrongKey], [lost])).toEqual([
    '+dropped',
    '+unreadable',
    '',
    '',
    '',
  ]);
  expect(mailsOf([db], [wrongKey], [wrongKey], [wrongKey], [db])).toEqual(['+db', '+unreadable', '', '', '']);
});

describe('a problem that comes and goes', () => {
  const away = (hours: number) => Array.from({ length: hours }, () => []);
  const flapping = (problem: Problem) => Array.from({ length: 8 }, () => [[problem], ...away(2)]).flat();
  /** What is mailed, and in which hours. */
  const mailed = (...audits: Problem[][]) =>
    mailsOf(...audits).flatMap((text, hour) => (text ? `${hour}: ${text}` : []));

  test('is mailed twice, and once more when it has stayed away for a day', () => {
    expect(mailed(...flapping(db), ...away(24))).toEqual(['0: +db', '2: -db', '3: +db', '46: -db']);
    expect(mailed(...flapping(outage), ...flapping(outage))).toEqual([]);
    const long = Array.from({ length: 6 }, () => [[outage], [outage], ...away(2)]).flat();
    expect(mailed(...long)).toEqual(['1: +unreadable', '3: -unreadable', '5: +unreadable']);
  });

  test('hides no other problem, and delays the end of none', () => {
    const audits = flapping(db).map((seen, hour) => (hour === 9 || hour === 10 ? [...seen, web] : seen));
    expect(mailed(...audits)).toEqual(['0: +db', '2: -db', '3: +db', '9: +web', '12: -web']);
    // Beginning in the same audit, too.
    expect(mailed([db], [], [], [db, web], [], [], [])).toEqual([
      '0: +db',
      '2: -db',
      '3: +db +web',
      '5: -web',
    ]);
  });

  test('is mailed again if it comes back for another reason', () => {
    const locked = { ...db, reasons: [{ code: 'SERVER_LOCKED' }] } satisfies Problem;
    const title = sentenceOf({ code: 'SERVER_LOCKED' });
    const audits = [[db], [], [], [db], [], [], [locked], [], [], [db], [], [locked]];
    expect(mailed(...audits)).toEqual(['0: +db', '2: -db', '3: +db', `6: +${title}`]);
  });

  test('is mailed once more if it then lasts for a day', () => {
    const audits = [[db], ...away(2), ...Array.from({ length: 60 }, () => [db])];
    expect(mailed(...audits)).toEqual(['0: +db', '2: -db', '3: +db', '27: !db']);
  });

  test('is a new incident if it returns after a day', () => {
    const days = [[db], ...away(30), [db], ...away(3)];
    expect(mailed(...days)).toEqual(['0: +db', '2: -db', '31: +db', '33: -db']);
  });
});
