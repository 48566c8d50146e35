import * as v from 'valibot';
import { strict } from '../config/schema.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { check, SecretProblems, serviceUrl, text } from './fields.ts';

const Rackspace = strict({
  username: text,
  apiKey: text,
  authUrl: v.optional(serviceUrl, 'https://identity.api.rackspacecloud.com/v2.0'),
});

const Password = strict({
  authUrl: serviceUrl,
  username: text,
  password: text,
  projectName: text,
  userDomainName: v.optional(text, 'Default'),
  projectDomainName: v.optional(text),
});

const ApplicationCredential = strict({
  authUrl: serviceUrl,
  applicationCredentialId: text,
  applicationCredentialSecret: text,
});

const FORMS = [Rackspace, Password, ApplicationCredential];
const isFieldName = (key: string) => FORMS.some(({ entries }) => key in entries);

/**
 * Reads the forms of a secret that only Autosnap has: Rackspace `{username, apiKey}`, Keystone
 * `{authUrl, username, password, projectName}` or `{authUrl, applicationCredentialId,
 * applicationCredentialSecret}`. A field that exists in one form only selects the form.
 *
 * @throws {SecretProblems}
 */
export function readOwnForm(fields: Record<string, unknown>): Credentials {
  if ('apiKey' in fields) return { kind: 'rackspace', ...check(Rackspace, fields, isFieldName) };
  if ('applicationCredentialId' in fields || 'applicationCredentialSecret' in fields) {
    const read = check(ApplicationCredential, fields, isFieldName);
    const { authUrl, applicationCredentialId: id, applicationCredentialSecret: secret } = read;
    return { kind: 'applicationCredential', authUrl, applicationCredential: { id, secret } };
  }
  if ('password' in fields) {
    const { authUrl, username, password, projectName, userDomainName, projectDomainName } = check(
      Password,
      fields,
      isFieldName,
    );
    return {
      kind: 'password',
      authUrl,
      user: { name: username, domain: { name: userDomainName } },
      password,
      project: { name: projectName, domain: { name: projectDomainName ?? userDomainName } },
    };
  }
  throw new SecretProblems(
    'it must have apiKey (Rackspace), password or applicationCredentialId (Keystone), or be a clouds.yaml, with clouds: see docs/credentials.md',
  );
}
