import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { policyBlockProblems } from '../../deploy/policies.ts';
import { parseSecret } from '../../lib/credentials/parse-secret.ts';
import { consoleDomain } from '../../lib/reporting/report-store.ts';
import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { addFleet } from '../../local/fleet.ts';
import type { AnyJob } from '../functions.ts';
import { deploy, harness, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';
import { COMMANDS, commandsIn, PAGES, runnersOf } from './commands.ts';
import { type Command, ROOT, read } from './page.ts';
import { commandsInCode, printedCommands } from './printed-commands.ts';

// A test below has the npm scripts of CONTRIBUTING.md.
const SCRIPT = /^npm (test|start|ci|run [\w:]+)$/;
const commands = [
  ...PAGES.flatMap(commandsIn),
  ...[...commandsIn('CONTRIBUTING.md'), ...printedCommands()].filter(({ text }) => !SCRIPT.test(text)),
];

const [, README_BLOCK = ''] = /^```yaml\n(custom:[\s\S]*?)^```/m.exec(read('README.md'))!;

test('test/docs/commands.ts has each command of the docs, and of the texts that people get, exactly once', () => {
  expect(commands.length).toBeGreaterThan(60);
  expect(commands.filter((command) => runnersOf(command).length !== 1)).toEqual([]);
});

test.each([
  {
    what: 'in brackets, and at the end of a line',
    code: "const text = 'Unlock it (openstack server unlock <server id>), or run\\nnpm run dev\\nlater.';",
    found: ['openstack server unlock <server id>', 'npm run dev'],
  },
  {
    what: 'with a value that only a run knows',
    code: `const text = \`read it: npx serverless logs -f \${job} --stage \${place.stage}\`;`,
    found: ['npx serverless logs -f <job> --stage <place.stage>'],
  },
  {
    what: 'with each value that a condition chooses',
    code: `const what = isOne ? 'image' : 'volume snapshot'; const text = \`(openstack \${what} \${isNew ? 'show' : 'delete'} \${id})\`;`,
    found: [
      'openstack image show <id>',
      'openstack image delete <id>',
      'openstack volume snapshot show <id>',
      'openstack volume snapshot delete <id>',
    ],
  },
  {
    what: 'with commas and brackets in quotes',
    code: 'const text = `accept these: npx serverless invoke -f audit -d \'{"a": [1, 2]}\', or not`;',
    found: ['npx serverless invoke -f audit -d \'{"a": [1, 2]}\''],
  },
  {
    what: 'but not the mere name of a program, or a command in a comment',
    code: "// npx serverless info\nconst text = 'the openstack command, npm and aws are there';",
    found: [],
  },
])('the commands of a text in code are found $what', ({ code, found }) => {
  expect(commandsInCode(code)).toEqual(found);
});

test('every command in test/docs/commands.ts is in the docs or in a text that people get', () => {
  const unused = COMMANDS.filter(
    ([known]) =>
      !commands.some(({ text }) => (typeof known === 'string' ? known === text : known.test(text))),
  );
  expect(unused.map(([known]) => String(known))).toEqual([]);
});

test('the tests that are named for commands exist', () => {
  for (const [command, runner] of COMMANDS) {
    if (!('by' in runner)) continue;
    expect(existsSync(join(ROOT, runner.by)), `${command}: ${runner.by}`).toBe(true);
    expect(read(runner.by), `${command}: ${runner.by}`).toContain(runner.text);
  }
});

test('every npm script that the docs and CONTRIBUTING.md name exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [...PAGES, 'CONTRIBUTING.md'].flatMap((page) =>
    [...read(page).matchAll(/npm run ([\w:]+)/g)].map(([, script = '']) => script),
  );
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((script) => !(script in scripts))).toEqual([]);
});

test('each clouds.yaml in the docs is a valid secret', () => {
  const shown = PAGES.flatMap((page) => [...read(page).matchAll(/^```yaml\n(clouds:[\s\S]*?)^```/gm)]);
  expect(shown).toHaveLength(1);
  for (const [, yaml = ''] of shown) expect(parseSecret('docs', yaml).kind).toBe('applicationCredential');
});

test('the policies in the docs are valid', () => {
  const shown = PAGES.flatMap((page) => [...read(page).matchAll(/^```yaml\n(policies:[\s\S]*?)^```/gm)]);
  expect(shown.length).toBeGreaterThan(1);
  for (const [, yaml = ''] of shown) expect(policyBlockProblems({ custom: parse(yaml) })).toEqual([]);
  const parts = PAGES.flatMap((page) => [
    ...read(page).matchAll(/^```yaml\n((?!policies:|custom:|clouds:)[\s\S]*?)^```/gm),
  ]);
  expect(parts.length).toBeGreaterThan(2);
  for (const [, yaml = ''] of parts) {
    const daily = { ...shownPolicy(), ...parse(yaml) };
    expect(policyBlockProblems({ custom: { policies: { daily } } }), yaml).toEqual([]);
  }
});

