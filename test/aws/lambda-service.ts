import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { deployedFunction } from './lambda.ts';

/** Lambda's Invoke, which the emulator lacks. */
export interface LambdaService {
  /** The functions that were invoked, in order: `snapshot`. */
  invoked: string[];
  /** The variable with which the SDK of another process finds it. */
  env: { AWS_ENDPOINT_URL_LAMBDA: string };
  close(): void;
}

/**
 * Starts an HTTP server that runs the deployed code of the stage prod for each invocation.
 *
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export async function startLambdaService(): Promise<LambdaService> {
  const invoked: string[] = [];
  const server = createServer(async (request, response) => {
    const [, job = ''] = /autosnap-prod-(\w+)/.exec(decodeURIComponent(request.url!))!;
    invoked.push(job);
    const header = request.headers['x-amz-client-context'];
    const clientContext = header && JSON.parse(Buffer.from(String(header), 'base64').toString());
    const options = clientContext ? { clientContext } : {};
    const { payload, error } = await (await deployedFunction('prod', job)).invoke(
      JSON.parse(await text(request)),
      options,
    );
    if (error) response.setHeader('x-amz-function-error', 'Unhandled');
    response.end(JSON.stringify(error ?? payload));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    invoked,
    env: { AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}` },
    close: () => void server.close(),
  };
}
