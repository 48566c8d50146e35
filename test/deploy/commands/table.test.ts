import { describe, expect, test } from 'vitest';
import { tableText } from '../../../deploy/commands/table.ts';

const style = (_: unknown, text: string) => text;
const HEAD = ['server', 'state', 'region'];
const ROWS = [
  ['web-1', 'protected', 'DFW'],
  ['database-with-a-long-name', '3 days late', 'ORD'],
];

describe('a table', () => {
  test('has aligned columns, and cuts nothing without a terminal', () => {
    expect(tableText(HEAD, ROWS, { columns: undefined, style })).toBe(
      [
        'server                     state        region',
        'web-1                      protected    DFW',
        'database-with-a-long-name  3 days late  ORD',
      ].join('\n'),
    );
  });

  test.each([
    [46, 'database-with-a-long-name  3 days late  ORD'],
    [45, 'database-with-a-long-name  3 days late'],
    [38, 'database-with-a-long-name  3 days late'],
    [36, 'database-with-a-long-name  3 days l…'],
    [34, 'database-with-a-long-name'],
    [12, 'database-wi…'],
  ])('of %d columns loses what is on the right', (columns, last) => {
    const lines = tableText(HEAD, ROWS, { columns, style }).split('\n');
    expect(lines.at(-1)).toBe(last);
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
  });

  test('counts the columns of wide characters, and none for colors', () => {
    const red = (_: unknown, text: string) => `\u001b[31m${text}\u001b[39m`;
    const text = tableText(
      ['name', 'state'],
      [
        ['漢字', red('', 'late')],
        ['ab', 'ok'],
      ],
      { columns: 80, style: red },
    );
    expect(text.split('\n').at(-2)).toContain('漢字  \u001b[31mlate');
    expect(text.split('\n').at(-1)).toBe('ab    ok');
  });

  test('leaves out columns that are empty in each row', () => {
    expect(tableText(['a', 'b', 'c'], [['1', '', '3']], { columns: undefined, style })).toBe('a  c\n1  3');
  });
});
