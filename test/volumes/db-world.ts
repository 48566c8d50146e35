import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { type Harness, harness, setTime } from '../harness.ts';

/** A server "db" with a volume "db-data". */
export interface DbWorld {
  h: Harness;
  region: Region;
  db: CloudServer;
  data: CloudVolume;
}

/**
 * @param others further volumes of the server.
 * @param devices the devices of the volumes, by their names; the cloud's choice by default.
 */
export async function dbWorld({
  since = '2026-11-23T00:00:10Z',
  others = [],
  devices,
  metadata = {},
}: {
  since?: string;
  others?: readonly { name: string; size: number }[];
  devices?: Record<string, string>;
  /** The metadata of "db-data". */
  metadata?: Record<string, string>;
} = {}): Promise<DbWorld> {
  setTime(since);
  const h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 1000 } });
  const region = h.cloud.region('DFW');
  const data = region.addVolume({ name: 'db-data', size: 10, metadata });
  const volumes = [data, ...others.map((other) => region.addVolume(other))];
  const db = region.addServer({
    name: 'db',
    volumeIds: volumes.map(({ id }) => id),
    ...(devices ? { devices: Object.fromEntries(volumes.map(({ id, name }) => [id, devices[name!]!])) } : {}),
  });
  return { h, region, db, data };
}
