import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { sendOnce } from '../openstack/send-once.ts';
import { startServer } from '../openstack/server-power.ts';
import { getServer, type ServerDetail, setServerMetadataItem } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isTemporaryError } from './cloud-request.ts';
import { eventToResume, type Progress, type RestoreContext, restoreReport } from './context.ts';
import type { RebuildEvent } from './event.ts';
import { diskBack } from './in-place-context.ts';
import { findMadeVolumes, statusReasons } from './made-volumes.ts';
import { RESTORED_KEY, type RestoredMark, readSafetyMark, restoredMark } from './marks.ts';
import { progressOf, type Restored, sourceOf } from './progress.ts';
import { replacedReasons, volumesBack } from './replaced-volumes.ts';
import type { Restoration } from './restoration.ts';

/**
 * Reports the progress of a server that an earlier call has rebuilt. Starts it again if the restore
 * had stopped it to replace its volumes.
 */
export async function reportRebuilt(
  session: Session,
  context: RestoreContext<RebuildEvent>,
  { id, server, begun, twins }: Restored,
): Promise<Restoration> {
  const rebuilt = progressOf(server, begun);
  const isBack = rebuilt.state === 'done' && server !== undefined && !context.event.dryRun;
  const volumes = context.event.volumes === 'none' ? undefined : await findMadeVolumes(session, context);
  const missing = volumes?.missing ?? [];
  const started = (isBack && (await startAgain(session, server, begun))) || rebuilt;
  const progress =
    missing.length > 0 && started.state === 'done' ? { ...started, state: 'failed' as const } : started;
  const { safetySnapshots } = context.event;
  // The next call still names a volume that is gone, so that the restore never seems complete.
  const made = [...(volumes?.made.map(({ volume }) => volume.id) ?? []), ...missing];
  const results = {
    restored: id,
    ...(safetySnapshots ? { safetySnapshots } : {}),
    ...(made.length > 0 ? { made } : {}),
  };
  const isOpen = progress.state === 'building' || (rebuilt.state === 'done' && progress.state === 'failed');
  return restoreReport(context, begun.image, {
    state: progress.state,
    reasons: [
      ...progress.reasons,
      ...missing.map((volume): Reason => ({ code: 'RESTORE_VOLUME_GONE', volume })),
      ...(volumes ? statusReasons(volumes) : []),
      ...replacedReasons(context),
      ...(progress.state === 'building' ? [] : wayBack(context, server)),
      sourceOf(context, begun),
      ...twins.map((other): Reason => ({ code: 'RESTORE_TWIN', server: other })),
    ],
    restored: id,
    ...(isOpen ? { next: eventToResume(context, begun.image, results) } : {}),
  });
}

/** How to put the old volumes and the old disk back. */
function wayBack(context: RestoreContext<RebuildEvent>, server: ServerDetail | undefined): Reason[] {
  if (!server) return [];
  const { inventory, request } = context;
  const [safety] = inventory.images
    .filter((image) => readSafetyMark(image)?.request === request && image.status === 'active')
    .sort((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
  return [...volumesBack(context), ...(safety ? [diskBack(server, safety.id)] : [])];
}

/**
 * Starts a rebuilt server that the restore had stopped. Its mark then no longer says so, and no
 * later call starts the server once more.
 *
 * @returns undefined when the server need not be started.
 */
async function startAgain(
  session: Session,
  server: ServerDetail,
  begun: RestoredMark,
): Promise<Pick<Progress, 'state' | 'reasons'> | undefined> {
  const { id, name, region, status, taskState } = server;
  if (!begun.isStopped) return undefined;
  // Nova starts a rebuilt server for a moment before it stops it again.
  if (taskState !== null)
    return { state: 'building', reasons: [{ code: 'RESTORE_SERVER_BUSY', name, taskState }] };
  if (status !== 'SHUTOFF') return undefined;
  const notStarted = (error: Parameters<typeof errorFactsOf>[0]): Reason => ({
    code: 'RESTORE_NOT_STARTED',
    ...{ name, server: id },
    ...errorFactsOf(error),
  });
  const findStarted = async () => {
    const now = await getServer(session, region, id);
    return now && (now.status === 'ACTIVE' || now.taskState !== null) ? true : undefined;
  };
  try {
    const sent = await sendOnce(async () => {
      await startServer(session, server);
      return true;
    }, findStarted);
    if ('unsure' in sent) return { state: 'building', reasons: [notStarted(sent.unsure)] };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return { state: isTemporaryError(error) ? 'building' : 'failed', reasons: [notStarted(error)] };
  }
  const { isStopped: _, ...started } = begun;
  await setServerMetadataItem(session, server, RESTORED_KEY, restoredMark(started));
  return { state: 'building', reasons: [{ code: 'RESTORE_STARTING', name, server: id }] };
}
