import { randomBytes } from 'node:crypto';
import { Hono } from 'hono';
import type { Env } from './faults.ts';

/** The one account of the embedded cloud. Tests change it while it runs: a new key, another role. */
export interface Account {
  username: string;
  apiKey: string;
  password: string;
  projectId: string;
  projectName: string;
  domainName: string;
  applicationCredential: { id: string; secret: string };
  /** What its user may do: only an admin may make or delete images at Rackspace. */
  role: 'admin' | 'creator' | 'observer';
  /** The roles that the token's answer shows, instead of those that `role` stands for. */
  roles?: string[];
  /** How Rackspace asks for a second factor: at each login, or for one to be set up. */
  mfa?: 'challenge' | 'setup';
  /** Whether it administers an OpenStack: its user sees the images of all projects, and may change and delete them. */
  administers?: boolean;
}

/** What Cloud Files calls the account. */
const FILES_ACCOUNT = 'MossoCloudFS_0';

/** A region's services, as the catalogue shows them: it lacks one that has no URL. */
export interface CataloguedRegion {
  name: string;
  computeUrl?: string;
  imageUrl?: string;
  volumeUrl?: string;
  filesUrl?: string;
}

export class Tokens {
  readonly #issued = new Map<string, Date>();
  readonly #now: () => Date;
  ttlMs = 24 * 3_600_000;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** What the cloud's clock says, for the Date header. */
  get date(): string {
    return this.#now().toUTCString();
  }

