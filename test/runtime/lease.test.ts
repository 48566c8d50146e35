import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Lease, type Leases, leasesIn, processLeases } from '../../lib/runtime/lease.ts';

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 23, 6, minutes));

/** The time until which another run holds the lease; undefined if this run holds it. */
const heldUntil = (lease: Lease) => ('heldUntil' in lease ? lease.heldUntil : undefined);

async function release(lease: Lease): Promise<void> {
  if ('heldUntil' in lease) throw new Error('this run does not have the lease');
  await lease.release();
}

describe('a lease between the runs of one process', () => {
  let leases: Leases;
  beforeEach(() => {
    leases = processLeases();
  });

  test('is held by one run, and other runs get its expiry', async () => {
    expect(heldUntil(await leases.take('cleanup/daily/a', at(15), at(0)))).toBeUndefined();
    expect(heldUntil(await leases.take('cleanup/daily/a', at(16), at(1)))).toEqual(at(15));
  });

  test.each(['snapshot/daily/a', 'cleanup/weekly/a', 'cleanup/daily/b'])(
    'is independent of the lease for %s',
    async (other) => {
      await leases.take('cleanup/daily/a', at(15), at(0));
      expect(heldUntil(await leases.take(other, at(15), at(0)))).toBeUndefined();
    },
  );

  test('ends when it is released', async () => {
    await release(await leases.take('k', at(15), at(0)));
    expect(heldUntil(await leases.take('k', at(16), at(1)))).toBeUndefined();
  });

  test('expires, exact to the second', async () => {
    await leases.take('k', at(15), at(0));
    expect(heldUntil(await leases.take('k', at(20), new Date(at(15).getTime() - 1)))).toEqual(at(15));
    expect(heldUntil(await leases.take('k', at(30), at(15)))).toBeUndefined();
  });

  test('that has expired does not release the lease of the next run', async () => {
    const late = await leases.take('k', at(15), at(0));
    await leases.take('k', at(30), at(15));
    await release(late);
    expect(heldUntil(await leases.take('k', at(40), at(20)))).toEqual(at(30));
  });
});

test('a run that lost the first response to its own write still gets the lease', async () => {
  // S3 has stored the lease when the connection breaks. The SDK repeats the request, which is then
  // refused.
  let written: string | undefined;
  const s3 = createServer(async (request, response) => {
    if (request.method === 'GET') return response.setHeader('etag', '"1"').end(written);
    const body = await text(request);
    if (written !== undefined) {
      return response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
    }
    written = /\{.*\}/.exec(body)![0];
    return request.socket.destroy();
  });
  await new Promise<void>((done) => s3.listen(0, '127.0.0.1', done));
  onTestFinished(() => void s3.close());
  vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(s3.address() as AddressInfo).port}/`);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await leasesIn('state.of.leases').take('cleanup/daily/a', at(15), at(0))).toHaveProperty('release');
  expect(written).toContain('"run"');
});
