import type { Policy } from '../config/policy.ts';
import { backupReaderOf, makesBackups } from '../offsite/backups.ts';
import type { Session } from '../openstack/session.ts';
import type { VolumeBackup } from '../openstack/volume-backups.ts';
import type { Finding } from '../reporting/reasons.ts';
import { isSnapshot } from '../snapshots/snapshot.ts';
import { volumeReaderOf } from '../volumes/marker.ts';

/**
 * Finds the volume backups of this deployment in a region that no policy rotates any more, because
 * their policy no longer has `offsite.volumes`, or is no longer deployed there.
 *
 * @param backups all backups of the region.
 * @param policies all policies of the deployment.
 * @returns a warning for each policy in the markers of such backups.
 */
export function unmanagedBackupsIn(
  region: string,
  backups: readonly VolumeBackup[],
  { owner, policies, provider }: { owner: string; policies: readonly Policy[] } & Pick<Session, 'provider'>,
): Finding<'BACKUPS_UNMANAGED'>[] {
  const read = backupReaderOf(volumeReaderOf({ owner, policies }));
  const managed = new Set(
    policies
      .filter(
        ({ offsite, regions }) => offsite && makesBackups({ provider }, offsite) && isIn(regions, region),
      )
      .map(({ policy }) => policy),
  );
  const own = backups.flatMap((backup) => {
    const copy = read(backup);
    return isSnapshot(copy) && !managed.has(copy.policy) ? [{ policy: copy.policy, backup }] : [];
  });
  return [...Map.groupBy(own, ({ policy }) => policy)].map(([policy, its]) => ({
    code: 'BACKUPS_UNMANAGED',
    region,
    policy,
    count: its.length,
    gigabytes: its.reduce((sum, { backup }) => sum + (backup.sizeGb ?? 0), 0),
  }));
}

function isIn(regions: readonly string[] | undefined, region: string): boolean {
  return regions?.includes(region) ?? true;
}
