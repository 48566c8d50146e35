import { expect, test } from 'vitest';
import { fits } from '../../lib/openstack/flavors.ts';
import type { Image } from '../../lib/openstack/images.ts';

const image = { minDiskGb: 20, minRamMb: 512 } as Image;
const flavor = (ramMb: number, diskGb: number) => ({
  id: 'f',
  name: 'f',
  ramMb,
  diskGb,
  hasDataDisks: false,
  mayBootVolume: true,
});

test.each([
  ['just large enough', image, flavor(512, 20), true],
  ['too little memory', image, flavor(511, 20), false],
  ['too small a disk', image, flavor(512, 19), false],
  ['a disk of no size of its own', image, flavor(512, 0), true],
  ['an image that asks for nothing', {} as Image, flavor(64, 1), true],
])('a flavor with %s fits the image: $3', (_, of, its, expected) => {
  expect(fits(of, its)).toBe(expected);
});
