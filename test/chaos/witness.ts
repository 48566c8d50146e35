import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';

/** What the product was seen to do, from outside of it: Node tells of each of its requests. */
export interface Witness {
  /** Images whose making the cloud has accepted, and told so. */
  accepted: Set<string>;
  /** Images that were asked to be deleted, whether or not there was an answer. */
  deleted: Set<string>;
  /** Does something at the n-th request from now on, in place of what was to be done before. */
  at(n: number, act: () => Promise<void>): void;
  /** Waits until it is done; if there were not so many requests, it is done now. */
  done(): Promise<void>;
}

export function witness(): Witness {
  const seen = { accepted: new Set<string>(), deleted: new Set<string>() };
  let left = 0;
  let act: (() => Promise<void>) | undefined;
  let acting: Promise<void> | undefined;
  const perform = () => {
    acting = act?.();
    act = undefined;
  };
  const onRequest = (message: unknown) => {
    const { request } = message as { request: ClientRequest };
    const [, image] = /^\/v2\/images\/([\w-]+)$/.exec(request.path) ?? [];
    if (image && request.method === 'DELETE') seen.deleted.add(image);
    left -= 1;
    if (left === 0) perform();
  };
  const onResponse = (message: unknown) => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    const [, image] = /\/images\/([\w-]+)$/.exec(response.headers.location ?? '') ?? [];
    if (image && request.path.endsWith('/action') && response.statusCode === 202) seen.accepted.add(image);
  };
  subscribe('http.client.request.created', onRequest);
  subscribe('http.client.response.finish', onResponse);
  onTestFinished(() => {
    unsubscribe('http.client.request.created', onRequest);
    unsubscribe('http.client.response.finish', onResponse);
  });
  return {
    ...seen,
    at(n, what) {
      left = n;
      act = what;
    },
    async done() {
      if (act) perform();
      await acting;
    },
  };
}
