import {
  GetSecretValueCommand,
  paginateListSecrets,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { MINUTE_MS } from '../config/dates.ts';
import { ValidationError } from '../config/validation-error.ts';
import { parseSecret } from '../credentials/parse-secret.ts';
import type { Credentials } from '../openstack/credentials.ts';

// The SDK has no timeout by default.
const CLIENT = { requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000 } };
const CACHED_FOR_MS = 5 * MINUTE_MS;

/**
 * Credentials from AWS Secrets Manager, cached in memory for five minutes for warm invocations.
 * `fresh` bypasses the cache.
 *
 * @returns a function that reads the credentials of a secret by its name.
 */
export function secretsManager() {
  const client = new SecretsManagerClient(CLIENT);
  const cache = new Map<string, { credentials: Credentials; atMs: number }>();
  /** @throws {ValidationError} for a secret that is missing, unreadable or of no known form. */
  return async (name: string, { fresh }: { fresh: boolean }): Promise<Credentials> => {
    const cached = cache.get(name);
    if (cached && !fresh && performance.now() - cached.atMs < CACHED_FOR_MS) return cached.credentials;
    cache.delete(name);
    const credentials = parseSecret(name, await secretText(client, name));
    cache.set(name, { credentials, atMs: performance.now() });
    return credentials;
  };
}

async function secretText(client: SecretsManagerClient, name: string): Promise<string> {
  if (name.endsWith('*')) throw new ValidationError({ code: 'SECRET_PREFIX_UNMATCHED', secret: name });
  let answer: { SecretString?: string | undefined };
  try {
    answer = await client.send(new GetSecretValueCommand({ SecretId: name }));
  } catch (error) {
    const { name: code } = error as Error;
    throw new ValidationError(
      code === 'ResourceNotFoundException'
        ? { code: 'SECRET_MISSING', secret: name }
        : { code: 'SECRET_UNREADABLE', secret: name, error: code, message: errorText(error) },
    );
  }
  if (answer.SecretString === undefined) {
    const problems = ['it is binary: store it as text, with --secret-string'];
    throw new ValidationError({ code: 'SECRET_INVALID', secret: name, problems });
  }
  return answer.SecretString;
}

/**
 * The message of an error of the SDK. The message of the SDK's JSON parser is not shown, because it
 * quotes the response, which contains the secret.
 */
function errorText(error: unknown): string {
  const { name, message } = error as Error;
  return name === 'SyntaxError' ? 'its answer is not complete JSON' : message;
}

/**
 * The names of the accounts whose secrets are directly in a folder such as `autosnap/prod/` and
 * start with a prefix, sorted. Secrets in subfolders are ignored.
 *
 * @throws {ValidationError} when secrets can't be listed.
 */
export async function accountsIn(folder: string, beginning: string): Promise<string[]> {
  const client = new SecretsManagerClient(CLIENT);
  const found: string[] = [];
  try {
    // The name filter matches prefixes.
    const Filters = [{ Key: 'name' as const, Values: [folder + beginning] }];
    for await (const { SecretList = [] } of paginateListSecrets({ client }, { Filters })) {
      for (const { Name = '' } of SecretList) {
        const account = Name.slice(folder.length);
        if (Name.startsWith(folder + beginning) && !account.includes('/')) found.push(account);
      }
    }
  } catch (error) {
    const { name } = error as Error;
    if (name !== 'AccessDeniedException' && name !== 'SyntaxError') throw error;
    const message = errorText(error);
    throw new ValidationError({ code: 'SECRETS_NOT_LISTED', prefix: folder + beginning, message });
  }
  return found.sort();
}
