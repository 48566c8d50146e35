import { describe, expect, test } from 'vitest';
import { parseEvent } from '../../lib/config/policy.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { sentenceOf } from '../../lib/reporting/sentences.ts';
import {
  afterRun,
  isExpired,
  parseMessage,
  retryPlanOf,
  type WorkItem,
} from '../../lib/runtime/work-item.ts';
import { policy } from '../harness.ts';

const LEFT = { outOfTime: 3 };
const BUSY = { busy: { servers: [{ name: 'web-1', region: 'DFW' }], more: 0 } };

/**
 * A work item of the policy `daily`, first requested 20 seconds past midnight; `changes` are
 * applied to it.
 */
function work(changes: Partial<WorkItem> = {}): WorkItem {
  return {
    job: 'snapshot',
    event: policy(),
    since: new Date('2026-11-23T00:00:20Z'),
    requestId: 'r1',
    tries: 0,
    ...changes,
  };
}

/** When deferred work resumes, and what is given up. */
function retryPlan(
  left: Report['left'],
  now: string,
  changes: Partial<WorkItem> = {},
): [string | undefined, string[]] {
  const its = work(changes);
  const { at, abandoned, givesUpBusy } = retryPlanOf(
    { left: left! },
    its,
    parseEvent(its.event),
    new Date(now),
  );
  return [at?.toISOString(), [...abandoned.map(sentenceOf), ...(givesUpBusy ? ['the busy servers'] : [])]];
}

test('a work item is read from the queue unchanged', () => {
  const whole = work({ tries: 2 });
  expect(parseMessage(JSON.stringify(whole))).toEqual(whole);
});

test('a work item of another version is read without the unknown keys', () => {
  const { servers, ...known } = { ...work(), servers: ['web-1'] };
  expect(parseMessage(JSON.stringify({ ...known, servers }))).toEqual(known);
});

test.each(['{"job": "restore"}', 'not JSON', '[]', 'null', '{"job": "cleanup", "event": {}}'])(
  '%s is not a work item',
  (body) => {
    expect(() => parseMessage(body)).toThrow();
  },
);

describe('work deferred at the deadline', () => {
  test.each<[string, string, Partial<WorkItem>, [string | undefined, string[]]]>([
    ['resumes at once', '2026-11-23T00:14:00Z', {}, ['2026-11-23T00:14:00.000Z', []]],
    ['resumes until the next scheduled run', '2026-11-23T23:59:59Z', {}, ['2026-11-23T23:59:59.000Z', []]],
    [
      'does not resume after that',
      '2026-11-24T00:00:00Z',
      {},
      [undefined, ['run deadline reached: 3 servers deferred to the next run']],
    ],
    [
      'resumes for two days if the next day lacks the time of the schedule',
      '2026-03-09T06:59:59Z',
      {
        event: policy({ schedule: 'cron(0 2 * * ? *)', timezone: 'America/Chicago' }),
        since: new Date('2026-03-07T08:00:20Z'),
      },
      ['2026-03-09T06:59:59.000Z', []],
    ],
    [
      'of a cleanup resumes until the next cleanup',
      '2026-11-23T06:00:20Z',
      { job: 'cleanup' },
      [undefined, ['run deadline reached: 3 snapshots deferred to the next run']],
    ],
    [
      'of an ad-hoc event resumes for a day',
      '2026-11-24T00:00:19Z',
      { event: { adhoc: true, servers: { all: true } } },
      ['2026-11-24T00:00:19.000Z', []],
    ],
  ])('%s', (_, now, changes, expected) => {
    expect(retryPlan(LEFT, now, changes)).toEqual(expected);
  });
});

