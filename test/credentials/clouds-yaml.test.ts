import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Harness, harness, policy, setTime } from '../harness.ts';

const SECRET = 'autosnap/test/rackspace';
const AUTHORITY = readFileSync(new URL('../private-cloud/authority.pem', import.meta.url), 'utf8');

/** A cloud with a server in each of its two regions. */
async function cloudWithServers(): Promise<Harness> {
  setTime('2026-11-23T00:00:10Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  for (const region of ['DFW', 'ORD']) h.cloud.region(region).addServer({ name: `web-${region}` });
  return h;
}

/** The lines of a block of YAML, each indented. */
const indented = (text: string, by = 6) => text.trimEnd().replaceAll(/^/gm, ' '.repeat(by));

const cloudsYaml = (auth: string, more = '') =>
  `clouds:\n  private:\n    auth:\n${indented(auth)}\n${more ? `${indented(more, 4)}\n` : ''}`;

describe('a clouds.yaml is a secret with which snapshots are taken', () => {
  interface Values {
    url: string;
    user: string;
    userId: string;
    password: string;
    project: string;
    projectId: string;
    domain: string;
    domainId: string;
    id: string;
    name: string;
    secret: string;
  }

  const valuesOf = ({ cloud }: Harness): Values => {
    const { account, keystoneUrl: url } = cloud;
    const { username: user, userId, password, projectName: project, projectId } = account;
    const { domainName: domain, domainId, applicationCredential } = account;
    return { url, user, userId, password, project, projectId, domain, domainId, ...applicationCredential };
  };

  const password = (s: Values) =>
    `auth_url: ${s.url}\nusername: ${s.user}\npassword: ${s.password}\nproject_name: ${s.project}\nuser_domain_name: ${s.domain}`;
  const credential = (s: Values) =>
    `auth_url: ${s.url}\napplication_credential_id: ${s.id}\napplication_credential_secret: ${s.secret}`;
  const byName = (s: Values, user: string) =>
    `auth_url: ${s.url}\napplication_credential_name: ${s.name}\napplication_credential_secret: ${s.secret}\n${user}`;

  test.each<[string, (values: Values) => string]>([
    [
      'an application credential by id',
      (s) => cloudsYaml(credential(s), 'auth_type: v3applicationcredential'),
    ],
    ['an application credential without its type', (s) => cloudsYaml(credential(s))],
    [
      'an application credential with fields of a project, which it does not need',
      (s) => cloudsYaml(`${credential(s)}\nproject_id: ${s.projectId}`),
    ],
    ['an application credential by name and user id', (s) => cloudsYaml(byName(s, `user_id: ${s.userId}`))],
    [
      'an application credential by name, user and domain',
      (s) => cloudsYaml(byName(s, `username: ${s.user}\nuser_domain_name: ${s.domain}`)),
    ],
    ['a password, and names', (s) => cloudsYaml(password(s))],
    [
      'a password, and a URL without a version',
      (s) => cloudsYaml(password({ ...s, url: s.url.replace('/v3', '') })),
    ],
    [
      'a password, and ids',
      (s) =>
        cloudsYaml(
          `auth_url: ${s.url}\nuser_id: ${s.userId}\npassword: ${s.password}\nproject_id: ${s.projectId}`,
        ),
    ],
    [
      'a password, and names with the ids of their domains',
      (s) =>
        cloudsYaml(
          `auth_url: ${s.url}\nusername: ${s.user}\nuser_domain_id: ${s.domainId}\npassword: ${s.password}\nproject_name: ${s.project}\nproject_domain_id: ${s.domainId}`,
          'auth_type: v3password',
        ),
    ],
    [
      'a password, and one domain for both',
      (s) =>
        cloudsYaml(
          `auth_url: ${s.url}\nusername: ${s.user}\npassword: ${s.password}\nproject_name: ${s.project}\ndomain_name: ${s.domain}`,
        ),
    ],
    [
      'the older names of the project',
      (s) =>
        cloudsYaml(
          `auth_url: ${s.url}\nusername: ${s.user}\npassword: ${s.password}\nuser_domain_name: ${s.domain}\ntenant_name: ${s.project}`,
        ),
    ],
    [
      'what the dashboard and openstacksdk put into it besides, with empty fields',
      (s) =>
        `# comment\n${cloudsYaml(password(s), 'region_name:\ninterface: "public"\nidentity_api_version: 3\nverify: true\nvolume_api_version: 3\nimage_format: qcow2\nnetworks:\n  - name: public\n    routes_externally: true\ncacert: null')}cache:\n  expiration_time: 3600\n`,
    ],
    [
      'a byte order mark, and the line ends of Windows',
      (s) => `\uFEFF${cloudsYaml(password(s)).replaceAll('\n', '\r\n')}`,
    ],
    [
      'JSON',
      (s) =>
        JSON.stringify({
          clouds: {
            private: {
              auth: {
                auth_url: s.url,
                application_credential_id: s.id,
                application_credential_secret: s.secret,
              },
              identity_api_version: 3,
              verify: true,
              region_name: null,
            },
          },
        }),
    ],
    [
      'several clouds, of which the top names one, with an anchor of YAML',
      (s) =>
        `cloud: second\nclouds:\n  first:\n    auth: &auth\n${indented(password({ ...s, project: 'another' }), 6)}\n  second:\n    auth:\n      <<: *auth\n      project_name: ${s.project}\n`,
    ],
  ])('%s', async (_, secretOf) => {
    const h = await cloudWithServers();
    h.cloud.secrets.set(SECRET, secretOf(valuesOf(h)));
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 2 });
    expect(h.cloud.region('DFW').images).toHaveLength(1);
    expect(h.cloud.region('ORD').images).toHaveLength(1);
  });
});

