import { imageName } from '../../lib/snapshots/image-name.ts';
import { markerOf } from '../../lib/snapshots/marker.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import { environmentOf } from '../../local/environment.ts';
import { OWNER, POLICY, type Setting } from './conditions.ts';

/** The addresses of a cloud. */
export interface Started {
  /** The environment of the process that uses the cloud. */
  environment: Record<string, string>;
  /** The secret of its account, for processes without a secrets store. */
  secret: string;
}

/** The requests that a cloud received. */
export interface Tally {
  /** Requests to identity, compute and images, by method and kind: "GET servers". */
  calls: Record<string, number>;
  /** When each image and each volume snapshot was created, in epoch milliseconds. */
  createdMs: number[];
  /** For each server, the time from its first to its last part of the newest slot. */
  spreadsMs: number[];
  /** When each deletion was requested, in epoch milliseconds. */
  deletedMs: number[];
  images: number;
}

const DAY_MS = 86_400_000;

// The properties that a snapshot inherits from its image at Rackspace.
const INHERITED = Object.fromEntries(
  Array.from({ length: 20 }, (_, i) => [
    `com.rackspace__1__property_${i}`,
    'a value of some length, such as these have',
  ]),
);

/**
 * An embedded cloud in a separate process, so that its memory and processor time do not count for
 * the product.
 */
async function main(setting: Setting): Promise<void> {
  // Snapshots finish at once, because progress would only cost this process time.
  const cloud = await startCloud({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0 } });
  cloud.pageSize = 1000;
  addHistory(cloud, setting);
  cloud.limits.push(...setting.limits);
  Object.assign(cloud.latencyMs, setting.latencyMs);
  const deletedMs: number[] = [];
  const note = () => deletedMs.push(Date.now());
  cloud.faults.push({ service: 'image', method: 'DELETE', times: Number.POSITIVE_INFINITY, answer: note });
  process.on('message', () => process.send?.({ ...tally(cloud), deletedMs }));
  process.on('disconnect', () => process.exit());
  process.send?.({
    environment: environmentOf(cloud, { stage: 'bench' }),
    secret: cloud.secret('rackspace'),
  });
}

function addHistory(cloud: Cloud, { servers, snapshotsEach, volumesEach }: Setting): void {
  const region = cloud.region('DFW');
  // Rackspace has no quota of volume snapshots.
  region.maxVolumeSnapshots = 1_000_000;
  const midnightMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  for (let i = 0; i < servers; i++) {
    const volumes = Array.from({ length: volumesEach }, (_, k) =>
      region.addVolume({ name: `web-${i}-${k}` }),
    );
    const { id, name } = region.addServer({ name: `web-${i}`, volumeIds: volumes.map((one) => one.id) });
    for (let age = 1; age <= snapshotsEach; age++) {
      const slot = new Date(midnightMs - age * DAY_MS);
      region.addImage({
        name: imageName({ id, name }, POLICY, slot),
        owner: cloud.account.projectId,
        createdAt: slot,
        properties: {
          ...INHERITED,
          ...markerOf({ owner: OWNER, policy: POLICY, server: id, slot }),
          image_type: 'snapshot',
          instance_uuid: id,
        },
      });
    }
  }
}

function tally(cloud: Cloud): Omit<Tally, 'deletedMs'> {
  const calls: Tally['calls'] = {};
  for (const { service, method, path } of cloud.received) {
    if (service === 'secrets') continue;
    const kind = /\/(tokens|servers|images|limits|volumes|snapshots)/.exec(path)?.[1] ?? path;
    calls[`${method} ${kind}`] = (calls[`${method} ${kind}`] ?? 0) + 1;
  }
  const { images, volumeSnapshots } = cloud.region('DFW');
  const parts = [
    ...images.map(({ createdAt, properties }) => ({ createdMs: createdAt.getTime(), of: properties })),
    ...volumeSnapshots.map(({ createdAt, metadata }) => ({ createdMs: createdAt!.getTime(), of: metadata })),
  ].sort((a, b) => b.createdMs - a.createdMs);
  const sets = Map.groupBy(parts, ({ of }) => `${of?.autosnap_server} ${of?.autosnap_slot}`);
  return {
    calls,
    createdMs: parts.map(({ createdMs }) => createdMs),
    spreadsMs: [...sets.values()].map((its) => its[0]!.createdMs - its.at(-1)!.createdMs),
    images: images.length,
  };
}

process.once('message', (setting) => main(setting as Setting));
