import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';

/** The product's actions, observed from outside: Node reports each of its requests. */
export interface Witness {
  /** Images whose creation the cloud accepted with an answer. */
  accepted: Set<string>;
  /** Images and volume snapshots whose deletion was requested, with or without an answer. */
  deleted: Set<string>;
  /** Runs a function at the n-th request from now on, instead of an earlier such function. */
  at(n: number, act: () => Promise<void>): void;
  /** Waits until it has run; if there were fewer requests, it runs now. */
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
    const [, id] =
      /^\/v2\/images\/([\w-]+)$|\/snapshots\/([\w-]+)$/.exec(request.path)?.filter(Boolean) ?? [];
    if (id && request.method === 'DELETE') seen.deleted.add(id);
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
