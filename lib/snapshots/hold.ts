import { isoSeconds, parseDate, parseEnd } from '../config/dates.ts';
import { ADHOC, type Hold } from '../config/policy.ts';
import { UUID } from '../config/schema.ts';
import { invalidEvent, ValidationError } from '../config/validation-error.ts';
import { errorFactsOf, isCloudError, restated } from '../openstack/errors.ts';
import { getImage, type Image, setProperty } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import { finishReport, type Outcome, type Report, type VolumeLine } from '../reporting/report.ts';
import { ERRORS } from '../reporting/sentences/errors.ts';
import { reasonOf } from '../reporting/sentences.ts';
import type { Run } from '../runtime/run.ts';
import { holdVolumeSnapshot, volumeSnapshotsOfSet } from '../volumes/hold.ts';
import { volumeReaderOf } from '../volumes/marker.ts';
import { isSnapshot, readMarker, stateOf } from './marker.ts';
import { exposedBecause } from './retention.ts';

/**
 * Sets or removes the hold of an image. While the hold lasts, cleanups neither delete nor count the
 * image.
 *
 * @throws {ValidationError} when no region has the image, another project owns it, it has failed,
 *   or the end of the hold has passed.
 */
export async function hold(session: Session, event: Hold, run: Run): Promise<Report> {
  const { owner, now } = run;
  const until = 'hold' in event ? event.until : 'none';
  if (until !== 'none' && until !== 'forever' && parseEnd(until)! <= now) {
    throw invalidEvent(`until: ${until} has passed: give a later one, or "forever"`);
  }
  // Clouds compare UUIDs in lower case.
  const given = 'hold' in event ? event.hold : event.release;
  const id = UUID.test(given) ? given.toLowerCase() : given;
  const image = await findImageInAnyRegion(session, id);
  if (image?.owner !== session.projectId) {
    const { regions } = session;
    const field = 'hold' in event ? 'hold' : 'release';
    throw new ValidationError({ code: 'IMAGE_UNKNOWN', field, image: id, regions });
  }
  if ('hold' in event && stateOf(image) === 'failed' && image.volumeSnapshotIds.length === 0) {
    throw new ValidationError({ code: 'HOLD_OF_FAILED', image: id, status: image.status });
  }
  const parts = await volumesOfImage(session, image, run);
  try {
    if (!event.dryRun) {
      for (const part of parts) {
        if (await holdVolumeSnapshot(session, part, until)) continue;
        throw new ValidationError({ code: 'HOLD_NOT_KEPT', id: part.id });
      }
      await setProperty(session, image, 'autosnap_hold', until);
    }
  } catch (error) {
    if (!isCloudError(error, 'FORBIDDEN')) throw error;
    throw new ValidationError({ code: 'HOLD_REFUSED', ...errorFactsOf(error) });
  }
  const server = image.properties.autosnap_server ?? image.properties.instance_uuid ?? '';
  const done = until === 'none' ? 'released' : 'held';
  const reason = until === 'none' ? releasedReason(image, session, run) : heldUntil(until);
  return finishReport({
    job: 'hold',
    policy: image.properties.autosnap_policy ?? '',
    owner,
    account: event.account,
    dryRun: event.dryRun,
    failures: [],
    warnings: [],
    nothingSelected: false,
    entries: [
      {
        server,
        name: image.name,
        region: image.region,
        image: id,
        outcome: event.dryRun ? 'planned' : done,
        ...reasonOf(reason),
        ...(parts.length > 0
          ? { volumes: parts.map((part) => partLine(part, event.dryRun ? 'planned' : done, reason)) }
          : {}),
      },
    ],
  });
}

/** The snapshots of volumes that belong to the same set as an image. */
async function volumesOfImage(
  session: Session,
  image: Image,
  { owner, policies = [] }: Pick<Run, 'owner' | 'policies'>,
): Promise<VolumeSnapshot[]> {
  const {
    autosnap_owner,
    autosnap_policy: policy,
    autosnap_server: server,
    autosnap_slot,
  } = image.properties;
  const slot = parseDate(autosnap_slot);
  if (autosnap_owner !== owner || !policy || !server || !slot) return [];
  const set = { policy, server, slot };
  return volumeSnapshotsOfSet(session, image.region, set, volumeReaderOf({ owner, policies }));
}

function partLine({ id, name, volumeId }: VolumeSnapshot, outcome: Outcome, reason: Reason): VolumeLine {
  return { volume: volumeId, name, snapshot: id, outcome, ...reasonOf(reason) };
}

function heldUntil(until: string): Reason {
  if (until === 'forever') return { code: 'HELD' };
  const day = until.includes('T') ? {} : { day: until };
  return { code: 'HELD_UNTIL', until: isoSeconds(parseEnd(until)!), ...day };
}

/** What future cleanups do with an image after its hold is removed. */
function releasedReason(
  image: Image,
  { projectId }: Pick<Session, 'projectId'>,
  { owner, now, policies }: Pick<Run, 'owner' | 'now' | 'policies'>,
): Reason {
  const properties = { ...image.properties, autosnap_hold: 'none' };
  const scheduleOf = (name: string) => policies?.find(({ policy }) => policy === name)?.schedule;
  const read = readMarker({ ...image, properties }, { owner, projectId, scheduleOf });
  if (read === undefined) {
    return { code: policies?.some(({ adopt }) => adopt) ? 'RELEASED_UNMARKED' : 'RELEASED_FOREIGN' };
  }
  if (!isSnapshot(read)) return { code: 'RELEASED_UNREADABLE', problem: read.problem };
  if (image.protected) return { code: 'RELEASED_PROTECTED' };
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

async function findImageInAnyRegion(session: Session, id: string): Promise<Image | undefined> {
  const answers = await Promise.allSettled(session.regions.map((region) => getImage(session, region, id)));
  const images = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const found = images.find((image) => image !== undefined);
  const failed = answers.findIndex(({ status }) => status === 'rejected');
  const failure = answers[failed];
  if (found || failure?.status !== 'rejected') return found;
  const { reason } = failure;
  throw isCloudError(reason)
    ? restated(reason, ERRORS.imageMayBeThere(session.regions[failed]!, reason.message))
    : reason;
}
