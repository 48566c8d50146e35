import { beforeEach, describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';

// What only the cloud can tell doctor of a policy's drills and copies.

const SECRET = 'autosnap/test/rackspace';
const PUBLIC = '00000000-0000-0000-0000-000000000000';
const PRIVATE = '11111111-1111-1111-1111-111111111111';

let h: Harness;

beforeEach(async () => {
  setTime('2026-11-23T09:00:00Z');
  h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web-1' });
});

/** What doctor finds of drills and copies, without when they are due. */
async function found(changes: object): Promise<string[]> {
  const { report } = await h.fail('doctor', { policies: [policy({ localDisks: 'accepted', ...changes })] });
  return report!.checks
    .filter(({ check, code }) => ['drill', 'offsite'].includes(check) && !/_NEXT$/.test(code))
    .map(({ verdict, detail, remedy }) => `${verdict} ${detail}${remedy ? ` → ${remedy}` : ''}`);
}

describe("a drill's flavor, networks and security groups", () => {
  const schedule = 'cron(0 3 * * ? *)';

  describe.each(['rackspace', 'password'] as const)('by %s', (kind) => {
    beforeEach(() => {
      h.cloud.secrets.set(SECRET, h.cloud.secret(kind));
    });

    test.each(['general1-2', '2 GB General Purpose v1'])('the flavor %s is there', async (flavor) => {
      expect(await found({ drill: { schedule, flavor, networks: [PRIVATE] } })).toEqual([]);
    });

    test('a missing value fails, and the available ones are listed, only in regions with servers', async () => {
      expect(await found({ drill: { schedule, flavor: 'huge', networks: [PUBLIC, 'lan'] } })).toEqual([
        'fail DFW: drill.flavor: there is no huge: there is 2 (512MB Standard Instance), compute1-4 (3.75 GB Compute v1), general1-1 (1 GB General Purpose v1), general1-2 (2 GB General Purpose v1), performance2-15 (15 GB Performance) → Correct drill.flavor, or leave the region out of regions.',
        `fail DFW: drill.networks: there is no lan: there is ${PUBLIC} (public), 11111111-1111-1111-1111-111111111111 (private) → Correct drill.networks, or leave the region out of regions.`,
      ]);
    });

    test("a network's name is not its id", async () => {
      expect(await found({ drill: { schedule, networks: ['public'] } })).toEqual([
        expect.stringMatching(/^fail DFW: drill\.networks: there is no public: /),
      ]);
    });

    test('reports that the cloud does not show the values', async () => {
      h.cloud.faults.push({ service: 'compute', path: /networks/, times: 9, answer: answers.forbidden });
      expect(await found({ drill: { schedule, networks: [PUBLIC] } })).toEqual([
        expect.stringMatching(/^warn DFW: drill\.networks: the available values could not be read: .* 403 /),
      ]);
    });
  });

  test("Rackspace's public network is a warning", async () => {
    expect(await found({ drill: { schedule, networks: [PRIVATE, PUBLIC] } })).toEqual([
      `warn DFW: drill.networks: public (${PUBLIC}) can be reached from outside: the throw-away server would be, too, with its data and its services → Name an isolated network, or none.`,
    ]);
  });

  test('security groups, of an OpenStack', async () => {
    h.cloud.secrets.set(SECRET, h.cloud.secret('password'));
    const drill = { schedule, networks: [PUBLIC], securityGroups: ['default', 'web'] };
    expect(await found({ drill })).toEqual([
      expect.stringMatching(
        /^fail DFW: drill\.securityGroups: there is no web: there is 85cc3048-abc3-43cc-89b3-\w{12} \(default\) → /,
      ),
    ]);
    h.cloud.region('DFW').securityGroups.push('web');
    expect(await found({ drill })).toEqual([]);
  });

  test('networks of the account itself, at Rackspace', async () => {
    h.cloud.region('DFW').networks.push({ id: 'lan-1', label: 'lan' });
    expect(await found({ drill: { schedule, networks: ['lan-1'] } })).toEqual([]);
  });
});

describe('the container of copies in Cloud Files', () => {
  const offsite = { schedule: 'rate(6 hours)', keep: { last: 2 }, to: 'cloud-files', container: 'copies' };

  test('that is there', async () => {
    h.cloud.region('DFW').files.containers.set('copies', new Map());
    expect(await found({ offsite })).toEqual([]);
  });

  test('that a policy names and is not there', async () => {
    expect(await found({ offsite })).toEqual([
      'warn DFW: there is no container copies yet: the first copy creates it → Correct offsite.container if it is misspelt.',
    ]);
  });

  test('that no policy names and is not there yet', async () => {
    const { container: _, to: __, ...byDefault } = offsite;
    expect(await found({ offsite: byDefault })).toEqual([]);
    const asked = h.cloud.received.filter(({ service }) => service === 'object-store');
    expect(asked.map(({ method, path }) => `${method} ${path.split('/').at(-1)}`)).toEqual([
      'HEAD autosnap-test',
    ]);
  });

  test.each([
    ['refuses', answers.forbidden, / 403 /],
    ['does not answer', 'drop' as const, /no answer/],
  ])('that %s', async (_, answer, message) => {
    h.cloud.faults.push({ service: 'object-store', times: 9, answer });
    const [finding, ...more] = await found({ offsite });
    expect(more).toEqual([]);
    expect(finding).toMatch(/^fail DFW: the container copies can't be reached: /);
    expect(finding).toMatch(message);
  });

  test('copies in S3 need no container', async () => {
    expect(await found({ offsite: { schedule: offsite.schedule, keep: offsite.keep, to: 's3' } })).toEqual(
      [],
    );
    expect(h.cloud.received.filter(({ service }) => service === 'object-store')).toEqual([]);
  });
});
