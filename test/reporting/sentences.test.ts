import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const SENTENCES = 'lib/reporting/sentences';

/** A file in which each statement decides by what a sentence says, one in each line. */
const EXAMPLES = 'lib/examples.ts';
const WRONG = `
  if (said.startsWith('busy: ')) return;
  if (/^held/.test(said)) return;
  said.split(': ');
  if (said === 'already gone') return;
  if (sentenceOf(reason) !== said) return;
  switch (said) { case 'already gone': return; }
  if (lines.includes(said)) return;
  if (known.has(said)) return;
  known.add(entry.reason!);
  counts[said] = 1;
  new Set([sentenceOf(reason)]);
  new Map(lines.map((line) => [line, 1]));
  Map.groupBy(lines, (line) => line);
  if (entry.reason?.includes('weekly')) return;
  if ((entry.reason ?? 'failed').endsWith('weekly')) return;
  if (failures.some(({ text }) => text.includes('weekly'))) return;
  lines.toSorted((a, b) => (a < b ? 1 : -1));`;
const RIGHT = `
  if (entry.reason === undefined) return;
  if (!said) return;
  console.log(\`\${said}; \${lines.join('; ')}\`);
  lines.map((line) => ({ line }));
  if (reason.code === 'HELD') return;
  new Set([reason.code]);`;
const EXAMPLE_TEXT = `import type { Reason } from './reporting/reasons.ts';
import type { Entry, ReportedFinding } from './reporting/report.ts';
import type { Sentence } from './reporting/sentences/sentence.ts';
import { sentenceOf } from './reporting/sentences.ts';
export function examples(said: Sentence, lines: Sentence[], reason: Reason, entry: Entry, known: Set<string>, counts: Record<string, number>, failures: ReportedFinding[]) {${WRONG}${RIGHT}
}`;

/** The program of our own files, without packages, because reading their types takes seconds. */
function programOf(files: readonly string[]): ts.Program {
  const options: ts.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: ts.ScriptTarget.ES2025,
    module: ts.ModuleKind.NodeNext,
    allowImportingTsExtensions: true,
    noEmit: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const example = join(ROOT, EXAMPLES);
  return ts.createProgram(
    [...files, EXAMPLES].map((file) => join(ROOT, file)),
    options,
    {
      ...host,
      getSourceFile: (name, ...rest) =>
        name === example
          ? ts.createSourceFile(name, EXAMPLE_TEXT, ts.ScriptTarget.ES2025, true)
          : host.getSourceFile(name, ...rest),
      resolveModuleNameLiterals: (names, from) =>
        names.map(({ text }) => ({
          resolvedModule: text.startsWith('.')
            ? { resolvedFileName: join(dirname(from), text), extension: ts.Extension.Ts }
            : undefined,
        })),
    },
  );
}

const COMPARISONS = new Set([
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.GreaterThanToken,
]);
const METHODS = new Set(Object.getOwnPropertyNames(String.prototype));
/** The methods that look for their argument, or remember it. */
const LOOK_UPS = /^(includes|indexOf|lastIndexOf|has|get|set|add|delete|test|exec)$/;
/** The collections that compare their elements, or their keys. */
const KEYED = /^(Readonly)?(Set|Map)$|^Record$/;

/** The lines of a program's files in which code decides by what a sentence says. */
function decisionsIn(program: ts.Program, files: readonly string[]): string[] {
  const checker = program.getTypeChecker();
  const isSentenceType = (type: ts.Type | undefined): boolean =>
    type !== undefined &&
    (type.isUnion() ? type.types.some(isSentenceType) : type.getProperty('isSentence') !== undefined);
  const isSentence = (node: ts.Node) => isSentenceType(checker.getTypeAtLocation(node));
  const isNothing = (node: ts.Node) =>
    (checker.getTypeAtLocation(node).flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)) !== 0;
  const isKeyedBySentences = (node: ts.Node) => {
    const type = checker.getTypeAtLocation(node);
    const [key] = checker.getTypeArguments(type as ts.TypeReference);
    return KEYED.test(type.symbol?.name ?? '') && isSentenceType(key);
  };
  const isDecision = (node: ts.Node): boolean => {
    if (ts.isPropertyAccessExpression(node))
      return METHODS.has(node.name.text) && isSentence(node.expression);
    if (ts.isElementAccessExpression(node)) return isSentence(node.argumentExpression);
    if (ts.isSwitchStatement(node)) return isSentence(node.expression);
    if (ts.isNewExpression(node)) return isKeyedBySentences(node);
    if (ts.isBinaryExpression(node) && COMPARISONS.has(node.operatorToken.kind)) {
      const sides = [node.left, node.right];
      return sides.some(isSentence) && !sides.some(isNothing);
    }
    if (!ts.isCallExpression(node)) return false;
    const { expression } = node;
    if (!ts.isPropertyAccessExpression(expression)) return false;
    const { text: method } = expression.name;
    if (method === 'groupBy') return isKeyedBySentences(node);
    return LOOK_UPS.test(method) && node.arguments.some(isSentence);
  };
  return files.flatMap((name) => {
    const file = program.getSourceFile(join(ROOT, name))!;
    const lines = new Set<number>();
    const visit = (node: ts.Node): void => {
      if (isDecision(node)) lines.add(file.getLineAndCharacterOfPosition(node.getStart()).line);
      ts.forEachChild(node, visit);
    };
    visit(file);
    const text = file.text.split('\n');
    return [...lines].sort((a, b) => a - b).map((line) => `${name}: ${text[line]!.trim()}`);
  });
}

test('no code decides by what a sentence says', () => {
  const files = globSync('{lib,handlers,deploy,local}/**/*.ts', { cwd: ROOT }).filter(
    (file) => !file.startsWith(SENTENCES),
  );
  expect(files.length).toBeGreaterThan(200);
  const program = programOf(files);
  expect(decisionsIn(program, [EXAMPLES])).toEqual(
    WRONG.trim()
      .split('\n')
      .map((line) => `${EXAMPLES}: ${line.trim()}`),
  );
  expect(decisionsIn(program, files)).toEqual([]);
});
