import { describe, expect } from 'vitest';
import { connect } from '../../lib/openstack/session.ts';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { listInventory } from '../../lib/snapshots/inventory.ts';
import { markerOf } from '../../lib/snapshots/marker.ts';
import { goneEverywhere } from '../../lib/snapshots/unlisted.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { answers } from '../../local/cloud/faults.ts';
import { connected, credentialsOf, receivedBy, test, unhurried } from '../openstack/connected.ts';

const OWNER = 'autosnap-test';
const SLOT = new Date('2026-11-23T00:00:00Z');

/** Removes items from each answer of a listing in DFW. */
function leaveOut(
  { faults }: Cloud,
  service: 'compute' | 'volume',
  key: 'servers' | 'snapshots',
  ...ids: string[]
): void {
  const edit = async (answer: Response) => {
    const body = (await answer.json()) as Record<string, { id: string }[]>;
    return Response.json({ ...body, [key]: body[key]!.filter(({ id }) => !ids.includes(id)) });
  };
  const path = key === 'servers' ? /servers\/detail$/ : /snapshots$/;
  faults.push({ service, region: 'DFW', path, times: Number.POSITIVE_INFINITY, answer: { edit } });
}

/** An image in DFW with our marker that names this server. */
function addMarked(
  { region, account }: Cloud,
  server: string,
  properties: Record<string, string> = {},
): void {
  region('DFW').addImage({
    name: imageName({ id: server, name: 'web' }, 'daily', SLOT),
    owner: account.projectId,
    createdAt: SLOT,
    properties: { ...markerOf({ owner: OWNER, policy: 'daily', server, slot: SLOT }), ...properties },
  });
}

/** The inventory of DFW. */
async function dfwOf(cloud: Cloud, ids: string[] = []) {
  // Keystone, because a login to Rackspace's identity service leads to no volume snapshots.
  const session = await connect(async () => credentialsOf(cloud, 'password'), unhurried);
  const { regions, unreadable } = await listInventory(session, ['DFW'], { owner: OWNER, ids });
  expect(unreadable).toEqual([]);
  return regions[0]!;
}

const asked = (cloud: Cloud) =>
  receivedBy(cloud, 'compute').filter(({ path }) => !path.endsWith('/detail')).length;

describe('a server that the listing lacks', () => {
  test('is found if an image of ours or the policy names it', async ({ cloud }) => {
    const [named, selected] = ['web', 'db'].map((name) => cloud.region('DFW').addServer({ name }));
    addMarked(cloud, named!.id);
    leaveOut(cloud, 'compute', 'servers', named!.id, selected!.id);
    const { servers, gone, doubts } = await dfwOf(cloud, [selected!.id]);
    expect(servers.map(({ name }) => name).sort()).toEqual(['db', 'web']);
    expect([gone, doubts]).toEqual([new Set(), []]);
  });

  test('counts as deleted in this region if the cloud answers 404', async ({ cloud }) => {
    addMarked(cloud, 'gone-1');
    const elsewhere = cloud.region('ORD').addServer({ name: 'moved' });
    const { servers, gone, doubts } = await dfwOf(cloud, [elsewhere.id]);
    expect([servers, gone, doubts]).toEqual([[], new Set(['gone-1', elsewhere.id]), []]);
  });

  test.for([
    ['forbidden', answers.forbidden],
    ['unreadable', { status: 200, body: { server: {} } }],
  ] as const)('may or may not exist if the answer is %s', async ([, answer], { cloud }) => {
    addMarked(cloud, 'unknown-1');
    addMarked(cloud, 'gone-1');
    cloud.faults.push({ service: 'compute', path: /servers\/unknown-1$/, answer });
    const { servers, gone, doubts } = await dfwOf(cloud);
    expect([servers, gone]).toEqual([[], new Set(['gone-1'])]);
    expect(doubts).toHaveLength(1);
  });

  test.for(['../../..', 'a/b', 'a b', ''])('is not requested by an invalid id: %j', async (id, { cloud }) => {
    addMarked(cloud, id);
    const { gone, doubts } = await dfwOf(cloud, [id]);
    expect([gone, doubts, asked(cloud)]).toEqual([new Set(), [], 0]);
  });

  test('is requested once, and listed servers are not requested', async ({ cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web' });
    for (const server of [id, 'gone-1', 'gone-1']) addMarked(cloud, server);
    await dfwOf(cloud, [id, 'gone-1']);
    expect(asked(cloud)).toBe(1);
  });

  test('is not requested if only an image of another deployment names it', async ({ cloud }) => {
    addMarked(cloud, 'theirs-1', { autosnap_owner: 'autosnap-prod' });
    const { gone } = await dfwOf(cloud);
    expect([gone, asked(cloud)]).toEqual([new Set(), 0]);
  });
});

describe('a volume snapshot that the listing lacks', () => {
  const having = (cloud: Cloud, ...ids: string[]) =>
    addMarked(cloud, cloud.region('DFW').addServer({ name: 'db', image: '' }).id, {
      block_device_mapping: JSON.stringify(ids.map((snapshot_id) => ({ snapshot_id }))),
    });
  test('is found if an image of ours names it', async ({ cloud }) => {
    const { id } = cloud.region('DFW').addVolumeSnapshot({ volumeId: 'v' });
    having(cloud, id);
    leaveOut(cloud, 'volume', 'snapshots', id);
    const { volumeSnapshots, doubts } = await dfwOf(cloud);
    expect([volumeSnapshots.map((one) => one.id), doubts]).toEqual([[id], []]);
  });

  test('does not exist if the cloud answers 404', async ({ cloud }) => {
    having(cloud, 'lost-1');
    const { volumeSnapshots, doubts } = await dfwOf(cloud);
    expect([volumeSnapshots, doubts]).toEqual([[], []]);
  });

  test('is unknown if it cannot be read', async ({ cloud }) => {
    having(cloud, 'lost-1');
    cloud.faults.push({ service: 'volume', path: /snapshots\/lost-1$/, answer: answers.forbidden });
    expect((await dfwOf(cloud)).doubts).toHaveLength(1);
  });
});

describe('servers that were deleted everywhere', () => {
  test('are the servers that no region has, after one request in each region', async ({ cloud }) => {
    const here = ['DFW', 'ORD'].map((region) => cloud.region(region).addServer({ name: 'web' }).id);
    const session = await connected(cloud);
    const found = await goneEverywhere(session, [...here, 'gone-1', 'gone-1']);
    expect(found).toEqual({ gone: new Set(['gone-1']), doubts: [] });
  });

  test.for(['DFW', 'ORD'])('can not be determined if %s does not answer', async (region, { cloud }) => {
    cloud.faults.push({ service: 'compute', region, path: /servers\/lost-1$/, answer: answers.forbidden });
    const { gone, doubts } = await goneEverywhere(await connected(cloud), ['lost-1', 'gone-1']);
    expect(gone).toEqual(new Set(['gone-1']));
    expect(doubts).toHaveLength(1);
  });
});
