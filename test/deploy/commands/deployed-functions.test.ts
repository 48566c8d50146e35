import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { deployedFunctions } from '../../../deploy/commands/deployed-functions.ts';
import { FunctionFailed } from '../../../deploy/commands/functions.ts';
import { RESULT_WANTED } from '../../../lib/runtime/client-context.ts';

type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;

/** A Lambda that answers each invocation in the same way; and what it was asked. */
async function lambda(answer: Answer) {
  const asked: { path: string; event: unknown; context: unknown }[] = [];
  const server = createServer(async (request, response) => {
    const event = JSON.parse(await text(request));
    const context = Buffer.from(String(request.headers['x-amz-client-context']), 'base64').toString();
    asked.push({ path: request.url!, event, context: JSON.parse(context) });
    answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('AWS_ENDPOINT_URL_LAMBDA', `http://127.0.0.1:${port}`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  const functions = deployedFunctions('autosnap-prod', { region: 'us-east-1' });
  onTestFinished(() => functions.close());
  onTestFinished(() => void vi.unstubAllEnvs());
  return { asked, functions };
}

test('a function gets its event, and is asked for its result although the run may fail', async () => {
  const { asked, functions } = await lambda((response) => response.end('{"totals": {"failed": 1}}'));
  expect(await functions.invoke('audit', { list: 'servers' })).toEqual({ totals: { failed: 1 } });
  expect(asked).toEqual([
    {
      path: '/2015-03-31/functions/autosnap-prod-audit/invocations',
      event: { list: 'servers' },
      context: RESULT_WANTED,
    },
  ]);
});

test('the error of a function is its message alone', async () => {
  const { functions } = await lambda((response) =>
    response
      .setHeader('x-amz-function-error', 'Unhandled')
      .end('{"errorType": "ValidationError", "errorMessage": "The event is refused", "trace": ["at x"]}'),
  );
  const failed = await functions.invoke('hold', {}).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(FunctionFailed);
  expect(failed).toMatchObject({ message: 'The event is refused' });
});

test.each<[string, Answer, string | RegExp]>([
  ['Lambda has an error', (response) => response.writeHead(500).end('{}'), /./],
  [
    'the connection ends before the answer',
    (_, request) => request.socket.destroy(),
    /^The connection ended before the answer .* it is not started again\.$/,
  ],
  [
    'there is no such function',
    (response) =>
      response
        .setHeader('x-amzn-errortype', 'ResourceNotFoundException')
        .writeHead(404)
        .end('{"Message": "Function not found"}'),
    'There is no function autosnap-prod-snapshot in us-east-1: correct --stage or --region, or deploy the stage first.',
  ],
])('a function is invoked once, also if %s', async (_, answer, message) => {
  const { asked, functions } = await lambda(answer);
  await expect(functions.invoke('snapshot', { policy: 'daily' })).rejects.toThrow(message);
  expect(asked).toHaveLength(1);
});
