import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { startCloud } from '../../local/cloud/cloud.ts';

/** What the soak asks of its cloud: that so much time goes by. */
export interface Order {
  advanceMs: number;
}

/** What it is told: where the cloud is, and what has come there so far. */
export interface Tally {
  secretsUrl: string;
  requests: number;
  /** The connections that they came by. */
  connections: number;
  images: number;
}

/**
 * An embedded cloud in a process of its own, so that the memory of the other one is the product's
 * alone.
 */
async function main(servers: number): Promise<void> {
  let requests = 0;
  let connections = 0;
  const known = new WeakSet<object>();
  subscribe('http.server.request.start', (message) => {
    const { socket } = (message as { request: IncomingMessage }).request;
    requests++;
    if (!known.has(socket)) connections++;
    known.add(socket);
  });

  const cloud = await startCloud({ regions: ['DFW'] });
  cloud.pageSize = 1000;
  const dfw = cloud.region('DFW');
  dfw.maxServers = servers;
  for (let i = 0; i < servers; i++) dfw.addServer({ name: `web-${i}` });
  const tell = () => {
    cloud.received.splice(0);
    const { secretsUrl } = cloud;
    const { length: images } = dfw.images;
    process.send?.({ secretsUrl, requests, connections, images } satisfies Tally);
  };
  cloud.secrets.set('autosnap/soak/rackspace', cloud.secret('rackspace'));
  process.on('message', ({ advanceMs }: Order) => {
    cloud.advance(advanceMs);
    tell();
  });
  tell();
}

await main(Number(process.argv[2]));
