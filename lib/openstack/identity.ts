import * as v from 'valibot';
import { ALL_REGIONS, type Endpoint, keystoneEndpoints, rackspaceEndpoints } from './catalogue.ts';
import type { CloudAccess, Credentials } from './credentials.ts';
import { CloudError, isCloudError, restated } from './errors.ts';
import { withoutStop } from './printable.ts';

/** The result of a login: the token with its project, service catalogue and roles. */
export interface Grant {
  token: string;
  projectId: string;
  endpoints: Endpoint[];
  /**
   * The names of the user's roles in this project; undefined if the response does not say. See
   * roles.ts.
   */
  roles: string[] | undefined;
}

/**
 * The request that turns credentials into a token.
 *
 * Rackspace Identity: `POST /v2.0/tokens`, https://docs.rackspace.com/docs/authentication-tokens.
 * Keystone: `POST /v3/auth/tokens`,
 * https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management. An
 * application credential
 * (https://docs.openstack.org/api-ref/identity/v3/#authenticating-with-an-application-credential)
 * is sent without a scope, because Keystone answers 401 to one with a scope.
 */
export function tokenRequest(credentials: Credentials): { url: string; json: unknown } {
  const base = credentials.authUrl.replace(/\/+$/, '');
  switch (credentials.kind) {
    case 'rackspace': {
      const { username, apiKey } = credentials;
      return {
        url: `${withVersion(base, 'v2.0')}/tokens`,
        json: { auth: { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } } },
      };
    }
    case 'password': {
      const { password, project } = credentials;
      const user = { ...credentials.user, password };
      return {
        url: `${withVersion(base, 'v3')}/auth/tokens`,
        json: { auth: { identity: { methods: ['password'], password: { user } }, scope: { project } } },
      };
    }
    case 'applicationCredential': {
      const { applicationCredential: application_credential } = credentials;
      const identity = { methods: ['application_credential'], application_credential };
      return { url: `${withVersion(base, 'v3')}/auth/tokens`, json: { auth: { identity } } };
    }
  }
}

function withVersion(base: string, version: string): string {
  return /\/v[\d.]+$/.test(base) ? base : `${base}/${version}`;
}

// Unreadable roles do not fail the login: the user's permissions are just unknown.
const Roles = v.fallback(
  v.optional(v.array(v.object({ name: v.string(), tenantId: v.nullish(v.string()) }))),
  undefined,
);

const RackspaceAnswer = v.object({
  access: v.object({
    user: v.fallback(v.optional(v.object({ roles: Roles })), undefined),
    token: v.object({
      id: v.pipe(v.string(), v.nonEmpty()),
      tenant: v.nullish(v.object({ id: v.string() })),
    }),
    serviceCatalog: v.array(v.unknown()),
  }),
});

const KeystoneAnswer = v.object({
  token: v.object({
    project: v.optional(v.object({ id: v.string() })),
    roles: Roles,
    catalog: v.optional(v.array(v.unknown())),
  }),
});

/**
 * Parses the response to {@link tokenRequest}. `subjectToken` is Keystone's X-Subject-Token header;
 * Rackspace has the token in the body.
 *
 * @throws {CloudError} BAD_ANSWER if the body has no token, no project or no catalogue.
 */
export function readGrant(
  credentials: Pick<Credentials, 'kind' | 'interface' | 'regions'>,
  body: unknown,
  subjectToken: string | undefined,
): Grant {
  return credentials.kind === 'rackspace'
    ? readRackspace(body)
    : readKeystone(body, subjectToken, credentials);
}

function readRackspace(body: unknown): Grant {
  const answer = v.safeParse(RackspaceAnswer, body);
  if (!answer.success) throw unusableAnswer('not a Rackspace Identity v2.0 answer');
  const { token, serviceCatalog, user } = answer.output.access;
  const { endpoints, computeTenant } = rackspaceEndpoints(serviceCatalog);
  const projectId = token.tenant?.id ?? computeTenant;
  if (!projectId) throw unusableAnswer('the token names no tenant');
  // Some roles belong to another tenant, such as the tenant of Cloud Files.
  const roles = user?.roles?.filter(({ tenantId }) => !tenantId || tenantId === projectId);
  return { token: token.id, projectId, endpoints, roles: roles?.map(({ name }) => name) };
}

function readKeystone(
  body: unknown,
  subjectToken: string | undefined,
  access: Pick<CloudAccess, 'interface' | 'regions'>,
): Grant {
  const answer = v.safeParse(KeystoneAnswer, body);
  if (!answer.success || !subjectToken) throw unusableAnswer('not a Keystone v3 answer');
  const { project, catalog, roles } = answer.output.token;
  if (!project || !catalog) {
    throw unusableAnswer(
      'the token belongs to no project: set project_id in the secret, or projectName, to one that the user has',
    );
  }
  const endpoints = keystoneEndpoints(catalog, access);
  if (endpoints.some(({ region }) => region === ALL_REGIONS)) {
    throw unusableAnswer('its catalogue names no region: set region_name in the secret to a name for it');
  }
  return {
    token: subjectToken,
    projectId: project.id,
    endpoints,
    roles: roles?.map(({ name }) => name),
  };
}

function unusableAnswer(why: string): CloudError {
  return new CloudError('BAD_ANSWER', `The identity service's answer can't be used: ${why}.`);
}

const REFUSALS = {
  MFA_REQUIRED:
    'The account requires multi-factor authentication, which a function cannot give: use the API key of a user without it, made for this purpose',
  UNAUTHORIZED:
    'The cloud does not accept these credentials: check the name and the key in the secret, with Keystone the project and the domains too, or make new ones and update it',
  NOT_FOUND: 'There is no identity service at this address: check the authUrl (auth_url) in the secret',
  FORBIDDEN:
    'The user may not log in: enable it in the control panel, or put another one into the secret. If the account requires multi-factor authentication, use the API key of a user without it',
};

/** Keystone answers 404 to an unknown application credential, as a wrong address does. */
const NO_SUCH_CREDENTIAL =
  'The application credential does not exist, or there is no identity service at this address: make new ones and update the secret, or check its authUrl (auth_url)';

/** Keystone 22 answers 500 if the user has no application credential of this name. */
const NO_SUCH_NAME =
  'If this lasts, check application_credential_name in the secret: Keystone answers so if the user has none of this name';

/**
 * Adds the remedy to an error of the identity service; returns any other error unchanged. An
 * application credential that may not exist is UNAUTHORIZED.
 *
 * @param credentials the credentials that were refused.
 */
export function explainRefusal(error: unknown, credentials: Credentials): unknown {
  const withRemedy = (refusal: CloudError, remedy: string, code = refusal.code) =>
    restated(refusal, `${withoutStop(refusal.message)}. ${remedy}.`, code);
  if (credentials.kind === 'applicationCredential') {
    const isNamed = 'name' in credentials.applicationCredential;
    if (isNamed && isCloudError(error, 'UNAVAILABLE')) return withRemedy(error, NO_SUCH_NAME);
    if (isCloudError(error, 'NOT_FOUND')) return withRemedy(error, NO_SUCH_CREDENTIAL, 'UNAUTHORIZED');
  }
  if (!isCloudError(error, 'MFA_REQUIRED', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN')) return error;
  return withRemedy(error, REFUSALS[error.code as keyof typeof REFUSALS]);
}
