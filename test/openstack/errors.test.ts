import { inspect } from 'node:util';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { describe, expect } from 'vitest';
import { createImage, listServers } from '../../lib/openstack/compute.ts';
import type { PasswordCredentials } from '../../lib/openstack/credentials.ts';
import {
  CloudError,
  type CloudErrorCode,
  explain,
  faultMessage,
  isCloudError,
} from '../../lib/openstack/errors.ts';
import type { Deadline } from '../../lib/openstack/http.ts';
import { listImages } from '../../lib/openstack/images.ts';
import { getServer } from '../../lib/openstack/servers.ts';
import { connect } from '../../lib/openstack/session.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { connected, credentialsOf, receivedBy, test, unhurried } from './connected.ts';

const SERVER = { id: 'a2f4c6e8-0000-4000-8000-000000000001', region: 'DFW' };
const IMAGE = { name: 'web-1-daily', metadata: {} };

describe('the message inside an error body', () => {
  const lines = 'Failed validating: auth\n\nOn instance: {"password": "hunter2"}';
  test.each<[string, unknown, string | undefined]>([
    ['of Nova', { conflictingRequest: { code: 409, message: 'It is busy.' } }, 'It is busy.'],
    ['of Keystone', { error: { code: 401, message: 'Log in.', title: 'Unauthorized' } }, 'Log in.'],
    [
      'of Glance, without its line breaks',
      { message: 'No image x<br /><br />\n\n\n', code: '404 Not Found' },
      'No image x',
    ],
    ['of several lines: the first only', { error: { code: 400, message: lines } }, 'Failed validating: auth'],
    ['of a proxy: the title', '<html><head><title>502 Bad\n Gateway</title></head></html>', '502 Bad'],
    ['that is long: its beginning', { error: { message: 'x'.repeat(400) } }, 'x'.repeat(300)],
    ['that is no text', { error: { message: { why: 'because' } } }, undefined],
    ['that is empty', { error: { message: '' } }, undefined],
    ['in a body that is a list', ['no'], undefined],
    ['in plain text', 'upstream connect error', undefined],
    ['in nothing', '', undefined],
  ])('%s', (_, body, message) => {
    expect(faultMessage(typeof body === 'string' ? body : JSON.stringify(body), (text) => text)).toBe(
      message,
    );
  });
});

describe('the text of a refusal for people', () => {
  test.each<[string, CloudError, RegExp]>([
    // The remedy is the same whatever the words of the cloud, which no code compares.
    ...[
      'Not allowed.',
      'Image 1 is protected.',
      'Image metadata limit exceeded',
      'You do not own this image',
    ].map((words): [string, CloudError, RegExp] => [
      words,
      new CloudError('FORBIDDEN', words),
      RegExp(
        `^${words.replace(/\.$/, '')}\\. If the user in the secret lacks the role .*nova:admin and cloudImages:admin`,
      ),
    ]),
    [
      'any other error: the message of the cloud',
      new CloudError('CONFLICT', 'It is busy.'),
      /^It is busy\.$/,
    ],
  ])('%s', (_, error, text) => {
    expect(explain(error)).toMatch(text);
  });

  test('errors are distinguished by their codes', () => {
    const busy = new CloudError('CONFLICT', 'It is busy.');
    expect(isCloudError(busy)).toBe(true);
    expect(isCloudError(busy, 'NOT_FOUND', 'CONFLICT')).toBe(true);
    expect(isCloudError(busy, 'NOT_FOUND')).toBe(false);
    expect(isCloudError(new Error('CONFLICT'), 'CONFLICT')).toBe(false);
  });
});

test('the text of a fault in a good answer shows no secret', async ({ cloud }) => {
  const server = cloud.region('DFW').addServer({ name: 'web-1' });
  const session = await connected(cloud);
  cloud.faults.push({
    service: 'compute',
    answer: {
      async edit(answer, c) {
        const body = (await answer.json()) as { server: object };
        const message = `refused ${encodeURIComponent(`"${c.req.header('x-auth-token')}"`)}`;
        return Response.json({ server: { ...body.server, fault: { code: 500, message } } });
      },
    },
  });
  const { fault } = (await getServer(session, 'DFW', server.id))!;
  expect(fault).toBe('refused %22[secret]%22');
});

