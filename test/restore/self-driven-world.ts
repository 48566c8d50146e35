import { expect } from 'vitest';
import type { RestoreRecord } from '../../lib/restore/restore-record.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { startWaiting, type Waiting } from '../fleet/waiting.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { type ReportBucket, reportBucket } from '../report-bucket.ts';

export const NEW = { server: 'db', to: 'new', request: 'mine' };
export const IN_PLACE = { server: 'db', to: 'in-place', confirm: 'db', request: 'mine' };

/** A server with two volumes and a set of snapshots, in a deployment with a queue and a bucket. */
export interface DrivenWorld extends Harness {
  region: Region;
  db: CloudServer;
  originals: readonly CloudVolume[];
  waiting: Waiting;
  bucket: ReportBucket;
}

export async function drivenWorld(): Promise<DrivenWorld> {
  setTime('2026-11-22T00:00:10Z');
  const timing = { queuedMs: 0, savingMs: 0, volumeMs: 60_000, buildMs: 60_000 };
  const h = await harness({ regions: ['DFW'], timing });
  const [waiting, bucket] = [await startWaiting(), await reportBucket()];
  h.cold();
  const region = h.cloud.region('DFW');
  const data = region.addVolume({ name: 'db-data', size: 10, type: 'SSD' });
  const logs = region.addVolume({ name: 'db-logs', size: 5 });
  const db = region.addServer({ name: 'db', volumeIds: [data.id, logs.id] });
  await h.run('snapshot', policy());
  setTime('2026-11-22T06:00:00Z');
  return { ...h, region, db, originals: [data, logs], waiting, bucket };
}

export const newServers = ({ region, db }: DrivenWorld) => region.servers.filter(({ id }) => id !== db.id);
export const newVolumes = ({ region, originals }: DrivenWorld) =>
  region.volumes.filter((volume) => !originals.includes(volume));

/** The record of the restore "mine"; it must exist. */
export function recordIn({ bucket }: DrivenWorld): RestoreRecord {
  return JSON.parse(bucket.objects.get('/state.of.reports/restores/rackspace/mine.json')!);
}

/** Expects what a restore has to leave, however it was carried out: everything once. */
export function expectRestored(w: DrivenWorld, to: 'new' | 'in-place', which = ''): void {
  const { region, db } = w;
  const server = to === 'new' ? newServers(w)[0] : db;
  expect(newServers(w), which).toHaveLength(to === 'new' ? 1 : 0);
  expect(
    newVolumes(w)
      .map(({ name }) => name)
      .sort(),
    which,
  ).toEqual(['db-data', 'db-logs']);
  expect(server!.volumeIds.toSorted(), which).toEqual(
    newVolumes(w)
      .map(({ id }) => id)
      .sort(),
  );
  const taken = region.images.find(({ properties }) => properties.autosnap_policy === 'daily')!;
  expect(server, which).toMatchObject({ image: taken.id, vmState: 'active' });
}
