import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A service on loopback that a heartbeat can be sent to. */
export interface Outside {
  url: string;
  /** What it was asked, in order: `GET /path`. */
  asked: string[];
  /** The authorization of the latest request. */
  authorization: string | undefined;
  /** What it answers. */
  status: number;
  close(): void;
}

/** Starts one, until the test is over. */
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
