import { ADHOC } from '../config/adhoc-event.ts';
import { isoSeconds, parseDate, parseEnd } from '../config/dates.ts';
import type { Hold } from '../config/hold-event.ts';
import { UUID } from '../config/schema.ts';
import { invalidEvent, ValidationError } from '../config/validation-error.ts';
import { backupReaderOf } from '../offsite/backups.ts';
import { backupsOfSet, findBackup, holdBackup } from '../offsite/hold-backups.ts';
import { errorFactsOf, isCloudError, restated } from '../openstack/errors.ts';
import { getImage, type Image, listImages, setProperty } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { VolumeBackup } from '../openstack/volume-backups.ts';
import { getVolumeSnapshot, type VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import { finishReport } from '../reporting/finish-report.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Outcome, Report, VolumeLine } from '../reporting/report.ts';
import { ERRORS } from '../reporting/sentences/errors.ts';
import { reasonOf } from '../reporting/sentences.ts';
import type { Run } from '../runtime/run.ts';
import { holdVolumeSnapshot, volumeSnapshotsOfSet } from '../volumes/hold.ts';
import { volumeReaderOf } from '../volumes/marker.ts';
import { isInSameSet, type setOf } from '../volumes/set.ts';
import { type MarkerReading, readMarker } from './marker.ts';
import { exposedBecause } from './retention.ts';
import { isSnapshot } from './snapshot.ts';
import { stateOf } from './snapshot-state.ts';

/**
 * Sets or removes the hold of a set, which is named by the id of its image, of one of its volume
 * snapshots or of one of their backups. While the hold lasts, cleanups neither delete nor count any
 * part, and no rotation deletes any of the backups.
 *
 * @throws {ValidationError} when no region has the image, volume snapshot or backup, another
 *   project owns it, the image has failed, or the end of the hold has passed.
 */
export async function hold(session: Session, event: Hold, run: Run): Promise<Report> {
  const { owner, now } = run;
  const until = 'hold' in event ? event.until : 'none';
  if (until !== 'none' && until !== 'forever' && parseEnd(until)! <= now) {
    throw invalidEvent({ field: 'until', text: `${until} has passed: give a later one, or "forever"` });
  }
  // Clouds compare UUIDs in lower case.
  const given = 'hold' in event ? event.hold : event.release;
  const id = UUID.test(given) ? given.toLowerCase() : given;
  const set = await findSet(session, id, run);
  if (!set) {
    const { regions } = session;
    const field = 'hold' in event ? 'hold' : 'release';
    throw new ValidationError({ code: 'IMAGE_UNKNOWN', field, image: id, regions });
  }
  const { image, parts, backups } = set;
  if ('hold' in event && image && stateOf(image) === 'failed' && image.volumeSnapshotIds.length === 0) {
    throw new ValidationError({ code: 'HOLD_OF_FAILED', image: image.id, status: image.status });
  }
  try {
    if (!event.dryRun) {
      for (const part of parts) {
        if (await holdVolumeSnapshot(session, part, until)) continue;
        throw new ValidationError({ code: 'HOLD_NOT_KEPT', id: part.id });
      }
      for (const backup of backups) {
        if (await holdBackup(session, backup, until)) continue;
        throw new ValidationError({ code: 'HOLD_NOT_KEPT', id: backup.id, isBackup: true });
      }
      if (image) await setProperty(session, image, 'autosnap_hold', until);
    }
  } catch (error) {
    if (!isCloudError(error, 'FORBIDDEN')) throw error;
    throw new ValidationError({ code: 'HOLD_REFUSED', ...errorFactsOf(error) });
  }
  const outcome = event.dryRun ? 'planned' : until === 'none' ? 'released' : 'held';
  const reason = until === 'none' ? releasedReason(set, session, run) : heldUntil(until);
  const volumes = [
    ...parts.map((part) => ({ ...volumeLine(part, outcome, reason), snapshot: part.id })),
    ...backups.map((backup) => ({ ...volumeLine(backup, outcome, reason), backup: backup.id })),
  ];
  return finishReport({
    job: 'hold',
    policy: set.policy,
    owner,
    account: event.account,
    dryRun: event.dryRun,
    failures: [],
    warnings: [],
    nothingSelected: false,
    entries: [
      {
        ...{ server: set.server, name: set.name, region: set.region },
        ...(image ? { image: image.id } : {}),
        outcome,
        ...reasonOf(reason),
        ...(volumes.length > 0 ? { volumes } : {}),
      },
    ],
  });
}

/** The parts of a set that exist. A server at Rackspace that boots from a volume has no image. */
interface HeldSet {
  policy: string;
  server: string;
  /** The name of the part that the event names. */
  name: string;
  region: string;
  image: Image | undefined;
  parts: readonly VolumeSnapshot[];
  /** The backups of the volumes. */
  backups: readonly VolumeBackup[];
}

/**
 * Finds the set of an image, of a volume snapshot or of a backup. An image of others is a set by
 * itself.
 */
async function findSet(session: Session, id: string, run: Run): Promise<HeldSet | undefined> {
  const { owner, policies = [] } = run;
  const readVolume = volumeReaderOf({ owner, policies });
  const readBackup = backupReaderOf(readVolume);
  const volumesOf = async (region: string, set: Parameters<typeof setOf>[0] | undefined) => ({
    parts: set ? await volumeSnapshotsOfSet(session, region, set, readVolume) : [],
    backups: set ? await backupsOfSet(session, region, set, readBackup) : [],
  });
  const image = await findInAnyRegion(session, id, getImage);
  if (image) {
    if (image.owner !== session.projectId) return undefined;
    const { properties, name, region } = image;
    const of = {
      ...{ name, region, image, policy: properties.autosnap_policy ?? '' },
      server: properties.autosnap_server ?? properties.instance_uuid ?? '',
    };
    return { ...of, ...(await volumesOf(region, setOfImage(image, session, run))) };
  }
  const part = await findInAnyRegion(session, id, async (_, region) =>
    session.missingEndpoint('volume', region) ? undefined : getVolumeSnapshot(session, region, id),
  );
  const backup = part ? undefined : await findInAnyRegion(session, id, findBackup);
  const set = part ? readVolume(part) : backup && readBackup(backup);
  if (!isSnapshot(set)) return undefined;
  const { name, region } = set;
  const isInSet = isInSameSet(set);
  const isPart = (one: Image) => {
    const found = readMarker(one, readingOf(session, run));
    return isSnapshot(found) && isInSet(found);
  };
  return {
    ...{ policy: set.policy, server: set.server, name, region },
    image: (await listImages(session, region)).find(isPart),
    ...(await volumesOf(region, set)),
  };
}

/** What identifies the set of an image; an image whose marker does not count has its slot alone. */
function setOfImage(image: Image, session: Session, run: Run): Parameters<typeof setOf>[0] | undefined {
  const found = readMarker(image, readingOf(session, run));
  if (isSnapshot(found)) return found;
  const { autosnap_owner, autosnap_policy: policy, autosnap_server: server } = image.properties;
  const slot = parseDate(image.properties.autosnap_slot);
  return autosnap_owner === run.owner && policy && server && slot
    ? { policy, server, slot, request: undefined }
    : undefined;
}

function readingOf(
  { projectId }: Pick<Session, 'projectId'>,
  { owner, policies }: Pick<Run, 'owner' | 'policies'>,
): MarkerReading {
  return {
    owner,
    projectId,
    scheduleOf: (name) => policies?.find(({ policy }) => policy === name)?.schedule,
  };
}

function volumeLine(
  { name, volumeId }: Pick<VolumeSnapshot, 'name' | 'volumeId'>,
  outcome: Outcome,
  reason: Reason,
): VolumeLine {
  return { volume: volumeId, name, outcome, ...reasonOf(reason) };
}

function heldUntil(until: string): Reason {
  if (until === 'forever') return { code: 'HELD' };
  const day = until.includes('T') ? {} : { day: until };
  return { code: 'HELD_UNTIL', until: isoSeconds(parseEnd(until)!), ...day };
}

/** What future cleanups do with a set after its hold is removed. */
function releasedReason(
  { image, parts, backups }: HeldSet,
  session: Session,
  run: Pick<Run, 'owner' | 'now' | 'policies'>,
): Reason {
  const { now, policies } = run;
  const released = image && { ...image, properties: { ...image.properties, autosnap_hold: 'none' } };
  const readVolume = volumeReaderOf({ owner: run.owner, policies: policies ?? [] });
  const read = released
    ? readMarker(released, readingOf(session, run))
    : [...parts.map(readVolume), ...backups.map(backupReaderOf(readVolume))].find(isSnapshot);
  if (read === undefined) {
    return { code: policies?.some(({ adopt }) => adopt) ? 'RELEASED_UNMARKED' : 'RELEASED_FOREIGN' };
  }
  if (!isSnapshot(read)) return { code: 'RELEASED_UNREADABLE', problem: read.problem };
  if (image?.protected) return { code: 'RELEASED_PROTECTED' };
  const exposed = exposedBecause(read);
  if (exposed) return exposed;
  if (read.policy === ADHOC) {
    return read.expires
      ? { code: 'RELEASED_ADHOC_UNTIL', until: isoSeconds(read.expires), isOver: read.expires <= now }
      : { code: 'RELEASED_ADHOC' };
  }
  return policies && !policies.some(({ policy }) => policy === read.policy)
    ? { code: 'RELEASED_WITHOUT_POLICY', policy: read.policy }
    : { code: 'RELEASED' };
}

/** @throws {CloudError} when no region has it, and one can't be read. */
async function findInAnyRegion<T>(
  session: Session,
  id: string,
  get: (session: Session, region: string, id: string) => Promise<T | undefined>,
): Promise<T | undefined> {
  const answers = await Promise.allSettled(session.regions.map((region) => get(session, region, id)));
  const all = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const found = all.find((one) => one !== undefined);
  const failed = answers.findIndex(({ status }) => status === 'rejected');
  const failure = answers[failed];
  if (found || failure?.status !== 'rejected') return found;
  const { reason } = failure;
  throw isCloudError(reason)
    ? restated(reason, ERRORS.imageMayBeThere(session.regions[failed]!, reason.message))
    : reason;
}
