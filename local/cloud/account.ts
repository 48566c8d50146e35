import { randomBytes } from 'node:crypto';

/**
 * The one account of the embedded cloud. Tests change it while the cloud runs, such as its key or
 * role.
 */
export interface Account {
  userId: string;
  username: string;
  apiKey: string;
  password: string;
  projectId: string;
  projectName: string;
  /** The domain of the user and of the project. */
  domainId: string;
  domainName: string;
  applicationCredential: { id: string; name: string; secret: string };
  /** What the user may do. At Rackspace only an admin may create and delete images. */
  role: 'admin' | 'creator' | 'observer';
  /** The roles in the answer to a login; by default they follow from `role`. */
  roles?: string[];
  /**
   * How Rackspace demands a second factor: `challenge` at each login, `setup` until one has been
   * set up.
   */
  mfa?: 'challenge' | 'setup';
  /**
   * Whether the user is an administrator of the OpenStack, who sees the images of all projects and
   * may change and delete them.
   */
  administers?: boolean;
}

export interface Token {
  id: string;
  issuedAt: Date;
  expiresAt: Date;
}

export class Tokens {
  readonly #issued = new Map<string, Token>();
  readonly #now: () => Date;
  ttlMs = 24 * 3_600_000;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** The cloud's current time, for the header Date. */
  get date(): string {
    return this.#now().toUTCString();
  }

  issue(): Token {
    const issuedAt = this.#now();
    const token = {
      id: randomBytes(24).toString('hex'),
      issuedAt,
      expiresAt: new Date(issuedAt.getTime() + this.ttlMs),
    };
    this.#issued.set(token.id, token);
    return token;
  }

  /** When a token expires; undefined if it is not valid now. */
  expiryOf(id: string | undefined): Date | undefined {
    const expiresAt = this.#issued.get(id ?? '')?.expiresAt;
    return expiresAt && expiresAt > this.#now() ? expiresAt : undefined;
  }

  revoke(id: string): void {
    this.#issued.delete(id);
  }

  revokeAll(): void {
    this.#issued.clear();
  }
}
