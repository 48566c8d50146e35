import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { invoke, runtimeOf } from './lambda.ts';

// Both runtimes have to behave the same, so that the tests of the functions do not depend on which
// is available.
const runtimes: [string, string | null][] = [['the stand-in', null]];
const rie = inject('rie');
if (rie) runtimes.push(["AWS's Runtime Interface Emulator", rie]);

describe.for(runtimes)('%s', ([, program]) => {
  const run = (code: string, event: unknown = {}, requestId?: string) =>
    invoke(functionOf(code), { event, ...(requestId ? { requestId } : {}) }, program);

  test('passes on the event and the context, and returns the answer and the logs', async () => {
    const { payload, error, logs } = await run(
      `export const handler = async (event, context) => {
        console.log('to the one');
        console.error('to the other');
        const { functionName, memoryLimitInMB, awsRequestId } = context;
        const remainingMs = context.getRemainingTimeInMillis();
        return { event, functionName, memoryLimitInMB, awsRequestId, inTime: remainingMs > 0 && remainingMs <= 2000 };
      };`,
      { servers: ['wëb-1'] },
      'the-id-of-the-first-try',
    );
    expect(error).toBeUndefined();
    expect(payload).toEqual({
      event: { servers: ['wëb-1'] },
      functionName: 'fixture',
      memoryLimitInMB: '128',
      awsRequestId: 'the-id-of-the-first-try',
      inTime: true,
    });
    expect(logs).toContain('to the one\n');
    expect(logs).toContain('to the other\n');
  });

  test('has the environment of the function, not that of the tests', async () => {
    vi.stubEnv('OF_THE_TESTS', 'yes');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { payload } = await run('export const handler = async () => Object.keys(process.env)');
    expect(payload).toEqual(expect.arrayContaining(['_HANDLER', 'FROM_THE_DEPLOYMENT', 'AWS_ENDPOINT_URL']));
    expect(payload).not.toContain('OF_THE_TESTS');
  });

  test('records an error with its trace, and logs everything that is visible of it', async () => {
    const { payload, error, logs } = await run(
      `export const handler = async () => {
        throw Object.assign(new RangeError('too much of it'), { options: { key: 'on-the-error' } });
      };`,
    );
    expect(payload).toBeUndefined();
    expect(error).toEqual({
      errorType: 'RangeError',
      errorMessage: 'too much of it',
      trace: expect.arrayContaining(['RangeError: too much of it', expect.stringContaining('index.js')]),
    });
    expect(logs).toContain('on-the-error');
  });

  test('kills a function that exceeds its timeout', async () => {
    const { error } = await run(
      'export const handler = () => new Promise(() => setInterval(() => {}, 1000));',
    );
    expect(error?.errorType).toBe('Sandbox.Timedout');
    expect(error?.errorMessage).toMatch(/Task timed out after 2.00 seconds$/);
  });

  test('reports a process that ends by itself', async () => {
    const { error } = await run('export const handler = async () => process.exit(3);');
    expect(error?.errorType).toBe('Runtime.ExitError');
    expect(error?.errorMessage).toMatch(/Runtime exited with error: exit status 3$/);
  });

  test('reports code that cannot be loaded', async () => {
    const { error } = await run("import 'no-such-package'; export const handler = async () => 1;");
    expect(error?.errorMessage).toContain("Cannot find package 'no-such-package'");
  });
});

/** A function of one or two lines, with a timeout of two seconds. */
function functionOf(code: string) {
  const directory = mkdtempSync(join(tmpdir(), 'fixture-'));
  mkdirSync(join(directory, 'handlers'));
  writeFileSync(join(directory, 'handlers/index.js'), code);
  writeFileSync(join(directory, 'package.json'), '{"type": "module"}');
  const configuration = {
    FunctionName: 'fixture',
    FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:fixture',
    Handler: 'handlers/index.handler',
    MemorySize: 128,
    Timeout: 2,
    Runtime: 'nodejs24.x' as const,
    Environment: { Variables: { FROM_THE_DEPLOYMENT: 'yes' } },
  };
  return runtimeOf(configuration, directory);
}
