import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Lease } from '../runtime/lease.ts';
import { createVolumeOnce } from '../volumes/create-once.ts';
import { parametersOf, type RestoreContext } from './context.ts';
import type { RestoreEvent } from './event.ts';
import { type MadeVolume, type MadeVolumes, twinReasons } from './made-volumes.ts';
import { readVolumeMark, volumeMark } from './marks.ts';
import type { VolumePart } from './volume-parts.ts';

/** How far the volumes of a restore are, after one call. */
export interface VolumesStep {
  /** `ready` when all volumes are available. */
  state: 'ready' | 'waiting' | 'failed';
  /** The volumes in the order in which they are attached. */
  made: MadeVolume[];
  /** The reasons; those for volumes that were made name each of them. */
  reasons: Reason[];
}

/**
 * Makes the volumes of a restore that no earlier call has made, and checks the others. A volume is
 * ready only if a later call than the one that requested it finds it `available`, or attached to
 * the server that is restored in place.
 *
 * @param image the image or the volume snapshot that is restored.
 */
export async function makeVolumes(
  session: Session,
  context: RestoreContext<RestoreEvent>,
  { image, parts, before }: { image: string; parts: readonly VolumePart[]; before: MadeVolumes },
): Promise<VolumesStep> {
  const home = context.event.to === 'in-place' ? context.origin.id : undefined;
  const steps = before.made.map((made) => ({ made, ...judge(made, home) }));
  const open = parts.filter(({ saved }) => !before.made.some(({ mark }) => mark.snapshot === saved.id));
  const requested = open.length === 0 ? NOTHING : await requestAll(session, context, image, open);
  const states = [...steps.map(({ state }) => state), requested.state];
  return {
    state: states.includes('failed') ? 'failed' : states.includes('waiting') ? 'waiting' : 'ready',
    made: [...before.made, ...requested.made].sort((a, b) => a.mark.position - b.mark.position),
    reasons: [...steps.map(({ reason }) => reason), ...requested.reasons, ...twinReasons(before.twins)],
  };
}

const NOTHING: VolumesStep = { state: 'ready', made: [], reasons: [] };

/** @param home the server that may have the volume already. */
function judge(
  { volume }: MadeVolume,
  home: string | undefined,
): { state: VolumesStep['state']; reason: Reason } {
  const { id, name, status, attachments } = volume;
  const which = { volume: id, name };
  if (/^error/.test(status)) {
    return { state: 'failed', reason: { code: 'RESTORE_VOLUME_FAILED', ...which, status } };
  }
  const servers = attachments.map(({ serverId }) => serverId);
  if (servers.some((server) => server !== home)) {
    return { state: 'failed', reason: { code: 'RESTORE_VOLUME_ELSEWHERE', ...which, servers } };
  }
  return {
    state: status === 'available' || servers.length > 0 ? 'ready' : 'waiting',
    reason: { code: 'RESTORE_VOLUME_STATUS', ...which, status },
  };
}

/** Requests the volumes one after the other, up to the first one that the cloud does not accept. */
async function requestAll(
  session: Session,
  context: RestoreContext<RestoreEvent>,
  image: string,
  parts: readonly VolumePart[],
): Promise<VolumesStep> {
  const lease = await takeLease(session, context);
  if (lease && 'heldUntil' in lease) {
    return { state: 'waiting', made: [], reasons: [{ code: 'RESTORE_VOLUMES_BY_OTHER_CALL' }] };
  }
  const step: VolumesStep = { state: 'waiting', made: [], reasons: [] };
  try {
    for (const part of parts) {
      const result = await requestOne(session, context, image, part);
      step.reasons.push(result.reason);
      if (result.made) step.made.push(result.made);
      else return { ...step, state: result.state };
    }
    return step;
  } finally {
    if (lease) await lease.release().catch(() => undefined);
  }
}

type RequestResult = { reason: Reason } & (
  | { made: MadeVolume }
  | { made?: undefined; state: 'waiting' | 'failed' }
);

async function requestOne(
  session: Session,
  context: RestoreContext<RestoreEvent>,
  image: string,
  { saved, name, position }: VolumePart,
): Promise<RequestResult> {
  const { region } = context.origin;
  const at = cloudTime(session);
  const mark = { ...parametersOf(context, image), at, snapshot: saved.id, position };
  const { sizeGb, place } = saved;
  const source = saved.isBackup ? { backupId: saved.id } : { snapshotId: saved.id };
  const wanted = { source, name, sizeGb, type: place.type, ...volumeMark(mark) };
  try {
    const sent = await createVolumeOnce(session, region, wanted, (volume) => {
      const found = readVolumeMark(volume);
      return found?.request === context.request && found.snapshot === saved.id;
    });
    if ('unsure' in sent) {
      const { code: error, message } = sent.unsure;
      return { state: 'waiting', reason: { code: 'RESTORE_UNCERTAIN', error, message } };
    }
    const volume = sent.done;
    return { made: { volume, mark }, reason: { code: 'RESTORE_VOLUME_REQUESTED', volume: volume.id, name } };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return { state: 'failed', reason: { code: 'RESTORE_VOLUME_REFUSED', name, ...errorFactsOf(error) } };
  }
}

/**
 * Takes the lease that permits one call at a time to request the volumes. Undefined when no lease
 * can be stored.
 */
async function takeLease(
  session: Session,
  { event, request, run }: RestoreContext<RestoreEvent>,
): Promise<Lease | undefined> {
  try {
    const until = new Date(run.now.getTime() + session.deadline.remainingMs());
    return await run.leases?.take(`restore/${event.account}/${request}/volumes`, until, run.now);
  } catch {
    // A second volume does less damage than a restore that can't begin.
    return undefined;
  }
}
