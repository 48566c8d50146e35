import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type HttpBindings, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { test as base } from 'vitest';
import { parseSecret } from '../../lib/credentials/parse-secret.ts';
import type { Credentials, ServiceType } from '../../lib/openstack/credentials.ts';
import type { Deadline } from '../../lib/openstack/http.ts';
import { connect, type Session } from '../../lib/openstack/session.ts';
import { type Cloud, type Received, startCloud } from '../../local/cloud/cloud.ts';

/** More time than any single wait may take. */
export const unhurried: Deadline = { remainingMs: () => 600_000 };

export function credentialsOf(cloud: Cloud, kind: Credentials['kind'] = 'rackspace'): Credentials {
  return parseSecret('test', cloud.secret(kind));
}

/** A session with an embedded cloud. */
export function connected(cloud: Cloud, deadline = unhurried): Promise<Session> {
  return connect(async () => credentialsOf(cloud), deadline);
}

/** The requests that the cloud received for one of its services. */
export function receivedBy(cloud: Cloud, service: Received['service']): Received[] {
  return cloud.received.filter((request) => request.service === service);
}

/** A request that a replay server received. */
export interface Asked {
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  body: string;
}

/**
 * A server that returns recorded answers, for cases that the embedded cloud does not support. Its
 * own identity service is at /v2.0. A test adds the routes of the other services below /compute,
 * /image/v2, /volume and /files before it connects.
 */
export interface Replay {
  app: Hono<{ Bindings: HttpBindings }>;
  url: string;
  asked: Asked[];
  /** The requests to all services but the identity service. */
  askedOfServices(): Asked[];
  credentials: Credentials;
  /** A session in the only region DFW; `endpoints` replaces some of its URLs. */
  connect(endpoints?: Partial<Record<ServiceType, string>>, deadline?: Deadline): Promise<Session>;
}

const SERVICES = {
  compute: 'cloudServersOpenStack',
  image: 'cloudImages',
  volume: 'cloudBlockStorage',
  'object-store': 'cloudFiles',
};

/** An answer of Rackspace Identity v2.0. */
export function rackspaceAnswer(serviceCatalog: object[], token: object = { tenant: { id: '424242' } }) {
  return {
    access: {
      token: { id: 'replayed-token-5c1e', expires: '2031-02-03T04:05:06.789Z', ...token },
      user: { id: '9', name: 'ada', 'RAX-AUTH:defaultRegion': 'DFW', roles: [] },
      serviceCatalog,
    },
  };
}

async function startReplay({ onTestFinished }: { onTestFinished: (close: () => Promise<void>) => void }) {
  const app: Replay['app'] = new Hono();
  const asked: Asked[] = [];
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }) as Server;
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let urls: Record<ServiceType, string> = {
    compute: `${url}/compute`,
    image: `${url}/image/v2`,
    volume: `${url}/volume`,
    'object-store': `${url}/files`,
  };

  app.use(async (c, next) => {
    const { method, path } = c.req;
    const query = new URL(c.req.url).search.slice(1);
    asked.push({ method, path, query, headers: c.req.header(), body: await c.req.text() });
    await next();
  });
  app.post('/v2.0/tokens', (c) => {
    const catalogue = Object.entries(SERVICES).map(([service, name]) => ({
      name,
      type: service,
      endpoints: [{ region: 'DFW', tenantId: '424242', publicURL: urls[service as ServiceType] }],
    }));
    return c.json(rackspaceAnswer(catalogue));
  });

  const replay: Replay = {
    app,
    url,
    asked,
    askedOfServices: () => asked.filter(({ path }) => path !== '/v2.0/tokens'),
    credentials: { kind: 'rackspace', authUrl: url, username: 'ada', apiKey: 'replayed-key-77aa' },
    connect(endpoints = {}, deadline = unhurried) {
      urls = { ...urls, ...endpoints };
      return connect(async () => replay.credentials, deadline);
    },
  };
  return replay;
}

/** A test that may have its own embedded cloud and its own replay servers, which end with it. */
export const test = base
  .extend('cloud', async ({ onTestFinished }) => {
    const cloud = await startCloud();
    onTestFinished(() => cloud.close());
    return cloud;
  })
  .extend('replay', async ({ onTestFinished }) => startReplay({ onTestFinished }))
  .extend('elsewhere', async ({ onTestFinished }) => startReplay({ onTestFinished }));