describe('an error status', () => {
  test.for([
    [400, 'BAD_REQUEST'],
    [401, 'UNAUTHORIZED'],
    [403, 'FORBIDDEN'],
    [404, 'NOT_FOUND'],
    [405, 'BAD_ANSWER'],
    [409, 'CONFLICT'],
    [500, 'UNAVAILABLE'],
    [501, 'UNAVAILABLE'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'UNAVAILABLE'],
  ] as const)('with %i is %s', async ([status, code], { cloud }) => {
    const session = await connected(cloud);
    const answer = { status, body: { anyKey: { code: status, message: 'So it is.' } } };
    cloud.faults.push({ service: 'compute', answer, times: 2 });
    const { url, ...error } = { ...(await failure(createImage(session, SERVER, IMAGE))) };
    expect(error).toEqual({ name: 'CloudError', code, method: 'POST', status });
    expect(url).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:\\d+/v2/123456/servers/${SERVER.id}/action$`));
  });

  test('becomes one line with the request, the status, and the message of the cloud', async ({ cloud }) => {
    const session = await connected(cloud);
    const { message, url } = await failure(createImage(session, SERVER, IMAGE));
    expect(message).toBe(`[POST] "${url}": 404 Instance ${SERVER.id} could not be found.`);
  });

  test('is reported without the query', async ({ cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'image', answer: answers.forbidden });
    const { message, url } = await failure(listImages(session, 'DFW', 'a name'));
    expect(url).toMatch(/\/v2\/images$/);
    expect(message).not.toContain('?');
  });

  test.for<[string, FaultAnswer, string, RegExp]>([
    ['a page of HTML', answers.html, 'UNAVAILABLE', /: 502 Bad Gateway$/],
    ['nothing but a status', { status: 403, body: '' }, 'FORBIDDEN', /: 403 Forbidden$/],
    [
      "Nova's 500 for Glance's quota",
      answers.glanceQuota,
      'OVER_QUOTA',
      /: 500 the image service's quota for this project is used up$/,
    ],
    [
      "Nova's 500 for a server that another request has just taken",
      answers.taskStateRace,
      'CONFLICT',
      /: 500 the server has become busy at this moment$/,
    ],
    ['a quota', answers.quota, 'OVER_QUOTA', /: 413 Image metadata limit exceeded$/],
  ])('in %s is translated', async ([, answer, code, message], { cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer });
    await expect(createImage(session, SERVER, IMAGE)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(receivedBy(cloud, 'compute')).toHaveLength(1);
  });

  test.for(['x-compute-request-id', 'x-openstack-request-id'])(
    'keeps the request id: %s',
    async (header, { cloud }) => {
      const session = await connected(cloud);
      const answer = { ...answers.conflict, headers: { [header]: 'req-1f2e' } };
      cloud.faults.push({ service: 'compute', answer });
      await expect(createImage(session, SERVER, IMAGE)).rejects.toMatchObject({ requestId: 'req-1f2e' });
    },
  );

  test('keeps the request id at the login too', async ({ cloud }) => {
    const answer = { ...answers.unauthorized, headers: { 'x-openstack-request-id': 'req-1f2e' } };
    cloud.faults.push({ service: 'identity', answer });
    await expect(connected(cloud)).rejects.toMatchObject({ code: 'UNAUTHORIZED', requestId: 'req-1f2e' });
  });
});

describe('a request without a usable answer', () => {
  test.concurrent.for<[string, FaultAnswer]>([
    ['a connection that is cut', 'drop'],
    ['500', answers.serverError],
    ['502 in HTML', answers.html],
    ['503', answers.unavailable],
    ['503 with a wait', { ...answers.unavailable, headers: { 'retry-after': '0' } }],
    ['504', { status: 504, body: '' }],
  ])('is repeated if that is safe: %s', async ([, answer], { cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer });
    await expect(listServers(session, 'DFW')).resolves.toEqual([]);
    expect(receivedBy(cloud, 'compute')).toHaveLength(2);
  });

  test.concurrent.for<[string, FaultAnswer]>([
    ['an answer that is lost', 'lose'],
    ['503', answers.unavailable],
  ])('is repeated at the login, although that is a POST: %s', async ([, answer], { cloud }) => {
    cloud.faults.push({ service: 'identity', answer });
    await expect(connected(cloud)).resolves.toMatchObject({ projectId: '123456' });
    expect(receivedBy(cloud, 'identity')).toHaveLength(2);
  });

  test.concurrent('is repeated if the connection ends in the middle of the body', async ({ replay }) => {
    replay.app.get('/compute/servers/detail', (c) => {
      if (replay.askedOfServices().length > 1) return c.json({ servers: [] });
      const { outgoing } = c.env;
      outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      outgoing.write('{"servers": [', () => outgoing.destroy());
      return RESPONSE_ALREADY_SENT;
    });
    const session = await replay.connect();
    await expect(listServers(session, 'DFW')).resolves.toEqual([]);
    expect(replay.askedOfServices()).toHaveLength(2);
  });

  test('a retry after more than a minute is not waited for, whatever the status', async ({ cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({
      service: 'compute',
      answer: { ...answers.unavailable, headers: { 'retry-after': '61' } },
    });
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    expect(receivedBy(cloud, 'compute')).toHaveLength(1);
  });

  test('an unpaired surrogate in an id of a JSON answer never reaches a URL', async ({ cloud }) => {
    const session = await connected(cloud);
    cloud.region('DFW').addServer({ name: 'web-1' });
    cloud.faults.push({
      service: 'compute',
      answer: { status: 200, body: '{"servers": [{"id": "a\\uD83Db", "name": "\\ud83d\\ude00"}]}' },
    });
    const [server] = await listServers(session, 'DFW');
    expect(server).toMatchObject({ id: 'a\ufffdb', name: '😀' });
    await expect(createImage(session, server!, IMAGE)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('JSON that ends in the middle is an invalid answer, and the error quotes none of it', async ({
    cloud,
  }) => {
    cloud.region('DFW').addServer({ name: 'web-1' });
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer: 'truncate' });
    const { code, message, url } = await failure(listServers(session, 'DFW'));
    expect({ code, message }).toEqual({
      code: 'BAD_ANSWER',
      message: `[GET] "${url}": the answer is not complete JSON`,
    });
  });

  test('an unexpected success status is an invalid answer', async ({ cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer: { status: 200, body: {} } });
    await expect(createImage(session, SERVER, IMAGE)).rejects.toMatchObject({
      code: 'BAD_ANSWER',
      status: 200,
      message: expect.stringMatching(/: 200 was not expected here$/),
    });
  });

  test('a refused connection is reported as such', async ({ replay }) => {
    // Nothing listens at port 1.
    const session = await replay.connect({ compute: 'http://127.0.0.1:1' }, endingAfter(10_000));
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({
      code: 'NO_ANSWER',
      message: expect.stringMatching(/: no answer \(.*ECONNREFUSED/),
    });
  });
});

describe('no error contains a secret:', () => {
  type Echo = (secrets: string) => FaultAnswer;
  const said = (status: number, message: string, headers = {}): FaultAnswer => ({
    status,
    headers,
    body: { anyKey: { code: status, message } },
  });

  test('the search for secrets finds hidden parts of an error', () => {
    const error = Object.defineProperty(new Error('no'), 'hidden', { value: { headers: ['in-a-field'] } });
    error.cause = new Error('of it', { cause: { body: 'in-a-cause' } });
    for (const secret of ['in-a-field', 'in-a-cause']) expect(everythingIn(error)).toContain(secret);
  });

  const logins: [string, CloudErrorCode, Echo][] = [
    ['a refusal', 'UNAUTHORIZED', (s) => said(401, `You sent ${s}.`)],
    [
      'a second factor',
      'MFA_REQUIRED',
      (s) => said(401, `Not ${s}.`, { 'www-authenticate': `OS-MF '${s}'` }),
    ],
    ['a user who may not log in', 'FORBIDDEN', (s) => said(403, `${s}: disabled`)],
    ['a request that is repeated further down', 'BAD_REQUEST', (s) => said(400, `Invalid\n\nOn: ${s}`)],
    ['a page of HTML', 'NOT_FOUND', (s) => ({ status: 404, body: `<title>No ${s} here</title>` })],
    ['a quota', 'OVER_QUOTA', (s) => said(413, `Too many of ${s}`, { 'retry-after': '0' })],
    ['JSON that is cut off', 'BAD_ANSWER', (s) => ({ status: 200, body: `{"access": "${s}` })],
    ['an answer of another form', 'BAD_ANSWER', (s) => ({ status: 200, body: { access: s } })],
    ['a redirect', 'BAD_ANSWER', (s) => ({ status: 302, headers: { location: `/${s}` }, body: s })],
    ['an answer that is lost', 'NO_ANSWER', () => 'lose'],
    ['an answer that never comes', 'OUT_OF_TIME', () => 'hang'],
  ];
  const kinds = ['rackspace', 'password', 'applicationCredential'] as const;

  test.concurrent.for(logins.flatMap((row) => kinds.map((kind) => [kind, ...row] as const)))(
    'a login as %s that ends with %s',
    async ([kind, , code, echo], { cloud }) => {
      const { apiKey, password, applicationCredential } = cloud.account;
      const secrets = [apiKey, password, applicationCredential.secret];
      const secret = secrets[kinds.indexOf(kind)] ?? '';
      const credentials = credentialsOf(cloud, kind);
      const answer = echo(secret);
      cloud.faults.push({ service: 'identity', answer });
      const deadline = answer === 'hang' ? endingAfter(300, 0) : endingAfter(10_000);
      const error = await failure(connect(async () => credentials, deadline));
      // Keystone answers 404 to an unknown application credential.
      const isCredential = code === 'NOT_FOUND' && kind === 'applicationCredential';
      expect(error.code).toBe(isCredential ? 'UNAUTHORIZED' : code);
      expect(everythingIn(error)).not.toContain(secret);
    },
  );

  const requests: [string, CloudErrorCode, Echo][] = [
    ['a 400', 'BAD_REQUEST', (s) => said(400, `You sent ${s}.`)],
    ['a 403', 'FORBIDDEN', (s) => said(403, `You sent ${s}.`)],
    ['a 404', 'NOT_FOUND', (s) => said(404, `You sent ${s}.`)],
    ['a 409', 'CONFLICT', (s) => said(409, `You sent ${s}.`)],
    ['a 500', 'UNAVAILABLE', (s) => said(500, `You sent ${s}.`)],
    ['a rate limit', 'RATE_LIMITED', (s) => said(429, s, { 'retry-after': '61' })],
    ['a quota', 'OVER_QUOTA', (s) => said(413, s, { 'retry-after': '0' })],
    [
      'a request id that contains the secret',
      'CONFLICT',
      (s) => said(409, 'Busy.', { 'x-openstack-request-id': `req-${s}` }),
    ],
    ['a page of HTML', 'UNAVAILABLE', (s) => ({ status: 502, body: `<title>No ${s} here</title>` })],
    ['JSON that is cut off', 'BAD_ANSWER', (s) => ({ status: 202, body: `{"image_id": "${s}` })],
    ['another status', 'BAD_ANSWER', (s) => ({ status: 200, body: { image_id: s } })],
    ['a redirect', 'BAD_ANSWER', (s) => ({ status: 307, headers: { location: `/${s}` }, body: s })],
    ['a connection that is cut', 'NO_ANSWER', () => 'drop'],
    ['an answer that is lost', 'NO_ANSWER', () => 'lose'],
  ];
  test.for(requests)('not that of a request that ends with %s', async ([, code, echo], { cloud }) => {
    const session = await connected(cloud);
    // The first token has expired, but is still a secret.
    await listServers(session, 'DFW');
    cloud.tokens.revokeAll();
    await listServers(session, 'DFW');
    const tokens = new Set(receivedBy(cloud, 'compute').flatMap(({ token }) => token ?? []));
    expect(tokens.size).toBe(2);
    for (const secret of [...tokens, cloud.account.apiKey]) {
      cloud.faults.push({ service: 'compute', answer: echo(secret) });
      const error = await failure(createImage(session, SERVER, IMAGE));
      expect(error.code).toBe(code);
      expect(everythingIn(error)).not.toContain(secret);
    }
  });

  test('not that of a request that ends with a status whose reason contains the secret', async ({
    replay,
  }) => {
    replay.app.post('/compute/*', (c) => {
      c.env.outgoing.writeHead(403, 'No replayed-token-5c1e').end();
      return RESPONSE_ALREADY_SENT;
    });
    const error = await failure(createImage(await replay.connect(), SERVER, IMAGE));
    expect(error.message).toMatch(/: 403 No /);
    expect(everythingIn(error)).not.toContain('replayed-token-5c1e');
  });

  test('not that of a token that is refused twice', async ({ cloud }) => {
    const session = await connected(cloud);
    await listServers(session, 'DFW');
    const [{ token = '' } = {}] = receivedBy(cloud, 'compute');
    cloud.faults.push({ service: 'compute', answer: said(401, `No: ${token}`), times: 2 });
    const error = await failure(listServers(session, 'DFW'));
    expect(error.message).toMatch(/401 No: \[secret\]$/);
    expect(everythingIn(error)).not.toContain(token);
  });

  test('not that of a listing that cannot be read', async ({ cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({
      service: 'compute',
      answer: { status: 200, body: { servers: cloud.account.apiKey } },
    });
    const error = await failure(listServers(session, 'DFW'));
    expect(error.code).toBe('BAD_ANSWER');
    expect(everythingIn(error)).not.toContain(cloud.account.apiKey);
  });

  test.for<[string, string, Echo]>([
    ['is cut at the end of a long message', 'a-very-secret-key', (s) => said(401, `${'x'.repeat(290)}${s}`)],
    ['has quotation marks, which JSON escapes', 'a-very"secret"key', (s) => said(401, `You sent ${s}.`)],
    ['has two spaces, which a message has not', 'a-very  secret-key', (s) => said(401, `You sent ${s}.`)],
    ['looks like HTML, which a message is not', 'a-very<b>secret-key', (s) => said(401, `You sent ${s}.`)],
  ])('a secret stays hidden if it %s', async ([, secret, echo], { cloud }) => {
    cloud.account.password = 'another';
    cloud.faults.push({ service: 'identity', answer: echo(secret) });
    const credentials = { ...credentialsOf(cloud, 'password'), password: secret } as PasswordCredentials;
    const error = await failure(connect(async () => credentials, unhurried));
    expect(everythingIn(error)).not.toContain('a-very');
  });
});

/** All parts of an error as text, including hidden ones. */
function everythingIn(error: Error): string {
  const all = { showHidden: true, depth: Number.POSITIVE_INFINITY, getters: true };
  return [
    String(error),
    JSON.stringify(error),
    error.stack,
    inspect(error, all),
    inspect(error.cause, all),
  ].join('\n');
}

/** A clock that shows `firstMs` left at first, and then too little for another try. */
function endingAfter(firstMs: number, thenMs = 400): Deadline {
  let leftMs = firstMs;
  return {
    remainingMs() {
      const shown = leftMs;
      leftMs = thenMs;
      return shown;
    },
  };
}

/** The CloudError with which `work` fails. */
async function failure(work: Promise<unknown>): Promise<CloudError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(CloudError);
  return thrown as CloudError;
}
