import { isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeSnapshots } from '../openstack/volume-snapshots.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { VolumeReader } from './marker.ts';
import type { VolumeResult } from './take.ts';
import { unprovenReason } from './unprovable.ts';

/**
 * Lists the volume snapshots that the run has requested at Rackspace, because Cinder v1 may lose
 * the marker of a snapshot that it has accepted. One that nothing proves to be ours any more fails.
 *
 * @param results those of each server; the result is in the same order.
 */
export async function confirmVolumes(
  { session, readVolume }: { session: Session; readVolume: VolumeReader },
  results: readonly VolumeResult[][],
): Promise<{ volumes: VolumeResult[][]; warnings: Finding[] }> {
  const warnings: Finding[] = [];
  const taken = results.flat().filter(({ outcome }) => outcome === 'taken');
  if (session.provider !== 'rackspace' || taken.length === 0) return { volumes: [...results], warnings };
  const failed = new Map<string, VolumeResult>();
  for (const [region, its] of Map.groupBy(taken, ({ volume }) => volume.region)) {
    try {
      const listed = await listVolumeSnapshots(session, region);
      const snapshotOf = new Map(listed.map((one) => [one.id, one]));
      for (const { volume, snapshot = '' } of its) {
        const found = snapshotOf.get(snapshot);
        const reason = found && unprovenReason(found, readVolume);
        if (reason) failed.set(snapshot, { volume, outcome: 'failed', reason });
      }
    } catch (error) {
      if (!isCloudError(error)) throw error;
      warnings.push({ code: 'TAKEN_UNCONFIRMED', region, message: error.message });
    }
  }
  const volumes = results.map((its) => its.map((one) => failed.get(one.snapshot ?? '') ?? one));
  return { volumes, warnings };
}
