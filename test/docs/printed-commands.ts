import { globSync } from 'node:fs';
import ts from 'typescript';
import { type Command, ROOT, read } from './page.ts';

/** The files whose texts people read: e-mails, reports, errors, and the output of commands. */
const FILES = '{lib,deploy,handlers,local}/**/*.ts';

/**
 * A command within a sentence. It ends at the end of the line, or at a bracket or a punctuation
 * mark that is not within quotes.
 */
const COMMAND = /\b(?:npx|npm|aws|openstack)(?: (?:'[^']*'|<[^>]+>|[^\s'(),;[\]<>`]+)+)+/g;
/** Examples of what a run puts into the texts, as the docs write them. */
const EXAMPLES: readonly (readonly [name: string, example: string])[] = [
  ['<service>/<stage>/<account>', 'autosnap/prod/rackspace'],
  ['<secret>', 'autosnap/prod/rackspace'],
  ['<stage>', 'prod'],
  ['<job>', 'snapshot'],
  ['<quoted>', '{"acceptDropped": {"servers": ["web-7"], "policies": ["weekly"]}}'],
  ['<server>', '<server id>'],
  ['<volume>', '<volume id>'],
  ['volume snapshot show <image>', 'volume snapshot show <volume snapshot id>'],
  ['<image>', '<image id>'],
];

/** The words that follow the name of a program in a sentence that only mentions the program. */
const IS_COMMAND =
  /^(?:npx (?:serverless|autosnap) [a-z]+|npm (?:run |start$|ci$)|aws \w+ [a-z]|openstack [a-z]+ [a-z])/;

/** The commands in the texts that the product prints or sends, with examples of values. */
export function printedCommands(): Command[] {
  return globSync(FILES, { cwd: ROOT })
    .sort()
    .flatMap((page) => commandsInCode(read(page)).map((text) => ({ page, text: withExamples(text) })));
}

function withExamples(command: string): string {
  return EXAMPLES.reduce((text, [name, example]) => text.replaceAll(name, example), command);
}

/**
 * The commands in the texts of a file of code, each once. What only a run knows stands in angle
 * brackets, by its name in the code: `openstack server start <server>`.
 */
export function commandsInCode(code: string): string[] {
  const file = ts.createSourceFile('', code, ts.ScriptTarget.ES2025, true);
  const constants = constantsOf(file);
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) {
      for (const one of textsOf(node, constants).flatMap(commandsInText)) found.add(one);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return [...found];
}

function commandsInText(text: string): string[] {
  return [...text.matchAll(COMMAND)]
    .map(([command]) => command.replace(/[.:]$/, ''))
    .filter((command) => IS_COMMAND.test(command));
}

/** The values of the constants of a file, by name. */
function constantsOf(file: ts.SourceFile): Map<string, ts.Expression> {
  const constants = new Map<string, ts.Expression>();
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.initializer)
      constants.set(node.name.getText(), node.initializer);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return constants;
}

/**
 * All texts that an expression can be. What only a run knows is the name of the expression, in
 * angle brackets.
 */
function textsOf(node: ts.Expression, constants: Map<string, ts.Expression>): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) {
    return [node.whenTrue, node.whenFalse].flatMap((part) => textsOf(part, constants));
  }
  if (ts.isTemplateExpression(node)) {
    return node.templateSpans.reduce(
      (begun, { expression, literal }) =>
        begun.flatMap((text) =>
          textsOf(expression, constants).map((part) => `${text}${part}${literal.text}`),
        ),
      [node.head.text],
    );
  }
  const constant = ts.isIdentifier(node) ? constants.get(node.text) : undefined;
  const isText = constant && (ts.isStringLiteralLike(constant) || ts.isConditionalExpression(constant));
  return isText ? textsOf(constant, constants) : [`<${node.getText()}>`];
}
