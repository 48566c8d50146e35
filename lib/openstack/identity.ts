import * as v from 'valibot';
import { CloudError, isCloudError, restated } from './errors.ts';
import { printable, withoutStop } from './printable.ts';

/** Rackspace Identity v2.0 with an API key. */
export interface RackspaceCredentials {
  kind: 'rackspace';
  authUrl: string;
  username: string;
  apiKey: string;
}

/** Keystone v3 with a user's password, scoped to one project. */
export interface PasswordCredentials {
  kind: 'password';
  authUrl: string;
  username: string;
  password: string;
  projectName: string;
  userDomainName: string;
  projectDomainName: string;
}

/** Keystone v3 with an application credential, which is bound to a project. */
export interface ApplicationCredentials {
  kind: 'applicationCredential';
  authUrl: string;
  applicationCredentialId: string;
  applicationCredentialSecret: string;
}

/** What a login needs: the content of the secret of an account. */
export type Credentials = RackspaceCredentials | PasswordCredentials | ApplicationCredentials;

/** The services that Autosnap uses. The catalogues of clouds call some of them by other types. */
export type ServiceType = 'compute' | 'image' | 'volume' | 'object-store';

/** The URL of a service in a region, from the catalogue. */
export interface Endpoint {
  service: ServiceType;
  region: string;
  url: string;
}

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

/** The parts of `credentials` that must never appear in a message. */
export function secretsOf(credentials: Credentials): string[] {
  const inPath = unknownSegments(credentials.authUrl).filter((segment) => KEY.test(segment));
  switch (credentials.kind) {
    case 'rackspace':
      return [credentials.apiKey, ...inPath];
    case 'password':
      return [credentials.password, ...inPath];
    case 'applicationCredential':
      return [credentials.applicationCredentialSecret, ...inPath];
  }
}

/** What the path of an identity service consists of. */
const PATH_SEGMENT = /^(?:|v\d+(?:\.\d+)?|identity|keystone|openstack|auth|tokens)$/i;
/** What may be a key or a token: long, with several digits. Other texts occur in messages, too. */
const KEY = /^(?=(?:\D*\d){3})[^/]{16,}$/;

function unknownSegments(authUrl: string): string[] {
  const { pathname = '' } = URL.parse(authUrl) ?? {};
  return pathname.split('/').filter((segment) => !PATH_SEGMENT.test(segment));
}

/**
 * The address of an identity service as messages may show it: without its path if that is not one
 * of an identity service, because somebody may have put a key there.
 */
export function shownAuthUrl(authUrl: string): string {
  return unknownSegments(authUrl).length === 0 ? authUrl : `${new URL(authUrl).origin}/…`;
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
      const user = {
        name: credentials.username,
        domain: { name: credentials.userDomainName },
        password: credentials.password,
      };
      const project = { name: credentials.projectName, domain: { name: credentials.projectDomainName } };
      return {
        url: `${withVersion(base, 'v3')}/auth/tokens`,
        json: { auth: { identity: { methods: ['password'], password: { user } }, scope: { project } } },
      };
    }
    case 'applicationCredential': {
      const { applicationCredentialId: id, applicationCredentialSecret: secret } = credentials;
      const identity = { methods: ['application_credential'], application_credential: { id, secret } };
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
      tenant: v.optional(v.object({ id: v.string() })),
    }),
    serviceCatalog: v.array(
      v.object({
        name: v.string(),
        type: v.string(),
        endpoints: v.array(
          v.object({
            region: v.optional(v.string()),
            tenantId: v.optional(v.string()),
            publicURL: v.optional(v.string()),
          }),
        ),
      }),
    ),
  }),
});

const KeystoneAnswer = v.object({
  token: v.object({
    project: v.optional(v.object({ id: v.string() })),
    roles: Roles,
    catalog: v.optional(
      v.array(
        v.object({
          type: v.string(),
          endpoints: v.array(
            v.object({
              interface: v.string(),
              region: v.nullish(v.string()),
              region_id: v.nullish(v.string()),
              url: v.string(),
            }),
          ),
        }),
      ),
    ),
  }),
});

// By name, because first-generation `cloudServers` also has the type `compute`.
const RACKSPACE_SERVICES: Record<string, ServiceType> = {
  cloudServersOpenStack: 'compute',
  cloudImages: 'image',
  cloudBlockStorage: 'volume',
  cloudFiles: 'object-store',
};

/** Volume API 2, with the requests and answers of 3.0. Clouds before Pike have nothing newer. */
const OLD_BLOCK_STORAGE = 'volumev2';

