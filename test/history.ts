import { bareServer } from '../lib/openstack/compute.ts';
import type { Report } from '../lib/reporting/report.ts';
import { blueprintText } from '../lib/snapshots/blueprint.ts';
import { imageName } from '../lib/snapshots/image-name.ts';
import { markerOf } from '../lib/snapshots/marker.ts';
import type { CloudImage, CloudServer } from '../local/cloud/state.ts';
import { type Harness, harness, policy, setTime } from './harness.ts';

export const DAY_MS = 86_400_000;
/** The slot of a snapshot that is 0 days old; the day is a Monday. */
export const MIDNIGHT = new Date('2026-11-23T00:00:00Z');

/** A slot some days before {@link MIDNIGHT}. */
export const slotOf = (age: number) => new Date(MIDNIGHT.getTime() - age * DAY_MS);

/**
 * Adds a good snapshot of the series "daily" to the cloud, with the given age; `changes` are
 * applied to it. Its name contains the policy of its properties.
 */
export function addSnapshot(
  { cloud }: Pick<Harness, 'cloud'>,
  server: Pick<CloudServer, 'id' | 'name'>,
  age: number,
  changes: Partial<CloudImage> = {},
  region = 'DFW',
): CloudImage {
  const slot = slotOf(age);
  const name = changes.name ?? imageName(server, changes.properties?.autosnap_policy ?? 'daily', slot);
  const blueprint = blueprintText(bareServer({ ...server, region }), name);
  const marker = markerOf({ owner: 'autosnap-test', policy: 'daily', server: server.id, slot, blueprint });
  const properties: Record<string, string> = {
    ...marker,
    image_type: 'snapshot',
    instance_uuid: server.id,
    ...changes.properties,
  };
  return cloud.region(region).addImage({
    name,
    owner: cloud.account.projectId,
    createdAt: new Date(slot.getTime() + 20_000),
    ...changes,
    properties,
  });
}

/**
 * The server "web" in DFW at six in the morning, with a good snapshot of each of the last `count`
 * days, newest first.
 */
export async function history(count: number, regions = ['DFW']) {
  setTime('2026-11-23T06:00:00Z');
  const h = await harness({ regions });
  const web = h.cloud.region('DFW').addServer({ name: 'web' });
  const images = Array.from({ length: count }, (_, age) => addSnapshot(h, web, age));
  return { ...h, web, images };
}

/**
 * Takes the snapshots of a slot with the real handler, and waits until the cloud has finished them.
 */
export async function take(h: Harness, slot: string | Date, changes: Record<string, unknown> = {}) {
  setTime(new Date(new Date(slot).getTime() + 10_000));
  const report = await h.run('snapshot', policy(changes));
  setTime(new Date(new Date(slot).getTime() + 30 * 60_000));
  return report;
}

export const idsOf = (images: readonly { id: string }[]) => images.map(({ id }) => id).sort();

/** The ids of all images in all regions. */
export const idsIn = ({ cloud }: Harness) =>
  idsOf(cloud.catalogue.flatMap(({ name }) => cloud.region(name).images));

/** The days of the images in DFW, newest first: "11-23". */
export const daysIn = ({ cloud }: Harness) =>
  cloud.region('DFW').images.map(({ properties }) => properties.autosnap_slot?.slice(5, 10));

/** The requests that delete something, in order. */
export const deletions = ({ cloud }: Harness) => cloud.received.filter(({ method }) => method === 'DELETE');

/** The decision of a cleanup's report on one image: "deleted: no rule keeps it". */
export function decisionOn(report: Report | undefined, { id }: { id: string }): string | undefined {
  const line = report?.entries.flatMap(({ snapshots = [] }) => snapshots).find(({ image }) => image === id);
  return line && `${line.outcome}: ${line.reasons.join('; ')}`;
}

/** A history of sixteen snapshots, and its ten oldest, whose deletion answers with `status`. */
export async function tenUndeletable(status: number) {
  const h = await history(16);
  const stuck = h.images.slice(6);
  for (const { id } of stuck) {
    const path = new RegExp(`/images/${id}`);
    const answer = { status, body: { message: 'no' } };
    h.cloud.faults.push({ service: 'image', method: 'DELETE', path, times: Infinity, answer });
  }
  return { h, stuck };
}
