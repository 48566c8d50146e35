import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** The ids of the losses that were found in other tools; X7 is not about snapshots. */
const IDS = [
  ...Array.from({ length: 25 }, (_, i) => `L${i + 1}`),
  ...[1, 2, 3, 4, 5, 6, 8, 9].map((n) => `X${n}`),
];

test('every loss seen elsewhere has a test that is named after it', () => {
  const folder = import.meta.dirname;
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const named = sources.flatMap((text) =>
    [...text.matchAll(/^(?:test|describe|\]\))\(\s*['"]([LX]\d+) \(/gm)].map(([, id]) => id),
  );
  expect([...new Set(named)].sort()).toEqual([...IDS].sort());
});
