import { globSync } from 'node:fs';
import { type Command, ROOT, read } from './page.ts';
import { printedCommands } from './printed-commands.ts';

/**
 * How a command of the docs is tested.
 *
 * - here: test/cli/docs.test.ts runs the command unchanged, and expects this output.
 * - local: test/cli/docs.test.ts runs the command with the stage `local`, and expects this output.
 * - event: test/docs/commands.test.ts sends its event to the real handler, on the embedded cloud.
 * - by: the command needs AWS or a cloud, or would change this checkout. A test in this file
 *   contains this text, and runs the same.
 */
export type Runner = { here: RegExp } | { local: RegExp } | { event: true } | { by: string; text: string };

/** What `status` shows of the demo fleet. */
const STATUS =
  /^\d of 7 servers protected; .*\n.*; the longest drill took .*\n\nserver +state +newest good [\s\S]*\nweb-1 +protected .* DFW\n/;

/**
 * Every command of the docs and of the texts that the product prints or sends, and how it is
 * tested. A test fails for a command that is not listed here.
 */
export const COMMANDS: readonly (readonly [command: string | RegExp, runner: Runner])[] = [
  // On this machine.
  ['npm ci', { by: '.ci/run', text: "step 'npm ci' npm ci" }],
  ['npm start', { here: /An embedded Rackspace is up[\s\S]*reports\/autosnap\.html/ }],
  ['npm run dev', { by: 'test/cli/serverless.test.ts', text: "describe('npm run dev'" }],
  ['npx serverless package', { by: 'test/aws/package.test.ts', text: "serverless('package'" }],
  ['npx serverless print --stage prod --path functions', { here: /policy: daily/ }],
  ['npx autosnap check --stage prod', { here: /serverless\.yml is valid/ }],
  [
    /^npx serverless invoke local -f cleanup --stage local -d '.+' --json$/,
    { here: /^\{"level":"INFO","message":"report",[\s\S]* to delete because: / },
  ],
  // The commands for people.
  ['npx autosnap --help', { here: /^Usage: npx autosnap <verb>[\s\S]*\n {2}status {2}/ }],
  ['npx autosnap take --help', { here: /--expires <duration>[\s\S]*\nExample: npx autosnap take / }],
  [/^npx autosnap status --stage (prod|local)$/, { local: STATUS }],
  [
    'npx autosnap snapshots --stage prod --server web-1',
    { local: /^web-1 in DFW, daily\ntaken .*\n2\d{3}-/ },
  ],
  [
    /^npx autosnap plan --stage (prod|local)( --policy daily)?( --server web-1)?$/,
    {
      local: /^\S+ in DFW, daily: \d+ stay[\s\S]* to delete because: [\s\S]*\nAll: \d+ stay, \d+ to delete/,
    },
  ],
  [
    /^npx autosnap restore --stage prod --server web-1 --list$/,
    { local: /^web-1 in DFW \(\S+\)\ntaken .*\n2\d{3}-/ },
  ],
  [
    /^npx autosnap restore --stage prod --(server web-1|volume db-data)( --in-place| --at "[^"]+"( --new-name web-1b)?)?$/,
    { by: 'test/cli/restore.test.ts', text: 'documentedCommands(/^npx autosnap restore ' },
  ],
  [
    /^npx autosnap restore --stage (prod|<context.deployment.stage>)( --request <request>)?( --account <account>)?$/,
    { by: 'test/aws/commands.test.ts', text: "'restore', '--request'" },
  ],
  ['npx autosnap doctor --stage prod', { local: /\d+ checks: \d+ good, 2 to look at, 0 failed\.\n$/ }],
  [
    /^npx autosnap take --stage (prod|local) --server web-1( --expires 14d)?( --request before-upgrade)?( --wait)?$/,
    { local: /^✓ web-1 in DFW: asked for: web-1-adhoc-/ },
  ],
  [
    /^npx autosnap restore --stage prod --server <shellWord\(name \|\| server\)>( --account <shellWord\(account\)>)?$/,
    { by: 'test/reporting/restore-command.test.ts', text: 'can be copied' },
  ],
  [
    'npx autosnap report --stage local --open',
    { by: 'test/cli/commands.test.ts', text: "'report --stage local writes the page" },
  ],
  [
    'npx autosnap snapshots --stage prod --server <name>',
    {
      by: 'test/deploy/commands/find-snapshot.test.ts',
      text: 'npx autosnap snapshots --stage prod --server <name>',
    },
  ],
  [
    'npx autosnap take --stage <context.deployment.stage>',
    { by: 'test/cli/commands.test.ts', text: 'To repeat this safely' },
  ],
  [
    /^npx autosnap (hold|release) --stage prod --server web-1 --at 2026-11-23/,
    { by: 'test/cli/commands.test.ts', text: 'documentedCommands(/^npx autosnap (hold|release) .* --at /)' },
  ],
  [
    'npx autosnap hold --stage prod --image <image id>',
    { by: 'test/cli/commands.test.ts', text: "'--image'" },
  ],
  [
    /^npx autosnap drill --stage prod --server web-1$/,
    { by: 'test/cli/commands.test.ts', text: "'drill', '--server'" },
  ],
  ['npx autosnap check', { by: 'test/cli/check.test.ts', text: 'the file of the project is valid' }],
  [
    /^git commit -m "[^"]+" serverless\.yml$/,
    { by: 'test/deploy/upgrade.test.ts', text: '/^git (commit .+)$/m' },
  ],
  [
    /^git pull .* && npm ci && npx serverless deploy --stage prod$/,
    { by: 'test/deploy/upgrade.test.ts', text: '/^git (pull.*?) &&/m' },
  ],
  [/^npm run bench( -- --quick)?$/, { by: '.ci/run', text: "step 'npm run bench'" }],
  ['npm run test:thorough', { by: '.ci/run', text: "suite 'npm run test:thorough'" }],
  ['npm run test:faults', { by: '.ci/run', text: "suite 'npm run test:faults'" }],

  // Events for the deployed functions.
  [
    /^npx serverless invoke -f \w+ --stage prod( -d '.+'| -p events\/\S+)?( --log| --type Event)?$/,
    { event: true },
  ],

  // For contributors.
  ['.ci/run', { by: 'test/cli/ci.test.ts', text: "test('.ci/run" }],
  [
    'npx --node-options=--inspect serverless offline start --stage local',
    { by: 'test/cli/serverless.test.ts', text: "test('the debugger" },
  ],
  [
    /^npx vitest run --project unit --inspect-brk /,
    { by: 'test/cli/debugger.test.ts', text: "test('a debugger" },
  ],
  [
    /^npx vitest run --project unit test\/docs( test\/deploy)? -u$/,
    { by: 'test/cli/docs-tables.test.ts', text: 'documentedCommands(/^npx vitest .* -u$/)' },
  ],
  [
    /^npm run (cloud|--silent cloud > cloud\.env)$/,
    { by: 'test/clients/running-cloud.ts', text: 'manifest.scripts.cloud.split' },
  ],
  [/^set -a; /, { by: 'test/clients/local-stage.test.ts', text: 'documentedCommands(/^set -a; /)' }],
  [
    'serverless invoke local --stage local',
    { by: 'test/clients/local-stage.test.ts', text: 'invoke local --stage local uses the running cloud' },
  ],

  // AWS commands, which are run against an emulator.
  [
    /^export AWS_REGION=/,
    { by: 'test/aws/documented-commands.test.ts', text: 'documentedCommands(/^export AWS_REGION=/)' },
  ],
  [
    /^aws (secretsmanager \w+-secret|secretsmanager put-secret-value|kms create-grant|s3 rb) /,
    { by: 'test/aws/documented-commands.test.ts', text: 'documentedCommands(/^aws ' },
  ],
  [
    /^(npx serverless deploy --stage (prod|dev)|serverless deploy)$/,
    { by: 'test/aws/lifecycle.test.ts', text: 'is created by one command' },
  ],
  [
    'npx serverless info --stage prod --verbose',
    { by: 'test/aws/documented-commands.test.ts', text: "serverless('info'" },
  ],
  [
    'npx serverless remove --stage prod',
    { by: 'test/aws/lifecycle.test.ts', text: "project.serverless('remove'" },
  ],
  [
    /^npx autosnap report --stage prod( --open)?$/,
    { by: 'test/aws/audit.test.ts', text: "project.autosnap(['report'" },
  ],
  [
    'npx autosnap rerun --stage prod',
    { by: 'test/aws/failed-runs.test.ts', text: "project.autosnap(['rerun'" },
  ],
  [
    'npx autosnap rerun --stage prod --discard',
    { by: 'test/aws/failed-runs.test.ts', text: "rerun('--discard')" },
  ],
  [
    /^npx serverless logs -f \w+ --stage prod --startTime 1d$/,
    { by: 'test/aws/documented-commands.test.ts', text: 'documentedCommands(/^npx serverless logs /)' },
  ],

  // Commands for a cloud.
  [
    /^(openstack|swift) /,
    { by: 'test/clients/documented-commands.test.ts', text: 'documentedCommands(/^(openstack|swift) /)' },
  ],
  // docs/copies.md: from S3.
  [
    /^(bucket=|copy=|aws s3 (ls|cp) |echo "\$\(jq)/,
    { by: 'test/aws/restore-from-s3.test.ts', text: 'Restore from a copy in S3' },
  ],
  // docs/copies.md: from Cloud Files.
  [
    /^(access=|token\(\)|address\(\)|curl |unset access)/,
    { by: 'test/cli/docs.test.ts', text: 'Restore from a copy in Cloud Files' },
  ],
];

/** The pages for users of Autosnap. */
export const PAGES = ['README.md', ...globSync('docs/**/*.md', { cwd: ROOT })];

/** The commands of a page: those in its sh blocks, and those within sentences. */
export function commandsIn(page: string): Command[] {
  const text = read(page);
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    commandsOf(block),
  );
  const prose = text.replace(/^```[\s\S]*?^```/gm, '');
  const inline = [
    ...prose.matchAll(/`((?:npx|npm|aws|openstack|swift|git|curl|serverless|export|set) [^`]+|\.ci\/run)`/g),
  ].map(([, one = '']) => one);
  return [...blocks, ...inline].map((one) => ({ page, text: one }));
}

/**
 * The commands of the docs, of CONTRIBUTING.md and of the texts that the product prints or sends,
 * that fit a pattern, each once.
 */
export function documentedCommands(pattern: RegExp): string[] {
  const all = [...[...PAGES, 'CONTRIBUTING.md'].flatMap(commandsIn), ...printedCommands()];
  return [...new Set(all.map(({ text }) => text).filter((text) => pattern.test(text)))];
}

/** How a command is tested. */
export function runnersOf({ text }: Command): Runner[] {
  return COMMANDS.filter(([known]) => (typeof known === 'string' ? known === text : known.test(text))).map(
    ([, runner]) => runner,
  );
}

/** The commands of a shell block, each on one line, without comments. */
function commandsOf(block: string): string[] {
  const commands: string[] = [];
  let begun = '';
  for (const line of block.split('\n')) {
    if (begun === '' && /^\s*(#|$)/.test(line)) continue;
    begun += line.replace(/\s{2,}#\s.*$/, '').trimEnd();
    if (isComplete(begun)) {
      commands.push(begun);
      begun = '';
    } else begun = `${begun.replace(/\\$/, '').trimEnd()} `;
  }
  if (begun !== '') throw new Error(`a command does not end: ${begun}`);
  return commands.map((command) => command.replace(/\s+/g, ' '));
}

/** Whether a command is complete: no open quote or brace, and no continuation on the next line. */
function isComplete(command: string): boolean {
  let quote = '';
  let braces = 0;
  for (let i = 0; i < command.length; i++) {
    const c = command[i]!;
    if (c === '\\') i++;
    else if (quote) quote = c === quote ? '' : quote;
    else if (c === '"' || c === "'") quote = c;
    else if (c === '{') braces++;
    else if (c === '}') braces--;
  }
  return quote === '' && braces === 0 && !command.endsWith('\\');
}
