import {
  GetSecretValueCommand,
  paginateListSecrets,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import { MINUTE_MS } from '../config/dates.ts';
import { problemsOf, problemText, quotable, strict } from '../config/schema.ts';
import { ValidationError } from '../config/validation-error.ts';
import type { Credentials } from '../openstack/identity.ts';
import { isLoopback } from '../openstack/session.ts';

// The SDK has no timeout by default.
const CLIENT = { requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000 } };
const CACHED_FOR_MS = 5 * MINUTE_MS;

// Messages never show a value, because even an invalid value may be a secret.
const text = v.pipe(quotable('must be a text'), v.nonEmpty('must not be empty'));

const authUrl = v.pipe(
  text,
  v.check((url) => {
    const parsed = URL.parse(url);
    if (parsed?.username || parsed?.password || /[?#]/.test(url)) return false;
    return parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isLoopback(parsed));
  }, 'must be an https URL, without a user, a password or a query in it'),
);

const Rackspace = strict({
  username: text,
  apiKey: text,
  authUrl: v.optional(authUrl, 'https://identity.api.rackspacecloud.com/v2.0'),
});

const Password = strict({
  authUrl,
  username: text,
  password: text,
  projectName: text,
  userDomainName: v.optional(text, 'Default'),
  projectDomainName: v.optional(text),
});

const ApplicationCredential = strict({
  authUrl,
  applicationCredentialId: text,
  applicationCredentialSecret: text,
});

const SECRET_FORMS = [Rackspace, Password, ApplicationCredential];
const isFieldName = (key: string) => SECRET_FORMS.some(({ entries }) => key in entries);

/**
 * Parses a secret: Rackspace `{username, apiKey}`, Keystone `{authUrl, username, password,
 * projectName}` or `{authUrl, applicationCredentialId, applicationCredentialSecret}`. A field that
 * exists in one form only selects the form.
 *
 * @throws {ValidationError} that names the invalid fields, but neither their values nor unknown
 *   fields.
 */
export function parseSecret(name: string, secret: string): Credentials {
  const fields = parseJson(secret);
  const invalid = (...problems: string[]) =>
    new ValidationError({ code: 'SECRET_INVALID', secret: name, problems });
  const check = <S extends v.GenericSchema>(schema: S): v.InferOutput<S> => {
    const result = v.safeParse(schema, fields);
    if (result.success) return result.output;
    // Somebody may have put the secret itself where its name belongs.
    throw invalid(...problemsOf(result.issues, 'it', isFieldName).map(problemText));
  };
  if (!fields) throw invalid('it must be a JSON object, such as {"username": "…", "apiKey": "…"}');
  if ('apiKey' in fields) return { kind: 'rackspace', ...check(Rackspace) };
  if ('applicationCredentialId' in fields || 'applicationCredentialSecret' in fields) {
    return { kind: 'applicationCredential', ...check(ApplicationCredential) };
  }
  if ('password' in fields) {
    const read = check(Password);
    return { kind: 'password', ...read, projectDomainName: read.projectDomainName ?? read.userDomainName };
  }
  throw invalid(
    'it must have apiKey (Rackspace), password (Keystone) or applicationCredentialId (Keystone): see docs/credentials.md',
  );
}

function parseJson(secret: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(secret);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? { ...parsed }
      : undefined;
  } catch {
    // V8's error message quotes the secret.
    return undefined;
  }
}

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
