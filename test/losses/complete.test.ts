import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** The ids of the losses that were found in other tools; X7 is not about snapshots. */
const IDS = [
  ...Array.from({ length: 25 }, (_, i) => `L${i + 1}`),
  ...[1, 2, 3, 4, 5, 6, 8, 9].map((n) => `X${n}`),
];
/**
 * The ids of the losses that were found in this product. Y3 is about copies, and is tested with
 * them.
 */
const OWN = [1, 2, 4, 5, 6, 7, 11, 16, 18, 25, 26, 27, 29, 30].map((n) => `Y${n}`);

test('every loss that was found in this product has a test that is named after it', () => {
  const folder = import.meta.dirname;
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const named = sources.flatMap((text) => [...text.matchAll(/['"](Y\d+):? /g)].map(([, id]) => id));
  expect(OWN.filter((id) => !named.includes(id))).toEqual([]);
});

test('every loss seen elsewhere has a test that is named after it', () => {
  const folder = import.meta.dirname;
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const named = sources.flatMap((text) =>
    [...text.matchAll(/^(?:test|describe|\]\))\(\s*['"]([LX]\d+) \(/gm)].map(([, id]) => id),
  );
  expect([...new Set(named)].sort()).toEqual([...IDS].sort());
});