describe('a clouds.yaml is refused with the field and the remedy, and without any value:', () => {
  const AUTH = 'auth_url: https://a.example/v3\nusername: ada\npassword: hunter2hunter2\nproject_id: "1"';
  const CREDENTIAL = 'auth_url: https://a.example/v3\napplication_credential_secret: hunter2hunter2';
  const without = (field: string) => AUTH.replace(RegExp(`^${field}:.*\n?`, 'm'), '');
  const two = `${cloudsYaml(AUTH)}  hunter2hunter2:\n    auth: {}\n`;

  test.each<[string, string, RegExp]>([
    ['no cloud', 'clouds: {}', /clouds: has 0 clouds: name the one to use/],
    ['clouds that are a list', 'clouds: [hunter2hunter2]', /clouds: must be an object with a cloud in it/],
    [
      'several clouds',
      two,
      /clouds: has 2 clouds: name the one to use at the top of the file, as "cloud: <name>"/,
    ],
    [
      'a cloud that is not there',
      `cloud: hunter2\n${two}`,
      /cloud: must be the name of a cloud under clouds/,
    ],
    [
      'a cloud that every object has',
      `cloud: constructor\n${two}`,
      /cloud: must be the name of a cloud under clouds/,
    ],
    ['a cloud that is a text', 'clouds: {a: hunter2hunter2}', /it: must be an object with auth/],
    ['no auth', 'clouds: {a: {region_name: hunter2}}', /auth: is missing/],
    ['no URL', cloudsYaml(without('auth_url')), /auth\.auth_url: is missing/],
    [
      'a profile instead of a URL',
      cloudsYaml(without('auth_url'), 'profile: ovh'),
      /profile: is not looked up: write the auth_url/,
    ],
    ['plain http', cloudsYaml(AUTH.replace('https', 'http')), /auth\.auth_url: must be an https URL/],
    [
      'no password, as in a file that was downloaded',
      cloudsYaml(without('password')),
      /auth\.password: is missing: a downloaded clouds\.yaml does not have it, so add it/,
    ],
    ['no user', cloudsYaml(without('username')), /auth\.username: is missing: add it, or user_id/],
    [
      'no project',
      cloudsYaml(without('project_id')),
      /auth\.project_id: is missing: add it, or project_name/,
    ],
    [
      'an application credential without its secret',
      cloudsYaml('auth_url: https://a.example\napplication_credential_id: hunter2'),
      /auth\.application_credential_secret: is missing/,
    ],
    [
      'an application credential without id and name',
      cloudsYaml(CREDENTIAL),
      /auth\.application_credential_id: is missing: add it, or application_credential_name/,
    ],
    [
      'the name of an application credential without a user',
      cloudsYaml(`${CREDENTIAL}\napplication_credential_name: n`),
      /auth\.username: is missing/,
    ],
    [
      'a token',
      cloudsYaml(`${without('password')}\ntoken: hunter2hunter2`, 'auth_type: v3token'),
      /auth_type: must be v3applicationcredential or password/,
    ],
    [
      'a misspelled field',
      cloudsYaml(AUTH, 'region_nam: hunter2'),
      /a key of the cloud: is not a known key: did you mean "region_name"\?/,
    ],
    [
      'a misspelled field of auth',
      cloudsYaml(`${AUTH}\nproject_domain_nam: x`),
      /a key of auth: is not a known key: did you mean "project_domain_name"\?/,
    ],
    [
      'the password in place of a field',
      cloudsYaml(`${AUTH}\nhunter2hunter2: password`),
      /a key of auth: is not a known key: check its spelling, or remove it/,
    ],
    [
      'a field that belongs under auth',
      cloudsYaml(AUTH, 'project_name: hunter2'),
      /project_name: belongs under auth: move it there/,
    ],
    [
      'the path of a certificate',
      cloudsYaml(AUTH, 'cacert: /etc/ssl/hunter2.pem'),
      /cacert: must be the content of the file, from -----BEGIN CERTIFICATE----- on/,
    ],
    [
      'a damaged certificate',
      cloudsYaml(AUTH, `cacert: |\n${indented(AUTHORITY.replace(/\n.{20}/, '\nhunter2'), 2)}`),
      /cacert: must be the content of the file/,
    ],
    [
      'certificates that are not verified',
      cloudsYaml(AUTH, 'verify: false'),
      /verify: must be true: put the certificate of the authority of your cloud into cacert/,
    ],
    [
      'a client certificate',
      cloudsYaml(AUTH, 'cert: /etc/hunter2.pem\nkey: hunter2'),
      /cert: is not supported: log in with an application credential[\s\S]*key: is not supported/,
    ],
    [
      'the interface for administrators',
      cloudsYaml(AUTH, 'interface: admin'),
      /interface: must be public or internal/,
    ],
    [
      'an override without a region',
      cloudsYaml(AUTH, 'image_endpoint_override: https://hunter2.example'),
      /region_name: is missing: an endpoint override is the URL of one region/,
    ],
    [
      'an override over plain http',
      cloudsYaml(AUTH, 'region_name: DFW\nimage_endpoint_override: http://hunter2.example'),
      /image_endpoint_override: must be an https URL/,
    ],
    ['regions that are no list', cloudsYaml(AUTH, 'regions: hunter2'), /regions: must be a list of names/],
  ])('%s', async (_, secret, message) => {
    const h = await cloudWithServers();
    h.cloud.secrets.set(SECRET, secret);
    h.cloud.received.length = 0;
    for (const job of ['snapshot', 'cleanup', 'doctor'] as const) {
      const { error } = await h.fail(job, job === 'doctor' ? { policies: [policy()] } : policy());
      expect(error.message).toMatch(message);
      expect(`${inspect(error, { depth: 9, showHidden: true })}${h.logs()}`).not.toContain('hunter2');
    }
    expect(h.cloud.received.filter(({ service }) => service !== 'secrets')).toEqual([]);
  });
});