const KEYSTONE_SERVICES: Record<string, ServiceType> = {
  compute: 'compute',
  image: 'image',
  volumev3: 'volume',
  'block-storage': 'volume',
  [OLD_BLOCK_STORAGE]: 'volume',
};

/**
 * Parses the response to {@link tokenRequest}. `subjectToken` is Keystone's X-Subject-Token header;
 * Rackspace has the token in the body. Endpoints without a region (first-generation services) are
 * ignored.
 *
 * @throws {CloudError} BAD_ANSWER if the body has no token, no project or no catalogue.
 */
export function readGrant(kind: Credentials['kind'], body: unknown, subjectToken: string | undefined): Grant {
  return kind === 'rackspace' ? readRackspace(body) : readKeystone(body, subjectToken);
}

function readRackspace(body: unknown): Grant {
  const answer = v.safeParse(RackspaceAnswer, body);
  if (!answer.success) throw unusableAnswer('not a Rackspace Identity v2.0 answer');
  const { token, serviceCatalog, user } = answer.output.access;
  const endpoints: Endpoint[] = [];
  let projectId = token.tenant?.id;
  for (const { name, endpoints: listed } of serviceCatalog) {
    const service = RACKSPACE_SERVICES[name];
    if (!service) continue;
    for (const { region, publicURL, tenantId } of listed) {
      if (!region || !publicURL) continue;
      if (service === 'compute') projectId ??= tenantId;
      endpoints.push({ service, region: printable(region), url: publicURL });
    }
  }
  if (!projectId) throw unusableAnswer('the token names no tenant');
  // Some roles belong to another tenant, such as the tenant of Cloud Files.
  const roles = user?.roles?.filter(({ tenantId }) => !tenantId || tenantId === projectId);
  return { token: token.id, projectId, endpoints, roles: roles?.map(({ name }) => name) };
}

function readKeystone(body: unknown, subjectToken: string | undefined): Grant {
  const answer = v.safeParse(KeystoneAnswer, body);
  if (!answer.success || !subjectToken) throw unusableAnswer('not a Keystone v3 answer');
  const { project, catalog, roles } = answer.output.token;
  if (!project || !catalog) {
    throw unusableAnswer(
      'the token belongs to no project: set projectName in the secret to one that the user has',
    );
  }
  const isOld = ({ type }: { type: string }) => Number(type === OLD_BLOCK_STORAGE);
  // The first endpoint of a service in a region is used.
  const newestFirst = catalog.toSorted((a, b) => isOld(a) - isOld(b));
  const endpoints = newestFirst.flatMap(({ type, endpoints: listed }) => {
    const service = KEYSTONE_SERVICES[type];
    if (!service) return [];
    return listed.flatMap(({ interface: face, region_id, region: name, url }) => {
      const region = region_id ?? name;
      return face === 'public' && region ? [{ service, region: printable(region), url }] : [];
    });
  });
  return { token: subjectToken, projectId: project.id, endpoints, roles: roles?.map(({ name }) => name) };
}

function unusableAnswer(why: string): CloudError {
  return new CloudError('BAD_ANSWER', `The identity service's answer can't be used: ${why}.`);
}

const REFUSALS = {
  MFA_REQUIRED:
    'The account requires multi-factor authentication, which a function cannot give: use the API key of a user without it, made for this purpose',
  UNAUTHORIZED:
    'The cloud does not accept these credentials: check the name and the key in the secret, with Keystone the project and the domains too, or make new ones and update it',
  NOT_FOUND: 'There is no identity service at this address: check the authUrl in the secret',
  FORBIDDEN:
    'The user may not log in: enable it in the control panel, or put another one into the secret. If the account requires multi-factor authentication, use the API key of a user without it',
};

/** Keystone answers 404 to an unknown application credential, as a wrong address does. */
const NO_SUCH_CREDENTIAL =
  'The application credential does not exist, or there is no identity service at this address: make new ones and update the secret, or check its authUrl';

/**
 * Adds the remedy to an error of the identity service; returns any other error unchanged. An
 * application credential that may not exist is UNAUTHORIZED.
 *
 * @param kind the kind of the credentials that were refused.
 */
export function explainRefusal(error: unknown, kind: Credentials['kind']): unknown {
  if (!isCloudError(error, 'MFA_REQUIRED', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN')) return error;
  const code = error.code as keyof typeof REFUSALS;
  const isCredential = code === 'NOT_FOUND' && kind === 'applicationCredential';
  const remedy = isCredential ? NO_SUCH_CREDENTIAL : REFUSALS[code];
  return restated(error, `${withoutStop(error.message)}. ${remedy}.`, isCredential ? 'UNAUTHORIZED' : code);
}
