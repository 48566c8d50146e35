import { DAY_MS, HOUR_MS } from '../config/dates.ts';
import { MOST_DRILL_HOURS } from '../config/drill-field.ts';
import { readDrillVolumeMark } from '../drill/volume-mark.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { readVolumeMark } from '../restore/marks.ts';

/** For how long a restore uses the snapshots that it began with. */
const RESTORE_MS = DAY_MS;
/** For how long a drill uses its snapshots at most: to fill its volumes, and to boot with them. */
const DRILL_MS = (2 * MOST_DRILL_HOURS + 2) * HOUR_MS;

const RESTORED = {
  new: { code: 'RESTORED_AS_NEW' },
  'in-place': { code: 'RESTORED_IN_PLACE' },
  volume: { code: 'RESTORED_AS_VOLUME' },
} as const satisfies Record<string, Reason>;

/**
 * The volume snapshots that volumes are being created from, and the images and volume snapshots
 * that drills and restores of the last 24 hours use, according to the marks of the volumes that
 * these have made. Rackspace copies the data for a long time, and accepts the deletion of the
 * snapshot meanwhile, which then fails.
 *
 * @returns why each of them is in use, by its id.
 */
export function usedByVolumes(volumes: readonly Volume[], now: Date): Map<string, Reason> {
  return new Map(
    volumes.flatMap((volume): [string, Reason][] => {
      const { status, snapshotId } = volume;
      const mark = readVolumeMark(volume);
      const drill = readDrillVolumeMark(volume);
      const isDrilled = drill && now.getTime() - (volume.createdAt?.getTime() ?? 0) < DRILL_MS;
      const isRecent = mark && now.getTime() - mark.at.getTime() < RESTORE_MS;
      return [
        ...(isDrilled ? [drill.image, drill.snapshot] : []).map((id): [string, Reason] => [
          id,
          { code: 'DRILL_RUNNING' },
        ]),
        ...(isRecent ? [mark.image, mark.snapshot] : []).map((id): [string, Reason] => [
          id,
          RESTORED[mark!.to],
        ]),
        ...(status === 'creating' && snapshotId !== undefined
          ? [[snapshotId, { code: 'VOLUME_FILLING' }] as [string, Reason]]
          : []),
      ];
    }),
  );
}
