import { expect, test } from 'vitest';
import { printable, printableIn, printableJson, printableLines } from '../../lib/openstack/printable.ts';

test.each([
  ['a\u0000\u001b[31m\u0085b', 'a\ufffd\ufffd[31m\ufffdb'],
  ['no host\r\nwas found:\n\tfull\u007f', 'no host was found:  full\ufffd'],
  ['a\rb\u000bc\u000cd\r\r\n', 'a\ufffdb\ufffdc\ufffdd\ufffd '],
  ['\u202egnp.exe \u2066x\u2069\u200f', '\ufffdgnp.exe \ufffdx\ufffd\ufffd'],
  ['a\u2028b\u2029', 'a\ufffdb\ufffd'],
  ['\ud800', '\ufffd'],
  ['naïve 雲 👩\u200d💻', 'naïve 雲 👩\u200d💻'],
])('%j is printed as %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('lines stay where a text has lines', () => {
  expect(printableLines('a\n- b\u001b\r\nc\td')).toBe('a\n- b\ufffd\nc d');
});

test('each text of a value becomes printable, and messages keep their lines', () => {
  const value = { name: 'a\nb', reason: { names: ['c\u009b'], message: 'd\ne\u001b' }, n: 1, none: null };
  expect(printableIn(value)).toEqual({
    name: 'a b',
    reason: { names: ['c\ufffd'], message: 'd\ne\ufffd' },
    n: 1,
    none: null,
  });
});

test('JSON is the same value when it is read again', () => {
  const value = { confirm: 'a\u001b\u009b\u202e\u2028b' };
  expect(printableJson(value)).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(printableJson(value))).toEqual(value);
});
