import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { environment } from './environment.ts';

/** A request that the product sent to the cloud, with the status of its answer. */
export interface Exchange {
  method: string;
  url: string;
  status: number | undefined;
}

export interface Traffic {
  /** Answered requests to compute and images; each retry counts. */
  exchanges: Exchange[];
  /** The tokens that Keystone issued, oldest first. */
  tokens: string[];
}

const FINISHED = 'http.client.response.finish';

/**
 * Observes the requests of the product until the test ends. Node reports those of `node:http`,
 * which the product's HTTP client uses and the tests' own `fetch` does not.
 */
export function watchTraffic(): Traffic {
  const traffic: Traffic = { exchanges: [], tokens: [] };
  const watch = (message: unknown) => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    const url = `${request.protocol}//${request.getHeader('host')}${request.path}`;
    const token = response.headers['x-subject-token'];
    if (url.startsWith(environment.authUrl)) {
      if (typeof token === 'string') traffic.tokens.push(token);
    } else if (request.hasHeader('x-auth-token')) {
      traffic.exchanges.push({ method: request.method, url, status: response.statusCode });
    }
  };
  subscribe(FINISHED, watch);
  onTestFinished(() => {
    unsubscribe(FINISHED, watch);
  });
  return traffic;
}
