import { randomBytes } from 'node:crypto';

/**
 * The one account of the embedded cloud. Tests change it while it runs: a new key, another role.
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
  applicationCredential: { id: string; secret: string };
  /** What its user may do: only an admin may make or delete images at Rackspace. */
  role: 'admin' | 'creator' | 'observer';
  /** The roles that the token's answer shows, instead of those that `role` stands for. */
  roles?: string[];
  /** How Rackspace asks for a second factor: at each login, or for one to be set up. */
  mfa?: 'challenge' | 'setup';
  /**
   * Whether it administers an OpenStack: its user sees the images of all projects, and may change
   * and delete them.
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

  /** What the cloud's clock says, for the Date header. */
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

  /** When a token ends; undefined for one that is not valid now. */
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