test('the block of the README can be pasted into serverless.yml, with its drill too', () => {
  const yml = read('serverless.yml');
  const pasted = (block: string) => yml.replace(/^custom:\n[\s\S]*?(?=\n {2}# Who gets)/m, block);
  for (const block of [README_BLOCK, withDrill(README_BLOCK)]) {
    const { custom, provider } = parse(pasted(block));
    expect(Object.keys(custom.policies.daily)).toContain('offsite');
    expect(custom).toHaveProperty('alerts');
    expect(policyBlockProblems({ custom })).toEqual([]);
    expect(provider.name).toBe('aws');
  }
  expect(parse(pasted(withDrill(README_BLOCK))).custom.policies.daily.drill.networks).toHaveLength(1);
});

// The AWS emulator drops the outputs of a stack that was created by a change set, so `info` shows
// none of them.
test('the outputs that the docs name are those of the stack', () => {
  const { Outputs } = parse(read('deploy/resources.yml'), { logLevel: 'error' }) as { Outputs: object };
  const named = PAGES.flatMap((page) => [
    ...read(page).matchAll(/\b(CopiesBucket|ReportsBucket|\w+Queue|\w+Topic)\b/g),
  ]);
  expect(named).not.toEqual([]);
  for (const [, output = ''] of named) expect(Outputs).toHaveProperty(output);
});

test('the outputs refer to resources, and the link to the dashboard depends on the partition of AWS', () => {
  const { Outputs, Mappings } = parse(read('deploy/resources.yml'), {
    logLevel: 'error',
    customTags: [
      { tag: '!Ref', resolve: (name: string) => `resource ${name}` },
      ...(['!Sub', '!FindInMap'] as const).map((tag) => ({
        tag,
        collection: 'seq' as const,
        resolve: (list: { toJSON(): unknown }) => list.toJSON(),
      })),
    ],
  });
  expect(Outputs).toMatchObject({
    ReportsBucket: { Value: 'resource Reports' },
    CopiesBucket: { Value: expect.stringMatching(/^\$\{self:custom\.copiesBucket, .+:copiesBucket\}$/) },
    AlertsTopic: { Value: 'resource Alerts' },
    WorkQueue: { Value: 'resource Work' },
    FailedRunsQueue: { Value: 'resource FailedRuns' },
  });
  expect(Mappings.Consoles).toEqual(
    Object.fromEntries(
      [
        ['aws', 'us-east-1'],
        ['aws-cn', 'cn-north-1'],
        ['aws-us-gov', 'us-gov-west-1'],
      ].map(([partition, region]) => [partition, { Domain: consoleDomain(region!) }]),
    ),
  );
});

test('no command of the docs writes a secret to a file, or has one on its line; a clouds.yaml is a file already', () => {
  const given = commands.filter(({ text }) => / (create-secret|put-secret-value) /.test(text));
  expect(given.length).toBeGreaterThan(2);
  for (const { text } of given)
    expect(text).toMatch(/ --secret-string file:\/\/(\/dev\/stdin|clouds\.yaml)$/);
  const written = commands.filter(
    ({ text }) => /secret|token|access|login/i.test(text) && /\s>+\s?\w/.test(text),
  );
  expect(written).toEqual([]);
});

/** The policy of the README, without its name. */
function shownPolicy(): Record<string, unknown> {
  return parse(withDrill(README_BLOCK)).custom.policies.daily;
}

/** The block with what its last line has commented out. */
function withDrill(block: string): string {
  return block.replace('# drill:', 'drill:').replace('<network id>', '11111111-1111-1111-1111-111111111111');
}

/** A volume that is gone, and the snapshot of it that a restore in the docs uses. */
function addDatabaseVolume(cloud: Cloud): void {
  const slot = new Date('2026-11-21T00:00:00Z');
  const volume = { id: crypto.randomUUID(), name: 'db-data' };
  const marker = { owner: 'autosnap-test', policy: 'daily', server: crypto.randomUUID(), slot };
  const createdAt = new Date(slot.getTime() + 10_000);
  cloud.region('DFW').addVolumeSnapshot({ ...newVolumeSnapshot(volume, marker), createdAt });
}

/** A call of `npx serverless invoke`: the function and its event. */
function invocationIn({ text }: Command): { job: AnyJob; event: Record<string, unknown> } {
  const [, job, , data, file] =
    / -f (\w+) --stage prod( -d '(.+?)'| -p (events\/\S+))?( --log| --type Event)?$/.exec(text)!;
  return { job: job as AnyJob, event: JSON.parse(file ? read(file) : (data ?? '{}')) };
}

const invocations = [
  ...new Map(
    commands
      .filter((one) => runnersOf(one).some((runner) => 'event' in runner))
      .map((one) => [one.text, { ...one, ...invocationIn(one) }] as const),
  ).values(),
];
const ofSeveral = invocations.filter(({ event }) => 'account' in event);

test.each([
  {
    what: 'each event in the docs does what it should',
    its: invocations.filter((one) => !ofSeveral.includes(one)),
    account: 'rackspace',
  },
  {
    what: 'each that names one of several accounts, too',
    its: ofSeveral,
    account: ['rackspace', 'customer-b'],
  },
])('$what', async ({ its, account }) => {
  setTime('2026-11-23T09:00:00Z');
  // Snapshots finish at once, because a busy server could neither be restored nor snapshotted.
  const { cloud, run, cold } = await harness({
    regions: ['DFW', 'ORD'],
    timing: { queuedMs: 0, savingMs: 0 },
  });
  await reportBucket();
  cold();
  cloud.secrets.set('autosnap/test/customer-b', cloud.secret('rackspace'));
  addFleet(cloud, 'autosnap-test');
  // All of its snapshots fail.
  Object.assign(cloud.region('DFW').servers.find(({ name }) => name === 'db-2')!, {
    snapshotOutcome: 'active',
  });
  addDatabaseVolume(cloud);
  deploy([{ policy: 'daily', ...shownPolicy(), account }]);
  const image = cloud.region('DFW').images.find(({ name }) => name.startsWith('web-1-daily-'))!;
  expect(its).not.toEqual([]);
  for (const { page, text, job, event } of its) {
    const sent = JSON.parse(JSON.stringify(event).replace('<image id>', image.id));
    const result = await run(job, sent).catch(({ message }: Error) => message);
    expect(result, `${page}: ${text}`).toMatchObject({ job });
  }
});
