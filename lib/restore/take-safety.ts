import { listImages } from '../openstack/images.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { blueprintText } from '../snapshots/blueprint.ts';
import { createOwnImage, imageName } from '../snapshots/create.ts';
import { markerOf, SAFETY_LABEL } from '../snapshots/marker.ts';
import { type InPlaceRestore, say } from './in-place-case.ts';
import { readSafetyMark, safetyMark } from './marks.ts';
import type { Restoration } from './restoration.ts';
import { send } from './send.ts';

/**
 * Requests a safety snapshot, and reports `reasons`. A duplicate would only use storage, so no
 * lease is needed.
 */
export async function takeSafety(
  session: Session,
  work: InPlaceRestore,
  reasons: readonly Reason[],
): Promise<Restoration> {
  const { server, image, request, run, origin } = work;
  // By the cloud's clock, because it is compared with times of the cloud.
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
  const mark = safetyMark({ request, image: image.id, disk: server.imageId ?? '' });
  const look = async () =>
    (await listImages(session, origin.region, name)).find(
      (candidate) => candidate.name === name && readSafetyMark(candidate)?.request === request,
    )?.id;
  const wanted = { name, metadata: { ...marker, ...mark } };
  const sent = await send(
    async () =>
      (await createOwnImage(session, server, wanted, { inherits: 'possible', find: look })) ?? (await look()),
    look,
    'in-place',
  );
  if ('unsure' in sent) {
    return say(work, 'failed', [sent.unsure, { code: 'RESTORE_CALL_AGAIN' }]);
  }
  return say(work, 'waiting', [...reasons, { code: 'SAFETY_REQUESTED', name }], sent.done);
}
