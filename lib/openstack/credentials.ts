/** The services that Autosnap uses. The catalogues of clouds call some of them by other types. */
export type ServiceType = 'compute' | 'image' | 'volume' | 'object-store';

/** How the services of a cloud are reached; see docs/credentials.md. */
export interface CloudAccess {
  /** The URL of the identity service. */
  authUrl: string;
  /**
   * The certificates, in PEM, of the only authorities whose certificates the client accepts; by
   * default the authorities that Node.js knows.
   */
  ca?: string;
  /** Which endpoints of the catalogue are used; `public` by default. */
  interface?: 'public' | 'internal';
  /** The regions that are used; all regions of the catalogue by default. */
  regions?: readonly string[];
  /** URLs that replace those of the catalogue, in the only region of `regions`. */
  overrides?: Partial<Record<ServiceType, string>>;
}

/** Rackspace Identity v2.0 with an API key. */
export interface RackspaceCredentials extends CloudAccess {
  kind: 'rackspace';
  username: string;
  apiKey: string;
}

type Domain = { id: string } | { name: string };

/** A user or a project, in the form of Keystone: by id, or by name and domain. */
export type Reference = { id: string } | { name: string; domain: Domain };

/** Keystone v3 with a user's password, scoped to one project. */
export interface PasswordCredentials extends CloudAccess {
  kind: 'password';
  user: Reference;
  password: string;
  project: Reference;
}

/** Keystone v3 with an application credential, which is bound to a project. */
export interface ApplicationCredentials extends CloudAccess {
  kind: 'applicationCredential';
  /** In the form of Keystone: by id, or by name and user. */
  applicationCredential: ({ id: string } | { name: string; user: Reference }) & { secret: string };
}

/** What a login needs: the content of the secret of an account. */
export type Credentials = RackspaceCredentials | PasswordCredentials | ApplicationCredentials;

/** The parts of `credentials` that must never appear in a message. */
export function secretsOf(credentials: Credentials): string[] {
  const inPath = unknownSegments(credentials.authUrl).filter((segment) => KEY.test(segment));
  switch (credentials.kind) {
    case 'rackspace':
      return [credentials.apiKey, ...inPath];
    case 'password':
      return [credentials.password, ...inPath];
    case 'applicationCredential':
      return [credentials.applicationCredential.secret, ...inPath];
  }
}

/** What the path of an identity service consists of. */
const PATH_SEGMENT = /^(?:|v\d+(?:\.\d+)?|identity|keystone|openstack|auth|tokens)$/i;
/** What may be a key or a token: long, with several digits. Other texts occur in messages, too. */
const KEY = /^(?=(?:\D*\d){3})[^/]{16,}$/;

function unknownSegments(url: string): string[] {
  const { pathname = '' } = URL.parse(url) ?? {};
  return pathname.split('/').filter((segment) => !PATH_SEGMENT.test(segment));
}

/**
 * The address of an identity service as messages may show it: without its path if that is not one
 * of an identity service, because somebody may have put a key there.
 */
export function shownAuthUrl(authUrl: string): string {
  return unknownSegments(authUrl).length === 0 ? authUrl : `${new URL(authUrl).origin}/…`;
}

/** Whether a URL is on the loopback interface, where plain http is allowed. */
export function isLoopback(url: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
}
