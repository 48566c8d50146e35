import type { Restoration } from '../../lib/restore/restoration.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { type Harness, harness, setTime } from '../harness.ts';
import { again } from './world.ts';

const MINUTE_MS = 60_000;

/** A server with two volumes. */
export interface TwoVolumes {
  h: Harness;
  region: Region;
  db: CloudServer;
  data: CloudVolume;
  logs: CloudVolume;
}

/** @param timing of the builds of servers; at once by default. */
export async function twoVolumes(timing: { buildMs?: number } = {}): Promise<TwoVolumes> {
  setTime('2026-11-22T00:00:10Z');
  const h = await harness({
    regions: ['DFW'],
    timing: { queuedMs: 0, savingMs: 0, volumeMs: MINUTE_MS, ...timing },
  });
  const region = h.cloud.region('DFW');
  const data = region.addVolume({ name: 'db-data', size: 10, type: 'SSD' });
  const logs = region.addVolume({ name: 'db-logs', size: 5 });
  // The devices are not in the order of the ids, the names or the creation.
  const db = region.addServer({
    name: 'db',
    volumeIds: [data.id, logs.id],
    devices: { [logs.id]: '/dev/vdb', [data.id]: '/dev/vdc' },
  });
  return { h, region, db, data, logs };
}

/** Lets five minutes pass in the cloud. */
function wait({ cloud }: Harness): void {
  cloud.advance(5 * MINUTE_MS);
}

/** Calls the function with each `next`, some minutes apart, until there is none. */
export async function finishRestore(h: Harness, first: Restoration, most: number): Promise<Restoration[]> {
  const reports = [first];
  for (let last = first; last.next; ) {
    wait(h);
    last = await h.run('restore', again(last));
    reports.push(last);
    if (reports.length > most) throw new Error(`does not end: ${last.lines.join('; ')}`);
  }
  return reports;
}

/** Calls the function until an answer has a code. */
export async function restoreUntil(h: Harness, code: string, event: object): Promise<Restoration> {
  let report = await h.run('restore', event);
  for (let calls = 0; !report.codes.includes(code as never); calls++) {
    if (!report.next || calls > 14) throw new Error(`never ${code}: ${report.lines.join('; ')}`);
    wait(h);
    report = await h.run('restore', again(report));
  }
  wait(h);
  return report;
}
