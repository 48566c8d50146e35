import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { privateCloud } from './cloud.ts';

/** An HTTP proxy on loopback, and the hosts to which it was asked to connect. */
async function startProxy() {
  const asked: string[] = [];
  const server = createServer((_, response) => response.writeHead(501).end());
  server.on('connect', ({ url = '' }, client, head) => {
    asked.push(url);
    const { hostname, port } = new URL(`http://${url}`);
    const upstream = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const SCRIPT = `
  import { handler } from './handlers/snapshot.ts';
  import { lambdaContext } from './local/context.ts';
  await handler({ adhoc: true, servers: { all: true } }, lambdaContext('autosnap-test-snapshot'));
`;

/** Takes an ad-hoc snapshot with the real function in a process of its own, as Lambda does. */
const takeSnapshot = (environment: Record<string, string>) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
    env: { ...process.env, ...environment },
  });

test('with the variables of docs/credentials.md, the requests to the cloud go through the proxy, and no others', async () => {
  const { cloud } = await privateCloud();
  const region = cloud.region('RegionOne');
  region.addServer({ name: 'web' });
  const proxy = await startProxy();
  await takeSnapshot({ NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: proxy.url });
  expect(region.images).toHaveLength(1);
  const [{ computeUrl, imageUrl } = {}] = cloud.catalogue;
  const hosts = [cloud.keystoneUrl, computeUrl!, imageUrl!].map((url) => new URL(url).host);
  expect(new Set(proxy.asked)).toEqual(new Set([...hosts, new URL(cloud.catalogue[0]!.volumeUrl!).host]));
});

test('a proxy that is not there is named in the error, and nothing is created', async () => {
  const { cloud } = await privateCloud();
  const region = cloud.region('RegionOne');
  region.addServer({ name: 'web' });
  const gone = 'http://127.0.0.1:9';
  const failure = takeSnapshot({ NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: gone });
  await expect(failure).rejects.toMatchObject({ stderr: expect.stringContaining('no answer') });
  expect(region.images).toEqual([]);
});
