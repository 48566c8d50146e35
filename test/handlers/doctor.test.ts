import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import type { Diagnosis, ReportedCheck } from '../../lib/doctor/diagnosis.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';

const SECRET = 'autosnap/test/rackspace';
const SECRETS = /hunter2hunter2|aaaaa-bbbbb|correct horse|xT9vQ2mLr7Wk4Zs8/;

/** An account with one server in each region and everything that a valid policy needs. */
async function account(): Promise<Harness> {
  setTime('2026-11-23T09:00:00Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  h.cloud.region('DFW').addServer({ name: 'web-1', metadata: { autosnap: 'daily' } });
  h.cloud.region('ORD').addServer({ name: 'db-1' });
  return h;
}

interface Outcome {
  diagnosis: Diagnosis | undefined;
  error: Error | undefined;
  /** Everything that was logged, including the text for people. */
  logs: string;
}

/** Runs the handler, and expects that it only logged in and read, and showed no secret. */
async function doctor(h: Harness, event: unknown): Promise<Outcome> {
  const { cloud } = h;
  const images = () => ['DFW', 'ORD'].map((name) => structuredClone(cloud.region(name).images));
  const before = images();
  cloud.received.length = 0;
  const { error, report: diagnosis } = await h.fail('doctor', event);
  const sent = cloud.received.filter(({ service }) => service !== 'secrets');
  expect(
    sent.filter(({ service, method }) => method !== (service === 'identity' ? 'POST' : 'GET')),
    'what the cloud received besides logins and GETs',
  ).toEqual([]);
  expect(images()).toEqual(before);
  expect(`${inspect(error, { depth: 9, showHidden: true })}${h.logs()}`).not.toMatch(SECRETS);
  return { diagnosis, error: error.message === 'the run did not fail' ? undefined : error, logs: h.logs() };
}

/** Checks `policies` before they are deployed. */
const tried = (h: Harness, ...policies: object[]) => doctor(h, { policies });

/**
 * The findings that are warnings or failures: `fail servers: names "x" matches no server → Correct
 * it.`
 */
function troubles({ diagnosis }: Outcome): string[] {
  return (diagnosis?.checks ?? [])
    .filter(({ verdict }) => verdict !== 'pass')
    .map(({ check, verdict, detail, remedy }) =>
      [`${verdict} ${check}: ${detail}`, ...(remedy ? [remedy] : [])].join(' → '),
    );
}

function findings({ diagnosis }: Outcome, check: ReportedCheck['check']): string[] {
  return (diagnosis?.checks ?? []).filter((c) => c.check === check).map(({ detail }) => detail);
}

describe('a deployment without problems', () => {
  test.each([undefined, null, '', {}])(
    '%o: all policies are checked, and the log has a text for people',
    async (event) => {
      const h = await account();
      for (const autosnap_owner of ['autosnap-test', 'autosnap-prod']) {
        h.cloud
          .region('DFW')
          .addImage({ name: 'web-1-daily', owner: '123456', properties: { autosnap_owner } });
      }
      deploy([
        policy({ servers: { tagged: { autosnap: 'daily' }, names: ['db-*'] } }),
        policy({
          policy: 'weekly',
          schedule: 'cron(0 6 ? * SUN *)',
          timezone: 'America/Chicago',
          regions: ['ORD'],
          servers: { names: ['db-*'] },
        }),
      ]);
      const { error, logs } = await doctor(h, event);
      expect(error).toBeUndefined();
      expect(logs.slice(logs.indexOf('\naccount') + 1).split('\n')).toEqual([
        'account rackspace',
        `  ✓ secret   a Rackspace API key for ${h.cloud.rackspaceUrl}`,
        '  ✓ login    project 123456 in DFW, ORD',
        "  ✓ rights   the user's roles are cbs:admin, cloudImages:admin, compute:default, identity:default, nova:admin: it may make and delete images and volume snapshots",
        "  ✓ clock    the cloud's clock agrees with the one here",
        '  ✓ region   DFW: servers 1, images 2, of these 1 by autosnap-test',
        '  ✓ region   ORD: servers 1, images 0, of these 0 by autosnap-test',
        '  ✓ volumes  DFW: 0 volume snapshots',
        '  ✓ volumes  ORD: 0 volume snapshots',
        '',
        'policy daily',
        '  ✓ regions  DFW, ORD (all)',
        '  ✓ servers  2: db-1, web-1',
        '  ✓ schedule next at 2026-11-24 00:00 UTC',
        '  ✓ cleanup  next by 2026-11-23 15:00 UTC',
        '',
        'policy weekly',
        '  ✓ regions  ORD',
        '  ✓ servers  1: db-1',
        '  ✓ schedule next at 2026-11-29 12:00 UTC, 2026-11-29 06:00 in America/Chicago',
        '  ✓ cleanup  next by 2026-11-23 15:00 UTC, 2026-11-23 09:00 in America/Chicago',
        '',
        '16 checks: 16 good, 0 to look at, 0 failed.',
      ]);
    },
  );

  test('the diagnosis is returned and logged', async () => {
    const h = await account();
    deploy([policy()]);
    const { diagnosis } = await doctor(h, undefined);
    expect(await h.run('doctor', undefined)).toEqual(diagnosis);
    expect(diagnosis).toMatchObject({ job: 'doctor', owner: 'autosnap-test' });
    expect(diagnosis?.checks).toContainEqual({
      account: 'rackspace',
      policy: 'daily',
      check: 'servers',
      verdict: 'pass',
      code: 'SERVERS_SELECTED',
      detail: '2: db-1, web-1',
    });
  });

  test.each(['password', 'applicationCredential'] as const)('with Keystone, by %s', async (kind) => {
    const h = await account();
    h.cloud.secrets.set(SECRET, h.cloud.secret(kind));
    h.cloud.region('ORD').addServer({ name: 'on-volume', image: '' });
    const outcome = await tried(h, policy());
    expect(troubles(outcome)).toEqual([]);
    expect(findings(outcome, 'secret')).toEqual([
      `a Keystone ${kind === 'password' ? 'password' : 'application credential'} for ${h.cloud.keystoneUrl}`,
    ]);
    expect(findings(outcome, 'rights')).toEqual([
      "the user's roles are member, reader: it may make and delete images and volume snapshots",
    ]);
    expect(findings(outcome, 'volumes')).toEqual(['ORD: 0 volume snapshots']);
  });

  test('the doctor logs in once for each account, and lists each region of its policies once', async () => {
    const h = await account();
    await tried(h, policy({ regions: ['DFW'] }), policy({ policy: 'other', schedule: 'cron(0 9 * * ? *)' }));
    const sent = h.cloud.received.map(({ service, region = '', path }) => `${service} ${region} ${path}`);
    expect(sent.sort()).toEqual([
      'compute DFW /v2/123456/flavors/detail',
      'compute DFW /v2/123456/limits',
      'compute DFW /v2/123456/servers/detail',
      'compute ORD /v2/123456/flavors/detail',
      'compute ORD /v2/123456/limits',
      'compute ORD /v2/123456/servers/detail',
      'identity  /v2.0/tokens',
      'image DFW /v2/images',
      'image DFW /v2/images',
      'image ORD /v2/images',
      'image ORD /v2/images',
      'secrets  /',
      'volume DFW /v1/123456/snapshots/detail',
      'volume DFW /v1/123456/volumes/detail',
      'volume ORD /v1/123456/snapshots/detail',
      'volume ORD /v1/123456/volumes/detail',
    ]);
  });

  test('a region without a policy is not read', async () => {
    const h = await account();
    await tried(h, policy({ regions: ['DFW'] }));
    expect(h.cloud.received.filter(({ region }) => region === 'ORD')).toEqual([]);
  });
});

describe('a problem of an account fails, and the schedules of its policies are still checked', () => {
  test.each<[string, (h: Harness) => unknown, string, RegExp]>([
    [
      'no secret',
      ({ cloud }) => cloud.secrets.clear(),
      'secret',
      /^The secret autosnap\/test\/rackspace can't be read: it does not exist .* create it with aws secretsmanager/,
    ],
    [
      'a secret that is not JSON',
      ({ cloud }) => cloud.secrets.set(SECRET, 'hunter2hunter2'),
      'secret',
      /is refused: it must be a JSON object/,
    ],
    [
      'a secret with two mistakes',
      ({ cloud }) => cloud.secrets.set(SECRET, '{"apiKey":"hunter2hunter2","region":"DFW"}'),
      'secret',
      /is refused:\n- username: is missing\n- a key: is not a known key/,
    ],
    [
      'a secret that the key service does not open',
      ({ cloud }) =>
        cloud.faults.push({
          service: 'secrets',
          // The SDK retries after a broken connection.
          times: 9,
          answer: { status: 400, body: { __type: 'DecryptionFailure', message: 'KMS says no.' } },
        }),
      'secret',
      / returned an error: KMS says no$/,
    ],
    [
      'a key that the cloud does not accept',
      ({ cloud }) => (cloud.account.apiKey = 'another'),
      'login',
      /does not accept these credentials: check the name and the key/,
    ],
    [
      'a second factor',
      ({ cloud }) => (cloud.account.mfa = 'challenge'),
      'login',
      /use the API key of a user without it/,
    ],
    [
      'an address where there is no identity service',
      ({ cloud }) =>
        cloud.faults.push({ service: 'identity', answer: { status: 200, body: '<html>Welcome</html>' } }),
      'login',
      /not complete JSON/,
    ],
  ])('%s', async (_, damage, check, detail) => {
    const h = await account();
    // A warm function has the valid secret in its memory.
    await tried(h, policy());
    damage(h);
    const outcome = await tried(h, policy());
    const [trouble, ...more] = outcome.diagnosis?.checks.filter(({ verdict }) => verdict === 'fail') ?? [];
    expect(trouble).toMatchObject({ account: 'rackspace', check, detail: expect.stringMatching(detail) });
    expect(more).toEqual([]);
    expect(findings(outcome, 'schedule')).toEqual(['next at 2026-11-24 00:00 UTC']);
    expect(findings(outcome, 'servers')).toEqual([]);
    expect(outcome.error?.name).toBe('RunFailed');
  });

  test('a project without regions fails', async () => {
    const h = await harness({ regions: [] });
    const { error } = await h.fail('doctor', { policies: [policy()] });
    expect(error.message).toBe(
      'doctor: 1 of 4 checks failed.\n- account rackspace, login: project 123456 has no region with servers\n  → Put the credentials of another user or project into the secret.',
    );
  });

  test('a failed account does not stop the checks of the others', async () => {
    const h = await account();
    h.cloud.secrets.set('autosnap/test/customer-b', '{"apiKey":"hunter2hunter2"}');
    h.cloud.secrets.set('autosnap/test/customer-c', h.cloud.secret('password'));
    const outcome = await tried(
      h,
      policy({ policy: 'b', account: 'customer-b' }),
      policy(),
      policy({ policy: 'c', account: 'customer-c', servers: { names: ['mail-*'] } }),
    );
    expect(troubles(outcome)).toEqual([
      'fail secret: The secret autosnap/test/customer-b is refused: username: is missing',
      'fail servers: names "mail-*" matches no server → Correct the selector, or give the servers such names or tags.',
      expect.stringMatching(/^warn login: the account rackspace has the same project /),
    ]);
    expect(findings(outcome, 'servers')[0]).toBe('2: db-1, web-1');
    expect(outcome.error?.message).toMatch(
      /^doctor: 2 of \d+ checks failed\.\n- account customer-b, secret: .*\n- policy c, servers: names "mail-\*" matches no server\n {2}→ Correct the selector/,
    );
  });
});

describe('a region that cannot be listed', () => {
  test.each<[string, 'compute' | 'image', FaultAnswer, RegExp]>([
    ['servers that may not be listed', 'compute', answers.forbidden, /403 .* lacks the role for this/],
    ['images that may not be listed', 'image', answers.forbidden, /403 .* lacks the role for this/],
    ['half an answer', 'image', 'truncate', /not complete JSON/],
    ['a server that can not be read', 'compute', { status: 200, body: { servers: [{}] } }, /servers\.0\.id/],
  ])(
    '%s: fails, and servers that may be there are not reported as missing',
    async (_, service, answer, detail) => {
      const h = await account();
      const path = service === 'compute' ? /servers/ : /images/;
      h.cloud.faults.push({ service, region: 'ORD', path, answer, times: 9 });
      const outcome = await tried(h, policy({ servers: { names: ['web-*', 'db-*'], ids: ['an-id'] } }));
      expect(troubles(outcome)).toEqual([
        expect.stringMatching(detail),
        'warn servers: names "db-*" matches no server, in the regions that can be read',
        'warn servers: ids: there is no server an-id, in the regions that can be read',
      ]);
      expect(troubles(outcome)[0]).toMatch(/^fail region: ORD: /);
      expect(findings(outcome, 'servers')[0]).toBe('1: web-1');
    },
  );

  test('a region fails if its images allow fewer metadata than a snapshot has', async () => {
    const h = await account();
    const body = { limits: { absolute: { maxImageMeta: 5 } } };
    h.cloud.faults.push({ service: 'compute', region: 'ORD', path: /limits/, answer: { status: 200, body } });
    expect(troubles(await tried(h, policy()))).toEqual([
      'fail region: ORD: an image takes 5 metadata at most, a snapshot has 6 → Ask the cloud for a higher limit (maxImageMeta), or leave the region out of regions.',
    ]);
  });

  test.each<[string, FaultAnswer]>([
    ['just enough', { status: 200, body: { limits: { absolute: { maxImageMeta: 6 } } } }],
    ['no limit', { status: 200, body: { limits: { absolute: { maxImageMeta: -1 } } } }],
    ['limits that are not shown', answers.forbidden],
    ['limits of another form', { status: 200, body: { limits: { absolute: {} } } }],
  ])('%s causes no finding', async (_, answer) => {
    const h = await account();
    h.cloud.faults.push({ service: 'compute', path: /limits/, answer, times: 9 });
    expect(troubles(await tried(h, policy()))).toEqual([]);
  });

  test('volume snapshots that cannot be listed fail if the policy has volume-backed servers', async () => {
    const h = await account();
    h.cloud.secrets.set(SECRET, h.cloud.secret('password'));
    h.cloud.region('DFW').addServer({ name: 'on-volume', image: '' });
    h.cloud.faults.push({ service: 'volume', answer: answers.forbidden, times: 9 });
    expect(troubles(await tried(h, policy()))).toEqual([
      expect.stringMatching(
        /^fail volumes: DFW: without volume snapshots nothing would be deleted there: .* 403 .* → Give the user access to block storage, or take/,
      ),
    ]);
    expect(troubles(await tried(h, policy({ servers: { names: ['web-*'] } })))).toEqual([]);
  });
});

describe('the roles of the user', () => {
  test.each<[string, Partial<Harness['cloud']['account']>, 'rackspace' | 'password', string[]]>([
    [
      'an observer',
      { role: 'observer' },
      'rackspace',
      [
        "fail rights: the user's roles are cbs:observer, cloudImages:observer, compute:default, identity:default, nova:observer: it may not make or delete images or volume snapshots → Give it nova:admin, cloudImages:admin and cbs:admin.",
      ],
    ],
    [
      'a creator',
      { role: 'creator' },
      'rackspace',
      [
        "fail rights: the user's roles are cbs:creator, cloudImages:creator, compute:default, identity:default, nova:creator: it may not make or delete images or volume snapshots → Give it nova:admin, cloudImages:admin and cbs:admin.",
      ],
    ],
    ["the account's owner", { roles: ['identity:user-admin'] }, 'rackspace', []],
    [
      'roles that say nothing of images',
      { roles: ['checkmate'] },
      'rackspace',
      [
        "warn rights: the user's roles are checkmate, compute:default, identity:default: it is not certain that it may make and delete images and volume snapshots → It needs nova:admin, cloudImages:admin and cbs:admin.",
      ],
    ],
    [
      'a reader of a Keystone',
      { role: 'observer' },
      'password',
      [
        "warn rights: the user's roles are reader: it is not certain that it may make and delete images and volume snapshots → It needs a role such as member.",
      ],
    ],
    [
      'no roles shown',
      { roles: [] },
      'password',
      [
        "warn rights: the user's roles are not shown: it is not certain that it may make and delete images and volume snapshots → It needs a role such as member.",
      ],
    ],
  ])('of %s are judged, with a remedy', async (_, changes, kind, expected) => {
    const h = await account();
    h.cloud.secrets.set(SECRET, h.cloud.secret(kind));
    Object.assign(h.cloud.account, changes);
    const outcome = await tried(h, policy());
    expect(troubles(outcome)).toEqual(expected);
    expect(outcome.error !== undefined, 'it fails').toBe(expected.join().startsWith('fail'));
  });
});

describe('problems of a policy', () => {
  const id = 'ea0bbaf9-48a1-4b6b-a1a8-1f4b0a0d6e61';

  test.each<[string, Record<string, unknown>, string[]]>([
    [
      'a region that the account lacks',
      { regions: ['DFW', 'LON'] },
      [
        'fail regions: the account has no region LON: it has DFW, ORD → Correct regions, or leave it out for all regions of the account.',
      ],
    ],
    [
      'a pattern and a tag that match nothing, beside ones that do',
      { servers: { names: ['web-*', 'mail-?'], tagged: { autosnap: 'hourly' } } },
      [
        'fail servers: names "mail-?" matches no server → Correct the selector, or give the servers such names or tags.',
        'fail servers: tagged {"autosnap":"hourly"} matches no server → Correct the selector, or give the servers such names or tags.',
      ],
    ],
    [
      'an id that no server has',
      { servers: { ids: [id] } },
      [`fail servers: ids: there is no server ${id} → Correct the ids, or remove them.`],
    ],
    [
      'nothing left',
      { servers: { all: true, except: { names: ['*'] } } },
      [
        'fail servers: servers.except excludes every selected server → Remove from except the servers that need snapshots.',
      ],
    ],
    [
      'a schedule that is over',
      { schedule: 'cron(0 0 1 1 ? 2020)' },
      [
        'fail schedule: it never fires again: no snapshot is taken any more → Correct it: its last field is the year, * for every one.',
      ],
    ],
    [
      'a cleanup that is over, by which nothing is lost',
      { cleanup: 'cron(0 0 1 1 ? 2020)' },
      [
        'warn cleanup: it never fires again: all snapshots are kept → Correct it: its last field is the year, * for every one.',
      ],
    ],
  ])('%s', async (_, changes, expected) => {
    const outcome = await tried(await account(), policy(changes));
    expect(troubles(outcome)).toEqual(expected);
    expect(outcome.error !== undefined, 'it fails').toBe(expected.join().startsWith('fail'));
  });

  test('volume-backed servers at Rackspace fail, unless their volumes have snapshots or the policy excludes them', async () => {
    const h = await account();
    h.cloud.region('ORD').addServer({ name: 'bfv', image: '' });
    expect(troubles(await tried(h, policy({ volumes: 'none' })))).toEqual([
      'fail servers: Rackspace makes no images of these servers, and the policy takes no snapshots of their volumes: bfv → Set volumes: attached in the policy, or name them in servers.except.',
    ]);
    expect(troubles(await tried(h, policy()))).toEqual([]);
    const excepting = policy({ volumes: 'none', servers: { all: true, except: { names: ['bfv'] } } });
    expect(troubles(await tried(h, excepting))).toEqual([]);
  });

  test('an hourly policy that selects a server of another policy is a warning; policies for different servers are not', async () => {
    const h = await account();
    const hourly = { policy: 'hourly', schedule: 'cron(0 * * * ? *)' };
    expect(troubles(await tried(h, policy(), policy({ ...hourly, servers: { names: ['db-*'] } })))).toEqual([
      expect.stringMatching(
        /^warn schedule: it fires 0 minutes from daily at .* both take db-1: .* → Set them/,
      ),
    ]);
    const apart = policy({ ...hourly, regions: ['ORD'] });
    expect(troubles(await tried(h, policy({ regions: ['DFW'] }), apart))).toEqual([]);
  });
});

describe('images of another owner of the same service and stage', () => {
  const add = (h: Harness, autosnap_owner: string, changes: object = {}) =>
    h.cloud.region('DFW').addImage({
      name: 'a',
      owner: h.cloud.account.projectId,
      properties: { autosnap_owner },
      ...changes,
    });
  const mine = 'autosnap_test_000000000000_us-east-1';
  const remedy =
    'If that deployment has moved here, or this one had that owner before, set custom.owner to it and deploy again.';

  test.each([
    ['another AWS account', mine, 'autosnap_test_111111111111_us-east-1'],
    ['another AWS region', mine, 'autosnap_test_000000000000_eu-west-1'],
    ['no AWS account', mine, 'autosnap_test_local'],
    ['the form <service>-<stage>', mine, 'autosnap-test'],
    ['the form <service>_<stage>', mine, 'autosnap_test'],
    ['another region, beside an owner by hand', 'acme', 'autosnap_test_000000000000_eu-west-1'],
  ])('are reported: %s', async (_, owner, other) => {
    const h = await account();
    vi.stubEnv('AUTOSNAP_OWNER', owner);
    for (let i = 0; i < 2; i++) add(h, other);
    expect(troubles(await tried(h, policy()))).toEqual([
      `warn owner: DFW: images of ${other} (2), an owner of the same service and stage: ${owner} neither counts nor rotates them → ${remedy}`,
    ]);
  });

  test('are reported if this deployment had that owner before custom.owner was set', async () => {
    const h = await account();
    vi.stubEnv('AUTOSNAP_OWNER', 'acme');
    add(h, mine);
    expect(troubles(await tried(h, policy()))).toEqual([
      `warn owner: DFW: images of ${mine} (1), the owner of this deployment without custom.owner: acme neither counts nor rotates them → Take custom.owner out again if it was set by mistake; else delete these images by hand once they are no longer needed.`,
    ]);
  });

  test.each([
    ['hidden', { hidden: true }],
    ['shared', { visibility: 'shared' }],
    ['community', { visibility: 'community' }],
    ['public', { visibility: 'public' }],
  ])('are reported if they are %s', async (_, changes) => {
    const h = await account();
    add(h, 'autosnap_test_local', changes);
    const outcome = await tried(h, policy());
    expect(troubles(outcome)).toEqual([expect.stringContaining('images of autosnap_test_local (1)')]);
    expect(findings(outcome, 'region')).toContain('DFW: servers 1, images 1, of these 0 by autosnap-test');
  });

  test('are not reported for another service or stage', async () => {
    const h = await account();
    vi.stubEnv('AUTOSNAP_OWNER', mine);
    for (const other of [
      'autosnap_prod_000000000000_us-east-1',
      'autosnap-eu_test_1_x',
      'autosnap-test-2',
      mine,
      '',
    ]) {
      add(h, other);
    }
    expect(troubles(await tried(h, policy()))).toEqual([]);
  });
});

test('a wrong clock is a warning', async () => {
  const h = await account();
  h.cloud.advance(-7 * 60_000);
  const outcome = await tried(h, policy());
  expect(troubles(outcome)).toEqual([
    "warn clock: the cloud's clock is 7 minutes behind the one here → Image ages use both clocks: correct the wrong one.",
  ]);
  expect(outcome.error).toBeUndefined();
});

/** The case, the deployed policies, the event, and the error. */
type Bad = [what: string, deployed: object[] | undefined, event: unknown, message: string];

describe('the policies to check', () => {
  test('policies in the event are checked instead of the deployed ones', async () => {
    const h = await account();
    deploy([policy()]);
    const { diagnosis } = await tried(h, policy({ policy: 'new' }));
    expect(new Set(diagnosis?.checks.map((c) => c.policy))).toEqual(new Set([undefined, 'new']));
  });

  test.each([
    ['a whole policy', policy({ policy: 'new' }), 'new'],
    ['the name of a deployed one', { policy: 'daily' }, 'daily'],
    ['the name of a deployed one, with a region of it', { policy: 'daily', regions: ['DFW'] }, 'daily'],
  ])('%s is checked alone', async (_, event, name) => {
    const h = await account();
    deploy([policy(), policy({ policy: 'weekly' })]);
    const { diagnosis } = await doctor(h, event);
    expect(new Set(diagnosis?.checks.map((c) => c.policy))).toEqual(new Set([undefined, name]));
  });

  test.each<Bad>([
    [
      'no package',
      undefined,
      {},
      'There is nothing to check: this code was not deployed with policies: deploy it, or send {"policies": [<policy>]}',
    ],
    [
      'a deployment without policies',
      [],
      {},
      'There is nothing to check: custom.policies in serverless.yml has no policy: add one, and deploy again',
    ],
    [
      'a list of none',
      [policy()],
      { policies: [] },
      'The event is refused: policies: must not be empty: leave it out',
    ],
    [
      'no list',
      [policy()],
      { policies: 'daily' },
      'The event is refused: policies: must be a list of policies',
    ],
    [
      'a policy that is not deployed',
      [policy(), policy({ policy: 'weekly' })],
      { policy: 'hourly' },
      'The event is refused: policy: there is no policy "hourly" in this deployment, only daily, weekly: nothing is created, copied or deleted',
    ],
    [
      'the name of a policy, where nothing is packaged',
      undefined,
      { policy: 'daily' },
      'The event is refused: policy: no policies are deployed with this code: send a complete policy: nothing is created, copied or deleted',
    ],
    [
      'an account that a deployed policy is not for',
      [policy()],
      { policy: 'daily', account: 'other' },
      'The event is refused: account: the policy "daily" is not deployed for the account "other": nothing is created, copied or deleted',
    ],
    ...[['daily'], 'daily', 0, false, []].map(
      (event): Bad => [
        `an event that is no object: ${JSON.stringify(event)}`,
        [policy()],
        event,
        'The event is refused: it must be a JSON object: see events/ for examples',
      ],
    ),
    [
      'an unknown key',
      [policy()],
      { policys: [] },
      'The event is refused: policys: is not a known key: did you mean "policies"?',
    ],
    [
      'policies that a run would refuse, with all that is wrong in any of them',
      [policy()],
      { policies: [policy(), policy({ keep: { last: 0 }, policy: 'Daily' }), 'x'] },
      'The event is refused:\n- policies.1: policy: must be 1 to 40 of a-z, 0-9 and -, and start with a letter or digit\n- policies.1: keep.last: must be a whole number of 1 or more, or be left out\n- policies.2: it must be a JSON object: see events/ for examples',
    ],
  ])('%s: fails without a request', async (_, deployed, event, message) => {
    const h = await account();
    deploy(deployed);
    const { error } = await h.fail('doctor', event);
    expect(error.message).toBe(message);
    expect(error.name).toBe('ValidationError');
    expect(h.cloud.received).toEqual([]);
  });
});
