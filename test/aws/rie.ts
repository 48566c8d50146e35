import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freePort, run, startServer } from './processes.ts';
import type { Answer, Invocation, Runtime } from './runtime.ts';

const PACKAGE = 'github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie@latest';
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/aws-lambda-rie');

/**
 * Finds AWS's Runtime Interface Emulator on PATH, or builds it with Go; `why` describes the result.
 */
export async function findRie(): Promise<{ rie: string | null; why: string }> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), CACHE];
  const found = folders.map((folder) => join(folder, 'aws-lambda-rie')).find(isProgram);
  if (found) return { rie: found, why: `which is ${found}` };
  if (process.platform !== 'linux') return { rie: null, why: 'it runs on Linux only' };
  const built = await run('go', ['install', PACKAGE], { env: { ...process.env, GOBIN: CACHE } });
  return built.code === 0
    ? { rie: join(CACHE, 'aws-lambda-rie'), why: 'built with Go' }
    : { rie: null, why: `it is not on PATH, and go install says:\n${built.output}` };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a function once in AWS's Runtime Interface Emulator. */
export async function runWithRie(
  rie: string,
  runtime: Runtime,
  { event, requestId, clientContext }: Invocation,
): Promise<Answer> {
  const { program, args, cwd, environment, timeoutSeconds } = runtime;
  const address = `127.0.0.1:${await freePort()}`;
  const running = await startServer(
    rie,
    [
      ...['--runtime-interface-emulator-address', address],
      ...['--runtime-api-address', `127.0.0.1:${await freePort()}`],
      ...[program, ...args, environment._HANDLER ?? ''],
    ],
    `http://${address}/`,
    { cwd, env: { ...environment, AWS_LAMBDA_FUNCTION_TIMEOUT: String(timeoutSeconds) } },
  );
  const response = await fetch(`http://${address}/2015-03-31/functions/function/invocations`, {
    method: 'POST',
    body: JSON.stringify(event),
    headers: {
      'x-amz-client-context': Buffer.from(JSON.stringify({ ...clientContext, requestId })).toString('base64'),
    },
  });
  const body = await response.text();
  await running.stop();
  return { body, logs: running.output() };
}
