import pMap from 'p-map';
import { HOUR_MS } from '../config/dates.ts';
import { MOST_DRILL_HOURS } from '../config/drill-field.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { getServer } from '../openstack/servers.ts';
import { getVolume, type Volume } from '../openstack/volumes.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import { attemptOf, type DrillAttempt } from './attempt.ts';
import { abandoned } from './delete-volumes.ts';
import type { BegunDrill } from './plan.ts';
import { readThrowAway } from './throw-away.ts';
import { type VolumeDrill, volumeDrillOf } from './volume-drill.ts';
import { readDrillVolumeMark } from './volume-mark.ts';
import type { VolumeRecord } from './volume-record.ts';
import type { DrillRun } from './watch.ts';

/** A drill has at most this long for its volumes, and as long again for its server. */
const LONGEST_DRILL_MS = 2 * MOST_DRILL_HOURS * HOUR_MS;

/**
 * The drills of earlier runs that have made volumes: those of this policy, and those of other
 * policies of the account that are older than any drill may be. Each is paired with the attempt
 * that follows its server.
 *
 * @param attempts gets the servers of these drills that it lacks.
 */
export async function openVolumeDrills(
  work: DrillRun,
  records: readonly VolumeRecord[],
  attempts: DrillAttempt[],
): Promise<VolumeDrill[]> {
  const { policy, now } = work;
  const isOwn = (record: VolumeRecord) =>
    record.policy === policy.policy || now.getTime() - record.at.getTime() > LONGEST_DRILL_MS;
  return pMap(records.filter(isOwn), (record) => openDrill(work, record, attempts), { concurrency: 8 });
}

async function openDrill(
  work: DrillRun,
  record: VolumeRecord,
  attempts: DrillAttempt[],
): Promise<VolumeDrill> {
  const { image, region, nonce } = record;
  const target = work.snapshots.find((one) => one.id === image && one.region === region);
  const named = target?.records.find((one) => one.nonce === nonce);
  const server = record.server ?? named?.server;
  const drill = volumeDrillOf({ ...record, ...(server === undefined ? {} : { server }) }, target);
  if (drill.state === 'filling' && named) {
    drill.record.requestedAt = named.at;
    drill.state = 'booting';
  }
  if (drill.state !== 'booting') return drill;
  const isOfDrill = ({ server: one }: DrillAttempt) => one.nonce === nonce && (!server || one.id === server);
  drill.attempt = attempts.find(isOfDrill);
  if (!drill.attempt && server !== undefined) await findServer(work, drill, server);
  if (drill.attempt && !attempts.includes(drill.attempt)) attempts.push(drill.attempt);
  if (drill.attempt) Object.assign(drill.attempt, { record: drill.record, target });
  return drill;
}

/** Requests the server of a drill by its id, because a listing may lack it. */
async function findServer({ session, owner }: DrillRun, drill: VolumeDrill, id: string): Promise<void> {
  const { region, policy, image, nonce, requestedAt } = drill.record;
  try {
    const server = await getServer(session, region, id);
    if (!server) return;
    const { name } = server;
    const unmarked = { id, name, region, owner, policy, image, nonce, createdAt: requestedAt! };
    const { target, record } = drill;
    const needless =
      target?.drilled && target.drilled >= requestedAt! ? ({ code: 'DRILL_JUDGED' } as const) : undefined;
    drill.attempt = attemptOf(readThrowAway(server) ?? unmarked, { target, record, needless });
  } catch (error) {
    if (!isCloudError(error)) throw error;
    drill.state = 'later';
    drill.result = { outcome: 'failed', reasons: [{ code: 'DRILL_READ_LATER', ...errorFactsOf(error) }] };
  }
}

/** A volume with the mark of a drill that no record names. */
export interface AbandonedVolume extends BegunDrill {
  /** The nonce of the drill that may have made the volume. */
  nonce: string;
  finding: Finding<'DRILL_VOLUME_ABANDONED'>;
}

/**
 * The volumes with the mark of the policy that no record names. Nothing proves that a drill made
 * them, so they are never deleted. Each of their drills counts towards the drills that a policy may
 * have at once, so that drills never multiply.
 *
 * @throws {CloudError} when one of them can't be read.
 */
export async function abandonedVolumes(
  { session, owner, policy, regions }: DrillRun,
  records: readonly VolumeRecord[],
): Promise<AbandonedVolume[]> {
  const suspects = regions
    .flatMap(({ volumes }) => volumes)
    .filter((volume) => {
      const mark = readDrillVolumeMark(volume);
      return mark?.owner === owner && mark.policy === policy.policy && !isNamed(volume, records);
    });
  const volumes = await Promise.all(suspects.map(({ region, id }) => getVolume(session, region, id)));
  return volumes.flatMap((volume): AbandonedVolume[] => {
    const mark = volume && readDrillVolumeMark(volume);
    if (!mark) return [];
    const { region, createdAt = new Date(), attachments } = volume;
    const servers = attachments.map(({ serverId }) => serverId);
    const reason: Reason =
      servers.length > 0
        ? { code: 'DRILL_VOLUME_ELSEWHERE', servers }
        : { code: 'DRILL_VOLUME_NOT_RECORDED' };
    const { image, nonce } = mark;
    return [{ region, image, createdAt, nonce, finding: abandoned(volume, reason) }];
  });
}

function isNamed(volume: Volume, records: readonly VolumeRecord[]): boolean {
  const mark = readDrillVolumeMark(volume)!;
  const record = records.find(({ nonce }) => nonce === mark.nonce);
  return (
    record?.volumes.some(({ id, snapshot }) => id === volume.id || (!id && snapshot === mark.snapshot)) ??
    false
  );
}
