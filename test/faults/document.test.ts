import { expect, test } from 'vitest';
import type { Cell } from './cell.ts';
import { badCells, documentOf, lateCells, type Table } from './document.ts';

const done: Cell = { word: 'done', bad: [], isOutOfTime: false };
const late: Cell = { word: 'reported: out of time', bad: [], isOutOfTime: true };

/** A matrix of one row; its first cell is empty. */
const matrixOf = (...cells: Cell[]): Table[] => [
  {
    name: 'snapshot',
    columns: ['login', 'list', 'create'],
    rows: [{ name: 'no answer, once', cells: [undefined, ...cells] }],
  },
];
const OUT_OF_TIME = 'a run was out of time, which a busy machine may cause';

test('a cell that differs because a run was out of time is named as such', () => {
  const expected = documentOf('x', matrixOf(late, done));
  expect(lateCells(matrixOf(late, late), expected)).toEqual([
    `snapshot, create, no answer, once: reported: out of time (${OUT_OF_TIME})`,
  ]);
});

test('a cell that is out of time as expected, or differs for another reason, is not', () => {
  const expected = documentOf('x', matrixOf(late, done));
  expect(lateCells(matrixOf(late, { ...done, word: 'reported: 503' }), expected)).toEqual([]);
});

test('a bad cell says whether a run was out of time', () => {
  const hung = { ...late, bad: ['hung', 'never done'] };
  expect(badCells(matrixOf(done, { ...done, bad: ['lost'] }))).toEqual([
    'snapshot, create, no answer, once: lost',
  ]);
  expect(badCells(matrixOf(hung, late))).toEqual([
    `snapshot, list, no answer, once: hung, never done (${OUT_OF_TIME})`,
  ]);
});
