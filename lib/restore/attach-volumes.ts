import { attachVolume } from '../openstack/attachments.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isTemporaryError } from './cloud-request.ts';
import { type MadeVolumes, twinReasons } from './made-volumes.ts';

/** How far the volumes of a server are. */
export interface VolumesProgress {
  state: 'building' | 'done' | 'failed';
  reasons: Reason[];
}

/**
 * Attaches the volumes of a restore to its server, in the order of the originals, up to the
 * first one that the cloud does not accept. The cloud attaches a volume asynchronously, so a later
 * call has to find the volume `in-use`.
 *
 * @param deviceOf the device to ask for; by default, the cloud chooses.
 * @returns `building` until all volumes are attached.
 */
export async function attachVolumes(
  session: Session,
  server: ServerDetail,
  { made, twins, missing }: MadeVolumes,
  deviceOf: (volume: Volume) => string | undefined = () => undefined,
): Promise<VolumesProgress> {
  const reasons: Reason[] = [
    ...missing.map((volume): Reason => ({ code: 'RESTORE_VOLUME_GONE', volume })),
    ...twinReasons(twins),
  ];
  let state: VolumesProgress['state'] = missing.length > 0 ? 'failed' : 'done';
  for (const { volume } of made) {
    const { id, name, status, attachments } = volume;
    const which = { volume: id, name };
    const servers = attachments.map(({ serverId }) => serverId);
    if (servers.includes(server.id) && status === 'in-use') {
      reasons.push({ code: 'RESTORE_VOLUME_ATTACHED', ...which });
      continue;
    }
    if (servers.length > 0 && !servers.includes(server.id)) {
      reasons.push({ code: 'RESTORE_VOLUME_ELSEWHERE', ...which, servers });
      state = 'failed';
      continue;
    }
    if (status !== 'available') {
      const isFailed = /^error/.test(status);
      reasons.push({ code: isFailed ? 'RESTORE_VOLUME_FAILED' : 'RESTORE_VOLUME_STATUS', ...which, status });
      if (isFailed) state = 'failed';
      else if (state === 'done') state = 'building';
      continue;
    }
    try {
      await attachVolume(session, server, volume, deviceOf(volume));
      reasons.push({ code: 'RESTORE_VOLUME_ATTACHING', ...which });
      if (state === 'done') state = 'building';
    } catch (error) {
      if (!isCloudError(error)) throw error;
      reasons.push({ code: 'RESTORE_VOLUME_NOT_ATTACHED', ...which, ...errorFactsOf(error) });
      return { state: state !== 'failed' && isTemporaryError(error) ? 'building' : 'failed', reasons };
    }
  }
  return { state, reasons };
}
