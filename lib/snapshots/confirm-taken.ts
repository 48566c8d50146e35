import { isCloudError } from '../openstack/errors.ts';
import { getImage, type Image, listImagesById } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import {
  getVolumeSnapshots,
  listVolumeSnapshots,
  type VolumeSnapshot,
} from '../openstack/volume-snapshots.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { Entry } from '../reporting/report.ts';
import { reasonOf } from '../reporting/sentences.ts';
import type { Reader } from './ownership.ts';
import { isSnapshot } from './snapshot.ts';
import { isEmpty } from './snapshot-state.ts';
import type { SetResult, TakeContext } from './take-set.ts';

/**
 * Reads the images that the run has requested. If an image does not exist, or the next run would
 * not recognise it as a snapshot, its entry fails. An image that the listing lacks is requested by
 * its id.
 */
export async function confirmTaken(
  { session, readerFor }: Pick<TakeContext, 'session' | 'readerFor'>,
  begun: readonly SetResult[],
): Promise<{ images: Entry[]; warnings: Finding[] }> {
  const entries = begun.map(({ image }) => image);
  const taken = entries.filter(({ outcome }) => outcome === 'taken');
  const problems = new Map<Entry, Reason>();
  const warnings: Finding[] = [];
  for (const [region, its] of Map.groupBy(taken, (entry) => entry.region)) {
    try {
      const listed = await listImagesById(session, region, new Set(its.map(({ image }) => image!)));
      const isOnVolumes = [...listed.values()].some((image) => image.volumeSnapshotIds.length > 0);
      const volumeSnapshots = isOnVolumes ? await listVolumeSnapshots(session, region) : [];
      for (const entry of its) {
        const image = listed.get(entry.image!) ?? (await getImage(session, region, entry.image!));
        const problem: Reason | undefined = image
          ? rejection(
              image,
              readerFor(region)(image, await volumeSnapshotsOf(session, image, volumeSnapshots)),
            )
          : { code: 'IMAGE_LOST', image: entry.image! };
        if (problem) problems.set(entry, problem);
      }
    } catch (error) {
      if (!isCloudError(error)) throw error;
      warnings.push({ code: 'TAKEN_UNCONFIRMED', region, message: error.message });
    }
  }
  return {
    warnings,
    images: entries.map((entry) => {
      const reason = problems.get(entry);
      return reason ? { ...entry, outcome: 'failed', ...reasonOf(reason) } : entry;
    }),
  };
}

/**
 * The volume snapshots that an image names. Those that the listing lacks are requested by their
 * ids.
 */
async function volumeSnapshotsOf(
  session: Session,
  { region, volumeSnapshotIds }: Image,
  listed: readonly VolumeSnapshot[],
): Promise<VolumeSnapshot[]> {
  const found = listed.filter(({ id }) => volumeSnapshotIds.includes(id));
  const unlisted = volumeSnapshotIds.filter((id) => !found.some((one) => one.id === id));
  return [...found, ...(await getVolumeSnapshots(session, region, unlisted))];
}

/**
 * Why the next run would not recognise a new image as a good or pending snapshot; undefined if it
 * would.
 */
function rejection({ id }: Image, read: ReturnType<Reader>): Reason | undefined {
  if (isSnapshot(read)) {
    if (isEmpty(read)) return { code: 'IMAGE_EMPTY', image: id, hasSize: (read.sizeBytes ?? 0) > 0 };
    return read.state === 'failed' ? { code: 'IMAGE_FAILED', image: id, status: read.status } : undefined;
  }
  return read === undefined
    ? { code: 'MARKER_LOST', image: id }
    : { code: 'IMAGE_REJECTED', image: id, problem: read.problem };
}
