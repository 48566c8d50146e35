import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeEach, expect, test } from 'vitest';
import { type Lease, type Leases, leasesIn } from '../../lib/runtime/lease.ts';
import { newBucket } from './bucket.ts';
import { aws } from './clients.ts';

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 23, 6, minutes));
const KEY = 'cleanup/daily/rackspace';
const OBJECT = `leases/${KEY}.json`;

let bucket: string;
/** Of two runs that know nothing of each other. */
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

/** How many of some runs have the lease. */
const having = (leases: Lease[]) => leases.filter((lease) => 'release' in lease).length;

// What the tests below rely on.
test('the emulator honours the conditions of a write, as S3 does', async () => {
  const { ETag } = await put('first', { IfNoneMatch: '*' });
  await expect(put('second', { IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
  await put('third', { IfMatch: ETag! });
  await expect(put('fourth', { IfMatch: ETag! })).rejects.toMatchObject({ name: 'PreconditionFailed' });
});

test('one run has it, and another one is told until when', async () => {
  expect(await one.take(KEY, at(15), at(0))).toHaveProperty('release');
  expect(await content()).toEqual({ until: at(15).toISOString(), run: expect.any(String) });
  expect(await other.take(KEY, at(16), at(1))).toEqual({ heldUntil: at(15) });
  expect(await other.take('cleanup/daily/customer-b', at(16), at(1))).toHaveProperty('release');
});

test('of many that come at once one has it', async () => {
  const runs = Array.from({ length: 8 }, () => leasesIn(bucket).take(KEY, at(15), at(0)));
  expect(having(await Promise.all(runs))).toBe(1);
});

test('one that was released is free', async () => {
  const lease = await one.take(KEY, at(15), at(0));
  if ('release' in lease) await lease.release();
  expect(await other.take(KEY, at(16), at(1))).toHaveProperty('release');
});

test('one that has ended, as that of a killed run, is taken over by one of two', async () => {
  await one.take(KEY, at(15), at(0));
  const both = await Promise.all([one, other].map((leases) => leases.take(KEY, at(30), at(15))));
  expect(having(both)).toBe(1);
  expect(both).toContainEqual({ heldUntil: at(30) });
  expect(await content()).toEqual({ until: at(30).toISOString(), run: expect.any(String) });
});

test('who releases too late takes nothing from the run that has it now', async () => {
  const late = await one.take(KEY, at(15), at(0));
  await other.take(KEY, at(30), at(15));
  if ('release' in late) await late.release();
  expect(await one.take(KEY, at(40), at(16))).toEqual({ heldUntil: at(30) });
});

test.each([['{}'], ['{"until": "soon"}'], ['null'], ['']])(
  'an object that says nothing (%s) keeps nobody out',
  async (text) => {
    await put(text);
    expect(await one.take(KEY, at(15), at(0))).toHaveProperty('release');
    expect(await other.take(KEY, at(15), at(0))).toEqual({ heldUntil: at(15) });
  },
);

test('one that is no JSON keeps nobody out', async () => {
  await put('a lease');
  expect(await one.take(KEY, at(15), at(0))).toHaveProperty('release');
});

test('a bucket that is not there is an error: nobody knows whether another run is at work', async () => {
  await expect(leasesIn('no-such-bucket-anywhere').take(KEY, at(15), at(0))).rejects.toThrow();
});
