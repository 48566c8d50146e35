import { describe, expect, test } from 'vitest';
import { alarmsOf } from '../../deploy/alarms.ts';
import { dashboardOf } from '../../deploy/dashboard.ts';
import { answers } from '../../local/cloud/faults.ts';
import { addFleet } from '../../local/fleet.ts';
import { addLookalike, addThrowAway } from '../drill/world.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';

const NOW = '2026-11-23T09:00:00Z';
const DAILY = policy({
  servers: { tagged: { autosnap: 'daily' } },
  keep: { last: 7, weekly: 4, monthly: 12 },
});

async function fleet(...policies: object[]): Promise<Harness> {
  setTime(NOW);
  const h = await harness({ regions: ['DFW', 'ORD'] });
  addFleet(h.cloud, 'autosnap-test');
  deploy(policies.length > 0 ? policies : [DAILY]);
  return h;
}

interface Emitted {
  metrics: Record<string, string>;
  dimensions: Record<string, string>;
  values: Record<string, number>;
}

/** The emitted metrics, each with its unit, dimensions and value. */
function emitted({ logs }: Harness): Emitted[] {
  return logs()
    .split('\n')
    .filter((line) => line.includes('CloudWatchMetrics'))
    .map((line) => {
      const { _aws, ...fields } = JSON.parse(line);
      const [{ Namespace, Dimensions, Metrics }] = _aws.CloudWatchMetrics;
      expect(Namespace).toBe('Autosnap');
      expect(Dimensions).toHaveLength(1);
      const pick = (names: string[]) => Object.fromEntries(names.map((name) => [name, fields[name]]));
      const names = Metrics.map(({ Name }: { Name: string }) => Name);
      return {
        metrics: Object.fromEntries(Metrics.map((m: { Name: string; Unit: string }) => [m.Name, m.Unit])),
        dimensions: pick(Dimensions[0]),
        values: pick(names),
      };
    });
}

const ofPolicy = (h: Harness, name: string) =>
  emitted(h).filter(({ dimensions: { policy: p, server, job } }) => p === name && !server && !job);

test('the throw-away server of a drill needs no protection, but a server that only has its metadata does', async () => {
  const h = await fleet();
  const dfw = h.cloud.region('DFW');
  const image = dfw.images[0]!;
  addThrowAway({ dfw }, image, { name: 'drill' });
  addLookalike({ dfw }, image, { name: 'lookalike' });
  const { uncovered } = await h.run('audit', {});
  expect(uncovered.map(({ name }) => name).sort()).toEqual(['build-scratch', 'lookalike']);
});

describe('a server that a drill left over', () => {
  const DRILLING = { ...DAILY, drill: { schedule: 'rate(1 day)', networks: ['private'] } };

  async function leftOver(...policies: object[]) {
    const h = await fleet(...policies);
    const dfw = h.cloud.region('DFW');
    const image = dfw.images[0]!;
    const server = addThrowAway({ dfw }, image, { name: 'web-drill' });
    return { ...h, image, server, dfw };
  }

  test('blocks the drills of its policy, and the audit reports this with a remedy', async () => {
    const h = await leftOver(DRILLING, policy({ policy: 'weekly' }));
    expect((await h.run('audit', {})).policies[0]!.problems).toEqual([]);
    h.dfw.removeImage(h.image.id);
    const [daily, weekly] = (await h.run('audit', {})).policies;
    expect(daily!.problems).toEqual([
      expect.stringMatching(
        /^drill: DFW: web-drill .* is gone, .* counts towards drill\.atOnce\. .* delete it by hand/,
      ),
    ]);
    expect(weekly!.problems).toEqual([]);
  });

  test('cannot be judged while its image cannot be read, and the audit reports this', async () => {
    const h = await leftOver(DRILLING);
    h.image.properties.autosnap_drill = '';
    h.cloud.faults.push({
      service: 'image',
      path: new RegExp(`images/${h.image.id}$`),
      answer: answers.forbidden,
    });
    expect((await h.run('audit', {})).policies[0]!.problems.join()).toMatch(
      /^drill: the cloud does not say whether a server blocks the drills: /,
    );
  });
});

