import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono/quick';
import { type Account, Tokens } from './account.ts';
import type { CataloguedRegion } from './catalogues.ts';
import { computeApp } from './compute.ts';
import { type CloudService, type Env, type Fault, injectFaults } from './faults.ts';
import { identityApp } from './identity.ts';
import type { DataMode } from './image-data.ts';
import { imageApp } from './images.ts';
import { limiter, type RateLimit } from './limiter.ts';
import { filesApp } from './object-store.ts';
import { secretsApp } from './secrets.ts';
import { Region, type Timing } from './state.ts';
import { volumeApp } from './volumes.ts';

/** A request that the cloud has received. */
export interface Received {
  service: CloudService;
  region?: string;
  method: string;
  path: string;
  query: string;
  token?: string;
}

/**
 * An embedded Rackspace: identity, compute, images and files of several regions, and a secrets
 * store, on loopback.
 */
export interface Cloud {
  /**
   * The value of `authUrl` in a secret: `rackspaceUrl` for Rackspace's Identity v2.0, `keystoneUrl`
   * for Keystone v3.
   */
  rackspaceUrl: string;
  keystoneUrl: string;
  secretsUrl: string;
  account: Account;
  tokens: Tokens;
  /** The service endpoints that each login returns; a test may change them. */
  catalogue: CataloguedRegion[];
  /** The contents of the secrets store: secret name to text. */
  secrets: Map<string, string>;
  faults: Fault[];
  /** The rate limits; none by default. */
  limits: RateLimit[];
  /** A delay before each answer of a service, in milliseconds; none by default. */
  latencyMs: Partial<Record<CloudService, number>>;
  received: Received[];
  /** How the image service serves image data. */
  dataMode: DataMode;
  /** The largest number of items on a page of a listing; may change at any time. */
  pageSize: number;
  now(): Date;
  /** Advances the cloud's clock: snapshots proceed, tokens expire. */
  advance(ms: number): void;
  /**
   * Resolves when every request that was sent before has been carried out, including those whose
   * client has given up. Call it before `advance`, which would otherwise change the time at which
   * such a request is carried out.
   */
  idle(): Promise<void>;
  region(name: string): Region;
  /** The text of a valid secret for the account. */
  secret(kind: 'rackspace' | 'password' | 'applicationCredential'): string;
  /** Lets the process exit although the cloud still listens. */
  unref(): void;
  close(): Promise<void>;
}

export interface CloudOptions {
  /** The id of the account's project. */
  projectId?: string;
  regions?: string[];
  timing?: Timing;
  /** The size of images, in bytes; by default 2 GB. */
  imageBytes?: number;
  /** The port of the secrets store; by default any free port. */
  port?: number;
  /** The certificate and its key, in PEM, of all services but the secrets store; they use https. */
  tls?: { cert: string; key: string };
}

/**
 * Starts an embedded cloud on loopback. Its clock is that of the process, plus the time added by
 * {@link Cloud.advance}.
 */
