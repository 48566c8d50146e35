import { expect } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import type { Kind } from '../cloud-kinds.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { type ReportBucket, reportBucket } from '../report-bucket.ts';

const NETWORK = '11111111-1111-1111-1111-111111111111';
const HOUR_MS = 3_600_000;
/** Time for a few checks: of these seconds, 5 are for the report and 20 for the last check. */
export const SHORT = { remainingMs: 26_000 };

/** A server with two data volumes, or with its root disk on a third one, and a snapshot of all. */
export interface VolumeWorld extends Harness {
  region: Region;
  db: CloudServer;
  /** The volumes of the server, the root volume first, if it has one. */
  originals: CloudVolume[];
  s3: ReportBucket;
  /** The policy with drills of the whole set; `drill` and `changes` are applied to it. */
  event(drill?: object, changes?: object): Record<string, unknown>;
  /** The servers and the volumes that do not belong to the original. */
  newServers(): CloudServer[];
  newVolumes(): CloudVolume[];
  /** The records in the bucket. */
  records(): string[];
  /** Runs drills once an hour, until one leaves nothing to do. */
  finish(event?: Record<string, unknown>): Promise<Report[]>;
}

/**
 * @param root whether the server boots from a volume.
 * @param volumeMs how long the cloud fills a volume. The clock stands still during a run.
 */
export async function volumeWorld(kind: Kind, { root = false, volumeMs = 0 } = {}): Promise<VolumeWorld> {
  setTime('2026-11-22T00:00:10Z');
  const s3 = await reportBucket();
  const h = await harness({
    regions: ['DFW'],
    timing: { queuedMs: 0, savingMs: 0, buildMs: 0, volumeMs },
  });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret(kind));
  const region = h.cloud.region('DFW');
  const system = region.addVolume({ name: 'db-root', size: 20, type: 'SSD' });
  const data = region.addVolume({ name: 'db-data', size: 10, type: 'SSD' });
  const logs = region.addVolume({ name: 'db-logs', size: 5 });
  if (!root) region.removeVolume(system.id);
  const originals = root ? [system, data, logs] : [data, logs];
  const db = region.addServer({
    name: 'db',
    volumeIds: originals.map(({ id }) => id),
    devices: {
      ...{ [data.id]: '/dev/vdb', [logs.id]: '/dev/vdc' },
      ...(root ? { [system.id]: '/dev/vda' } : {}),
    },
    ...(root ? { image: '', rootVolume: system.id, flavor: 'general1-2' } : {}),
  });
  await h.run('snapshot', policy());
  setTime('2026-11-22T06:00:00Z');
  const event: VolumeWorld['event'] = (drill = {}, changes = {}) =>
    policy({
      drill: {
        ...{ schedule: 'rate(1 day)', volumes: true },
        ...(kind === 'rackspace' ? { networks: [NETWORK] } : {}),
        ...drill,
      },
      ...changes,
    });
  const own = new Set(originals.map(({ id }) => id));
  const world: VolumeWorld = {
    ...{ ...h, region, db, originals, s3, event },
    newServers: () => region.servers.filter(({ id }) => id !== db.id),
    newVolumes: () => region.volumes.filter(({ id }) => !own.has(id)),
    records: () => [...s3.objects.keys()].filter((key) => key.includes('/drills/')),
    async finish(order = event()) {
      const reports: Report[] = [];
      for (let hours = 0; hours < 60; hours++) {
        const { report } = await h.fail('drill', order, SHORT);
        if (report) reports.push(report);
        await h.cloud.idle();
        h.cold();
        if (world.records().length + world.newServers().length === 0) return reports;
        setTime(new Date(Date.now() + HOUR_MS));
      }
      throw new Error(`does not end: ${JSON.stringify(reports.at(-1)?.entries)}`);
    },
  };
  return world;
}

/** The originals, their snapshots and their attachments, which no drill changes. */
export function originalsOf({ db, originals, region }: VolumeWorld) {
  const volumes = originals.map(({ id }) => structuredClone(region.volume(id)));
  return { volumes, volumeIds: [...db.volumeIds], snapshots: region.volumeSnapshots.map(({ id }) => id) };
}

/** Expects that drills have left no server, no volume and no record. */
export function expectNothingLeft(w: VolumeWorld): void {
  expect(w.newServers()).toEqual([]);
  expect(w.newVolumes()).toEqual([]);
  expect(w.records()).toEqual([]);
}
