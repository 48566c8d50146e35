import * as v from 'valibot';
import type { Server } from './compute.ts';
import { unreadable } from './pages.ts';
import type { Session } from './session.ts';

const Attachments = v.object({
  volumeAttachments: v.array(v.looseObject({ volumeId: v.string(), device: v.nullish(v.string()) })),
});

/**
 * Whether an attachment is a server's root disk: its device is the first disk, on some kind of bus.
 * An attachment without a device counts as the root.
 */
export function isFirstDisk({ device }: { device?: string | null | undefined }): boolean {
  return !device || /^(\/dev\/)?(x?v|s|h)da$/.test(device);
}

/**
 * The volume that is a server's root disk; undefined if the root is a local disk. The server's
 * `image` is not enough to know: a server created from the image of a volume-backed server shows
 * that image although its root is a volume.
 *
 * `GET /servers/{id}/os-volume_attachments`:
 * https://docs.openstack.org/api-ref/compute/#list-volume-attachments-for-an-instance. The request
 * is sent only for servers with volumes. An attachment without a device counts as the root, because
 * the location of the data is unknown then.
 *
 * @throws {CloudError} when the attachments can't be read.
 */
export async function rootVolumeOf(
  session: Session,
  { region, id, volumeIds }: Pick<Server, 'region' | 'id' | 'volumeIds'>,
): Promise<string | undefined> {
  if (volumeIds.length === 0) return undefined;
  const path = `/servers/${encodeURIComponent(id)}/os-volume_attachments`;
  const request = { service: 'compute', region, path } as const;
  const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
  const answer = v.safeParse(Attachments, body);
  if (!answer.success) throw unreadable(request, v.getDotPath(answer.issues[0]) ?? 'no attachments');
  const root = answer.output.volumeAttachments.find(isFirstDisk);
  return root?.volumeId;
}