  issue(): { id: string; expiresAt: Date } {
    const token = {
      id: randomBytes(24).toString('hex'),
      expiresAt: new Date(this.#now().getTime() + this.ttlMs),
    };
    this.#issued.set(token.id, token.expiresAt);
    return token;
  }

  /** When a token ends; undefined for one that is not valid now. */
  expiryOf(id: string | undefined): Date | undefined {
    const expiresAt = this.#issued.get(id ?? '');
    return expiresAt && expiresAt > this.#now() ? expiresAt : undefined;
  }

  revokeAll(): void {
    this.#issued.clear();
  }
}

interface V2Body {
  auth?: { 'RAX-KSKEY:apiKeyCredentials'?: { username?: string; apiKey?: string } };
}

interface V3Body {
  auth?: {
    identity?: {
      methods?: string[];
      password?: { user?: { name?: string; domain?: { name?: string }; password?: string } };
      application_credential?: { id?: string; secret?: string };
    };
    scope?: { project?: { name?: string; domain?: { name?: string } } };
  };
}

/** Rackspace Identity v2.0 and Keystone v3 over one account. */
export function identityApp(account: Account, tokens: Tokens, regions: () => CataloguedRegion[]): Hono<Env> {
  const app = new Hono<Env>();
  const fault = (key: string, code: number, message: string) => ({ [key]: { code, message } });

  app.use(async (c, next) => {
    c.header('date', tokens.date);
    await next();
  });

  app.post('/v2.0/tokens', async (c) => {
    const given = (await c.req.json<V2Body>()).auth?.['RAX-KSKEY:apiKeyCredentials'];
    if (!given) return c.json(fault('badRequest', 400, 'Invalid json request body'), 400);
    if (given.username !== account.username || given.apiKey !== account.apiKey) {
      return c.json(
        fault('unauthorized', 401, 'Unable to authenticate user with credentials provided.'),
        401,
      );
    }
    if (account.mfa === 'setup') return c.json(fault('forbidden', 403, 'User must setup multi-factor'), 403);
    if (account.mfa === 'challenge') {
      c.header('www-authenticate', "OS-MF sessionId='session', factor='PASSCODE'");
      return c.json(fault('unauthorized', 401, 'Additional authentication credentials required.'), 401);
    }
    const { id, expiresAt } = tokens.issue();
    const tenant = { id: account.projectId, name: account.projectId };
    const access = {
      token: { id, expires: expiresAt.toISOString(), tenant, 'RAX-AUTH:authenticatedBy': ['APIKEY'] },
      user: {
        id: '172157',
        name: account.username,
        'RAX-AUTH:defaultRegion': regions()[0]?.name,
        roles: rackspaceRoles(account),
      },
      serviceCatalog: rackspaceCatalogue(account.projectId, regions()),
    };
    return c.json({ access });
  });

  app.post('/v3/auth/tokens', async (c) => {
    const { identity, scope } = (await c.req.json<V3Body>()).auth ?? {};
    const keystoneFault = (code: number, title: string, message: string) => ({
      error: { code, message, title },
    });
    const unauthorized = keystoneFault(
      401,
      'Unauthorized',
      'The request you have made requires authentication.',
    );
    if (!identity) {
      return c.json(keystoneFault(400, 'Bad Request', "'identity' is a required property"), 400);
    }
    const credential = identity.application_credential;
    if (credential) {
      if (credential.id !== account.applicationCredential.id) {
        const message = `Could not find Application Credential: ${credential.id}.`;
        return c.json(keystoneFault(404, 'Not Found', message), 404);
      }
      if (credential.secret !== account.applicationCredential.secret || scope)
        return c.json(unauthorized, 401);
    } else {
      const user = identity.password?.user;
      const known = user?.name === account.username && user.domain?.name === account.domainName;
      const { name, domain } = scope?.project ?? {};
      const inScope = !scope || (name === account.projectName && domain?.name === account.domainName);
      if (!known || user?.password !== account.password || !inScope) return c.json(unauthorized, 401);
    }
    const { id, expiresAt } = tokens.issue();
    c.header('x-subject-token', id);
    const token = { methods: identity.methods, expires_at: expiresAt.toISOString() };
    // A user without a default project gets a token that is good for nothing.
    if (!credential && !scope) return c.json({ token }, 201);
    const project = { id: account.projectId, name: account.projectName };
    const catalog = keystoneCatalogue(account.projectId, regions());
    return c.json({ token: { ...token, project, roles: keystoneRoles(account), catalog } }, 201);
  });

  return app;
}

/** A user that is not the account's owner: what every user has, of which some is another tenant's, and its own. */
function rackspaceRoles({ role, roles, projectId }: Account) {
  const own = (roles ?? [`nova:${role}`, `cloudImages:${role}`]).map((name, i) => ({
    id: `1001017${i}`,
    name,
    description: `The role ${name}.`,
  }));
  const description = 'A Role that allows a user access to keystone Service methods';
  return [
    { tenantId: FILES_ACCOUNT, id: '5', description, name: 'object-store:default' },
    { tenantId: projectId, id: '6', description, name: 'compute:default' },
    { id: '2', description: 'Default Role.', name: 'identity:default' },
    ...own,
  ];
}

/** `member` has `reader` in it. */
function keystoneRoles({ role, roles = role === 'observer' ? ['reader'] : ['member', 'reader'] }: Account) {
  return roles.map((name) => ({ id: Buffer.from(name).toString('hex'), name }));
}

function rackspaceCatalogue(tenantId: string, regions: CataloguedRegion[]) {
  const endpoints = (service: 'computeUrl' | 'imageUrl', path: string) =>
    regions.flatMap(({ name, [service]: url }) =>
      url ? [{ region: name, tenantId, publicURL: url + path }] : [],
    );
  return [
    {
      name: 'cloudMonitoring',
      type: 'rax:monitor',
      endpoints: [{ tenantId, publicURL: 'https://monitoring.invalid/v1.0' }],
    },
    // First generation: the same type, no region, and nothing that makes these snapshots.
    {
      name: 'cloudServers',
      type: 'compute',
      endpoints: [{ tenantId, publicURL: `https://servers.invalid/v1.0/${tenantId}` }],
    },
    {
      name: 'cloudServersOpenStack',
      type: 'compute',
      endpoints: endpoints('computeUrl', `/v2/${tenantId}`),
    },
    { name: 'cloudImages', type: 'image', endpoints: endpoints('imageUrl', '/v2') },
    {
      name: 'cloudFiles',
      type: 'object-store',
      endpoints: regions.map(({ name, filesUrl }) => ({
        region: name,
        tenantId: FILES_ACCOUNT,
        publicURL: `${filesUrl}/v1/${FILES_ACCOUNT}`,
        internalURL: `https://snet-storage101.invalid/v1/${FILES_ACCOUNT}`,
      })),
    },
  ];
}

function keystoneCatalogue(projectId: string, regions: CataloguedRegion[]) {
  const service = (type: string, its: 'computeUrl' | 'imageUrl' | 'volumeUrl', path: string) => ({
    type,
    name: type,
    endpoints: regions.flatMap(({ name, [its]: url }) =>
      (url ? ['public', 'internal'] : []).map((face) => ({
        interface: face,
        region: name,
        region_id: name,
        url: face === 'public' ? url + path : 'https://internal.invalid',
      })),
    ),
  });
  // Glance is catalogued without its version.
  return [
    service('compute', 'computeUrl', '/v2.1'),
    service('image', 'imageUrl', ''),
    service('volumev3', 'volumeUrl', `/v3/${projectId}`),
  ];
}
