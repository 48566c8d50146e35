import { describe, expect, test } from 'vitest';
import { ValidationError } from '../../lib/config/validation-error.ts';
import { parseSecret } from '../../lib/runtime/secrets.ts';

const parse = (fields: unknown) => parseSecret('autosnap/test/x', JSON.stringify(fields));
const KEYSTONE = { authUrl: 'https://keystone.example.com/v3' };
const PASSWORD = { ...KEYSTONE, username: 'u', password: 'hunter2', projectName: 'p' };
const APPLICATION = { ...KEYSTONE, applicationCredentialId: 'i', applicationCredentialSecret: 'hunter2' };

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
    expect(parse(PASSWORD)).toMatchObject({
      kind: 'password',
      userDomainName: 'Default',
      projectDomainName: 'Default',
    });
    expect(parse({ ...PASSWORD, userDomainName: 'd' })).toMatchObject({ projectDomainName: 'd' });
    expect(parse({ ...PASSWORD, userDomainName: 'd', projectDomainName: 'e' })).toMatchObject({
      projectDomainName: 'e',
    });
  });

  test('Keystone with an application credential: the secret has its id and its secret', () => {
    expect(parse(APPLICATION)).toEqual({ kind: 'applicationCredential', ...APPLICATION });
  });

  test('plain http is allowed only for this machine', () => {
    for (const host of ['127.0.0.1:5000', 'localhost', '[::1]:5000']) {
      expect(parse({ ...PASSWORD, authUrl: `http://${host}/v3` })).toMatchObject({ kind: 'password' });
    }
  });
});

describe('the refusal of a secret names the fields, and shows no value', () => {
  test.each<[string, unknown, string[]]>([
    ['a text', 'hunter2', ['it must be a JSON object, such as {"username": "…", "apiKey": "…"}']],
    ['a list', ['hunter2'], ['it must be a JSON object, such as {"username": "…", "apiKey": "…"}']],
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
    let refusal: unknown;
    try {
      parse(fields);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(ValidationError);
    expect((refusal as ValidationError).problems).toEqual(problems);
    expect((refusal as ValidationError).message).toMatch(/^The secret autosnap\/test\/x is refused:/);
    expect(String((refusal as ValidationError).stack)).not.toMatch(/hunter2|1234567/);
  });

  test('not JSON', () => {
    expect(() => parseSecret('s', '{"apiKey":"hunter2",}')).toThrow(
      /^The secret s is refused: it must be a JSON object/,
    );
  });
});
