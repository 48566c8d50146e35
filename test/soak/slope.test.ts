import fc from 'fast-check';
import { expect, test } from 'vitest';
import { slopeOf } from './slope.ts';

test.each<[string, number[], number]>([
  ['nothing changes', [5, 5, 5, 5], 0],
  ['it grows by two', [1, 3, 5, 7], 2],
  ['it shrinks by one', [3, 2, 1], -1],
  ['it grows in jumps', [0, 0, 3, 3], 1.2],
])('the slope if %s', (_, values, perStep) => {
  expect(slopeOf(values).perStep).toBeCloseTo(perStep, 10);
});

test('values on a line have an exact slope', () => {
  const { from, to } = slopeOf([1, 3, 5, 7, 9]);
  expect(from).toBeCloseTo(2, 5);
  expect(to).toBeCloseTo(2, 5);
});

const noise = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 50, maxLength: 200 });

test('a leak below the noise is detected, for any noise', () => {
  fc.assert(
    fc.property(noise, (values) => {
      const { from, to } = slopeOf(values);
      const leaking = slopeOf(values.map((value, i) => value + 2000 * i));
      expect(leaking.from).toBeCloseTo(from + 2000, 3);
      expect(leaking.to).toBeCloseTo(to + 2000, 3);
      expect(leaking.from).toBeGreaterThan(1000);
    }),
  );
});

test('the more neighbouring values are correlated, the less certain the slope is', () => {
  const jagged = Array.from({ length: 100 }, (_, i) => (i % 2 ? 10 : -10));
  const waves = Array.from({ length: 100 }, (_, i) => (Math.floor(i / 10) % 2 ? 10 : -10));
  const width = (values: number[]) => slopeOf(values).to - slopeOf(values).from;
  expect(width(waves)).toBeGreaterThan(2 * width(jagged));
});
