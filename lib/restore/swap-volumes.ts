import { detachVolume } from '../openstack/attachments.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { sendOnce } from '../openstack/send-once.ts';
import { stopServer } from '../openstack/server-power.ts';
import { getServer, type ServerDetail } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import { getVolume, renameVolume, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { attachVolumes, type VolumesProgress } from './attach-volumes.ts';
import { isTemporaryError } from './cloud-request.ts';
import type { InPlaceRestore } from './in-place-context.ts';
import { isAttachedTo, type VolumeSwap } from './in-place-volumes.ts';
import { type MadeVolume, statusReasons } from './made-volumes.ts';
import { isReplaced, replacedName } from './marks.ts';

/** The statuses of an attached volume that can be detached, or is being detached. */
const DETACHABLE = ['in-use', 'detaching'];

/**
 * Takes the next step of replacing the volumes of a server, all of whose new volumes are available:
 * stops the server, renames and detaches the old volumes, or attaches the new ones. The cloud does
 * each of these asynchronously, so a later call finds the result. An old volume is renamed before
 * it is detached, so that it is never without a name that says where it belongs.
 *
 * @param server the server as the cloud shows it now, without a task.
 * @returns `done` when the server has all new volumes.
 */
export async function swapVolumes(
  session: Session,
  restore: InPlaceRestore,
  server: ServerDetail,
): Promise<VolumesProgress> {
  const { swaps } = restore;
  const made = swaps.flatMap((swap) => (swap.made ? [swap.made] : []));
  const isDone = ({ made }: VolumeSwap) =>
    made?.volume.status === 'in-use' && isAttachedTo(server.id, made.volume);
  if (swaps.every(isDone)) return { state: 'done', reasons: [] };
  const old = swaps.flatMap((swap) => (swap.old ? [swap.old] : []));
  const busy = old.filter(({ status }) => !DETACHABLE.includes(status));
  if (busy.length > 0) return withNew({ state: 'building', reasons: busy.map(busyReason) }, made);
  if (server.status !== 'SHUTOFF') return withNew(await stop(session, server), made);
  if (old.length > 0) return withNew(await detach(session, restore, server, old), made);
  const deviceOf = new Map(swaps.map(({ made, device }) => [made?.volume.id, device]));
  return attachVolumes(session, server, { made, twins: [], missing: [] }, ({ id }) => deviceOf.get(id));
}

function busyReason({ id, name, status }: Volume): Reason {
  return { code: 'RESTORE_VOLUME_BUSY', volume: id, name, status };
}

function withNew({ state, reasons }: VolumesProgress, made: MadeVolume[]): VolumesProgress {
  return { state, reasons: [...reasons, ...statusReasons({ made, twins: [] })] };
}

async function stop(session: Session, server: ServerDetail): Promise<VolumesProgress> {
  const { id, name, region } = server;
  const which = { name, server: id };
  const findStopped = async () => {
    const now = await getServer(session, region, id);
    return now && (now.status === 'SHUTOFF' || now.taskState !== null) ? true : undefined;
  };
  try {
    const sent = await sendOnce(async () => {
      await stopServer(session, server);
      return true;
    }, findStopped);
    if ('done' in sent) return { state: 'building', reasons: [{ code: 'RESTORE_STOPPING', ...which }] };
    const facts = errorFactsOf(sent.unsure);
    return { state: 'building', reasons: [{ code: 'RESTORE_NOT_STOPPED', ...which, ...facts }] };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const state = isTemporaryError(error) ? 'building' : 'failed';
    return { state, reasons: [{ code: 'RESTORE_NOT_STOPPED', ...which, ...errorFactsOf(error) }] };
  }
}

/** Renames and detaches the old volumes, up to the first one that the cloud does not accept. */
async function detach(
  session: Session,
  { request }: InPlaceRestore,
  server: ServerDetail,
  volumes: readonly Volume[],
): Promise<VolumesProgress> {
  const reasons: Reason[] = [];
  for (const volume of volumes) {
    const { id, name } = volume;
    const isRenamed = isReplaced(volume, request);
    const newName = isRenamed ? name : replacedName(name || id, { request, at: cloudTime(session) });
    try {
      if (!isRenamed) await renameVolume(session, volume, newName);
      if (volume.status !== 'detaching') await detachVolume(session, server, id);
    } catch (error) {
      if (!isCloudError(error)) throw error;
      // Another call of the same restore may have been faster.
      const now = isCloudError(error, 'BAD_REQUEST') ? await getVolume(session, server.region, id) : volume;
      if (now?.status !== 'detaching') {
        reasons.push({ code: 'RESTORE_VOLUME_NOT_DETACHED', volume: id, name, ...errorFactsOf(error) });
        return { state: isTemporaryError(error) ? 'building' : 'failed', reasons };
      }
    }
    reasons.push({ code: 'RESTORE_VOLUME_DETACHING', volume: id, name: newName });
  }
  return { state: 'building', reasons };
}
