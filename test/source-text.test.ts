import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** The lines of the source files in the folders for which `isWrong` holds, with their places. */
function linesIn(folders: string, isWrong: (line: string) => boolean): string[] {
  const files = globSync(`${folders}/**/*.{ts,js,mjs}`, { cwd: ROOT });
  expect(files.length).toBeGreaterThan(200);
  return files.flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .flatMap((line, i) => (isWrong(line) ? [`${file}:${i + 1}: ${line}`] : [])),
  );
}

test('comment lines have at most 100 columns, except links and directives', () => {
  const isLong = (line: string) =>
    line.length > 100 && /^\s*(\/\/|\/?\*)/.test(line) && !/https?:\/\/|biome-ignore/.test(line);
  expect(linesIn('{lib,deploy,local,handlers,test}', isLong)).toEqual([]);
});

// Biome has no rule for this.
test('types are imported at the top of a file, so that its dependencies are in one place', () => {
  const isImportType = (line: string) => /(?<!await )\bimport\(['"]/.test(line);
  expect(linesIn('{lib,deploy,local,handlers}', isImportType)).toEqual([]);
});
