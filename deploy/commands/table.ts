import Table from 'cli-table3';
import widthOf from 'string-width';
import type { Terminal } from './terminal.ts';

const GAP = 2;
/** No column is cut to less than this, in columns of the terminal. */
const NARROWEST = 8;

const BORDERS = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
] as const;

/**
 * Rows as aligned columns under a heading, without borders. In a terminal the columns on the right
 * for which there is no room are cut or left out, so the most important ones come first; elsewhere
 * nothing is cut. Columns that are empty in each row are left out.
 */
export function tableText(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { columns, style }: Pick<Terminal, 'columns' | 'style'>,
): string {
  const isUsed = head.map((_, i) => rows.some((row) => row[i] !== ''));
  const [titles = [], ...cells] = [head, ...rows].map((row) => row.filter((_, i) => isUsed[i]));
  const natural = titles.map((title, i) => Math.max(widthOf(title), ...cells.map((row) => widthOf(row[i]!))));
  const widths = fittingWidths(natural, columns ?? Number.POSITIVE_INFINITY);
  const table = new Table({
    head: titles.slice(0, widths.length).map((title) => style('bold', title)),
    colWidths: widths.map((width) => width + GAP),
    chars: { ...Object.fromEntries(BORDERS.map((name) => [name, ''])), middle: '' },
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': GAP },
  });
  table.push(...cells.map((row) => row.slice(0, widths.length)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The widths of the columns that fit into `room`; the last one may be cut. */
function fittingWidths(natural: readonly number[], room: number): number[] {
  const widths: number[] = [];
  let left = room;
  for (const width of natural) {
    if (width > left && left < NARROWEST) break;
    widths.push(Math.min(width, left));
    left -= width + GAP;
    if (left <= 0) break;
  }
  return widths;
}
