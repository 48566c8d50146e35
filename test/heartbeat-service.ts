import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A service on loopback that receives heartbeats. */
export interface Outside {
  url: string;
  /** The received requests, in order: `GET /path`. */
  asked: string[];
  /** The authorization of the latest request. */
  authorization: string | undefined;
  /** The status of its answers. */
  status: number;
  close(): void;
}

/** Starts the service for the duration of the test. */
export async function startOutside(): Promise<Outside> {
  const server = createServer((request, response) => {
    outside.asked.push(`${request.method} ${request.url}`);
    outside.authorization = request.headers.authorization;
    response.writeHead(outside.status).end('OK');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const outside: Outside = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    authorization: undefined,
    status: 200,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  onTestFinished(() => outside.close());
  return outside;
}