describe('the region of a clouds.yaml', () => {
  async function restrictedTo(more: string): Promise<Harness> {
    const h = await cloudWithServers();
    const { cloud } = h;
    const { applicationCredential: its } = cloud.account;
    const auth = `auth_url: ${cloud.keystoneUrl}\napplication_credential_id: ${its.id}\napplication_credential_secret: ${its.secret}`;
    cloud.secrets.set(SECRET, cloudsYaml(auth, more));
    return h;
  }
  const taken = ({ cloud }: Harness) => ['DFW', 'ORD'].filter((name) => cloud.region(name).images.length > 0);

  test.each([
    ['region_name: ORD', ['ORD']],
    ['region_name: ord', ['ORD']],
    ['regions: [ORD]', ['ORD']],
    ['regions:\n  - dfw\n  - ORD', ['DFW', 'ORD']],
  ])('is the only one of a run: %s', async (more, regions) => {
    const h = await restrictedTo(more);
    await h.run('snapshot', policy());
    expect(taken(h)).toEqual(regions);
  });

  test('that the cloud does not have is refused, with the regions that it has', async () => {
    const h = await restrictedTo('region_name: hunter2');
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain('correct region_name; the regions are DFW, ORD');
    expect(`${inspect(error, { depth: 9 })}${h.logs()}`).not.toContain('hunter2');
    expect(taken(h)).toEqual([]);
  });

  test('leaves a policy no other region', async () => {
    const h = await restrictedTo('region_name: ORD');
    const { error } = await h.fail('snapshot', policy({ regions: ['DFW'] }));
    expect(error.message).toContain("DFW can't be read");
    expect(taken(h)).toEqual([]);
  });
});
