import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { PERIODS } from '../../lib/config/keep-rules.ts';
import { finishReport } from '../../lib/reporting/finish-report.ts';
import { codeOf, type Reason, unique } from '../../lib/reporting/reasons.ts';
import { CLOUD_REMEDIES, FAILURE_REMEDIES } from '../../lib/reporting/sentences/incident.ts';
import { REASON_CODES, reasonOf, remedyOf, reported, sentenceOf } from '../../lib/reporting/sentences.ts';
import { textsOf } from '../finding-texts.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Whether an expression has the value of a part of it: `isOver ? 'A' : 'B'`, `'A' as const`. */
function isChoice(node: ts.Node, part: ts.Node): boolean {
  return ts.isAsExpression(node) || (ts.isConditionalExpression(node) && node.condition !== part);
}

/** The codes that a text of code makes, not those that it only compares, lists or has in types. */
function codesMadeIn(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node)) return;
    if (ts.isStringLiteral(node)) {
      let value: ts.Node = node;
      while (isChoice(value.parent, value)) value = value.parent;
      const { parent } = value;
      const isMade =
        (ts.isPropertyAssignment(parent) && parent.name.getText() === 'code') ||
        (ts.isVariableDeclaration(parent) && parent.initializer === value) ||
        (ts.isCallExpression(parent) && !/^is\w+Error$/.test(parent.expression.getText()));
      if (isMade) found.push(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('', text, ts.ScriptTarget.ES2025, true));
  return found;
}

test('each code is made somewhere', () => {
  // The files of lib/openstack have error codes of the cloud, some of which have the same names.
  const made = globSync('{lib,handlers}/**/*.ts', { cwd: ROOT })
    .filter((file) => !/^lib\/(openstack|reporting\/sentences)/.test(file))
    .flatMap((file) => codesMadeIn(readFileSync(join(ROOT, file), 'utf8')));
  const known = new Set([...made, ...PERIODS.map(codeOf)]);
  expect(REASON_CODES.filter((code) => !known.has(code))).toEqual([]);
});

test.each([
  ["return { code: 'HELD' };", ['HELD']],
  ["const code = isOver ? 'HELD' : 'PROTECTED';", ['HELD', 'PROTECTED']],
  ["reasons: [{ code: 'RUN_FAILED' as const, job }],", ['RUN_FAILED']],
  ["await attempt('DIGEST_NOT_SENT', send);", ['DIGEST_NOT_SENT']],
  ["if (code === 'HELD') return;", []],
  ["switch (code) { case 'HELD': return; }", []],
  ["const HOLDS: readonly ReasonCode[] = ['HELD'];", []],
  ["type Held = { code: 'HELD' };", []],
  ["if (isCloudError(error, 'CONFLICT')) return;", []],
])('the codes that the test above finds in: %s', (text, codes) => {
  expect(codesMadeIn(text)).toEqual(codes);
});