test('an audit of the example fleet reports late and uncovered servers, and only reads', async () => {
  const h = await fleet();
  h.cloud.received.length = 0;
  const { sentence, late, uncovered, failures } = await h.run('audit', {});
  expect(failures).toEqual([]);
  expect(sentence).toMatch(/^\d+ of \d+ servers protected; /);
  expect(late.length).toBeGreaterThan(0);
  expect(uncovered.map(({ name }) => name)).toContain('build-scratch');
  expect(h.logs()).toContain(`${sentence}.`);
  const sent = h.cloud.received.filter(({ service }) => service !== 'secrets');
  expect(sent.filter(({ method, service }) => method !== 'GET' && service !== 'identity')).toEqual([]);
});

test('a region that fails is reported, its policies have no metrics, and other regions are audited', async () => {
  const h = await fleet(DAILY, policy({ policy: 'dallas', regions: ['DFW'] }));
  h.cloud.faults.push({ service: 'image', region: 'ORD', answer: answers.forbidden, times: 9 });
  const { sentence, policies } = await h.run('audit', {});
  expect(sentence).toMatch(/^ORD can't be read; elsewhere /);
  expect(policies).toMatchObject([
    { policy: 'daily', readable: false, problems: [expect.stringMatching(/^ORD can't be read: /)] },
    { policy: 'dallas', readable: true, problems: [] },
  ]);
  expect(ofPolicy(h, 'daily')).toEqual([]);
  expect(ofPolicy(h, 'dallas')).toHaveLength(1);
});

test('an account whose login fails does not stop the others, and no secret is shown', async () => {
  const h = await fleet(DAILY, policy({ policy: 'other', account: 'customer-b' }));
  const { policies } = await h.run('audit', {});
  expect(policies.map(({ policy: name, readable }) => [name, readable])).toEqual([
    ['daily', true],
    ['other', false],
  ]);
  expect(policies[1]!.problems.join()).toMatch(
    /the account customer-b can't be read: The secret .* can't be read/,
  );
  expect(h.logs()).not.toContain(h.cloud.account.apiKey);
});

test('a selector that matches nothing is a problem with a metric', async () => {
  const h = await fleet(policy({ servers: { names: ['web-*', 'mial-*'] } }));
  const { policies } = await h.run('audit', {});
  expect(policies[0]).toMatchObject({
    nothingSelected: true,
    codes: ['SELECTOR_UNMATCHED'],
    problems: ['servers.names "mial-*" matches no server'],
  });
  expect(ofPolicy(h, 'daily')[0]!.values.NothingSelected).toBe(1);
});

test('a policy whose except excludes every server that it selects is a problem with the same metric', async () => {
  const h = await fleet(policy({ servers: { names: ['web-*'], except: { names: ['w*'] } } }));
  const { policies } = await h.run('audit', {});
  const problem = 'servers.except excludes every selected server';
  expect(policies[0]).toMatchObject({
    nothingSelected: true,
    codes: ['SERVERS_ALL_EXCEPTED'],
    problems: [problem],
  });
  expect(ofPolicy(h, 'daily')[0]!.values).toMatchObject({ NothingSelected: 1, Troubles: 1 });
});

test('a schedule that has ended protects no server', async () => {
  const h = await fleet(policy({ schedule: 'cron(0 0 1-23 11 ? 2026)', servers: { names: ['web-1'] } }));
  const { sentence, late, policies } = await h.run('audit', {});
  expect(sentence).toMatch(/^0 of 1 server protected; web-1 in DFW: the schedule has ended(;|$)/);
  expect(late).toMatchObject([{ name: 'web-1', state: 'late', cause: { code: 'SERIES_SCHEDULE_ENDED' } }]);
  expect(policies[0]!.codes).toEqual(['POLICY_SCHEDULE_ENDED']);
});

test('a schedule that pauses for years protects no server', async () => {
  const h = await fleet(policy({ schedule: 'cron(0 0 1-23 11 ? 2026,2030)', servers: { names: ['web-1'] } }));
  const { sentence, policies } = await h.run('audit', {});
  expect(sentence).toMatch(
    /^0 of 1 server protected; web-1 in DFW: the schedule pauses until 2030-11-01 00:00(;|$)/,
  );
  expect(policies[0]).toMatchObject({
    codes: ['POLICY_SCHEDULE_ENDED'],
    problems: [
      expect.stringContaining('it pauses until 2030-11-01 00:00 UTC: no snapshot is taken until then'),
    ],
  });
});

describe('a server that no listing has', () => {
  /**
   * Two servers with snapshots of the last midnight. The listing lacks db-1, and GET answers as
   * configured.
   */
  async function halfListed(status: number, changes: Record<string, unknown> = {}) {
    setTime(NOW);
    const h = await harness({ regions: ['DFW', 'ORD'] });
    const dfw = h.cloud.region('DFW');
    const [web, db] = ['web-1', 'db-1'].map((name) => dfw.addServer({ name, createdAt: new Date(0) }));
    const snapshots = [web, db].map((server) => addSnapshot(h, server!, 0));
    deploy([policy(changes)]);
    dfw.unlisted.add(db!.id);
    const answer = { status, body: { fault: { code: status, message: 'The cell is down.' } } };
    const path = new RegExp(`servers/${db!.id}$`);
    h.cloud.faults.push({ service: 'compute', method: 'GET', path, times: 99, answer });
    return { ...h, db: db!, snapshots };
  }

  test('counts neither as deleted nor as protected if GET does not show whether it exists', async () => {
    const h = await halfListed(500);
    const { sentence, late, orphaned, policies, warnings } = await h.run('audit', {});
    expect(sentence).toBe('1 of 2 servers protected; db-1: the cloud does not say whether the server exists');
    expect(late).toMatchObject([
      { server: h.db.id, state: 'late', cause: { code: 'SERIES_SERVER_UNCERTAIN' } },
    ]);
    expect([orphaned, warnings]).toEqual([[], []]);
    expect(policies).toMatchObject([
      {
        readable: false,
        codes: ['POLICY_SERVERS_UNCERTAIN'],
        problems: [expect.stringContaining('The cell is down')],
      },
    ]);
    expect(ofPolicy(h, 'daily')).toEqual([]);
  });

  test.each([
    ['is late, in the alarm, too, after four days without a snapshot', 4, 1],
    ['is protected by the snapshot of last midnight', 0, 0],
  ])('and that exists %s', async (_, age, troubles) => {
    setTime(NOW);
    const h = await harness();
    const dfw = h.cloud.region('DFW');
    const [web, db] = ['web-1', 'db-1'].map((name) => dfw.addServer({ name, createdAt: new Date(0) }));
    addSnapshot(h, web!, 0);
    addSnapshot(h, db!, age);
    deploy([policy()]);
    dfw.unlisted.add(db!.id);
    const { sentence, orphaned } = await h.run('audit', {});
    expect(sentence).toBe(
      troubles > 0 ? '1 of 2 servers protected; db-1 is 3 days late' : '2 of 2 servers protected',
    );
    expect(orphaned).toEqual([]);
    expect(ofPolicy(h, 'daily')[0]!.values.Troubles).toBe(troubles);
  });

  test('counts as deleted if GET answers 404', async () => {
    const h = await halfListed(404);
    const { sentence, orphaned, policies } = await h.run('audit', {});
    expect(sentence).toBe('1 of 1 server protected');
    expect(orphaned).toMatchObject([{ server: h.db.id }]);
    expect(policies).toMatchObject([{ readable: true, problems: [] }]);
  });

  test('does not concern a policy that cannot select it', async () => {
    const h = await halfListed(500, { servers: { names: ['web-*'] } });
    const { sentence, orphaned, policies } = await h.run('audit', {});
    expect(sentence).toBe('1 of 1 server protected');
    expect(orphaned).toEqual([]);
    expect(policies).toMatchObject([{ readable: true }]);
  });
});

test('servers that also have an image schedule of Rackspace cause a warning', async () => {
  const h = await fleet();
  h.cloud.region('DFW').servers.find(({ name }) => name === 'web-1')!.imageSchedule = { retention: 3 };
  const { warnings } = await h.run('audit', {});
  expect(textsOf(warnings)).toContainEqual(
    expect.stringMatching(/^DFW: web-1 also has Rackspace's own image schedule/),
  );
});

test('the ten most overdue servers have metrics of their own', async () => {
  setTime(NOW);
  const h = await harness();
  deploy([policy()]);
  for (let i = 0; i < 12; i++) {
    const createdAt = new Date(Date.parse(NOW) - (i + 1) * 86_400_000);
    h.cloud.region('DFW').addServer({ name: `s${i}`, createdAt });
  }
  await h.run('audit', {});
  const servers = emitted(h).flatMap(({ dimensions }) => dimensions.server?.split(' ')[0] ?? []);
  expect(servers.toSorted()).toEqual(['s10', 's11', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9']);
});

test('servers with equal names have separate metrics, and every name makes one', async () => {
  setTime(NOW);
  const h = await harness();
  deploy([policy()]);
  const createdAt = new Date(0);
  const names = ['web', 'web', 'ütf', '雲', ':colon', 'a\nb'];
  const servers = names.map((name) => h.cloud.region('DFW').addServer({ name, createdAt }));
  await h.run('audit', {});
  const shown = ['web', 'web', '?tf', '?', '?colon', 'a?b'];
  expect(
    emitted(h)
      .flatMap(({ dimensions }) => dimensions.server ?? [])
      .toSorted(),
  ).toEqual(servers.map(({ id }, i) => `${shown[i]} ${id}`).toSorted());
});

describe('while a region can not be read', () => {
  async function withoutOrd(servers: object) {
    setTime(NOW);
    const h = await harness({ regions: ['DFW', 'ORD'] });
    const web = h.cloud.region('DFW').addServer({ name: 'web-1', createdAt: new Date(0) });
    addSnapshot(h, web, 0, { size: 6e9 });
    h.cloud.region('ORD').addServer({ name: 'db-1', createdAt: new Date(0) });
    deploy([policy({ servers }), policy({ policy: 'dallas', servers, regions: ['DFW'] })]);
    h.cloud.faults.push({ service: 'compute', region: 'ORD', answer: answers.forbidden, times: 99 });
    const { policies, uncovered, unlisted } = await h.run('audit', {});
    const [daily, dallas] = policies.map(({ codes, nothingSelected }) => ({ codes, nothingSelected }));
    return { daily, dallas, uncovered, unlisted };
  }

  test.each<[string, object, string, string]>([
    ['name', { names: ['web-*', 'db-*'] }, 'POLICY_SELECTOR_UNCERTAIN', 'SELECTOR_UNMATCHED'],
    ['tag', { names: ['web-*'], tagged: { a: 'b' } }, 'POLICY_SELECTOR_UNCERTAIN', 'SELECTOR_UNMATCHED'],
    ['id', { names: ['web-*'], ids: ['some-id'] }, 'POLICY_ID_UNCERTAIN', 'POLICY_ID_UNKNOWN'],
  ])(
    'whether a %s matches is not known, where the policy is for that region',
    async (_, servers, code, other) => {
      const { daily, dallas } = await withoutOrd(servers);
      expect(daily).toEqual({ codes: ['POLICY_REGION_UNREADABLE', code], nothingSelected: false });
      expect(dallas).toEqual({ codes: [other], nothingSelected: other === 'SELECTOR_UNMATCHED' });
    },
  );

  test('whether except excludes every selected server is not known, where the policy is for that region', async () => {
    const { daily, dallas } = await withoutOrd({ all: true, except: { names: ['web-*'] } });
    expect(daily).toEqual({ codes: ['POLICY_REGION_UNREADABLE'], nothingSelected: false });
    expect(dallas).toEqual({ codes: ['SERVERS_ALL_EXCEPTED'], nothingSelected: true });
  });

  test('while a region is unreadable, its uncovered servers are unknown', async () => {
    const { uncovered, unlisted } = await withoutOrd({ names: ['web-*'] });
    expect(uncovered).toEqual([]);
    expect(unlisted).toEqual([{ account: 'rackspace', region: 'ORD' }]);
  });
});

test('the results of drills are in the metrics and in the summary, if there are drills', async () => {
  const drill = { schedule: 'rate(1 day)' };
  const h = await fleet(DAILY, policy({ policy: 'asked', drill }), policy({ policy: 'other' }));
  const { unproven } = await h.run('audit', {});
  expect(unproven.map(({ name }) => name)).toEqual(['db-1']);
  expect(unproven[0]!.proof).toMatchObject({ failed: '2026-11-22T04:00:00Z' });
  const [daily] = ofPolicy(h, 'daily');
  expect(daily).toMatchObject({
    metrics: { ProvenAge: 'Seconds', DrillsFailed: 'Count' },
    values: { DrillsFailed: 1 },
  });
  // The slot of db-2 three weeks before midnight, plus four hours.
  expect(daily!.values.ProvenAge).toBe((21 * 24 + 9 - 4) * 3_600);
  expect(ofPolicy(h, 'asked')[0]!.values).toMatchObject({ DrillsFailed: 0 });
  expect(ofPolicy(h, 'other')[0]!.metrics).not.toHaveProperty('DrillsFailed');
});

test('every alarm and graph of our metrics uses a metric that the functions emit', async () => {
  const h = await fleet();
  // The network does not exist, so the drill ends at once.
  const networks = ['5b9c0c4e-0000-4000-8000-000000000001'];
  const drilled = { ...DAILY, drill: { schedule: 'rate(1 day)', networks } };
  deploy([drilled]);
  await h.run('snapshot', { policy: 'daily' });
  await h.run('cleanup', { policy: 'daily' });
  await h.fail('drill', { policy: 'daily' });
  await h.run('audit', {});
  const known = new Map(
    emitted(h).flatMap(({ metrics, dimensions }) =>
      Object.entries(metrics).map(([name, unit]) => [key(name, dimensions), unit] as const),
    ),
  );
  const service = { service: 'autosnap', custom: { policies: { daily: drilled } } };
  const alarms = Object.values(alarmsOf(service, 'test')).map(({ Properties }) => Properties);
  const ours = alarms.filter(({ Namespace }) => Namespace === 'Autosnap');
  expect(ours.map(({ MetricName }) => MetricName)).toEqual(['Troubles', 'Audits']);
  for (const { MetricName, Dimensions, Unit } of ours) {
    const named = (Dimensions as { Name: string; Value: string }[]).map((d) => [d.Name, d.Value]);
    expect(known.get(key(MetricName as string, Object.fromEntries(named)))).toBe(Unit);
  }

  const body = JSON.stringify(dashboardOf(service, 'test'));
  const searches = [
    ...body.matchAll(/SEARCH\('\{Autosnap,([\w,]+)\} service=\W+autosnap-test\W+MetricName=\W+(\w+)/g),
  ];
  expect(searches).toHaveLength(17);
  const searchable = new Set([...known.keys()].map((one) => one.replace(/"[^"]*"\]/g, '""]')));
  for (const [, dimensions = '', name = ''] of searches) {
    const any = Object.fromEntries(dimensions.split(',').map((dimension) => [dimension, '']));
    // The policy has no copies.
    if (name !== 'Copied') expect(searchable, `${name} ${dimensions}`).toContain(key(name, any));
  }
});

function key(name: string, dimensions: Record<string, string>): string {
  return `${name} ${JSON.stringify(Object.entries(dimensions).sort())}`;
}

test.each<[event: unknown, problem: RegExp]>([
  ...[[], 0, false, 'always'].map((event): [unknown, RegExp] => [event, /it must be a JSON object/]),
  [{ digest: 'weekly' }, /digest: must be "always", "on-trouble" or "never"/],
  [{ policy: 'daily' }, /policy: is not a known key/],
])('%j is refused', async (event, problem) => {
  const h = await fleet();
  const { error } = await h.fail('audit', event);
  expect(error.name).toBe('ValidationError');
  expect(error.message).toMatch(problem);
});

test('without a deployment the audit fails', async () => {
  const h = await harness();
  deploy();
  const { error } = await h.fail('audit', {});
  expect(error.message).toMatch(/There is nothing to check/);
});
