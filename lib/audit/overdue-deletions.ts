import { DAY_MS } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { planCleanup } from '../snapshots/cleanup-plan.ts';
import type { Reader } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import type { SeriesPlan } from '../snapshots/series-plan.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { VolumeReader } from '../volumes/marker.ts';
import type { AuditedSeries } from './model.ts';

/**
 * The ids of the snapshots that a cleanup at the time `now` should have deleted, of the images that
 * were certainly finished by then.
 */
export function overdueDeletionsIn(
  inventory: RegionInventory,
  policy: Policy,
  read: Reader,
  run: Pick<Run, 'now' | 'policies'> & { readVolume: VolumeReader },
): ReadonlySet<string> {
  const { now: then } = run;
  // The last update of an image is when it is finished, or later.
  const finished = inventory.images.filter(
    ({ createdAt, updatedAt }) =>
      then.getTime() - createdAt.getTime() > DAY_MS || (updatedAt !== undefined && updatedAt <= then),
  );
  const volumeSnapshots = inventory.volumeSnapshots.filter(
    ({ createdAt }) => then.getTime() - createdAt.getTime() > DAY_MS,
  );
  const plan = planCleanup({ ...inventory, images: finished, volumeSnapshots }, policy, read, run);
  const items = plan.series.flatMap((series) => series.items);
  return new Set(items.filter(({ action }) => action !== 'keep').map(({ snapshot }) => snapshot.id));
}

/** How many snapshots of a series a cleanup should have deleted; empty for none. */
export function notRotating(
  snapshots: readonly Snapshot[],
  overdueDeletions: ReadonlySet<string>,
): Pick<AuditedSeries, 'notRotating'> {
  const n = snapshots.filter(({ id }) => overdueDeletions.has(id)).length;
  return n > 0 ? { notRotating: n } : {};
}

/** The warnings about series with snapshots that a cleanup should have deleted. */
export function notRotatingWarnings(
  series: readonly SeriesPlan[],
  overdueDeletions: ReadonlySet<string>,
): Finding[] {
  return series.flatMap(({ region, server, name, policy, items }): Finding[] => {
    const images = items.map(({ snapshot }) => snapshot.id).filter((id) => overdueDeletions.has(id));
    return images.length > 0
      ? [{ code: 'SERIES_NOT_ROTATING', region, server: name || server, policy, images }]
      : [];
  });
}
