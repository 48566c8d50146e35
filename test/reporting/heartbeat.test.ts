import { beforeEach, expect, test } from 'vitest';
import { sendPing } from '../../lib/reporting/heartbeat.ts';
import { type Outside, startOutside } from '../heartbeat-service.ts';

const BEAT = { job: 'snapshot', policy: 'daily' };

let outside: Outside;

beforeEach(async () => {
  outside = await startOutside();
});

test.each([
  ['/uuid', true, 'GET /uuid'],
  ['/uuid', false, 'GET /uuid/fail'],
  ['/uuid/', false, 'GET /uuid/fail'],
  ['/uuid?create=1', false, 'GET /uuid/fail?create=1'],
  ['/key/autosnap-{policy}-{job}', true, 'GET /key/autosnap-daily-snapshot'],
  ['/key/autosnap-{policy}-{job}', false, 'GET /key/autosnap-daily-snapshot/fail'],
])('%s, good: %s', async (path, good, request) => {
  expect(await sendPing(outside.url + path, BEAT, good)).toBeUndefined();
  expect(outside.asked).toEqual([request]);
});

test('a user and a password in the URL are sent as HTTP basic authentication', async () => {
  const url = outside.url.replace('//', '//ada:p%40ss%20w%C3%B6rd@');
  expect(await sendPing(`${url}/{policy}`, BEAT, false)).toBeUndefined();
  expect(outside.asked).toEqual(['GET /daily/fail']);
  const login = Buffer.from('ada:p@ss wörd').toString('base64');
  expect(outside.authorization).toBe(`Basic ${login}`);
});

test('a URL without a password sends none', async () => {
  await sendPing(`${outside.url}/uuid`, BEAT, true);
  expect(outside.authorization).toBeUndefined();
});

test('a failed ping is reported, and never thrown', async () => {
  outside.status = 503;
  expect(await sendPing(`${outside.url}/uuid`, BEAT, true)).toMatch(/^127\.0\.0\.1:\d+ answers 503$/);
  expect(await sendPing('no URL', BEAT, true)).toMatch(/Invalid URL/);
  outside.close();
  expect(await sendPing(`${outside.url}/uuid`, BEAT, true)).toMatch(/fetch failed: .*ECONNREFUSED/);
});
