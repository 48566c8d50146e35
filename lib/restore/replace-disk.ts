import { getImage, type Image } from '../openstack/images.ts';
import { getServer, rebuildServer, type ServerDetail } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { canonical } from '../snapshots/selector.ts';
import { send } from './cloud-request.ts';
import { eventToResume, parametersOf, restoreReport } from './context.ts';
import {
  diskBack,
  type InPlaceRestore,
  inPlaceReport,
  leftBehind,
  safetySnapshotIds,
} from './in-place-context.ts';
import { isRebuiltBy, RESTORED_KEY, readSafetyMark, restoredMark } from './marks.ts';
import { replacedReasons, volumesBack } from './replaced-volumes.ts';
import type { Restoration } from './restoration.ts';
import { checkSafetySnapshot, type Safety } from './safety.ts';
import { swapVolumes } from './swap-volumes.ts';

/**
 * Checks the safety snapshot and the server again, then replaces the volumes, and requests the
 * rebuild once the server has the new ones: Nova starts a server for a moment when it rebuilds it,
 * and the restored system should not see the old volumes then.
 */
export async function replaceDisk(
  session: Session,
  restore: InPlaceRestore,
  safety: Safety,
): Promise<Restoration> {
  const { image, request, origin } = restore;
  const { id } = safety.snapshot;
  const [current, server] = await Promise.all([
    getImage(session, origin.region, id),
    getServer(session, origin.region, origin.id),
  ]);
  const wrong = reasonToPostpone(session, restore, current, server);
  if (wrong || !server) {
    const reason: Reason = wrong ?? { code: 'RESTORE_SERVER_GONE', name: origin.name };
    return inPlaceReport(
      restore,
      'waiting',
      [{ code: 'RESTORE_POSTPONED', reason }, ...leftBehind(restore)],
      id,
    );
  }
  const swapped = await swapVolumes(session, restore, server);
  if (swapped.state !== 'done') {
    const back = swapped.state === 'failed' ? volumesBack(restore) : [];
    return inPlaceReport(
      restore,
      swapped.state,
      [...swapped.reasons, ...replacedReasons(restore), ...back],
      id,
    );
  }
  const mark = restoredMark({
    ...parametersOf(restore, image.id),
    at: cloudTime(session),
    ...(restore.wasRunning && server.status === 'SHUTOFF' && restore.swaps.length > 0
      ? { isStopped: true }
      : {}),
  });
  const sent = await send(
    async () => {
      const metadata = { ...server.metadata, [RESTORED_KEY]: mark };
      await rebuildServer(session, server, { image: image.id, metadata });
      return true;
    },
    async () => {
      const now = await getServer(session, server.region, server.id);
      return now && isRebuiltBy(now, request) ? true : undefined;
    },
    'in-place',
    leftBehind(restore),
  );
  if ('unsure' in sent) {
    return inPlaceReport(
      restore,
      'failed',
      [sent.unsure, { code: 'RESTORE_CALL_AGAIN' }, ...leftBehind(restore)],
      id,
    );
  }
  return restoreReport(restore, image.id, {
    state: 'building',
    restored: server.id,
    safety: id,
    reasons: [
      { code: 'SAFETY_GOOD', image: id },
      { code: 'RESTORE_REBUILDING', name: server.name, image: image.id, imageName: image.name },
      ...replacedReasons(restore),
      ...volumesBack(restore),
      diskBack(server, id),
    ],
    next: eventToResume(restore, image.id, {
      restored: server.id,
      safetySnapshots: safetySnapshotIds(restore),
    }),
  });
}

/**
 * The last check before the disk is replaced. @returns why the disk must not be replaced now;
 * undefined when it may be replaced.
 */
function reasonToPostpone(
  session: Session,
  { event, origin, request, image, inventory }: InPlaceRestore,
  current: Image | undefined,
  server: ServerDetail | undefined,
): Reason | undefined {
  if (!server) return { code: 'RESTORE_SERVER_GONE', name: origin.name };
  if (isRebuiltBy(server, request)) return { code: 'RESTORE_BY_OTHER_CALL', name: server.name };
  const { name, taskState } = server;
  if (canonical(name) !== canonical(event.confirm ?? ''))
    return { code: 'RESTORE_SERVER_RENAMED', was: origin.name, name };
  if (taskState !== null) return { code: 'RESTORE_SERVER_BUSY', name, taskState };
  const mark = current && readSafetyMark(current);
  const snapshot = current && inventory.read(current);
  if (!mark || !snapshot) return { code: 'SAFETY_LOST' };
  const isIts = mark.request === request && mark.image === image.id && snapshot.server === server.id;
  if (!isIts) return { code: 'SAFETY_OF_OTHER_RESTORE' };
  const state = checkSafetySnapshot({ snapshot, mark }, server, cloudTime(session));
  return state === 'good' ? undefined : { code: 'SAFETY_CHANGED', state };
}
