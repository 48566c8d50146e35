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
