import { attachVolume } from '../openstack/attachments.ts';
import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type MadeVolumes, twinReasons } from './made-volumes.ts';

/** The errors after which a later call tries again. */
const PASSING: CloudError['code'][] = ['CONFLICT', 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER', 'OUT_OF_TIME'];

/**
 * Attaches the volumes of a restore to the new server, in the order of the originals, up to the
 * first one that the cloud does not accept. The cloud attaches a volume asynchronously, so a later
 * call has to find the volume `in-use`.
 *
 * @returns `building` until all volumes are attached.
 */
export async function attachVolumes(
  session: Session,
  server: ServerDetail,
  { made, twins, missing }: MadeVolumes,
): Promise<{ state: 'building' | 'done' | 'failed'; reasons: Reason[] }> {
  const reasons: Reason[] = [
    ...missing.map((volume): Reason => ({ code: 'RESTORE_VOLUME_GONE', volume })),
    ...twinReasons(twins),
  ];
  let state: 'building' | 'done' | 'failed' = missing.length > 0 ? 'failed' : 'done';
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
      await attachVolume(session, server, volume);
      reasons.push({ code: 'RESTORE_VOLUME_ATTACHING', ...which });
      if (state === 'done') state = 'building';
    } catch (error) {
      if (!isCloudError(error)) throw error;
      reasons.push({ code: 'RESTORE_VOLUME_NOT_ATTACHED', ...which, ...errorFactsOf(error) });
      const isPassing = state !== 'failed' && isCloudError(error, ...PASSING);
      return { state: isPassing ? 'building' : 'failed', reasons };
    }
  }
  return { state, reasons };
}
