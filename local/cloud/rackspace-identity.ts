import type { Context, Hono } from 'hono';
import type { Account, Tokens } from './account.ts';
import { type CataloguedRegion, FILES_ACCOUNT, rackspaceCatalogue } from './catalogues.ts';
import type { Env } from './faults.ts';
import { BadBody, bodyOf } from './json-body.ts';

interface IdentityOptions {
  account: Account;
  tokens: Tokens;
  regions: () => CataloguedRegion[];
}

interface RackspaceAuth {
  'RAX-KSKEY:apiKeyCredentials'?: { username?: string; apiKey?: string };
  passwordCredentials?: { username?: string; password?: string };
  tenantId?: string;
  tenantName?: string;
}

/** Rackspace Identity v2.0: docs-cloud-identity, Authenticate as user with password or API key. */
export function addRackspaceIdentityRoutes(
  app: Hono<Env>,
  { account, tokens, regions }: IdentityOptions,
): void {
  const fault = (c: Context<Env>, status: 400 | 401 | 403, key: string, message: string) =>
    c.json({ [key]: { code: status, message } }, status);

  app.on('GET', ['/v2.0', '/v2.0/'], (c) => {
    const links = [{ rel: 'self', href: `${new URL(c.req.url).origin}/v2.0` }];
    return c.json({
      version: { id: 'v2.0', status: 'CURRENT', updated: '2011-01-21T11:33:21-06:00', links },
    });
  });

  app.post('/v2.0/tokens', async (c) => {
    let auth: RackspaceAuth;
    try {
      auth = await bodyOf<RackspaceAuth>(c, 'auth');
    } catch (error) {
      if (error instanceof BadBody) return fault(c, 400, 'badRequest', 'Invalid json request body');
      throw error;
    }
    const { passwordCredentials: byPassword, 'RAX-KSKEY:apiKeyCredentials': byKey } = auth;
    if (!byPassword && !byKey) return fault(c, 400, 'badRequest', 'Invalid json request body');
    const { tenantId, tenantName } = auth;
    if (tenantId && tenantName) {
      return fault(c, 400, 'badRequest', 'Only one of tenantId and tenantName may be specified.');
    }
    const isKnown = byKey
      ? byKey.username === account.username && byKey.apiKey === account.apiKey
      : byPassword?.username === account.username && byPassword.password === account.password;
    const tenant = tenantId ?? tenantName ?? account.projectId;
    if (!isKnown || ![account.projectId, FILES_ACCOUNT].includes(tenant)) {
      return fault(c, 401, 'unauthorized', 'Unable to authenticate user with credentials provided.');
    }
    if (account.mfa === 'setup') return fault(c, 403, 'forbidden', 'User must setup multi-factor');
    if (account.mfa === 'challenge') {
      c.header('www-authenticate', "OS-MF sessionId='session', factor='PASSCODE'");
      return fault(c, 401, 'unauthorized', 'Additional authentication credentials required.');
    }
    const { id, expiresAt } = tokens.issue();
    const access = {
      token: {
        id,
        expires: expiresAt.toISOString(),
        tenant: { id: tenant, name: tenant },
        'RAX-AUTH:authenticatedBy': [byKey ? 'APIKEY' : 'PASSWORD'],
      },
      user: {
        id: account.userId,
        name: account.username,
        'RAX-AUTH:defaultRegion': regions()[0]?.name,
        'RAX-AUTH:domainId': account.projectId,
        roles: rolesOf(account),
      },
      serviceCatalog: rackspaceCatalogue(account.projectId, regions()),
    };
    return c.json({ access });
  });

  app.delete('/v2.0/tokens', (c) => {
    tokens.revoke(c.req.header('x-auth-token') ?? '');
    return c.body(null, 204);
  });
}

/**
 * The roles of a user who is not the account's owner: those that every user has, one of them for
 * another tenant, and the user's own.
 */
function rolesOf({ role, roles, projectId }: Account) {
  const own = (roles ?? [`nova:${role}`, `cloudImages:${role}`, `cbs:${role}`]).map((name, i) => ({
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
