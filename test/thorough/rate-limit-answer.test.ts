import { afterEach, describe, expect, vi } from 'vitest';
import { listServers } from '../../lib/openstack/compute.ts';
import { isQuota, type RateLimitAnswer, retryAfterMs } from '../../lib/openstack/rate-limit-answer.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { connected, receivedBy, test } from '../openstack/connected.ts';

afterEach(() => {
  vi.useRealTimers();
});

const SENT = { date: 'Wed, 01 Jan 2014 00:00:00 GMT' };

function refusal(
  headers: RateLimitAnswer['headers'],
  fault: object | string = {},
  status = 413,
): RateLimitAnswer {
  return { status, headers, body: typeof fault === 'string' ? fault : JSON.stringify({ overLimit: fault }) };
}

describe('the wait that the cloud requests', () => {
  test.each<[string, RateLimitAnswer, number | undefined]>([
    ['in the header, in seconds', refusal({ 'retry-after': '7' }), 7000],
    ['in the header, as a date', refusal({ ...SENT, 'retry-after': 'Wed, 01 Jan 2014 00:00:07 GMT' }), 7000],
    ['in the header rather than in the body', refusal({ 'retry-after': '7' }, { retryAfter: '9' }), 7000],
    ['as retryAfter, a text of seconds', refusal({}, { retryAfter: '54' }), 54_000],
    ['as retryAfter, a number of seconds', refusal({}, { retryAfter: 54 }), 54_000],
    ['as retryAfter, a date', refusal(SENT, { retryAfter: '2014-01-01T00:00:07Z' }), 7000],
    ['as retryAt', refusal(SENT, { retryAt: '2014-01-01T00:00:07Z' }), 7000],
    ['as retryAt with an offset', refusal(SENT, { retryAt: '2013-12-31T18:00:07-06:00' }), 7000],
    ['as retryAt with UTC for Z', refusal(SENT, { retryAt: '2014-01-01T00:00:07UTC' }), 7000],
    ['as a date that has passed: none', refusal(SENT, { retryAt: '2013-12-31T23:00:00Z' }), 0],
    ['as zero', refusal({}, { retryAfter: 0 }), 0],
    ['not at all', refusal({}, { message: 'OverLimit Retry...' }), undefined],
    ['as something that is neither', refusal({ 'retry-after': 'soon' }), undefined],
    ['in a page of HTML', refusal({}, '<html><title>413 Too Large</title></html>'), undefined],
  ])('%s', (_, answer, ms) => {
    expect(retryAfterMs(answer)).toBe(ms);
  });

  test('without a date in the answer, the retry time is compared with our own clock', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2014-01-01T00:00:03Z') });
    expect(retryAfterMs(refusal({}, { retryAt: '2014-01-01T00:00:07Z' }))).toBe(4000);
  });
});

describe('a 413 is a quota, so that waiting does not help, if', () => {
  const glance = JSON.stringify({
    message: 'Project 1 is over a limit for [Resource image_count_total]<br />',
    code: '413 Request Entity Too Large',
  });
  test.each<[string, RateLimitAnswer, boolean]>([
    ['it says to retry after 0', { ...refusal({}), body: JSON.stringify(answers.quota.body) }, true],
    ['its header says to retry after 0, as in Havana', refusal({ 'retry-after': '0' }), true],
    ['it is the image count of Glance, without a hint', refusal({}, glance), true],
    ['a proxy says it in HTML, without a hint', refusal({}, '<html></html>'), true],
    ['NOT with a wait in the header', refusal({ 'retry-after': '7' }, glance), false],
    ['NOT with a wait in the body', refusal({}, { retryAfter: '7' }), false],
    ['NOT as an overLimit that names no time', refusal({}, { message: 'slow down' }), false],
    ['NOT as a 429, whatever it says', refusal({ 'retry-after': '0' }, glance, 429), false],
  ])('%s', (_, answer, expected) => {
    expect(isQuota(answer)).toBe(expected);
  });
});

const DUE = new Date('2014-01-01T00:00:01Z');
/**
 * An answer that left the cloud one second before {@link DUE}, by a clock that differs from ours by
 * years.
 */
const dated = (answer: { status: number; body: unknown }): FaultAnswer => ({ ...answer, headers: SENT });

describe('a request over a rate limit', () => {
  test.concurrent('is repeated three times and then fails', { timeout: 15_000 }, async ({ cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer: answers.retryAfterHeader(429, 0), times: 9 });
    const began = performance.now();
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code: 'RATE_LIMITED', status: 429 });
    expect(receivedBy(cloud, 'compute')).toHaveLength(4);
    expect(performance.now() - began, 'half a second, one, two').toBeGreaterThan(3450);
  });

  test.concurrent('is repeated at the login', async ({ cloud }) => {
    const said = { overLimit: { code: 413, message: 'OverLimit Retry...' } };
    cloud.faults.push({ service: 'identity', answer: { status: 413, body: said } });
    await expect(connected(cloud)).resolves.toMatchObject({ projectId: '123456' });
    expect(receivedBy(cloud, 'identity')).toHaveLength(2);
  });

  test.concurrent.for<[string, FaultAnswer]>([
    ['413, seconds in the header', answers.retryAfterHeader(413, 1)],
    ['429, seconds in the header', answers.retryAfterHeader(429, 1)],
    [
      '413, a date in the header',
      { status: 413, headers: { ...SENT, 'retry-after': DUE.toUTCString() }, body: '' },
    ],
    ['413, retryAfter in seconds', answers.novaRetryAfterSeconds(1)],
    ['413, retryAfter as a date', dated(answers.reposeRetryAfterDate(DUE))],
    ['413, retryAt', dated(answers.reposeRetryAt(DUE))],
    ['413, retryAt with UTC for Z', dated(answers.reposeOddRetryAt(DUE))],
  ])('is repeated after the requested second: %s', async ([, answer], { cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer });
    const began = performance.now();
    await expect(listServers(session, 'DFW')).resolves.toEqual([]);
    // A timer may be a little early. Without the requested time the wait would be at most 625 ms.
    expect(performance.now() - began).toBeGreaterThan(950);
    expect(receivedBy(cloud, 'compute')).toHaveLength(2);
  });

  test.for<[string, FaultAnswer, string]>([
    ['a wait of more than a minute', answers.retryAfterHeader(413, 61), 'RATE_LIMITED'],
    ['a quota, retryAfter 0', answers.quota, 'OVER_QUOTA'],
    [
      'a quota of Havana',
      { status: 413, headers: { 'retry-after': '0' }, body: { overLimit: { message: 'too many' } } },
      'OVER_QUOTA',
    ],
    [
      "Glance's quota",
      { status: 413, body: { message: 'Project 1 is over a limit<br />', code: '413 Too Large' } },
      'OVER_QUOTA',
    ],
  ])('is not repeated for %s', async ([, answer, code], { cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer });
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code, status: 413 });
    expect(receivedBy(cloud, 'compute')).toHaveLength(1);
  });

  test('is not repeated if the wait is longer than the remaining time', async ({ cloud }) => {
    const session = await connected(cloud, { remainingMs: () => 20_000 });
    cloud.faults.push({ service: 'compute', answer: answers.retryAfterHeader(429, 30) });
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(receivedBy(cloud, 'compute')).toHaveLength(1);
  });
});
