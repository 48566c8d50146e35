import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const SENTENCES = 'lib/reporting/sentences';
/** The files that make any text safe for output, character by character. */
const ESCAPES = ['lib/openstack/printable.ts', 'lib/audit/page/escape.ts'];

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
  numbers[said] = 1;
  new Set([sentenceOf(reason)]);
  new Map(lines.map((line) => [line, 1]));
  Map.groupBy(lines, (line) => line);
  if (entry.reason?.includes('weekly')) return;
  if ((entry.reason ?? 'failed').endsWith('weekly')) return;
  if (failures.some(({ text }) => text.includes('weekly'))) return;
  lines.toSorted((a, b) => (a < b ? 1 : -1));
  const line: string = sentenceOf(reason);
  if (isHeld(said)) return;
  if (lines.some(isHeld)) return;
  if (lines.some((text: string) => text.startsWith('held'))) return;
  const texts: string[] = lines;
  words.push(said);
  counts.set(said as string, 1);
  if (String(said).startsWith('held')) return;
  if (said in numbers) return;
  const { [said]: number } = numbers;
  const ofWords = { [said]: 1 };`;
const RIGHT = `
  if (entry.reason === undefined) return;
  if (!said) return;
  console.log(\`\${said}; \${lines.join('; ')}\`);
  lines.map((line) => ({ line }));
  if (reason.code === 'HELD') return;
  new Set([reason.code]);
  const sentences: Sentence[] = lines;
  throw new Error(said);`;
const EXAMPLE_TEXT = `import type { Reason } from './reporting/reasons.ts';
import type { Entry, ReportedFinding } from './reporting/report.ts';
import type { Sentence } from './reporting/sentences/sentence.ts';
import { sentenceOf } from './reporting/sentences.ts';
export function examples(said: Sentence, lines: Sentence[], reason: Reason, entry: Entry, known: Set<string>, numbers: Record<string, number>, counts: Map<string, number>, words: string[], isHeld: (text: string) => boolean, failures: ReportedFinding[]) {${WRONG}${RIGHT}
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
  ts.SyntaxKind.InKeyword,
]);
const METHODS = new Set(Object.getOwnPropertyNames(String.prototype));
/** The methods that look for their argument, or remember it. */
const LOOK_UPS = /^(includes|indexOf|lastIndexOf|has|get|set|add|delete|test|exec)$/;
/** The collections that compare their elements, or their keys. */
const KEYED = /^(Readonly)?(Set|Map)$|^Record$/;

/**
 * Whether an expression may be a sentence, a list of them or a function that takes them. The types
 * of other expressions are not needed, and take long.
 */
function mayBeSentences(node: ts.Expression): boolean {
  if (ts.isArrowFunction(node)) return node.parameters.some(({ type }) => type !== undefined);
  if (ts.isPropertyAccessExpression(node.parent)) return false;
  if (ts.isCallExpression(node.parent) && node.parent.expression === node) return false;
  return (
    ts.isIdentifier(node) ||
    ts.isPropertyAccessExpression(node) ||
    ts.isElementAccessExpression(node) ||
    ts.isCallExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isConditionalExpression(node) ||
    ts.isBinaryExpression(node)
  );
}

/** Whether an expression is the message of an error, or a text that the page's script shows. */
function isOutput({ parent }: ts.Node): boolean {
  if (ts.isNewExpression(parent)) return parent.expression.getText() === 'Error';
  if (ts.isSpreadElement(parent) || ts.isNonNullExpression(parent)) return isOutput(parent);
  if (!ts.isCallExpression(parent)) return false;
  const { expression } = parent;
  return (
    expression.kind === ts.SyntaxKind.SuperKeyword ||
    (ts.isPropertyAccessExpression(expression) && /^(append|replaceChildren)$/.test(expression.name.text))
  );
}

/** The lines of a program's files in which code decides by what a sentence says. */
function decisionsIn(program: ts.Program, files: readonly string[]): string[] {
  const checker = program.getTypeChecker();
  const isSentenceType = (type: ts.Type | undefined): boolean =>
    type !== undefined &&
    (type.isUnion() ? type.types.some(isSentenceType) : type.getProperty('isSentence') !== undefined);
  const isSentence = (node: ts.Node) => isSentenceType(checker.getTypeAtLocation(node));
  const isPlainType = (type: ts.Type): boolean =>
    type.isUnion() ? type.types.some(isPlainType) : (type.flags & ts.TypeFlags.String) !== 0;
  /** Whether a sentence, or a list of them, becomes a plain string. */
  const loses = (from: ts.Type, to: ts.Type): boolean => {
    const [one, other] = [from, to].map((type) => checker.getIndexTypeOfType(type, ts.IndexKind.Number));
    if (isSentenceType(from)) return isPlainType(to) && !isSentenceType(to);
    return checker.isArrayType(from) && one !== undefined && other !== undefined && loses(one, other);
  };
  /** Whether a function that takes plain strings is given sentences. */
  const takesPlain = (own: ts.Type, wanted: ts.Type) =>
    own
      .getCallSignatures()
      .some(({ parameters }) =>
        wanted
          .getCallSignatures()
          .some((signature) =>
            signature.parameters.some(
              (parameter, i) =>
                parameters[i] &&
                loses(checker.getTypeOfSymbol(parameter), checker.getTypeOfSymbol(parameters[i])),
            ),
          ),
      );
  /** Whether the mark of a sentence is lost where the expression is used. */
  const losesMark = (node: ts.Expression): boolean => {
    if (!mayBeSentences(node) || isOutput(node)) return false;
    const own = checker.getTypeAtLocation(node);
    if (!isSentenceType(own) && !checker.isArrayType(own) && own.getCallSignatures().length === 0)
      return false;
    const wanted = checker.getContextualType(node);
    return wanted !== undefined && (loses(own, wanted) || takesPlain(own, wanted));
  };
  const isNothing = (node: ts.Node) =>
    (checker.getTypeAtLocation(node).flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)) !== 0;
  const isKeyedBySentences = (node: ts.Node) => {
    const type = checker.getTypeAtLocation(node);
    const [key] = checker.getTypeArguments(type as ts.TypeReference);
    return KEYED.test(type.symbol?.name ?? '') && isSentenceType(key);
  };
  const isDecision = (node: ts.Node): boolean => {
    if (ts.isExpression(node) && losesMark(node)) return true;
    if (ts.isAsExpression(node))
      return loses(checker.getTypeAtLocation(node.expression), checker.getTypeAtLocation(node));
    if (ts.isComputedPropertyName(node)) return isSentence(node.expression);
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
    if (expression.getText() === 'String') return node.arguments.some(isSentence);
    if (!ts.isPropertyAccessExpression(expression)) return false;
    const { text: method } = expression.name;
    if (method === 'groupBy') return isKeyedBySentences(node);
    return LOOK_UPS.test(method) && node.arguments.some(isSentence);
  };
  return files.flatMap((name) => {
    const file = program.getSourceFile(join(ROOT, name))!;
    const lines = new Set<number>();
    const visit = (node: ts.Node): void => {
      if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return;
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
    (file) => !file.startsWith(SENTENCES) && !ESCAPES.includes(file),
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
