import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
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

test('comments end by column 100, except links and directives', () => {
  const isLong = (line: string) => {
    if (line.length <= 100 || line.includes('biome-ignore')) return false;
    const comment = /^\s*(?:\/\/|\/?\*+)(.*)/.exec(line)?.[1];
    // A link alone in its line can't be wrapped.
    return comment === undefined ? /[\s;,{}()]\/\/ /.test(line) : !/^\s*\S*https?:\S+$/.test(comment);
  };
  expect(linesIn('{lib,deploy,local,handlers,test}', isLong)).toEqual([]);
});

// Biome has no rule for this.
test('types are imported at the top of a file, so that its dependencies are in one place', () => {
  const isImportType = (line: string) => /(?<!await )\bimport\(['"]/.test(line);
  expect(linesIn('{lib,deploy,local,handlers}', isImportType)).toEqual([]);
});

test('each export of lib has a doc comment, or shares its name with one that has', () => {
  const files = globSync('lib/**/*.ts', { cwd: ROOT });
  expect(files.length).toBeGreaterThan(150);
  expect(files.flatMap(undocumentedExports)).toEqual([]);
});

/** The exports of a file without a doc comment: `lib/config/dates.ts: byTime`. */
function undocumentedExports(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2025, true);
  const exported = source.statements.filter(
    (one) =>
      ts.canHaveModifiers(one) && one.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword),
  );
  const isDocumented = (one: ts.Statement) => ts.getJSDocCommentsAndTags(one).length > 0;
  // An overload, or a schema and its type.
  const documented = new Set(exported.filter(isDocumented).flatMap(namesIn));
  return exported
    .flatMap(namesIn)
    .filter((name) => !documented.has(name))
    .map((name) => `${file}: ${name}`);
}

function namesIn(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const { name } = statement as ts.Statement & { name?: ts.Identifier };
  return name ? [name.text] : [];
}
