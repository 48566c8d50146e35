import type { Cell } from './cell.ts';

/** What is wrong, where, and what happened. */
export interface Table {
  name: string;
  columns: string[];
  rows: { name: string; cells: (Cell | undefined)[] }[];
}

/** The cells of tables that hold something. */
export function cellsIn(tables: readonly Table[]): Cell[] {
  return tables.flatMap(({ rows }) =>
    rows.flatMap(({ cells }) => cells.filter((cell) => cell !== undefined)),
  );
}

const LEGEND = `| in a cell | |
|---|---|
| done | it makes no difference to this job, or the job goes on without the answer |
| tried again, done | the same run asked again, or looked first and then asked again |
| done by the next try | the run fails, with an error that says why; Lambda invokes it again, which does it |
| reported, done by the next run | the run's report says what is left, and the next run does it, or one of the two after that |
| reported: … | it lasts, so all three tries fail and say so; once it is mended the next run does it |`;

/** The matrix as Markdown. */
export function documentOf(title: string, intro: string, tables: readonly Table[]): string {
  const cells = cellsIn(tables);
  const counts = [...Map.groupBy(cells, ({ word }) => word.replace(/: .*/, ': …'))]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([word, its]) => `${its.length} ${word}`);
  const parts = [
    `# ${title}`,
    intro,
    LEGEND,
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
