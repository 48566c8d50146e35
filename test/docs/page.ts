import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** A command that a page of the docs shows, or that a text of a file of code has. */
export interface Command {
  page: string;
  text: string;
}

/** A file of the project as text; `path` is relative to its root. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** A page of the docs with `text` replacing what is between `<!-- name -->` and `<!-- end -->`. */
export function withSection(page: string, name: string, text: string): string {
  const section = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
  const before = read(page);
  if (!section.test(before)) throw new Error(`${page} has no section "${name}"`);
  return before.replace(section, (_, begin, end) => `${begin}${text}\n${end}`);
}

/** A table in Markdown. */
export function tableOf(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
