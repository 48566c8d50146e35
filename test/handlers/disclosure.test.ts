import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { ENCODINGS } from '../encodings.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';

// What the project shows to nobody: secrets that come back in another form, and characters that
// take over a terminal.

const SECRET = 'autosnap/test/rackspace';
const SLOT = '2026-11-24T00:00:10Z';

async function account(changes: { name?: string; regions?: string[] } = {}): Promise<Harness> {
  setTime(SLOT);
  const h = await harness(changes.regions ? { regions: changes.regions } : {});
  h.cloud.region(changes.regions?.[0] ?? 'DFW').addServer({ name: changes.name ?? 'web-1' });
  return h;
}

const shown = (h: Harness, error?: Error) => `${inspect(error, { depth: 9, showHidden: true })}${h.logs()}`;

describe('a secret that the cloud repeats', () => {
  const KEY = 'k<1>&"2" \\3/4+é=';

  test.each(Object.entries(ENCODINGS))('of the login: %s', async (_, encode) => {
    const h = await account();
    h.cloud.account.apiKey = KEY;
    h.cloud.secrets.set(SECRET, h.cloud.secret('rackspace'));
    h.cloud.faults.push({
      service: 'identity',
      times: 9,
      answer: { status: 400, body: { badRequest: { code: 400, message: `Not this: ${encode(KEY)}` } } },
    });
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain('[secret]');
    expect(shown(h, error)).not.toContain(encode(KEY));
    expect(shown(h, error)).not.toContain(JSON.stringify(encode(KEY)).slice(1, -1));
  });

  test.each(Object.entries(ENCODINGS))('of the token, in a refusal of an image: %s', async (_, encode) => {
    const h = await account();
    let token = '';
    h.cloud.faults.push({
      service: 'compute',
      method: 'GET',
      answer(c) {
        token = c.req.header('x-auth-token')!;
        const message = `The token ${encode(token)} may not do this.`;
        const answer = { status: 403, body: { forbidden: { code: 403, message } } };
        h.cloud.faults.push({ service: 'compute', method: 'POST', answer, times: 9 });
      },
    });
    const { error } = await h.fail('snapshot', policy());
    expect(token).not.toBe('');
    expect(error.message).toContain('[secret]');
    expect(shown(h, error)).not.toContain(encode(token));
  });
});

describe('a malformed secret', () => {
  test('a key where its name belongs is not named', async () => {
    const h = await account();
    const fields = { username: 'u', apiKey: 'k', 'key-5c1e77aa': '', apiKye: 'x' };
    h.cloud.secrets.set(SECRET, JSON.stringify(fields));
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toBe(
      'The secret autosnap/test/rackspace is refused:\n- a key: is not a known key: the known ones are username, apiKey, authUrl: correct it, or remove it\n- a key: is not a known key: did you mean "apiKey"?',
    );
    expect(shown(h, error)).not.toMatch(/key-5c1e77aa|apiKye/);
  });

  test.each(['GetSecretValue', 'ListSecrets'])(
    'an answer of Secrets Manager to %s that is no JSON',
    async (asked) => {
      const h = await account();
      h.cloud.faults.push({
        service: 'secrets',
        times: 9,
        when: (c) => c.req.header('x-amz-target') === `secretsmanager.${asked}`,
        answer: { status: 200, body: '{"SecretString": key-5c1e77aa}' },
      });
      const named = asked === 'ListSecrets' ? { account: 'rack*' } : {};
      const { error } = await h.fail('snapshot', policy(named));
      expect(error.message).toMatch(/its answer is not complete JSON/);
      expect(shown(h, error)).not.toMatch(/key-5/);
    },
  );
});