export async function startCloud(options: CloudOptions = {}): Promise<Cloud> {
  const {
    regions: names = ['DFW', 'ORD'],
    timing = { queuedMs: 60_000, savingMs: 600_000 },
    imageBytes = 2e9,
    port = 0,
    projectId = '123456',
    tls,
  } = options;
  const servers: ServerType[] = [];
  const sockets = new Set<Socket>();
  let offsetMs = 0;
  const now = () => new Date(Date.now() + offsetMs);
  const tokens = new Tokens(now);
  const account: Account = {
    userId: '172157',
    username: 'demoauthor',
    apiKey: 'aaaaa-bbbbb-ccccc-12345678',
    password: 'correct horse battery staple',
    projectId,
    projectName: '123456_Flex',
    domainId: '27a1b2c3d4e5f60718293a4b5c6d7e8f',
    domainName: 'rackspace_cloud_domain',
    applicationCredential: {
      id: '6cb5fa6a13184e6fab65ba2108adf50c',
      name: 'autosnap',
      secret: 'xT9vQ2mLr7Wk4Zs8',
    },
    role: 'admin',
  };
  const faults: Fault[] = [];
  const received: Received[] = [];
  const secrets = new Map<string, string>();
  const dataMode: DataMode = { ranges: true, corrupt: false };
  const limits: RateLimit[] = [];
  const latencyMs: Cloud['latencyMs'] = {};
  const cloud = { pageSize: 100, dataMode };
  let inProgress = 0;
  const { refuse, rates } = limiter(limits, () => performance.now() + offsetMs);

  const listen = async (app: Hono<Env>, service: CloudService, region?: string, at = 0): Promise<string> => {
    const outer = new Hono<Env>();
    outer.use(async (c, next) => {
      const token = c.req.header('x-auth-token');
      received.push({
        service,
        ...(region ? { region } : {}),
        method: c.req.method,
        path: c.req.path,
        query: new URL(c.req.url).search,
        ...(token ? { token } : {}),
      });
      await next();
    });
    outer.use(injectFaults(faults, service, region));
    if (region) outer.use(refuse);
    outer.use(async (_, next) => {
      inProgress++;
      try {
        if (latencyMs[service]) await setTimeout(latencyMs[service]);
        await next();
      } finally {
        inProgress--;
      }
    });
    outer.route('/', app);
    // On a busy machine more than Node's default of five seconds may pass between two requests.
    const serverOptions = { keepAliveTimeout: 60_000 };
    const usesTls = tls !== undefined && service !== 'secrets';
    const server = serve({
      fetch: outer.fetch,
      hostname: '127.0.0.1',
      port: at,
      ...(usesTls
        ? { createServer: createHttpsServer, serverOptions: { ...serverOptions, ...tls } }
        : { serverOptions }),
    });
    servers.push(server);
    (server as HttpServer).on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await once(server, 'listening');
    return `${usesTls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  const regions = new Map(
    names.map((name) => [name, new Region(name, now, { timing, account, imageBytes })]),
  );
  const pageSize = () => cloud.pageSize;
  const catalogue = await Promise.all(
    [...regions.values()].map(async (region) => {
      const imageUrl = await listen(imageApp({ region, tokens, pageSize, dataMode }), 'image', region.name);
      const compute = computeApp({ region, tokens, pageSize, rates, imageUrl: () => imageUrl });
      const computeUrl = await listen(compute, 'compute', region.name);
      const volumeUrl = await listen(volumeApp({ region, tokens, pageSize }), 'volume', region.name);
      const files = filesApp({ region, account, tokens, pageSize });
      const filesUrl = await listen(files, 'object-store', region.name);
      return { name: region.name, imageUrl, computeUrl, volumeUrl, filesUrl };
    }),
  );
  const identityUrl = await listen(
    identityApp(account, tokens, () => catalogue),
    'identity',
  );
  const secretsUrl = await listen(secretsApp(secrets), 'secrets', undefined, port);

  return Object.assign(cloud, {
    rackspaceUrl: `${identityUrl}/v2.0`,
    keystoneUrl: `${identityUrl}/v3`,
    secretsUrl,
    account,
    tokens,
    catalogue,
    secrets,
    faults,
    limits,
    latencyMs,
    received,
    now,
    advance(ms: number) {
      offsetMs += ms;
    },
    async idle() {
      // The event loop accepts a connection in one turn and reads from it in another. After a few
      // turns without a request in progress, none is on its way.
      for (let quietTurns = 0; quietTurns < 5; quietTurns++) {
        await setImmediate();
        if (inProgress > 0) quietTurns = 0;
      }
    },
    region(name: string) {
      const region = regions.get(name);
      if (!region) throw new Error(`the embedded cloud has no region ${name}`);
      return region;
    },
    secret(kind: 'rackspace' | 'password' | 'applicationCredential') {
      const { username, apiKey, password, projectName, domainName, applicationCredential } = account;
      return JSON.stringify(
        kind === 'rackspace'
          ? { authUrl: `${identityUrl}/v2.0`, username, apiKey }
          : kind === 'password'
            ? { authUrl: `${identityUrl}/v3`, username, password, projectName, userDomainName: domainName }
            : {
                authUrl: `${identityUrl}/v3`,
                applicationCredentialId: applicationCredential.id,
                applicationCredentialSecret: applicationCredential.secret,
              },
      );
    },
    unref() {
      for (const server of servers as HttpServer[]) {
        server.unref();
        server.on('connection', (socket) => socket.unref());
      }
    },
    async close() {
      // A reset leaves no port occupied, which an ordinary end does for a minute.
      for (const socket of sockets) socket.resetAndDestroy();
      await Promise.all(
        (servers as HttpServer[]).map((server) => {
          const closed = once(server, 'close');
          server.close();
          return closed;
        }),
      );
      // Clients in this process notice within two turns of the event loop. The next cloud may get
      // the same ports, and must not get requests over the old connections.
      for (let turn = 0; turn < 2; turn++) await setImmediate();
    },
  });
}
