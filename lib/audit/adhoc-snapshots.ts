import pMap from 'p-map';
import { ADHOC } from '../config/adhoc-event.ts';
import { DAY_MS } from '../config/dates.ts';
import { isCloudError } from '../openstack/errors.ts';
import { getImage } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Report } from '../reporting/report.ts';
import type { ReportStore } from '../reporting/report-store.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';

/** For how long an audit checks that the image of an ad-hoc snapshot exists. */
const CHECKED_MS = DAY_MS;
const AT_ONCE = 8;

/** An ad-hoc snapshot in the report of the run that took it. */
export interface AdhocSnapshot {
  account: string;
  region: string;
  image: string;
  /** The name of the server, or its id. */
  of: string;
  /** When the snapshot was requested: ISO, in UTC. */
  taken: string;
}

/**
 * Reads the ad-hoc snapshots of the last day that no cleanup has deleted from the reports of the
 * runs. If the cloud gives up an image and removes it, only these reports show that it is missing,
 * because no schedule expects an ad-hoc snapshot.
 *
 * @throws the errors of the store.
 */
export async function recentAdhocSnapshots(
  store: Pick<ReportStore, 'runsSince'>,
  now: Date,
): Promise<AdhocSnapshot[]> {
  const since = new Date(now.getTime() - CHECKED_MS);
  const runs = await store.runsSince(since, now, ({ job, policy }) => job === 'snapshot' && policy === ADHOC);
  const taken = runs.flatMap(adhocSnapshotsIn);
  if (taken.length === 0) return [];
  const cleanups = await store.runsSince(since, now, ({ job }) => job === 'cleanup');
  const deleted = new Set(
    cleanups.flatMap(({ entries }) =>
      entries.flatMap(({ snapshots = [] }) =>
        snapshots.flatMap(({ image, outcome }) => (outcome === 'deleted' ? image : [])),
      ),
    ),
  );
  return taken.filter(({ image }) => !deleted.has(image));
}

function adhocSnapshotsIn({ account, slot = '', entries }: Report): AdhocSnapshot[] {
  return entries.flatMap(({ outcome, image, region, name, server }) =>
    outcome === 'taken' && image ? [{ account, region, image, of: name || server, taken: slot }] : [],
  );
}

/**
 * Finds the ad-hoc snapshots whose images no longer exist: no listing has them, and a request by id
 * answers 404.
 */
export async function missingAdhocImages(
  session: Session,
  regions: readonly RegionInventory[],
  taken: readonly AdhocSnapshot[],
): Promise<Finding[]> {
  const listed = new Set(regions.flatMap(({ images }) => images.map(({ id }) => id)));
  const missing = taken.filter(({ image, region }) => !listed.has(image) && session.regions.includes(region));
  const found = await pMap(
    missing,
    async ({ region, image, of, taken: at }): Promise<Finding[]> => {
      try {
        if (await getImage(session, region, image)) return [];
        return [{ code: 'ADHOC_SNAPSHOT_GONE', image, of, taken: at, region }];
      } catch (error) {
        if (!isCloudError(error)) throw error;
        return [];
      }
    },
    { concurrency: AT_ONCE },
  );
  return found.flat();
}
