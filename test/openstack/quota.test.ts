import { expect } from 'vitest';
import { imageMetadataLimit } from '../../lib/openstack/quota.ts';
import { connected, test } from './connected.ts';

test.for<[string, number, unknown, number | undefined]>([
  ['as Rackspace documents it', 200, { limits: { rate: [], absolute: { maxImageMeta: 5 } } }, 5],
  ['by a cache', 203, { limits: { absolute: { maxImageMeta: 40 } } }, 40],
  ['none', 200, { limits: { absolute: { maxImageMeta: 0 } } }, 0],
  ['without end', 200, { limits: { absolute: { maxImageMeta: -1 } } }, undefined],
  ['no more, since compute API 2.39', 200, { limits: { rate: [], absolute: {} } }, undefined],
  ['not to this user', 403, { forbidden: { code: 403, message: 'No.' } }, undefined],
])('the limit is reported: %s', async ([, status, body, limit], { cloud }) => {
  const session = await connected(cloud);
  expect(await imageMetadataLimit(session, 'DFW')).toBe(40);
  cloud.faults.push({ service: 'compute', path: /\/limits$/, answer: { status, body } });
  expect(await imageMetadataLimit(session, 'DFW')).toBe(limit);
});

test('other errors are not hidden', async ({ cloud }) => {
  const session = await connected(cloud);
  const broken = { ...session, request: () => Promise.reject(new TypeError('a mistake of ours')) };
  await expect(imageMetadataLimit(broken, 'DFW')).rejects.toThrow(TypeError);
});
