import type { Context } from 'hono';
import { Hono } from 'hono/quick';
import type { Account, Tokens } from './account.ts';
import { type CataloguedRegion, keystoneCatalogue } from './catalogues.ts';
import type { Env } from './faults.ts';
import { BadBody, bodyOf } from './json-body.ts';
import { STATUS_TITLES } from './status-titles.ts';

interface KeystoneOptions {
  account: Account;
  tokens: Tokens;
  regions: () => CataloguedRegion[];
}

/** A reference to a user or project: by id, or by name and domain. */
interface NameOrId {
  id?: string;
  name?: string;
  domain?: { id?: string; name?: string };
}

interface KeystoneAuth {
  identity?: {
    methods?: string[];
    password?: { user?: NameOrId & { password?: string } };
    application_credential?: { id?: string; name?: string; user?: NameOrId; secret?: string };
  };
  scope?: { project?: NameOrId };
}

const UNAUTHORIZED = 'The request you have made requires authentication.';
const MALFORMED =
  'The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.';

/** Keystone v3: https://docs.openstack.org/api-ref/identity/v3/. The answers follow Keystone 22. */
export function addKeystoneRoutes(app: Hono<Env>, { account, tokens, regions }: KeystoneOptions): void {
  const version = (c: Context<Env>) => ({
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${new URL(c.req.url).origin}/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  });
  app.get('/', (c) => c.json({ versions: { values: [version(c)] } }, 300));
  app.on('GET', ['/v3', '/v3/'], (c) => c.json({ version: version(c) }));

  const v3 = new Hono<Env>();
  v3.onError((error, c) => {
    if (!(error instanceof BadBody)) throw error;
    return fault(c, 400, `Expecting to find ${error.message || 'valid JSON'} in request body. ${MALFORMED}`);
  });

  v3.post('/auth/tokens', async (c) => {
    const { identity, scope } = await bodyOf<KeystoneAuth>(c, 'auth');
    if (!identity) return fault(c, 400, "'identity' is a required property");
    const credential = identity.application_credential;
    if (credential) {
      if (credential.id !== undefined) {
        if (credential.id !== account.applicationCredential.id) {
          return fault(c, 404, `Could not find Application Credential: ${credential.id}.`);
        }
      } else if (!isNamed(credential.user, account.userId, account.username, account)) {
        return fault(c, 401, UNAUTHORIZED);
      } else if (credential.name !== account.applicationCredential.name) {
        // keystone/auth/plugins/core.py takes the first one of an empty list.
        return fault(c, 500, 'An unexpected error prevented the server from fulfilling your request.');
      }
      if (scope) {
        const reason = 'Application credentials cannot request a scope.';
        return fault(c, 401, `Error authenticating with application credential: ${reason}`);
      }
      if (credential.secret !== account.applicationCredential.secret) return fault(c, 401, UNAUTHORIZED);
    } else {
      const user = identity.password?.user;
      // OpenStack Flex accepts the API key as the password.
      const isRight = user?.password === account.password || user?.password === account.apiKey;
      const isKnown = isRight && isNamed(user, account.userId, account.username, account);
      const isInScope = !scope || isNamed(scope.project, account.projectId, account.projectName, account);
      if (!isKnown || !isInScope) return fault(c, 401, UNAUTHORIZED);
    }
    const { id, issuedAt, expiresAt } = tokens.issue();
    c.header('x-subject-token', id);
    const domain = { id: account.domainId, name: account.domainName };
    const token = {
      methods: identity.methods,
      user: { id: account.userId, name: account.username, domain, password_expires_at: null },
      audit_ids: [id.slice(0, 22)],
      issued_at: microseconds(issuedAt),
      expires_at: microseconds(expiresAt),
    };
    // A user without a default project gets an unscoped token, which no other service accepts.
    if (!credential && !scope) return c.json({ token }, 201);
    const project = { id: account.projectId, name: account.projectName, domain };
    const catalog = keystoneCatalogue(account.projectId, regions(), new URL(c.req.url).origin);
    const scoped = { ...token, is_domain: false, project, roles: rolesOf(account), catalog };
    return c.json({ token: scoped }, 201);
  });

  v3.delete('/auth/tokens', (c) => {
    if (!tokens.expiryOf(c.req.header('x-auth-token'))) return fault(c, 401, UNAUTHORIZED);
    tokens.revoke(c.req.header('x-subject-token') ?? '');
    return c.body(null, 204);
  });

  app.route('/v3', v3);
}

function isNamed(given: NameOrId | undefined, id: string, name: string, account: Account): boolean {
  if (given?.id !== undefined) return given.id === id;
  const { domain } = given ?? {};
  const isDomain = domain?.id ? domain.id === account.domainId : domain?.name === account.domainName;
  return given?.name === name && isDomain;
}

/** The role `member` implies `reader`. */
function rolesOf({ role, roles = role === 'observer' ? ['reader'] : ['member', 'reader'] }: Account) {
  return roles.map((name) => ({ id: Buffer.from(name).toString('hex'), name }));
}

function fault(c: Context<Env>, status: keyof typeof STATUS_TITLES, message: string): Response {
  if (status === 401) c.header('www-authenticate', `Keystone uri="${new URL(c.req.url).origin}/v3"`);
  return c.json({ error: { code: status, message, title: STATUS_TITLES[status] } }, status);
}

/** A time in Keystone's format, with six digits of a second. */
function microseconds(date: Date): string {
  return date.toISOString().replace(/Z$/, '000Z');
}
