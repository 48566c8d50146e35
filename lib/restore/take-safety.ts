import { listImages } from '../openstack/images.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { SAFETY_LABEL } from '../snapshots/adhoc-snapshot.ts';
import { blueprintText } from '../snapshots/blueprint.ts';
import { imageName } from '../snapshots/image-name.ts';
import { markerOf } from '../snapshots/marker.ts';
import { createOwnImage } from '../snapshots/own-image.ts';
import { send } from './cloud-request.ts';
import { type InPlaceRestore, inPlaceReport, leftBehind } from './in-place-context.ts';
import { readSafetyMark, safetyMark } from './marks.ts';
import type { Restoration } from './restoration.ts';

/**
 * Requests a safety snapshot, and reports it with `reasons`. This needs no lease, because a second
 * safety snapshot only uses storage.
 */
export async function takeSafety(
  session: Session,
  restore: InPlaceRestore,
  reasons: readonly Reason[],
): Promise<Restoration> {
  const { server, image, request, run, origin } = restore;
  // By the cloud's clock, because the slot is compared with times of the cloud.
  const slot = cloudTime(session);
  const name = imageName(server, SAFETY_LABEL, slot);
  const blueprint = blueprintText(server, name);
  const marker = markerOf({
    owner: run.owner,
    server: server.id,
    slot,
    expires: undefined,
    request,
    blueprint,
  });
  const { wasRunning } = restore;
  const mark = safetyMark({ request, image: image.id, disk: server.imageId ?? '', wasRunning });
  const findSafety = async () =>
    (await listImages(session, origin.region, name)).find(
      (candidate) => candidate.name === name && readSafetyMark(candidate)?.request === request,
    )?.id;
  const wanted = { name, metadata: { ...marker, ...mark } };
  const sent = await send(
    async () =>
      (await createOwnImage(session, server, wanted, { inherits: 'possible', find: findSafety })) ??
      (await findSafety()),
    findSafety,
    'in-place',
    leftBehind(restore),
  );
  if ('unsure' in sent) {
    return inPlaceReport(restore, 'failed', [
      sent.unsure,
      { code: 'RESTORE_CALL_AGAIN' },
      ...leftBehind(restore),
    ]);
  }
  return inPlaceReport(
    restore,
    'waiting',
    [...reasons, { code: 'SAFETY_REQUESTED', name }, ...leftBehind(restore)],
    sent.done,
  );
}
