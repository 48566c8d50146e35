import { describe, expect, test } from 'vitest';
import { parseEvent } from '../../lib/config/policy.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { sentenceOf } from '../../lib/reporting/sentences.ts';
import {
  afterRun,
  isExpired,
  parseWorkItem,
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
  const { at, over } = retryPlanOf({ left: left! }, its, parseEvent(its.event), new Date(now));
  return [at?.toISOString(), over.map(sentenceOf)];
}

test('a work item is read from the queue unchanged', () => {
  const whole = work({ tries: 2 });
  expect(parseWorkItem(JSON.stringify(whole))).toEqual(whole);
});

test('a work item of another version is read without the unknown keys', () => {
  const { servers, ...known } = { ...work(), servers: ['web-1'] };
  expect(parseWorkItem(JSON.stringify({ ...known, servers }))).toEqual(known);
});

test.each(['{"job": "restore"}', 'not JSON', '[]', 'null', '{"job": "cleanup", "event": {}}'])(
  '%s is not a work item',
  (body) => {
    expect(() => parseWorkItem(body)).toThrow();
  },
);

describe('work deferred at the deadline', () => {
  test.each<[string, string, Partial<WorkItem>, [string | undefined, string[]]]>([
    ['resumes at once', '2026-11-23T00:14:00Z', {}, ['2026-11-23T00:14:00.000Z', []]],
    ['until the next run by schedule', '2026-11-23T23:59:59Z', {}, ['2026-11-23T23:59:59.000Z', []]],
    [
      'but no longer',
      '2026-11-24T00:00:00Z',
      {},
      [undefined, ['stopped in time: 3 servers are left to the next run']],
    ],
    [
      'for two days if the next day lacks the time of the schedule',
      '2026-03-09T06:59:59Z',
      {
        event: policy({ schedule: 'cron(0 2 * * ? *)', timezone: 'America/Chicago' }),
        since: new Date('2026-03-07T08:00:20Z'),
      },
      ['2026-03-09T06:59:59.000Z', []],
    ],
    [
      "of a cleanup until the cleanup's next",
      '2026-11-23T06:00:20Z',
      { job: 'cleanup' },
      [undefined, ['stopped in time: 3 snapshots are left to the next run']],
    ],
    [
      'by hand for a day',
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
    ['then at longer intervals', '2026-11-23T04:00:20Z', {}, ['2026-11-23T05:00:20.000Z', []]],
    ['and finally at half the interval', '2026-11-23T11:59:00Z', {}, ['2026-11-23T12:00:20.000Z', []]],
    [
      'and not after that',
      '2026-11-23T12:00:20Z',
      {},
      [undefined, ['busy until half the interval had passed: web-1 in DFW']],
    ],
    [
      'of a late run until the next one',
      '2026-11-23T23:58:00Z',
      { since: new Date('2026-11-23T18:00:00Z') },
      ['2026-11-24T00:00:00.000Z', []],
    ],
    [
      'of a monthly policy for as long as the queue keeps messages',
      '2026-12-05T23:59:00Z',
      { event: policy({ schedule: 'cron(0 0 23 * ? *)' }) },
      ['2026-12-06T00:00:20.000Z', []],
    ],
    ['by a rate from the run itself', '2026-11-23T00:28:00Z', hourly, ['2026-11-23T00:30:20.000Z', []]],
  ])('%s', (_, now, changes, expected) => {
    expect(retryPlan(BUSY, now, changes)).toEqual(expected);
  });

  test('do not delay work deferred at the deadline', () => {
    const now = '2026-11-23T00:14:00Z';
    expect(retryPlan({ ...LEFT, ...BUSY }, now)).toEqual(['2026-11-23T00:14:00.000Z', []]);
    const [at, over] = retryPlan({ ...LEFT, ...BUSY }, '2026-11-23T13:00:00Z');
    expect([at, over]).toEqual(['2026-11-23T13:00:00.000Z', [expect.stringMatching('^busy until')]]);
  });
});

test('a run without deferred work is not resumed', () => {
  expect(retryPlan(undefined, '2026-11-23T00:14:00Z')).toEqual([undefined, []]);
});

test.each([
  ['2026-11-23T23:59:59Z', false],
  ['2026-11-24T00:00:00Z', true],
])('at %s the work has expired: %s', (now, over) => {
  expect(isExpired(work(), parseEvent(policy()), new Date(now))).toBe(over);
});

describe('after a run', () => {
  const now = new Date('2026-11-23T00:14:00Z');
  const later = new Date('2026-11-23T00:19:00Z');
  const at = (time: Date | undefined) => time?.toISOString().slice(11, 16);
  test.each<[string, number, Parameters<typeof afterRun>[1], [tell: boolean, tries: number, at?: string]]>([
    ['a good one ends it', 0, { failed: false }, [false, 0]],
    ['what is left goes on, and counts as no try', 1, { failed: false, at: later }, [false, 1, '00:19']],
    ['a failed one is tried again in a minute', 0, { failed: true }, [false, 1, '00:15']],
    ['in two minutes the next time', 1, { failed: true }, [false, 2, '00:16']],
    ['the third is the last, and told', 2, { failed: true }, [true, 3]],
    ['one that no try would help is told at once', 0, { failed: 'final' }, [true, 3]],
    ['what it has left goes on all the same', 2, { failed: true, at: later }, [true, 3, '00:19']],
    ['and is not told again', 3, { failed: true, at: later }, [false, 3, '00:19']],
    ['nor tried for its failures', 3, { failed: true }, [false, 3]],
    ['another cause is told, and tried no more', 3, { failed: true, causes: ['told', 'other'] }, [true, 3]],
    ['also one that no try would help', 3, { failed: 'final', causes: ['other'] }, [true, 3]],
    ['a cause that was told is not', 3, { failed: 'final', causes: ['told'] }, [false, 3]],
    ['while tries are left, no cause is told', 1, { failed: true, causes: ['other'] }, [false, 2, '00:16']],
  ])('%s', (_, tries, ended, [tell, counted, time]) => {
    const next = afterRun({ tries, told: ['told'] }, ended, now);
    expect([next.tell, next.tries, at(next.at)]).toEqual([tell, counted, time]);
  });
});
