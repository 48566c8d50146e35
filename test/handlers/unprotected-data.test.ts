import { beforeEach, describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { Region } from '../../local/cloud/state.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { textsOf } from '../texts.ts';

// An image holds the system disk alone: what else a server has is said until the policy accepts it.

const SECRET = 'autosnap/test/rackspace';
const LOCAL =
  'DFW: the local data disks of db-1 are in no snapshot: back them up in another way, then add localDisks to accept in the policy daily';
const VOLUMES =
  'DFW: the attached volumes of web-1 are in no snapshot: back them up in another way, then add attachedVolumes to accept in the policy daily';

let h: Harness;
let region: Region;

beforeEach(async () => {
  setTime('2026-11-24T00:00:10Z');
  h = await harness({ regions: ['DFW'] });
  region = h.cloud.region('DFW');
  const extraSpecs = { class: 'performance2', number_of_data_disks: '2', disk_io_index: '40' };
  region.flavors.push({
    id: 'performance2-15',
    name: '15 GB Performance',
    ram: 15_360,
    disk: 40,
    ephemeral: 150,
    extraSpecs,
  });
});

function addFleet(): void {
  region.addServer({ name: 'plain' });
  region.addServer({ name: 'db-1', flavor: 'performance2-15' });
  region.addServer({ name: 'web-1', volumeIds: ['data'] });
}

/** Rackspace's API reference does not mention the attachments in a server. */
function onlyBlockStorageShowsAttachments(): void {
  const hidden = async (answer: Response) => {
    const body = (await answer.json()) as { servers: Record<string, unknown>[] };
    for (const server of body.servers) delete server['os-extended-volumes:volumes_attached'];
    return Response.json(body);
  };
  h.cloud.faults.push({ service: 'compute', path: /servers\/detail$/, times: 99, answer: { edit: hidden } });
}

/** What is said of data in no snapshot: by a run, by doctor, by the audit. */
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

  test('local data disks and attached volumes are named', async () => {
    addFleet();
    expect(await said()).toEqual(everywhere(LOCAL, VOLUMES));
  });

  test('until the policy accepts them', async () => {
    addFleet();
    expect(await said({ accept: ['localDisks'] })).toEqual(everywhere(VOLUMES));
    expect(await said({ accept: ['attachedVolumes'] })).toEqual(everywhere(LOCAL));
    h.cloud.received.length = 0;
    expect(await said({ accept: ['localDisks', 'attachedVolumes'] })).toEqual(nothing);
    const asked = h.cloud.received.filter(({ path }) => /flavors|volumes/.test(path));
    expect(asked).toEqual([]);
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

  test('more than one page of volumes', async () => {
    h.cloud.pageSize = 2;
    onlyBlockStorageShowsAttachments();
    for (const name of ['a', 'b', 'c', 'd', 'e']) region.addServer({ name, volumeIds: [`data-${name}`] });
    const line = VOLUMES.replace('web-1', 'a, b, c, d, e');
    expect(await said()).toEqual(everywhere(line));
  });

  test('reports that the cloud does not show the attachments', async () => {
    region.addServer({ name: 'web-1' });
    h.cloud.faults.push({ service: 'volume', times: 99, answer: answers.forbidden });
    const { run, doctor, audit } = await said();
    const line = expect.stringMatching(
      /DFW: it is not known which servers of daily have attached volumes, which are in no snapshot: .* 403 /,
    );
    expect({ run, doctor, audit }).toEqual({ run: [line], doctor: [line], audit: [line] });
  });
});

test('number_of_data_disks alone is enough', async () => {
  Object.assign(region.flavors.at(-1)!, { ephemeral: 0 });
  region.addServer({ name: 'db-1', flavor: 'performance2-15' });
  expect(await said()).toEqual(everywhere(LOCAL));
});

test('an attachment that only block storage shows counts', async () => {
  addFleet();
  onlyBlockStorageShowsAttachments();
  expect(await said()).toEqual(everywhere(LOCAL, VOLUMES));
});

test('a server whose system disk is a volume has all its volumes in its image, also where it names an image', async () => {
  h.cloud.secrets.set(SECRET, h.cloud.secret('password'));
  region.addServer({ name: 'on-volume', image: '', volumeIds: ['root', 'more'] });
  region.addServer({ name: 'restored', volumeIds: ['root-2', 'more-2'], rootVolume: 'root-2' });
  expect(await said()).toEqual(nothing);
});

test('a cloud without block storage has no volumes', async () => {
  h.cloud.secrets.set(SECRET, h.cloud.secret('password'));
  region.addServer({ name: 'web-1' });
  h.cloud.faults.push({
    service: 'identity',
    times: 9,
    answer: {
      async edit(answer) {
        const body = (await answer.json()) as { token: { catalog: { type: string }[] } };
        body.token.catalog = body.token.catalog.filter(({ type }) => !/volume|block/.test(type));
        return Response.json(body, { status: answer.status, headers: answer.headers });
      },
    },
  });
  expect(await said()).toEqual(nothing);
});

test('a run by hand of some servers does not ask', async () => {
  addFleet();
  deploy([policy()]);
  h.cloud.received.length = 0;
  const report = await h.run('snapshot', { policy: 'daily', servers: { names: ['db-1'] } });
  expect(report.warnings).toEqual([]);
  expect(h.cloud.received.filter(({ path }) => /flavors|volumes/.test(path))).toEqual([]);
});
