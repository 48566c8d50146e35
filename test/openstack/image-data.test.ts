import { inspect } from 'node:util';
import { describe, expect } from 'vitest';
import { type ImageData, readImageData } from '../../lib/openstack/image-data.ts';
import type { Session } from '../../lib/openstack/session.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { dataOf } from '../../local/cloud/image-data.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { connected, receivedBy, test, unhurried } from './connected.ts';

const SIZE = 300_001;

function addImage(cloud: Cloud): CloudImage {
  return cloud.region('DFW').addImage({ name: 'web', owner: cloud.account.projectId, size: SIZE });
}

async function bytes({ body }: ImageData): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function read(session: Session, { id }: Pick<CloudImage, 'id'>, from = 0): Promise<Buffer> {
  return readImageData(session, 'DFW', id, from).then(bytes);
}

function fail(cloud: Cloud, answer: FaultAnswer, times = 1): void {
  cloud.faults.push({ service: 'image', path: /\/file$/, answer, times });
}

describe('the data of an image', () => {
  test.for([0, 1, 65_536, SIZE - 1])('are read from byte %i on', async (from, { cloud }) => {
    const image = addImage(cloud);
    const data = await readImageData(await connected(cloud), 'DFW', image.id, from);
    expect(data.from).toBe(from);
    expect((await bytes(data)).equals(dataOf(image, from, SIZE))).toBe(true);
  });

  test('are read from the start if the cloud ignores ranges, which is reported', async ({ cloud }) => {
    const image = addImage(cloud);
    cloud.dataMode.ranges = false;
    const data = await readImageData(await connected(cloud), 'DFW', image.id, 1_000);
    expect(data.from).toBe(0);
    expect((await bytes(data)).equals(dataOf(image, 0, SIZE))).toBe(true);
  });

  test('are requested again with a new token if the old one is refused', async ({ cloud }) => {
    const image = addImage(cloud);
    const session = await connected(cloud);
    fail(cloud, answers.unauthorized);
    expect(await read(session, image)).toHaveLength(SIZE);
    expect(new Set(receivedBy(cloud, 'image').map(({ token }) => token)).size).toBe(2);
  });
});

describe('a failure', () => {
  test.for<[string, FaultAnswer, string, RegExp]>([
    ['a role that is lacking', answers.forbidden, 'FORBIDDEN', /: 403 Policy doesn't allow this/],
    ['a proxy', answers.html, 'UNAVAILABLE', /: 502 Bad Gateway$/],
    ['a rate limit', answers.retryAfterHeader(429, 1), 'RATE_LIMITED', /: 429 This request was rate-limited/],
    ['no data', { status: 204, body: '' }, 'BAD_ANSWER', /: 204 was not expected here$/],
    ['a cut connection', 'drop', 'NO_ANSWER', /: no answer/],
    ['a connection cut in the middle', { cutAfter: 1_000 }, 'NO_ANSWER', /: no answer/],
    [
      'other bytes than the requested ones',
      { status: 206, headers: { 'content-range': 'bytes 0-9/10' }, body: '0123456789' },
      'BAD_ANSWER',
      /from byte 5 returned other bytes than requested/,
    ],
  ])('%s is reported after one try', async ([, answer, code, message], { cloud }) => {
    const image = addImage(cloud);
    const session = await connected(cloud);
    fail(cloud, answer);
    await expect(read(session, image, 5)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(receivedBy(cloud, 'image')).toHaveLength(1);
  });

  test('is NOT_FOUND for an image that was deleted', async ({ cloud }) => {
    const session = await connected(cloud);
    await expect(read(session, { id: 'gone' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('contains no token, whatever the cloud answers', async ({ cloud }) => {
    const image = addImage(cloud);
    const session = await connected(cloud);
    await read(session, image);
    const token = receivedBy(cloud, 'image')[0]!.token!;
    fail(cloud, { status: 500, body: { fault: { message: `it was ${token}`, token } } });
    const error = await read(session, image).catch((thrown) => thrown);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(token);
    expect(error.message).toContain('it was [secret]');
  });

  test('is OUT_OF_TIME at the deadline, before the answer and in the middle of it', async () => {
    const cloud = await startCloud();
    try {
      const image = addImage(cloud);
      let left = 60_000;
      const session = await connected(cloud, { remainingMs: () => left });
      left = 200;
      fail(cloud, 'hang');
      await expect(read(session, image)).rejects.toMatchObject({ code: 'OUT_OF_TIME' });
      image.size = 1e12;
      await expect(read(session, image)).rejects.toMatchObject({ code: 'OUT_OF_TIME' });
      left = 0;
      await expect(read(session, image)).rejects.toMatchObject({ code: 'OUT_OF_TIME' });
    } finally {
      await cloud.close();
    }
  });

  test('a body that nobody reads stops nothing else', async ({ cloud }) => {
    const image = addImage(cloud);
    const session = await connected(cloud, unhurried);
    fail(cloud, { cutAfter: 100_000 });
    await readImageData(session, 'DFW', image.id, 0);
    expect(await read(session, image)).toHaveLength(SIZE);
  });
});
