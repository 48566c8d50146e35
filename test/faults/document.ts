import type { Cell } from './cell.ts';

/** The fault, the call, and the result. */
export interface Table {
  name: string;
  columns: string[];
  rows: { name: string; cells: (Cell | undefined)[] }[];
}

/** The cells of a table that are not empty. */
export function cellsIn(tables: readonly Table[]): Cell[] {
  return tables.flatMap(({ rows }) =>
    rows.flatMap(({ cells }) => cells.filter((cell) => cell !== undefined)),
  );
}

/** The cells that violate an invariant, each with its place. */
export function badCells(tables: readonly Table[]): string[] {
  return placesOf(tables, ({ bad }) => bad.length > 0);
}

/** The cells that differ from a document, and whose runs were out of time. */
export function lateCells(tables: readonly Table[], document: string): string[] {
  const expected = new Map<string, string[]>();
  let table = '';
  for (const line of document.split('\n')) {
    if (line.startsWith('## ')) table = line.slice(3);
    const [row, ...cells] = line.startsWith('| ') ? line.slice(2, -2).split(' | ') : [];
    expected.set(`${table}, ${row}`, cells);
  }
  return placesOf(
    tables,
    (cell, name, row, i) => cell.isOutOfTime && expected.get(`${name}, ${row}`)?.[i] !== cellText(cell),
  );
}

function placesOf(
  tables: readonly Table[],
  isNamed: (cell: Cell, table: string, row: string, i: number) => boolean,
): string[] {
  return tables.flatMap(({ name, columns, rows }) =>
    rows.flatMap((row) =>
      row.cells.flatMap((cell, i) => {
        if (!cell || !isNamed(cell, name, row.name, i)) return [];
        const why = cell.isOutOfTime ? ' (a run was out of time, which a busy machine may cause)' : '';
        return [`${name}, ${columns[i]}, ${row.name}: ${cell.bad.join(', ') || cell.word}${why}`];
      }),
    ),
  );
}

/** The matrix as Markdown. */
export function documentOf(title: string, tables: readonly Table[]): string {
  const cells = cellsIn(tables);
  const counts = [...Map.groupBy(cells, ({ word }) => word.replace(/: .*/, ': …'))]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([word, its]) => `${its.length} ${word}`);
  const parts = [
    `# ${title}`,
    '[docs/faults.md](../../docs/faults.md) explains the tables; `npm run test:faults` fails if anything else happens.',
    `${cells.length} cells: ${counts.join('; ')}.`,
    ...tables.map(tableText),
  ];
  return `${parts.join('\n\n')}\n`;
}

function tableText({ name, columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `## ${name}`,
    '',
    line(['', ...columns]),
    line(['---', ...columns.map(() => '---')]),
    ...rows.map((row) => line([row.name, ...row.cells.map(cellText)])),
  ].join('\n');
}

function cellText(cell: Cell | undefined): string {
  if (!cell) return '';
  return cell.bad.length > 0 ? `**${cell.bad.join(', ')}**` : cell.word;
}