test('docs/reasons.md has each code, and no other', () => {
  const page = readFileSync(join(ROOT, 'docs/reasons.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| .+ \| .+ \|$/gm)].map(([, code]) => code);
  expect(rows).toEqual(REASON_CODES);
});

test('docs/reasons.md has the meaning and the remedy of each code', () => {
  const page = readFileSync(join(ROOT, 'docs/reasons.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `[A-Z_]+` \| (.*) \| (.*) \|$/gm)].map(([, ...cells]) => cells);
  for (const cell of rows.flat()) expect(cell).toMatch(/^[A-Z`*"].*[.:]$/);
  for (const [, code] of page.matchAll(/\bAs for ([A-Z_]+)\b/g)) expect(REASON_CODES).toContain(code);
});

test('the remedies of e-mails are those of docs/reasons.md', () => {
  const page = readFileSync(join(ROOT, 'docs/reasons.md'), 'utf8');
  const cells = [...page.matchAll(/^\| `([A-Z_]+)` \| .* \| (.*) \|$/gm)];
  const documented = Object.fromEntries(cells.map(([, code, cell]) => [code, cell!.replaceAll('`', '')]));
  expect(documented).toMatchObject(FAILURE_REMEDIES);
  const errors = [...page.matchAll(/^\| [0-9, to-]+ \| `([A-Z_]+)` \| (.*) \|$/gm)];
  expect(Object.fromEntries(errors.map(([, error, cell]) => [error, cell]))).toEqual(CLOUD_REMEDIES);
});

test.each([
  'The result of a deletion',
  'Drills',
  'Copies',
  'Exports, which copies at Rackspace begin with',
  'What is wrong with a copy or an export',
])('e-mails have a remedy of their own for each code of docs/reasons.md with one: %s', (title) => {
  const page = readFileSync(join(ROOT, 'docs/reasons.md'), 'utf8');
  const [, section = ''] = page.split(`\n## ${title}\n`);
  const rows = [...section.split('\n## ')[0]!.matchAll(/^\| `([A-Z_]+)` \| .* \| (.*) \|$/gm)];
  expect(rows.length).toBeGreaterThan(5);
  for (const [, code, cell = ''] of rows) {
    expect(cell, code).not.toMatch(/^As for /);
    expect(code! in FAILURE_REMEDIES, code).toBe(cell !== 'Nothing.');
  }
});

/** The codes of a server or a volume that is not failed by them. */
const NEVER_FAIL = [
  ...['TAKEN', 'WOULD_TAKE', 'ALREADY_TAKEN', 'SERVER_GONE_BY_NOW', 'VOLUME_GONE_BY_NOW', 'ON_VOLUMES_ALONE'],
  // The server is tried again until it is taken, or fails as BUSY_TOO_LONG.
  ...['SERVER_BUSY', 'SNAPSHOT_PENDING', 'CONFLICT'],
  // The server is deferred.
  'NEXT_SLOT',
  // The cause that follows has the remedy.
  'WITHOUT_VOLUMES',
];

test('e-mails have a remedy for each code that fails a server when a snapshot is due', () => {
  const page = readFileSync(join(ROOT, 'docs/reasons.md'), 'utf8');
  const [, section = ''] = page.split('\n## A server when a snapshot is due\n');
  const codes = [...section.split('\n## ')[0]!.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code!);
  expect(codes).toEqual(expect.arrayContaining(NEVER_FAIL));
  const failing = codes.filter((code) => !NEVER_FAIL.includes(code));
  expect(failing.filter((code) => !(code in FAILURE_REMEDIES))).toEqual([]);
});

test.each<[string, Reason, Reason, number]>([
  [
    'another message of the cloud',
    { code: 'CLOUD', error: 'UNAVAILABLE', message: 'request req-1 failed' },
    { code: 'CLOUD', error: 'UNAVAILABLE', message: 'request req-2 failed' },
    1,
  ],
  [
    'another message in a reason within',
    { code: 'CHANGED', reason: { code: 'CONFLICT', message: 'req-1' } },
    { code: 'CHANGED', reason: { code: 'CONFLICT', message: 'req-2' } },
    1,
  ],
  ['another fact', { code: 'UNFINISHED', status: 'queued' }, { code: 'UNFINISHED', status: 'saving' }, 2],
])('reasons with %s: how many they are', (_, one, other, count) => {
  expect(unique([one, other])).toHaveLength(count);
});

test('remedies that depend on the case have a sentence of their own', () => {
  expect(remedyOf({ code: 'SCHEDULE_OVER' })).toMatch(/^Correct it: .*\.$/);
  expect(remedyOf({ code: 'CLOCKS_AGREE' })).toBeUndefined();
});

test('a report has codes to filter by, and sentences to read', () => {
  const entry = { server: 's', name: 'web', region: 'DFW', outcome: 'kept' } as const;
  const report = finishReport({
    job: 'cleanup',
    policy: 'daily',
    owner: 'autosnap-test',
    account: 'rackspace',
    dryRun: false,
    failures: [{ code: 'OTHER_RUN', until: '2026-11-24T00:00:00Z' }],
    warnings: [{ code: 'POLICY_NOT_DEPLOYED', region: 'DFW', policy: 'old', count: 3, bytes: 6e9 }],
    nothingSelected: false,
    entries: [
      { ...entry, ...reasonOf({ code: 'SERVER_BUSY', taskState: 'rebooting' }, { code: 'DEADLINE' }) },
      {
        ...entry,
        name: 'zebra',
        snapshots: [
          {
            image: 'i',
            slot: '2026-11-24T00:00:00Z',
            status: 'active',
            outcome: 'kept',
            ...reported([{ code: 'LAST', rank: 1, of: 7 }, { code: 'HELD' }]),
          },
        ],
      },
    ],
  });
  expect(report.codes).toEqual({ SERVER_BUSY: 1, LAST: 1, HELD: 1, OTHER_RUN: 1, POLICY_NOT_DEPLOYED: 1 });
  expect(textsOf(report.warnings)).toEqual([
    'DFW: the policy old is no longer configured: its 3 snapshots, 6.0 GB, are all kept',
  ]);
  expect(report.entries).toMatchObject([
    { code: 'SERVER_BUSY', reason: 'the cloud is busy with the server (rebooting); run deadline reached' },
    { snapshots: [{ codes: ['LAST', 'HELD'], reasons: ['last 1 of 7', 'held forever'] }] },
  ]);
});

test('a reason within a reason is part of the sentence', () => {
  expect(sentenceOf({ code: 'CHANGED', reason: { code: 'OTHER_STATUS', status: 'killed' } })).toBe(
    'changed since the plan: it is killed',
  );
});

// Messages of the cloud are interpreted only in the files of its APIs, and sent by the embedded
// cloud.
const FILES = globSync('{lib,handlers,deploy,local}/**/*.ts', { cwd: ROOT }).filter(
  (file) => !file.startsWith('lib/openstack/') && !file.startsWith('local/cloud/'),
);
const SENTENCE = '(?:sentenceOf|sentencesOf|findingText|adviceOf|message)\\b';
const ABOUT_WORDS =
  /\b(?:(?:reasons?|problems?|warnings?|failures?|sentences?|message|why|detail(?!\.)|remedy|doubts?|notices)\b|(?:sentenceOf|sentencesOf|findingText)\([^)]*\))/;
const METHOD = /\.(startsWith|endsWith|includes|match|matchAll|search|indexOf|split|replace)\(/;
const MATCHING = [
  // reason.startsWith('held'), reasons.some((one) => one.includes('weekly'))
  new RegExp(`${ABOUT_WORDS.source}[^;\\n]*${METHOD.source}['"\`/]`),
  // /^held/.test(reason)
  new RegExp(`/\\w*\\.(test|exec)\\([^)]*${ABOUT_WORDS.source}`),
  // reason === 'already gone'; codes are in capitals
  new RegExp(`${ABOUT_WORDS.source}\\??\\.?\\s*[!=]==\\s*['"\`](?![A-Z_]+['"\`])`),
  // known.has(sentenceOf(reason)), text === findingText(finding)
  new RegExp(`(?:\\.(?:includes|has|get|indexOf)\\(|[!=]==\\s*)(?:\\w+\\.)?${SENTENCE}`),
  // textsOf(later.failures).includes(text)
  /\b(?:failures|warnings|reasons)\.(?:includes|indexOf)\(/,
];
/** An error with a sentence, where one with a reason belongs. */
const WORDED = /new (?:Error|ValidationError)\(\s*['"`]/;
/** A fact that is a sentence instead of a reason with a code: { problem: `${name} is gone` } */
const COMPOSED = new RegExp(
  [
    /\b(?:problem|reason|doubt|why|said|words|detail|remedy|cause|fault): [`'"][^`'"]*[a-z]+ [a-z]+/,
    // Words for a fact that is missing: fault: fault ?? 'the cloud does not say why'
    /\?\? (?:\(.* )?[`'"][^`'"]*[a-z]+ [a-z]+ [a-z]+ [a-z]+/,
    // Words behind the message of an error: message: `${explain(error)} It is left alone.`
    /\bmessage: `\$\{[^}]*\}[^`]*[a-z]+ [a-z]+/,
  ]
    .map(({ source }) => source)
    .join('|'),
);

test('no code depends on the text of a sentence', () => {
  expect(FILES.length).toBeGreaterThan(100);
  const found = FILES.flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line) && MATCHING.some((pattern) => pattern.test(line)))
      // Codes are not sentences.
      .filter((line) => !/codes?\b[^;]*\.includes\('[A-Z_]+'\)/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

/**
 * Files with texts of their own: the problems of an input, the errors of adapters, and what lies
 * with the layout of the page.
 */
const WITH_TEXTS =
  /^lib\/(reporting\/sentences|openstack\/|config\/|credentials\/|runtime\/secrets|restore\/event|audit\/acceptance|offsite\/(bucket-error|upload)|audit\/page)/;
/** The calls for problems of an event, for errors of adapters, and for a log with codes. */
const OWN_TEXT = /^(invalidEvent|logger\.error|CloudError|BucketError|Error)$/;

/** The sentences in a text of code, and those with facts in them. */
function sentencesIn(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isOwnText =
      (ts.isCallExpression(node) || ts.isNewExpression(node)) && OWN_TEXT.test(node.expression.getText());
    if (ts.isTypeNode(node) || isOwnText) return;
    const words = node.getText().replace(/\$\{[^}]*\}/g, '…');
    if (ts.isStringLiteralLike(node) && /^.(?!must )([a-z']+,? ){5}[a-z]+/i.test(words)) found.push(words);
    if (ts.isTemplateExpression(node) && /([a-z']+,? ){2}[a-z]+/i.test(words)) found.push(words);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('', text, ts.ScriptTarget.ES2025, true));
  return found;
}

test('sentences are only written in lib/reporting/sentences/', () => {
  const found = globSync('{lib,handlers}/**/*.ts', { cwd: ROOT })
    .filter((file) => !WITH_TEXTS.test(file))
    .flatMap((file) => sentencesIn(readFileSync(join(ROOT, file), 'utf8')).map((one) => `${file}: ${one}`));
  expect(found).toEqual([]);
});

test.each([
  ["lines.push('No server is protected by a policy');", 1],
  [`lines.push(\`\${name} has no snapshot\`);`, 1],
  ["throw invalidEvent('it must be a JSON object: see events/');", 0],
  ["section('Snapshots that are stuck', lines);", 0],
  ["v.array(Policy, 'must be a list of policies');", 0],
  [`const key = \`run/\${account}/\${policy}\`;`, 0],
])('the sentences that the test above finds in: %s', (text, count) => {
  expect(sentencesIn(text)).toHaveLength(count);
});

test('facts of reasons and errors are no sentences', () => {
  const found = FILES.filter(
    (file) => !file.startsWith('lib/reporting/sentences') && !file.startsWith('deploy/'),
  )
    .flatMap((file) =>
      readFileSync(join(ROOT, file), 'utf8')
        .split('\n')
        .map((line) => `${file}: ${line.trim()}`),
    )
    .filter((line) => COMPOSED.test(line));
  expect(found).toEqual([]);
});

test('errors are made of reasons', () => {
  const found = FILES.filter((file) => /^(lib|handlers)\//.test(file)).filter((file) =>
    WORDED.test(readFileSync(join(ROOT, file), 'utf8')),
  );
  expect(found).toEqual([]);
});

test.each(["throw new Error('no bucket');", 'throw new ValidationError(\n  `The secret is refused`,'])(
  'the test above would find: %s',
  (line) => {
    expect(WORDED.test(line)).toBe(true);
  },
);

test.each([
  `return { problem: \`\${name} is gone\` };`,
  "found.push({ region, reason: 'not ours' });",
  "reason: { code: 'DRILL_ERROR', fault: fault ?? 'the cloud does not say why' },",
  "const cause = task?.message ?? (task ? 'its task has succeeded' : 'its task is no longer kept');",
  `message: \`\${explain(error)} It is left to the next run.\``,
])('the test above would find: %s', (line) => {
  expect(COMPOSED.test(line)).toBe(true);
});

test.each([
  "if (entry.reason?.startsWith('busy: ')) return;",
  "lines.filter(({ reasons }) => reasons.includes('already gone'))",
  "reasons.some((reason) => reason.startsWith('held'))",
  'if (/^(last|within) /.test(reason)) return true;',
  "const what = /^(\\S+) can't be read/.exec(problem)?.[1];",
  "if (detail === 'it never fires again') return;",
  "const [code] = sentenceOf(reason).split(':');",
  "checks.filter(({ remedy }) => remedy?.includes('custom.owner'))",
  "if (error.message === 'Nothing is deleted') return;",
  'once.filter((one) => unsaid.includes(findingText(one)))',
  'return known.has(error.message);',
])('the test above would find: %s', (line) => {
  expect(MATCHING.some((pattern) => pattern.test(line))).toBe(true);
});
