import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

const ROOT = new URL('../..', import.meta.url);

interface Ended {
  code: number;
  stdout: string;
}

/** Runs a command until it ends, in any way. */
const serverless = (...args: string[]) => serverlessIn(process.env, ...args);

async function serverlessIn(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> {
  try {
    const running = promisify(execFile)('npx', ['serverless', ...args], { cwd: ROOT, env });
    // Without an event, `invoke local` reads one from stdin.
    running.child.stdin?.end();
    return { code: 0, stdout: (await running).stdout };
  } catch (error) {
    const { code, stdout } = error as Ended;
    return { code, stdout };
  }
}

describe('serverless invoke local --stage local', () => {
  const refused = ['invalid.json'];
  const isFor = (file: string) => (/cleanup|dry-run|invalid/.test(file) ? 'cleanup' : 'snapshot');
  // One of each kind. test/handlers/events.test.ts sends all events to the functions.
  const events = ['adhoc.json', 'daily.json', 'dry-run.json', 'invalid.json'];
  const cases = events.map((file) => [isFor(file), file] as const);

  test.each(cases)('%s %s', async (job, file) => {
    const { code, stdout } = await serverless(
      'invoke',
      'local',
      '-f',
      job,
      '--stage',
      'local',
      '-p',
      `events/${file}`,
    );
    if (refused.includes(file)) {
      expect(code).not.toBe(0);
      expect(stdout).toMatch(/"errorMessage": "The event is refused/);
    } else {
      expect(code).toBe(0);
      expect(stdout).toMatch(/"failures": \[\]/);
    }
  });
});

test.each([
  ['package', 'package or deploy'],
  ['deploy', 'package or deploy'],
  ['deploy function -f snapshot', 'deploy function'],
])('%s of the stage local says that it needs a deployment', async (command, said = command) => {
  const { code, stdout } = await serverless(...command.split(' '), '--stage', 'local');
  expect(stdout).toContain(`${said} needs a deployment: give its stage with --stage`);
  expect(code).not.toBe(0);
});

test('serverless invoke local -f audit audits all policies', async () => {
  const { code, stdout } = await serverless('invoke', 'local', '-f', 'audit', '--stage', 'local');
  expect(stdout).toMatch(/\d+ of \d+ servers protected/);
  expect(code).toBe(0);
});

test('serverless invoke local -f restore plans a restore', async () => {
  const { code, stdout } = await serverless(
    'invoke',
    'local',
    '-f',
    'restore',
    '--stage',
    'local',
    '-p',
    'events/restore.json',
  );
  expect(stdout).toMatch(
    /web-1 in DFW would be restored\n {2}the snapshot of .*\n(?: {2}.*\n)* {2}a new server "web-1-restored-/,
  );
  expect(code).toBe(0);
});

test('serverless invoke local -f doctor checks all policies', async () => {
  const { code, stdout } = await serverless('invoke', 'local', '-f', 'doctor', '--stage', 'local');
  expect(stdout).toMatch(/\d+ checks: \d+ good, 2 to look at, 0 failed\./);
  expect(code).toBe(0);
});

test('serverless print shows the rules of the policies', async () => {
  const { code, stdout } = await serverless(
    'print',
    '--stage',
    'prod',
    '--path',
    'functions',
    '--format',
    'json',
  );
  const functions = JSON.parse(stdout) as Record<string, { events?: unknown[] }>;
  expect(functions.snapshot!.events).toEqual([
    { schedule: { rate: ['cron(0 0 * * ? *)'], input: { policy: 'daily' } } },
  ]);
  expect(functions.cleanup!.events).toEqual([
    { schedule: { rate: ['rate(6 hours)'], input: { policy: 'daily' } } },
  ]);
  expect(code).toBe(0);
});

/**
 * Starts serverless-offline, and waits until it has shown how to fire its schedules.
 *
 * @returns the process, and what it has printed until now.
 */
async function startOffline(
  command: string,
  ...args: string[]
): Promise<{ offline: ChildProcess; printed: () => string }> {
  const offline = spawn(command, args, { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      output += chunk;
      if (/now: curl .*-audit\/invocations\n/.test(output)) resolve();
    };
    offline.stdout.on('data', listen);
    offline.stderr.on('data', listen);
    offline.on('exit', () => reject(new Error(`${command} has ended:\n${output}`)));
  });
  return { offline, printed: () => output };
}

/** Ends a process and its children. */
async function stop(offline: ChildProcess): Promise<void> {
  const closed = once(offline, 'close');
  process.kill(-offline.pid!);
  await closed;
}

describe('npm run dev', () => {
  let offline: ChildProcess;
  let printed: () => string;
  const lambda = new LambdaClient({
    endpoint: 'http://127.0.0.1:3002',
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const invoke = async (job: string, event: object) => {
    const command = new InvokeCommand({
      FunctionName: `autosnap-local-${job}`,
      Payload: JSON.stringify(event),
    });
    const { FunctionError, Payload } = await lambda.send(command);
    return { FunctionError, answer: JSON.parse(Buffer.from(Payload ?? []).toString()) };
  };

  beforeAll(async () => {
    ({ offline, printed } = await startOffline('npm', 'run', 'dev'));
  });
  afterAll(() => stop(offline));

  test("the AWS SDK's Lambda client invokes the functions, which share one cloud", async () => {
    const event = { adhoc: true, servers: { names: ['web-1'] } };
    expect(await invoke('snapshot', event)).toMatchObject({ answer: { totals: { taken: 1 } } });
    expect(await invoke('snapshot', event)).toMatchObject({ answer: { totals: { skipped: 1 } } });
    expect(await invoke('cleanup', event)).toMatchObject({
      FunctionError: 'Unhandled',
      answer: { errorMessage: expect.stringMatching(/^The event is refused: adhoc: /) },
    });
  });

  test('the next firing of each schedule is shown, with a command that fires it now', async () => {
    const firings = [...printed().matchAll(/^ {2}(\w+)( of \w+)?: [^()]+ \([^()]+ UTC\)\n {4}now: (.*)$/gm)];
    expect(firings.map(([, job]) => job)).toEqual(['snapshot', 'cleanup', 'audit', 'audit']);
    for (const [, job, , command = ''] of firings) {
      const { stdout } = await promisify(execFile)('sh', ['-c', command]);
      expect(JSON.parse(stdout)).toMatchObject({ job });
    }
    // The functions log short lines.
    await expect.poll(printed).toMatch(/^cleanup of daily \(rackspace\): .* kept$/m);
    expect(printed()).not.toMatch(/^\{"/m);
  });
});

test('the debugger is in the process that runs the functions, not in that of npx', async ({
  onTestFinished,
}) => {
  const contributing = readFileSync(new URL('CONTRIBUTING.md', ROOT), 'utf8');
  const [, args = ''] = /`npx (--node-options=--inspect serverless [^`]+)`/.exec(contributing)!;
  const { offline } = await startOffline('npx', ...args.split(' '));
  onTestFinished(() => stop(offline));
  const answer = await fetch('http://127.0.0.1:9229/json/list');
  expect(await answer.json()).toMatchObject([{ url: expect.stringMatching(/\/serverless\.js$/) }]);
});

test('serverless invoke invokes a function once, although Lambda has an error', async () => {
  let count = 0;
  const lambda = createServer((request, response) => {
    if (request.url?.endsWith('/invocations')) count++;
    response.writeHead(500).end('{}');
  });
  await new Promise<void>((resolve) => lambda.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void lambda.close());
  const { port } = lambda.address() as AddressInfo;
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}`,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
  const { code } = await serverlessIn(env, 'invoke', '-f', 'doctor', '--stage', 'prod', '-d', '{}');
  expect(code).not.toBe(0);
  expect(count).toBe(1);
});
