import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { answers } from '../../local/cloud/faults.ts';
import { type Harness, harness, type Job, policy, setTime } from '../harness.ts';

/**
 * A server with four snapshots, of which a cleanup would delete one. No invalid input may delete or
 * create an image.
 */
async function cloudWithHistory(): Promise<Harness> {
  setTime('2026-11-20T00:00:10Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  h.cloud.region('DFW').addServer({ name: 'web' });
  for (let day = 20; day < 24; day++) {
    setTime(`2026-11-${day}T00:00:10Z`);
    await h.run('snapshot', policy());
    setTime(`2026-11-${day}T12:00:00Z`);
  }
  h.cloud.received.length = 0;
  h.cold();
  return h;
}

const SECRET = 'autosnap/test/rackspace';
const JOBS: Job[] = ['snapshot', 'cleanup'];

type Break = (h: Harness) => unknown;
const setSecret =
  (text: string): Break =>
  ({ cloud }) =>
    cloud.secrets.set(SECRET, text);

describe.each(JOBS)('%s with invalid input reports a remedy and changes nothing', (job) => {
  test.each<[string, ReasonCode, Break, RegExp, Record<string, unknown>?]>([
    [
      'no secret',
      'SECRET_MISSING',
      ({ cloud }) => cloud.secrets.clear(),
      /^The secret autosnap\/test\/rackspace can't be read: it does not exist .* create it with aws secretsmanager create-secret --name autosnap\/test\/rackspace/,
    ],
    [
      "no secret for the policy's account",
      'SECRET_MISSING',
      () => {},
      /^The secret autosnap\/test\/customer-b can't be read: .* or correct the account of the policy or of the event/,
      { account: 'customer-b' },
    ],
    [
      'a secret that is not JSON',
      'SECRET_INVALID',
      setSecret('hunter2hunter2'),
      /is refused: it must be a JSON object, such as/,
    ],
    [
      'a secret of no known form',
      'SECRET_INVALID',
      setSecret('{"user":"u"}'),
      /is refused: it must have apiKey \(Rackspace\), password/,
    ],
    [
      'a secret without a user',
      'SECRET_INVALID',
      setSecret('{"apiKey":"hunter2hunter2"}'),
      /is refused: username: is missing/,
    ],
    [
      'a secret with an unknown field',
      'SECRET_INVALID',
      setSecret('{"username":"u","apiKey":"hunter2hunter2","region":"DFW"}'),
      /is refused: a key: is not a known key: the known ones are username, apiKey, authUrl: correct it, or remove it/,
    ],
    [
      'a secret that would be sent in the open',
      'SECRET_INVALID',
      setSecret('{"username":"u","apiKey":"hunter2hunter2","authUrl":"http://identity.example.com"}'),
      /is refused: authUrl: must be an https URL/,
    ],
    [
      'a wrong key',
      'CLOUD',
      ({ cloud }) => (cloud.account.apiKey = 'another'),
      /does not accept these credentials: check the name and the key in the secret/,
    ],
    [
      'an account that asks for a second factor',
      'CLOUD',
      ({ cloud }) => (cloud.account.mfa = 'challenge'),
      /use the API key of a user without it/,
    ],
    [
      'an account that must set one up',
      'CLOUD',
      ({ cloud }) => (cloud.account.mfa = 'setup'),
      /User must setup multi-factor.* use the API key of a user without it/,
    ],
  ])('%s: %s', async (_, code, damage, message, changes = {}) => {
    const h = await cloudWithHistory();
    const before = h.cloud.region('DFW').images;
    damage(h);
    const { error } = await h.fail(job, policy(changes));
    expect(error.message).toMatch(message);
    expect(h.logs()).toMatch(new RegExp(`"the run has failed",[^{]*"codes": \\[\\s*"${code}"\\s*\\]`));
    expect(h.cloud.region('DFW').images).toEqual(before);
    expect(h.cloud.received.filter(({ service }) => service === 'compute' || service === 'image')).toEqual(
      [],
    );
    expect(`${inspect(error, { depth: 9, showHidden: true })}${h.logs()}`).not.toMatch(
      /hunter2hunter2|aaaaa-bbbbb/,
    );
  });
});

describe('snapshot', () => {
  test('a server id that does not exist fails, and the other servers are taken', async () => {
    const h = await cloudWithHistory();
    setTime('2026-11-24T00:00:10Z');
    const web = h.cloud.region('DFW').servers[0]!;
    const { error, report } = await h.fail('snapshot', policy({ servers: { ids: [web.id, 'no-such-id'] } }));
    expect(report?.totals).toEqual({ failed: 1, taken: 1 });
    expect(error.message).toMatch(
      'no-such-id in no region: servers.ids: no such server in these regions: correct the id, or take it out',
    );
  });

  test('a selector that matches nothing is a warning with a metric of its own', async () => {
    const h = await cloudWithHistory();
    const report = await h.run('snapshot', policy({ servers: { names: ['mail-*'] } }));
    expect(report).toMatchObject({
      totals: {},
      nothingSelected: true,
      warnings: [{ code: 'SELECTOR_UNMATCHED', text: 'servers.names "mail-*" matches no server' }],
    });
    expect(h.logs()).toMatch(/"NothingSelected": ?1/);
  });

  test.each([
    ['all', { all: true, except: { names: ['*'] } }],
    ['names', { names: ['web*'], except: { names: ['w*'] } }],
  ])('except that excludes every server is a warning with the same metric: %s', async (_, servers) => {
    const h = await cloudWithHistory();
    expect(await h.run('snapshot', policy({ servers }))).toMatchObject({
      totals: {},
      nothingSelected: true,
      warnings: [{ code: 'SERVERS_ALL_EXCEPTED', text: 'servers.except excludes every selected server' }],
    });
    expect(h.logs()).toMatch(/"NothingSelected": ?1/);
  });

  test('an ad-hoc snapshot whose except excludes every server fails', async () => {
    const h = await cloudWithHistory();
    const servers = { all: true, except: { names: ['*'] } };
    const { error } = await h.fail('snapshot', { adhoc: true, expires: '14d', servers });
    expect(error.message).toContain('servers.except excludes every selected server');
  });

  test('a volume-backed server at Rackspace whose volumes the policy leaves out fails without a request', async () => {
    const h = await cloudWithHistory();
    h.cloud.region('ORD').addServer({ name: 'bfv', image: '' });
    setTime('2026-11-24T00:00:10Z');
    const { error, report } = await h.fail('snapshot', policy({ volumes: 'none' }));
    expect(report?.totals).toEqual({ failed: 1, taken: 1 });
    expect(error.message).toMatch(
      /bfv in ORD: Rackspace makes no image of a server whose disk is a volume, .* servers\.except/,
    );
    expect(h.cloud.received.filter(({ method, region }) => method === 'POST' && region === 'ORD')).toEqual(
      [],
    );
  });

  test('a volume-backed server of another cloud is taken', async () => {
    const h = await cloudWithHistory();
    h.cloud.secrets.set(SECRET, h.cloud.secret('password'));
    h.cloud.region('ORD').addServer({ name: 'bfv', image: '' });
    setTime('2026-11-24T00:00:10Z');
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 2 });
  });

  test('a user without the role to create images fails with the role', async () => {
    const h = await cloudWithHistory();
    h.cloud.account.role = 'creator';
    setTime('2026-11-24T00:00:10Z');
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toMatch(
      /web in DFW: .* 403 .* lacks the role for this, grant it: at Rackspace nova:admin/,
    );
  });

  test('an exceeded quota of images fails', async () => {
    const h = await cloudWithHistory();
    h.cloud.faults.push({ service: 'compute', method: 'POST', answer: answers.glanceQuota });
    setTime('2026-11-24T00:00:10Z');
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toMatch("the image service's quota for this project is used up");
  });

  test('a schedule that has not started yet is refused', async () => {
    const h = await cloudWithHistory();
    const { error } = await h.fail('snapshot', policy({ schedule: 'cron(0 0 1 1 ? 2199)' }));
    expect(error.message).toBe(
      'The event is refused: schedule: has not fired yet: to take a snapshot now, send an ad-hoc event',
    );
  });
});

test('a replaced API key needs no deployment: a warm function reads the secret again after a 401', async () => {
  const h = await cloudWithHistory();
  await h.run('cleanup', policy());
  h.cloud.account.apiKey = 'ffffffff-rotated';
  h.cloud.secrets.set(SECRET, h.cloud.secret('rackspace'));
  h.cloud.received.length = 0;
  await h.run('cleanup', policy());
  await h.run('cleanup', policy());
  const asked = h.cloud.received
    .map(({ service }) => service)
    .filter((s) => s === 'identity' || s === 'secrets');
  expect(asked).toEqual(['identity', 'secrets', 'identity', 'identity']);
});

describe('every form of the secret works', () => {
  test.each(['rackspace', 'password', 'applicationCredential'] as const)('%s', async (kind) => {
    const h = await cloudWithHistory();
    h.cloud.secrets.set('autosnap/test/other', h.cloud.secret(kind));
    expect((await h.run('cleanup', policy({ account: 'other' }))).totals).toEqual({ deleted: 1, kept: 3 });
  });
});
