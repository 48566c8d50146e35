import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeEach, expect, test } from 'vitest';
import { type Lease, type Leases, leasesIn } from '../../lib/runtime/lease.ts';
import { newBucket } from './bucket.ts';
import { aws } from './clients.ts';

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 23, 6, minutes));
const KEY = 'cleanup/daily/rackspace';
const OBJECT = `leases/${KEY}.json`;

let bucket: string;
/** Two runs that are independent of each other. */
let one: Leases;
let other: Leases;

beforeEach(async () => {
  bucket = (await newBucket()).name;
  one = leasesIn(bucket);
  other = leasesIn(bucket);
});

const put = (Body: string, condition: { IfMatch?: string; IfNoneMatch?: string } = {}) =>
  aws.s3.send(new PutObjectCommand({ Bucket: bucket, Key: OBJECT, Body, ...condition }));

async function content(): Promise<unknown> {
  const { Body } = await aws.s3.send(new GetObjectCommand({ Bucket: bucket, Key: OBJECT }));
  return JSON.parse(await Body!.transformToString());
}

/** The number of runs that hold the lease. */
const having = (leases: Lease[]) => leases.filter((lease) => 'release' in lease).length;

// The tests below rely on this.
test('the emulator supports conditional writes like S3', async () => {
  const { ETag } = await put('first', { IfNoneMatch: '*' });
  await expect(put('second', { IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
  await put('third', { IfMatch: ETag! });
  await expect(put('fourth', { IfMatch: ETag! })).rejects.toMatchObject({ name: 'PreconditionFailed' });
});

test('one run holds the lease, and another gets the time of its end', async () => {
  expect(await one.take(KEY, at(15), at(0))).toHaveProperty('release');
  expect(await content()).toEqual({ until: at(15).toISOString(), run: expect.any(String) });
  expect(await other.take(KEY, at(16), at(1))).toEqual({ heldUntil: at(15) });
  expect(await other.take('cleanup/daily/customer-b', at(16), at(1))).toHaveProperty('release');
});

test('of many simultaneous runs one gets the lease', async () => {
  const runs = Array.from({ length: 8 }, () => leasesIn(bucket).take(KEY, at(15), at(0)));
  expect(having(await Promise.all(runs))).toBe(1);
});

test('a released lease is free', async () => {
  const lease = await one.take(KEY, at(15), at(0));
  if ('release' in lease) await lease.release();
  expect(await other.take(KEY, at(16), at(1))).toHaveProperty('release');
});

test('a lease that has ended, such as that of a killed run, is taken over by one of two runs', async () => {
  await one.take(KEY, at(15), at(0));
  const both = await Promise.all([one, other].map((leases) => leases.take(KEY, at(30), at(15))));
  expect(having(both)).toBe(1);
  expect(both).toContainEqual({ heldUntil: at(30) });
  expect(await content()).toEqual({ until: at(30).toISOString(), run: expect.any(String) });
});

test('a late release does not affect the run that holds the lease now', async () => {
  const late = await one.take(KEY, at(15), at(0));
  await other.take(KEY, at(30), at(15));
  if ('release' in late) await late.release();
  expect(await one.take(KEY, at(40), at(16))).toEqual({ heldUntil: at(30) });
});

test.each([['{}'], ['{"until": "soon"}'], ['null'], ['']])(
  'an object without an end (%s) excludes nobody',
  async (text) => {
    await put(text);
    expect(await one.take(KEY, at(15), at(0))).toHaveProperty('release');
    expect(await other.take(KEY, at(15), at(0))).toEqual({ heldUntil: at(15) });
  },
);

test('an object that is not JSON excludes nobody', async () => {
  await put('a lease');
  expect(await one.take(KEY, at(15), at(0))).toHaveProperty('release');
});

test('a missing bucket is an error, because it is unknown whether another run is in progress', async () => {
  await expect(leasesIn('no-such-bucket-anywhere').take(KEY, at(15), at(0))).rejects.toThrow();
});
