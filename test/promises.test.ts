import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const promises = readFileSync(join(root, 'docs/promises.md'), 'utf8');

test('every test that docs/promises.md names exists, with the losses that it names', () => {
  const named = [...promises.matchAll(/`(test\/[\w/.-]+)`(?: \(([^)]*)\))?/g)];
  expect(named.length).toBeGreaterThan(20);
  for (const [, file = '', losses = ''] of named) {
    expect(existsSync(join(root, file)), file).toBe(true);
    const text = readFileSync(join(root, file), 'utf8');
    for (const [loss] of losses.matchAll(/Y\d+/g))
      expect(text, `${loss} in ${file}`).toMatch(new RegExp(`${loss}\\b`));
  }
});

test('every row of docs/promises.md names a test or a property', () => {
  const rows = promises
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1);
  expect(rows.filter((row) => !/`test\/|propert/.test(row))).toEqual([]);
});