describe('busy servers', () => {
  const hourly = { event: policy({ schedule: 'rate(1 hour)' }) };
  test.each<[string, string, Partial<WorkItem>, [string | undefined, string[]]]>([
    ['are retried five minutes later', '2026-11-23T00:01:00Z', {}, ['2026-11-23T00:06:00.000Z', []]],
    ['are then retried at longer intervals', '2026-11-23T04:00:20Z', {}, ['2026-11-23T05:00:20.000Z', []]],
    [
      'are finally retried at half the interval',
      '2026-11-23T11:59:00Z',
      {},
      ['2026-11-23T12:00:20.000Z', []],
    ],
    ['are not retried after that', '2026-11-23T12:00:20Z', {}, [undefined, ['the busy servers']]],
    [
      'of a late run are retried until the next run',
      '2026-11-23T23:58:00Z',
      { since: new Date('2026-11-23T18:00:00Z') },
      ['2026-11-24T00:00:00.000Z', []],
    ],
    [
      'of a monthly policy are retried for as long as the queue keeps messages',
      '2026-12-05T23:59:00Z',
      { event: policy({ schedule: 'cron(0 0 23 * ? *)' }) },
      ['2026-12-06T00:00:20.000Z', []],
    ],
    [
      'of a rate are retried for half an interval after the run',
      '2026-11-23T00:28:00Z',
      hourly,
      ['2026-11-23T00:30:20.000Z', []],
    ],
  ])('%s', (_, now, changes, expected) => {
    expect(retryPlan(BUSY, now, changes)).toEqual(expected);
  });

  test('do not delay work deferred at the deadline', () => {
    const now = '2026-11-23T00:14:00Z';
    expect(retryPlan({ ...LEFT, ...BUSY }, now)).toEqual(['2026-11-23T00:14:00.000Z', []]);
    const [at, abandoned] = retryPlan({ ...LEFT, ...BUSY }, '2026-11-23T13:00:00Z');
    expect([at, abandoned]).toEqual(['2026-11-23T13:00:00.000Z', ['the busy servers']]);
  });
});

test('a run without deferred work is not resumed', () => {
  expect(retryPlan(undefined, '2026-11-23T00:14:00Z')).toEqual([undefined, []]);
});

test.each([
  ['2026-11-23T23:59:59Z', false],
  ['2026-11-24T00:00:00Z', true],
])('at %s the work has expired: %s', (now, expired) => {
  expect(isExpired(work(), parseEvent(policy()), new Date(now))).toBe(expired);
});

describe('after a run', () => {
  const now = new Date('2026-11-23T00:14:00Z');
  const later = new Date('2026-11-23T00:19:00Z');
  const at = (time: Date | undefined) => time?.toISOString().slice(11, 16);
  test.each<[string, number, Parameters<typeof afterRun>[1], [notify: boolean, tries: number, at?: string]]>([
    ['a successful run ends the work', 0, { failed: false }, [false, 0]],
    [
      'deferred work resumes, and does not count as a try',
      1,
      { failed: false, at: later },
      [false, 1, '00:19'],
    ],
    ['a failed run is retried in a minute', 0, { failed: true }, [false, 1, '00:15']],
    ['the second retry is in two minutes', 1, { failed: true }, [false, 2, '00:16']],
    ['the third try is the last, and its failure is notified', 2, { failed: true }, [true, 3]],
    ['a failure that no retry would help is notified at once', 0, { failed: 'final' }, [true, 3]],
    ['the deferred work of a failed run resumes too', 2, { failed: true, at: later }, [true, 3, '00:19']],
    ['and the failure is not notified again', 3, { failed: true, at: later }, [false, 3, '00:19']],
    ['and the failure is not retried', 3, { failed: true }, [false, 3]],
    [
      'another cause is notified, and not retried',
      3,
      { failed: true, causes: ['notified', 'other'] },
      [true, 3],
    ],
    [
      'another cause that no retry would help is notified too',
      3,
      { failed: 'final', causes: ['other'] },
      [true, 3],
    ],
    ['a notified cause is not notified again', 3, { failed: 'final', causes: ['notified'] }, [false, 3]],
    [
      'no cause is notified while tries are left',
      1,
      { failed: true, causes: ['other'] },
      [false, 2, '00:16'],
    ],
  ])('%s', (_, tries, result, [notify, counted, time]) => {
    const next = afterRun({ tries, notified: ['notified'] }, result, now);
    expect([next.notify, next.tries, at(next.at)]).toEqual([notify, counted, time]);
  });
});
