import { describe, expect, test } from 'vitest';
import { ValidationError } from '../../lib/config/validation-error.ts';
import { parseSecret } from '../../lib/credentials/parse-secret.ts';

const parse = (fields: unknown) => parseSecret('autosnap/test/x', JSON.stringify(fields));
const KEYSTONE = { authUrl: 'https://keystone.example.com/v3' };
const PASSWORD = { ...KEYSTONE, username: 'u', password: 'hunter2', projectName: 'p' };
const APPLICATION = { ...KEYSTONE, applicationCredentialId: 'i', applicationCredentialSecret: 'hunter2' };

function refusalOf(parse: () => unknown): ValidationError {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(ValidationError);
    return error as ValidationError;
  }
  throw new Error('the secret was accepted');
}

describe('the three forms of a secret', () => {
  test('Rackspace uses its global identity service by default', () => {
    expect(parse({ username: 'u', apiKey: 'k' })).toEqual({
      kind: 'rackspace',
      username: 'u',
      apiKey: 'k',
      authUrl: 'https://identity.api.rackspacecloud.com/v2.0',
    });
    const authUrl = 'https://lon.identity.api.rackspacecloud.com/v2.0';
    expect(parse({ username: 'u', apiKey: 'k', authUrl })).toMatchObject({ authUrl });
  });

  test('Keystone with a password: by default the domain is Default, and the project has the domain of the user', () => {
    const named = (user: string, project: string) => ({
      kind: 'password',
      user: { name: 'u', domain: { name: user } },
      project: { name: 'p', domain: { name: project } },
    });
    expect(parse(PASSWORD)).toMatchObject(named('Default', 'Default'));
    expect(parse({ ...PASSWORD, userDomainName: 'd' })).toMatchObject(named('d', 'd'));
    expect(parse({ ...PASSWORD, userDomainName: 'd', projectDomainName: 'e' })).toMatchObject(
      named('d', 'e'),
    );
  });

  test('Keystone with an application credential: the secret has its id and its secret', () => {
    expect(parse(APPLICATION)).toEqual({
      kind: 'applicationCredential',
      ...KEYSTONE,
      applicationCredential: { id: 'i', secret: 'hunter2' },
    });
  });

  test('they may be YAML, where numbers are texts, and begin with a byte order mark', () => {
    const rackspace = { kind: 'rackspace', username: 'u', apiKey: '0123' };
    expect(parseSecret('s', '\uFEFF{"username": "u", "apiKey": "0123"}\n')).toMatchObject(rackspace);
    expect(parseSecret('s', '\uFEFFusername: u\r\napiKey: 0123\r\n')).toMatchObject(rackspace);
  });

  test('plain http is allowed only for this machine', () => {
    for (const host of ['127.0.0.1:5000', 'localhost', '[::1]:5000']) {
      expect(parse({ ...PASSWORD, authUrl: `http://${host}/v3` })).toMatchObject({ kind: 'password' });
    }
  });
});

describe('the refusal of a secret names the fields, and shows no value', () => {
  test.each<[string, unknown, string[]]>([
    [
      'a text',
      'hunter2',
      ['it must be a JSON object, such as {"username": "…", "apiKey": "…"}, or a clouds.yaml'],
    ],
    [
      'a list',
      ['hunter2'],
      ['it must be a JSON object, such as {"username": "…", "apiKey": "…"}, or a clouds.yaml'],
    ],
    [
      'nothing known',
      { user: 'hunter2' },
      [expect.stringMatching(/^it must have apiKey .*see docs\/credentials\.md$/)],
    ],
    ['no user', { apiKey: 'hunter2' }, ['username: is missing']],
    ['a number', { username: 'u', apiKey: 1234567 }, ['apiKey: must be a text: put it in quotes']],
    [
      'an empty key',
      { username: '', apiKey: '' },
      ['username: must not be empty', 'apiKey: must not be empty'],
    ],
    [
      'a password without the other fields',
      { password: 'hunter2' },
      ['authUrl: is missing', 'username: is missing', 'projectName: is missing'],
    ],
    [
      'an incomplete application credential',
      { ...KEYSTONE, applicationCredentialSecret: 'hunter2' },
      ['applicationCredentialId: is missing'],
    ],
    [
      'fields of two forms',
      { ...PASSWORD, apiKey: 'k' },
      ['password', 'projectName'].map(
        (key) =>
          `${key}: is not a known key: the known ones are username, apiKey, authUrl: correct it, or remove it`,
      ),
    ],
    [
      'plain http',
      { ...PASSWORD, authUrl: 'http://hunter2.example.com' },
      ['authUrl: must be an https URL, without a user, a password or a query in it'],
    ],
    [
      'a password in the URL',
      { ...PASSWORD, authUrl: 'https://u:hunter2@keystone.example.com' },
      ['authUrl: must be an https URL, without a user, a password or a query in it'],
    ],
    [
      'a key in the URL',
      { ...PASSWORD, authUrl: 'https://keystone.example.com/v3?key=hunter2' },
      ['authUrl: must be an https URL, without a user, a password or a query in it'],
    ],
    [
      'an invalid URL',
      { ...PASSWORD, authUrl: 'hunter2' },
      ['authUrl: must be an https URL, without a user, a password or a query in it'],
    ],
  ])('%s', (_, fields, problems) => {
    const refusal = refusalOf(() => parse(fields));
    expect(refusal.problems).toEqual(problems);
    expect(refusal.message).toMatch(/^The secret autosnap\/test\/x is refused:/);
    expect(String(refusal.stack)).not.toMatch(/hunter2|1234567/);
  });

  test.each([
    [
      'JSON that is cut off',
      '{"username": "u",\n"apiKey": "hunter2',
      /neither valid JSON nor valid YAML: correct line 2/,
    ],
    [
      'YAML with a wrong indent',
      'username: u\n  apiKey: hunter2\n',
      /neither valid JSON nor valid YAML: correct line 1/,
    ],
    [
      'a key that is there twice',
      'apiKey: hunter2\napiKey: hunter2',
      /neither valid JSON nor valid YAML: correct line 2/,
    ],
    [
      'two documents',
      'apiKey: hunter2\n---\napiKey: hunter2',
      /neither valid JSON nor valid YAML: correct line 2/,
    ],
    ['an alias without an anchor', 'username: u\napiKey: *hunter2', /an alias of YAML that names no anchor/],
    [
      'too many aliases',
      `a: &a [${'hunter2,'.repeat(99)}]\nb: &b [${'*a,'.repeat(99)}]\nc: [${'*b,'.repeat(99)}]`,
      /an alias of YAML/,
    ],
    ['an empty text', '', /it must be a JSON object/],
    [
      'an openrc file',
      '#!/usr/bin/env bash\nexport OS_AUTH_URL=https://a.example\nexport OS_PASSWORD=hunter2',
      /it is an openrc file.*download the clouds\.yaml instead/,
    ],
  ])('%s', (_, secret, message) => {
    const refusal = refusalOf(() => parseSecret('s', secret));
    expect(refusal.message).toMatch(/^The secret s is refused:/);
    expect(refusal.message).toMatch(message);
    expect(String(refusal.stack)).not.toContain('hunter2');
  });
});
