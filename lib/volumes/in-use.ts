import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';

/**
 * The volume snapshots that volumes are being created from. Rackspace copies the data for a long
 * time, and accepts the deletion of the snapshot meanwhile, which then fails.
 *
 * @returns why each of them is in use, by its id.
 */
export function fillingFrom(volumes: readonly Volume[]): Map<string, Reason> {
  return new Map(
    volumes.flatMap(({ status, snapshotId }): [string, Reason][] =>
      status === 'creating' && snapshotId !== undefined ? [[snapshotId, { code: 'VOLUME_FILLING' }]] : [],
    ),
  );
}
