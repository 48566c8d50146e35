import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A connection to a server that can be cut, as for a killed process. */
export interface Proxy {
  url: string;
  /**
   * The n-th request from now on, and all later ones, get no answer. `carriedOut`: the n-th one
   * reaches the server.
   */
  dieAt(n: number, carriedOut: boolean): void;
  live(): void;
  /** Requests with this method are refused, as by a bucket policy. */
  refuse: string | undefined;
}

/** Stands in front of a plain HTTP server until the test ends. */
export async function proxyOf(target: string): Promise<Proxy> {
  let left = Number.POSITIVE_INFINITY;
  let lastIsCarriedOut = false;
  const server = createServer((incoming, outgoing) => {
    left -= 1;
    const { method, headers, url = '/' } = incoming;
    if (method === proxy.refuse) {
      incoming.resume();
      outgoing.writeHead(403, { 'content-type': 'application/xml' });
      outgoing.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
      return;
    }
    if (left < 0 || (left === 0 && !lastIsCarriedOut)) {
      incoming.socket.destroy();
      return;
    }
    const isLast = left === 0;
    const onward = request(new URL(url, target), { method: method!, headers }, (answer) => {
      if (isLast) {
        answer.resume().once('end', () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    onward.once('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const proxy: Proxy = {
    refuse: undefined,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dieAt(n, carriedOut) {
      left = n;
      lastIsCarriedOut = carriedOut;
    },
    live() {
      left = Number.POSITIVE_INFINITY;
    },
  };
  return proxy;
}
