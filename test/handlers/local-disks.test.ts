import { beforeEach, describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { Region } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';

// Local data disks are in no snapshot: they are named until the policy accepts that.

const SECRET = 'autosnap/test/rackspace';
const LOCAL =
  'DFW: the local data disks of db-1 are in no snapshot: back them up in another way, then set localDisks: accepted in the policy daily';

let h: Harness;
let region: Region;

beforeEach(async () => {
  setTime('2026-11-24T00:00:10Z');
  h = await harness({ regions: ['DFW'] });
  region = h.cloud.region('DFW');
});

function addFleet(): void {
  region.addServer({ name: 'plain' });
  region.addServer({ name: 'db-1', flavor: 'performance2-15' });
}

/** What is said of local data disks: by a run, by doctor, by the audit. */
async function said(
  changes: Record<string, unknown> = {},
): Promise<{ run: string[]; doctor: string[]; audit: string[] }> {
  const daily = policy(changes);
  const isOfData = (line: string) => /in no snapshot/.test(line);
  deploy([daily]);
  const run = await h.run('snapshot', { policy: 'daily' });
  const { checks } = await h.run('doctor', { policies: [daily] });
  const audit = await h.run('audit', {});
  return {
    run: textsOf(run.warnings).filter(isOfData),
    doctor: checks
      .filter(({ check }) => check === 'data')
      .map(({ verdict, detail }) => `${verdict} ${detail}`),
    audit: textsOf(audit.warnings).filter(isOfData),
  };
}

const nothing = { run: [], doctor: [], audit: [] };
const everywhere = (...lines: string[]) => ({
  run: lines,
  doctor: lines.map((line) => `warn ${line}`),
  audit: lines,
});

describe.each(['rackspace', 'password'] as const)('a cloud by %s', (kind) => {
  beforeEach(() => {
    h.cloud.secrets.set(SECRET, h.cloud.secret(kind));
  });

  test('local data disks are named', async () => {
    addFleet();
    expect(await said()).toEqual(everywhere(LOCAL));
  });

  test('until the policy accepts them', async () => {
    addFleet();
    expect(await said({ localDisks: 'accepted' })).toEqual(nothing);
    expect(h.cloud.received.filter(({ path }) => path.includes('flavors'))).toEqual([]);
  });

  test('a flavor that is no longer listed is asked for by its id', async () => {
    region.addServer({ name: 'db-1', flavor: 'performance2-15' });
    region.addServer({ name: 'web-1', flavor: 'gone' });
    h.cloud.faults.push({
      service: 'compute',
      path: /flavors\/detail$/,
      times: 9,
      answer: { status: 200, body: { flavors: [] } },
    });
    expect(await said()).toEqual(everywhere(LOCAL));
  });

  test('reports that the cloud does not show the flavors', async () => {
    addFleet();
    h.cloud.faults.push({ service: 'compute', path: /flavors/, times: 99, answer: answers.forbidden });
    const line = expect.stringMatching(
      /DFW: it is not known which servers of daily have local data disks, which are in no snapshot: .* 403 /,
    );
    const { run, doctor, audit } = await said();
    expect({ run, doctor, audit }).toEqual({ run: [line], doctor: [line], audit: [line] });
  });
});

test('number_of_data_disks alone is enough', async () => {
  Object.assign(region.flavors.at(-1)!, { ephemeral: 0 });
  region.addServer({ name: 'db-1', flavor: 'performance2-15' });
  expect(await said()).toEqual(everywhere(LOCAL));
});

test('a run by hand of some servers does not ask', async () => {
  addFleet();
  deploy([policy()]);
  h.cloud.received.length = 0;
  const report = await h.run('snapshot', { policy: 'daily', servers: { names: ['db-1'] } });
  expect(report.warnings).toEqual([]);
  expect(h.cloud.received.filter(({ path }) => path.includes('flavors'))).toEqual([]);
});
