import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { startCloud } from '../../local/cloud/cloud.ts';

/** A command of the soak to its cloud: let this much time pass. */
export interface Order {
  advanceMs: number;
}

/** The answer: the address of the cloud, and the requests so far. */
export interface Tally {
  secretsUrl: string;
  requests: number;
  /** The connections of these requests. */
  connections: number;
  images: number;
}

/**
 * An embedded cloud in a separate process, so that the memory of the other process is that of the
 * product alone.
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
