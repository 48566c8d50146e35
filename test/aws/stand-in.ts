import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { start } from './processes.ts';
import type { Answer, Invocation, Runtime } from './runtime.ts';

/**
 * Runs a function once with a stand-in for Lambda's Runtime API, if AWS's Runtime Interface
 * Emulator is not available: the function gets one event, and the run ends with its answer or its
 * timeout.
 *
 * Source: AWS Lambda developer guide, "Using the Lambda runtime API" for custom runtimes.
 */
export async function runWithStandIn(runtime: Runtime, invocation: Invocation): Promise<Answer> {
  const { program, args, cwd, environment, timeoutSeconds, functionArn } = runtime;
  const { event, requestId, clientContext } = invocation;
  const id = requestId ?? randomUUID();
  const answered = Promise.withResolvers<string>();
  let invoked = false;
  const answer = (errorType: string, errorMessage: string) =>
    answered.resolve(JSON.stringify({ errorType, errorMessage: `RequestId: ${id} Error: ${errorMessage}` }));

  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url?.replace('/2018-06-01/runtime/', '');
    if (path === 'invocation/next') {
      // After the only event, the request for the next one is never answered, like that of a
      // function that is not invoked.
      if (invoked) return;
      invoked = true;
      response.writeHead(200, {
        'lambda-runtime-aws-request-id': id,
        'lambda-runtime-deadline-ms': String(Date.now() + timeoutSeconds * 1000),
        'lambda-runtime-invoked-function-arn': functionArn,
        ...(clientContext ? { 'lambda-runtime-client-context': JSON.stringify(clientContext) } : {}),
      });
      response.end(JSON.stringify(event));
      timer = setTimeout(
        () => answer('Sandbox.Timedout', `Task timed out after ${timeoutSeconds}.00 seconds`),
        timeoutSeconds * 1000,
      );
    } else {
      const known = [`invocation/${id}/response`, `invocation/${id}/error`, 'init/error'].includes(
        path ?? '',
      );
      if (known) answered.resolve(await text(request));
      response.writeHead(known ? 202 : 404).end('{"status": "OK"}');
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const api = createServer((request, response) => void respond(request, response)).listen(0, '127.0.0.1');
  await once(api, 'listening');
  const AWS_LAMBDA_RUNTIME_API = `127.0.0.1:${(api.address() as AddressInfo).port}`;
  const running = start(program, args, { cwd, env: { ...environment, AWS_LAMBDA_RUNTIME_API } });
  running.child.once('close', (code) =>
    answer('Runtime.ExitError', `Runtime exited with error: exit status ${code}`),
  );

  const body = await answered.promise;
  clearTimeout(timer);
  await running.stop();
  api.close();
  api.closeAllConnections();
  return { body, logs: running.output() };
}
