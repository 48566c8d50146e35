import pMap from 'p-map';
import { isCloudError } from '../openstack/errors.ts';
import { listImageStatuses } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { getVolumeSnapshots, listVolumeSnapshots } from '../openstack/volume-snapshots.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { SnapshotLine } from '../reporting/report.ts';
import { reported } from '../reporting/sentences.ts';
import { snapshotId } from '../volumes/plan.ts';
import type { SeriesResult } from './delete.ts';
import { exists } from './delete-snapshot.ts';
import type { Snapshot } from './snapshot.ts';
import { volumeSnapshotStatus } from './volume-snapshot-status.ts';

// Each image takes a read; Rackspace takes 1,000 reads a minute.
const AT_ONCE = 8;

/**
 * The results of the deletions in a region once a second listing has shown which images are gone.
 * Images that disappeared although no deletion of them was requested are among the failures.
 */
export interface Confirmation {
  results: SeriesResult[];
  failures: Finding[];
  warnings: Finding[];
}

/**
 * Lists a region again after the deletions and corrects the results. A deletion counts only when
 * the image is gone. A kept snapshot that is gone or no longer good is a failure. If the new
 * listing contradicts a result, the image itself is requested.
 */
export async function confirm(
  session: Session,
  region: string,
  results: readonly SeriesResult[],
): Promise<Confirmation> {
  const warnings: Finding[] = results.flatMap((result) =>
    result.warnings.map((warning) => ({ ...warning, region })),
  );
  if (results.length === 0) return { results: [], failures: [], warnings };
  let gone: Set<string>;
  let damaged: ReadonlyMap<string, string>;
  try {
    const statusOf = await listStatuses(session, region, results);
    gone = await goneOf(session, statusOf, results);
    damaged = await damagedOf(session, region, statusOf, results);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const failures: Finding[] = [{ code: 'DELETIONS_UNCONFIRMED', where: region, message: error.message }];
    return {
      results: results.map((r) => ({ ...r, lines: r.lines.map(unconfirmed) })),
      failures,
      warnings,
    };
  }
  const failures: Finding[] = [];
  const confirmed = results.map(({ plan, lines, ...rest }) => ({
    ...rest,
    plan,
    lines: lines.map((line, i): SnapshotLine => {
      const { action, snapshot } = plan.items[i]!;
      const { image, slot } = line;
      const what = { region, ...snapshotId(snapshot), of: plan.name || plan.server, slot };
      if (!gone.has(image)) {
        if (line.outcome === 'deleted') return stillThere(line);
        const status = damaged.get(image);
        if (status) failures.push({ code: 'IMAGE_DAMAGED', ...what, status });
        return line;
      }
      if (line.outcome === 'deleted') return line;
      if (action !== 'keep') return goneByNow(line);
      const { status } = line;
      if (snapshot.state === 'pending') {
        warnings.push({ code: 'IMAGE_VANISHED_PENDING', ...what, status });
      } else if (snapshot.state !== 'failed') {
        failures.push({ code: 'IMAGE_VANISHED', ...what, status });
        return vanished(line);
      }
      return line;
    }),
  }));
  return { results: confirmed, failures, warnings };
}

/** The statuses of the images of a region, and of the volume snapshots if the results have some. */
async function listStatuses(
  session: Session,
  region: string,
  results: readonly SeriesResult[],
): Promise<Map<string, string>> {
  const statusOf = new Map(await listImageStatuses(session, region));
  if (results.some(({ plan }) => plan.volume !== undefined)) {
    for (const { id, status } of await listVolumeSnapshots(session, region)) statusOf.set(id, status);
  }
  return statusOf;
}

/** The ids of the images and volume snapshots in the results that no longer exist. */
async function goneOf(
  session: Session,
  listed: ReadonlyMap<string, string>,
  results: readonly SeriesResult[],
): Promise<Set<string>> {
  const items = results.flatMap(({ plan, lines }) =>
    lines.map((line, i) => ({ line, snapshot: plan.items[i]!.snapshot })),
  );
  const isGone = async ({ line, snapshot }: (typeof items)[number]) => {
    const { image, outcome, codes } = line;
    const isDeleted = outcome === 'deleted';
    // Each deletion was followed by a read of the image.
    if (isDeleted && !listed.has(image)) return true;
    // A listed image that this run did not delete exists, even if GET answers 404. An image that
    // the listing lacks may exist.
    if (listed.has(image) && (!isDeleted || codes.includes('ALREADY_GONE'))) return false;
    return !(await exists(session, snapshot));
  };
  const gone = await pMap(items, isGone, { concurrency: AT_ONCE });
  return new Set(items.filter((_, i) => gone[i]).map(({ line }) => line.image));
}

/**
 * The kept snapshots that were good when the run started, still exist and are no longer good: their
 * current status by image id.
 */
async function damagedOf(
  session: Session,
  region: string,
  statusOf: ReadonlyMap<string, string>,
  results: readonly SeriesResult[],
): Promise<ReadonlyMap<string, string>> {
  const good = results.flatMap(({ plan, lines }) =>
    plan.items.flatMap(({ snapshot, action }, i) =>
      action === 'keep' && snapshot.state === 'good' && lines[i]!.outcome !== 'deleted' ? [snapshot] : [],
    ),
  );
  const onVolumes = good.some(({ volumeSnapshots }) => volumeSnapshots.length > 0);
  const listed = onVolumes ? await listVolumeSnapshots(session, region) : [];
  const dataOf = new Map(listed.map(({ id, status }) => [id, status]));
  const statusNow = async ({ id, volume, volumeSnapshots }: Snapshot): Promise<string | undefined> => {
    if (volume !== undefined) {
      const current = statusOf.get(id) ?? 'available';
      return /^(error|deleting)/.test(current) ? current : undefined;
    }
    const status = statusOf.get(id) ?? 'active';
    if (status !== 'active') return status;
    const unlisted = volumeSnapshots.filter((one) => !dataOf.has(one));
    const found = await getVolumeSnapshots(session, region, unlisted);
    if (found.length < unlisted.length) return volumeSnapshotStatus('gone');
    const bad = volumeSnapshots
      .map((one) => dataOf.get(one))
      .find((its) => /^(error|deleting)/.test(its ?? ''));
    return bad && volumeSnapshotStatus(bad);
  };
  const now = await pMap(good, statusNow, { concurrency: AT_ONCE });
  return new Map(good.flatMap(({ id }, i) => (now[i] ? [[id, now[i]] as const] : [])));
}

function stillThere(line: SnapshotLine): SnapshotLine {
  return { ...line, outcome: 'failed', ...reported([{ code: 'STILL_THERE' }]) };
}

function vanished(line: SnapshotLine): SnapshotLine {
  return { ...line, outcome: 'failed', ...reported([{ code: 'VANISHED' }]) };
}

function goneByNow(line: SnapshotLine): SnapshotLine {
  const { codes, reasons } = reported([{ code: 'GONE_BY_NOW' }]);
  return {
    ...line,
    outcome: 'deleted',
    codes: [...line.codes, ...codes],
    reasons: [...line.reasons, ...reasons],
  };
}

function unconfirmed(line: SnapshotLine): SnapshotLine {
  return line.outcome === 'deleted'
    ? { ...line, outcome: 'failed', ...reported([{ code: 'UNCONFIRMED' }]) }
    : line;
}