describe('a key in the path of authUrl', () => {
  const KEY = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';

  test.each(['snapshot', 'doctor'] as const)('is not shown by %s', async (job) => {
    const h = await account();
    const { origin } = new URL(h.cloud.rackspaceUrl);
    h.cloud.secrets.set(SECRET, JSON.stringify({ username: 'u', apiKey: 'k', authUrl: `${origin}/${KEY}` }));
    h.cloud.faults.push({
      service: 'identity',
      times: 9,
      answer: { status: 404, body: { error: { message: `There is no /${KEY}/v2.0/tokens.` } } },
    });
    const event = job === 'doctor' ? { policies: [policy()] } : policy();
    const { error } = await h.fail(job, event);
    expect(shown(h, error)).toContain(`${origin}/…`);
    expect(shown(h, error)).not.toContain(KEY);
  });

  test.each(['/v3', '/identity/v2.0', '/keystone'])('a usual path %s is shown', async (path) => {
    const h = await account();
    const authUrl = `${new URL(h.cloud.rackspaceUrl).origin}${path}`;
    h.cloud.secrets.set(SECRET, JSON.stringify({ username: 'u', apiKey: 'k', authUrl }));
    h.cloud.faults.push({ service: 'identity', times: 9, answer: { status: 404, body: {} } });
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain(`"${authUrl}`);
  });
});

describe('a key where the name of a field of the event belongs', () => {
  const KEY = 'aaaaa-bbbbb-ccccc-12345678';
  test.each([
    ['snapshot', { policy: 'daily', [KEY]: 1 }, 'a key: is not a known key'],
    ['snapshot', policy({ servers: { all: true, [KEY]: 1 } }), 'a key of servers: is not a known key'],
    ['audit', { [KEY]: 1 }, 'a key: is not a known key'],
    ['hold', { hold: 'x', [KEY]: 1 }, 'a key: is not a known key'],
    ['restore', { server: 'web-1', [KEY]: 1 }, 'a key: is not a known key'],
  ] as const)('%s', async (job, event, problem) => {
    const h = await account();
    const { error } = await h.fail(job, event);
    expect(error.message).toContain(problem);
    expect(shown(h, error)).not.toContain(KEY);
  });
});

describe('a heartbeat with a password in its URL', () => {
  test.each([
    ['that nobody answers', 'http://ada:hunter2hunter2@127.0.0.1:9/ping-key-77'],
    ['of no known scheme', 'ftp://ada:hunter2hunter2@127.0.0.1/ping-key-77'],
    ['that is no URL', 'http://ada:hunter2hunter2@:x/ping-key-77'],
  ])('%s', async (_, url) => {
    vi.stubEnv('AUTOSNAP_HEARTBEAT', url);
    const h = await account();
    await h.run('snapshot', policy());
    expect(h.logs()).toContain('the heartbeat was not sent');
    expect(h.logs()).not.toMatch(/hunter2|ping-key-77/);
  });
});

describe('control characters of the cloud', () => {
  const NAME = 'web\u001b[2J\r\n- db-1 in DFW: kept\u009b31m\u202e';
  /** What a terminal would obey: JSON has no control character but the end of a line. */
  const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u;
  const logged = (h: Harness) => h.logs().split('\n').join(' ');

  test.each(['DFW', 'D\u001bFW\u009b'])(
    "in a server's name and an image's, in the region %j",
    async (region) => {
      const h = await account({ name: NAME, regions: [region] });
      const days = ['2026-11-24', '2026-11-25', '2026-11-26', '2026-11-27', '2026-11-28'];
      const results: unknown[] = [];
      for (const day of days) {
        setTime(`${day}T00:00:10Z`);
        results.push(await h.run('snapshot', policy()));
      }
      setTime('2026-11-28T06:00:00Z');
      const image = h.cloud.region(region).images[0]!;
      results.push(
        await h.run('cleanup', policy({ dryRun: true })),
        await h.run('doctor', { policies: [policy()] }),
        await h.run('restore', { server: NAME, to: 'new', dryRun: true }),
        await h.run('hold', { hold: image.id, until: 'forever' }),
      );
      deploy([policy()]);
      results.push(await h.run('audit', {}));
      const texts = results.flatMap(textsIn);
      expect(texts.filter((text) => UNPRINTABLE.test(text))).toEqual([]);
      expect(texts.join()).toContain('web\ufffd[2J');
      expect(logged(h)).not.toMatch(UNPRINTABLE);
    },
  );
});

/** All texts in a value. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
