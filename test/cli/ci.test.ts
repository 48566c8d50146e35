import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import vitestConfig from '../../vitest.config.ts';
import { type Ended, run } from '../aws/processes.ts';
import { ROOT, read } from '../docs/page.ts';

/** What .ci/run does, in the list of commands of CONTRIBUTING.md. */
const PROMISE =
  /^\.ci\/run +# from a clean checkout, all but (.+), and a short form of (.+); once a week (.+) and the long forms run/m;
const [NEVER_RUN = [], SHORT = [], WEEKLY = []] = PROMISE.exec(read('CONTRIBUTING.md'))!
  .slice(1)
  .map((names) => names.split(/, | and /));

/** The npm scripts that check nothing by themselves. */
const NO_CHECKS = ['cloud', 'dev', 'format', 'test:watch'];
const PROJECTS = vitestConfig.test!.projects!.map(
  (project) => (project as { test: { name: string } }).test.name,
);

let folder: string;
let log: string;
let PATH: string;

// .ci/run is real. The commands that it starts only record how they were started: so the test takes
// seconds, changes nothing on this machine, and sends nothing.
beforeEach(() => {
  const parent = mkdtempSync(join(tmpdir(), 'autosnap-ci-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  folder = join(parent, 'project');
  log = join(parent, 'started');
  const bin = join(parent, 'bin');
  PATH = `${bin}${delimiter}${process.env.PATH}`;
  const script = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/bash\n${text}\n`);
    chmodSync(path, 0o755);
  };
  const record = (name: string) =>
    `echo "\${SEED:+SEED=$SEED }\${RUNS:+RUNS=$RUNS }\${FLEET:+FLEET=$FLEET }${name} $*" >>${log}`;
  // A test suite writes its results into the file that it is given.
  const writeResults = `for argument in "$@"; do
  case $argument in --outputFile.json=*)
    echo '{"numPassedTests": 10, "numFailedTests": 0, "testResults": []}' >"\${argument#*=}" ;;
  esac
done`;
  for (const name of ['npm', 'npx', 'apt-get', 'jq', 'chromium']) {
    script(join(bin, name), `${record(name)}\n${writeResults}\n[ "${name} $*" != "$FAILS" ]`);
  }
  script(join(bin, 'id'), 'echo 0');
  const openstack = join(parent, 'shared/openstack');
  script(join(openstack, 'up'), `${record('up')}\necho OS_AUTH_URL=http://127.0.0.1`);
  script(join(openstack, 'down'), record('down'));
  mkdirSync(join(folder, '.ci'), { recursive: true });
  copyFileSync(join(ROOT, '.ci/run'), join(folder, '.ci/run'));
});

/** Runs .ci/run. The command FAILS, if there is one, fails. */
async function runChecks(FAILS = ''): Promise<Ended & { started: string[] }> {
  const ended = await run(join(folder, '.ci/run'), [], { env: { ...process.env, PATH, FAILS } });
  return { ...ended, started: readFileSync(log, 'utf8').trim().split('\n') };
}

/** The projects of vitest.config.ts whose tests were started. */
const projectsIn = (started: string[]) =>
  started.flatMap((line) => / vitest run --project (\S+) /.exec(line)?.[1] ?? []);

/** Whether a npm script was started, or all suites that it consists of. */
function hasRun(name: string, started: string[]): boolean {
  const command = manifest.scripts[name as keyof typeof manifest.scripts];
  const [, pattern] = /^vitest run --project '?([\w-]+\*?)'?$/.exec(command) ?? [];
  if (pattern === undefined) {
    return started.some(
      (line) => line === `npx ${command}` || /^npm (?:run )?--silent (\S+)/.exec(line)?.[1] === name,
    );
  }
  const meant = PROJECTS.filter((project) =>
    pattern.endsWith('*') ? project.startsWith(pattern.slice(0, -1)) : project === pattern,
  );
  return meant.length > 0 && meant.every((project) => projectsIn(started).includes(project));
}

test('.ci/run starts all checks but those that CONTRIBUTING.md excepts, and the short forms that it names', async () => {
  const { code, output, started } = await runChecks();
  expect(output).toMatch(/\n\d+ passed, 0 failed\n$/);
  expect(code).toBe(0);
  expect(started[0]).toBe('npm ci');
  expect(projectsIn(started).sort()).toEqual([...PROJECTS].sort());
  const checks = Object.keys(manifest.scripts).filter((name) => !NO_CHECKS.includes(name));
  expect(checks.filter((name) => !hasRun(name, started)).sort()).toEqual([...NEVER_RUN].sort());
  const shortened = started.filter((line) => /^[A-Z]+=|--quick/.test(line));
  expect(shortened).toHaveLength(SHORT.length);
  for (const name of SHORT)
    expect(
      shortened.some((line) => hasRun(name, [line])),
      name,
    ).toBe(true);
});

test('.ci/run starts the real OpenStack before its tests, and stops it after them', async () => {
  const { started } = await runChecks();
  const order = started.flatMap(
    (line) => /^(up|down) |--project (openstack|chaos) /.exec(line)?.slice(1) ?? [],
  );
  expect(order.filter(Boolean)).toEqual(['up', 'openstack', 'chaos', 'down']);
});

test('.ci/run starts the other checks after one that fails, names it, and fails', async () => {
  const whole = await runChecks();
  rmSync(log);
  const { code, output, started } = await runChecks('npx serverless package');
  expect(output).toMatch(/^FAILED: serverless package after/m);
  expect(output).toMatch(/\n\d+ passed, 1 failed\n$/);
  expect(code).toBe(1);
  expect(started.toSorted()).toEqual(whole.started.toSorted());
});

test('.ci/run starts nothing when the packages cannot be installed', async () => {
  expect(await runChecks('npm ci')).toMatchObject({ code: 1, started: ['npm ci'] });
});

test('once a week the long forms run, and what CONTRIBUTING.md names', () => {
  const { jobs } = parse(read('.github/workflows/weekly.yml'));
  expect(jobs.long.steps.at(-1).run).toBe(['npm run $', '{{ matrix.script }}'].join(''));
  expect(jobs.long.strategy.matrix.script.toSorted()).toEqual([...WEEKLY, ...SHORT].sort());
});
