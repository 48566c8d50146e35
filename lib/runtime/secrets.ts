import {
  GetSecretValueCommand,
  paginateListSecrets,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import { problemsOf, quotable, strict } from '../config/schema.ts';
import { Refusal } from '../config/validation-error.ts';
import type { Credentials } from '../openstack/identity.ts';
import { isLoopback } from '../openstack/session.ts';

// The SDK itself would wait for ever.
const CLIENT = { requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000 } };
const CACHED_FOR_MS = 5 * 60_000;

// The messages never show a value: what is wrong with a secret is still a secret.
const text = v.pipe(quotable('must be a text'), v.nonEmpty('must not be empty'));

const authUrl = v.pipe(
  text,
  v.check((url) => {
    const parsed = URL.parse(url);
    if (parsed?.username || parsed?.password) return false;
    return parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isLoopback(parsed));
  }, 'must be an https URL, without a user or a password in it'),
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

/**
 * Reads a secret's text: Rackspace `{username, apiKey}`, Keystone `{authUrl, username, password, projectName}` or
 * `{authUrl, applicationCredentialId, applicationCredentialSecret}`. A field that only one form has decides which
 * form is meant.
 *
 * @throws {Refusal} that names the fields that are wrong, never a value.
 */
export function parseSecret(name: string, secret: string): Credentials {
  const fields = parseJson(secret);
  const refuse = (problems: string[]) => new Refusal(`The secret ${name} is refused`, problems);
  const check = <S extends v.GenericSchema>(schema: S): v.InferOutput<S> => {
    const result = v.safeParse(schema, fields);
    if (result.success) return result.output;
    throw refuse(problemsOf(result.issues, 'it'));
  };
  if (!fields) throw refuse(['it must be a JSON object, such as {"username": "…", "apiKey": "…"}']);
  if ('apiKey' in fields) return { kind: 'rackspace', ...check(Rackspace) };
  if ('applicationCredentialId' in fields || 'applicationCredentialSecret' in fields) {
    return { kind: 'applicationCredential', ...check(ApplicationCredential) };
  }
  if ('password' in fields) {
    const read = check(Password);
    return { kind: 'password', ...read, projectDomainName: read.projectDomainName ?? read.userDomainName };
  }
  throw refuse([
    'it must have apiKey (Rackspace), password (Keystone) or applicationCredentialId (Keystone): see the README',
  ]);
}

function parseJson(secret: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(secret);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? { ...parsed }
      : undefined;
  } catch {
    // V8's message quotes the text.
    return undefined;
  }
}

/**
 * Credentials from AWS Secrets Manager, kept in memory for five minutes, so that warm invocations do not ask again.
 * `fresh` goes past the memory.
 *
 * @returns a function that reads the credentials of a secret by its name.
 */
export function secretsManager() {
  const client = new SecretsManagerClient(CLIENT);
  const cache = new Map<string, { credentials: Credentials; atMs: number }>();
  /** @throws {Refusal} for a secret that is missing, can't be read, or is of no known form. */
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
  const refuse = (problem: string) => new Refusal(`The secret ${name} can't be read`, [problem]);
  if (name.endsWith('*')) {
    throw refuse(
      "there is none in this account and AWS region whose name begins so: create one, or correct the policy's account",
    );
  }
  let answer: { SecretString?: string | undefined };
  try {
    answer = await client.send(new GetSecretValueCommand({ SecretId: name }));
  } catch (error) {
    const { name: code, message } = error as Error;
    if (code === 'ResourceNotFoundException') {
      throw refuse(
        `there is none in this account and AWS region: create it with aws secretsmanager create-secret --name ${name} --secret-string file://secret.json, or correct the policy's account`,
      );
    }
    if (code === 'AccessDeniedException') throw refuse(`the function's role may not read it: ${message}`);
    if (code === 'InvalidRequestException') throw refuse(`${message} Restore it, or create it again.`);
    throw refuse(`Secrets Manager does not give it: ${message}`);
  }
  if (answer.SecretString === undefined) throw refuse('it is binary: store it as text, with --secret-string');
  return answer.SecretString;
}

/**
 * The accounts whose secrets are in a folder, such as `autosnap/prod/`, and begin so, sorted. What lies deeper is none.
 *
 * @throws {Refusal} when secrets can't be listed.
 */
export async function accountsIn(folder: string, beginning: string): Promise<string[]> {
  const client = new SecretsManagerClient(CLIENT);
  const found: string[] = [];
  try {
    // A name filter is of beginnings.
    const Filters = [{ Key: 'name' as const, Values: [folder + beginning] }];
    for await (const { SecretList = [] } of paginateListSecrets({ client }, { Filters })) {
      for (const { Name = '' } of SecretList) {
        const account = Name.slice(folder.length);
        if (Name.startsWith(folder + beginning) && !account.includes('/')) found.push(account);
      }
    }
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== 'AccessDeniedException') throw error;
    throw new Refusal(`The secrets ${folder}${beginning}* can't be listed`, [
      `the function's role may not do it: ${message}`,
    ]);
  }
  return found.sort();
}
