import * as v from 'valibot';
import type { Server } from './compute.ts';
import { isCloudError } from './errors.ts';
import { unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';
import type { Volume } from './volumes.ts';

const Attachments = v.object({
  volumeAttachments: v.array(v.looseObject({ volumeId: v.string(), device: v.nullish(v.string()) })),
});

/** A volume of a server, and the device that the cloud shows for it, such as "/dev/vdb". */
export interface Attachment {
  volumeId: string;
  device: string | undefined;
}

/**
 * The volumes that are attached to a server.
 *
 * `GET /servers/{id}/os-volume_attachments`:
 * https://docs.openstack.org/api-ref/compute/#list-volume-attachments-for-an-instance and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference
 *
 * @throws {CloudError} when the attachments can't be read.
 */
export async function attachmentsOf(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
): Promise<Attachment[]> {
  const path = `/servers/${encodeURIComponent(id)}/os-volume_attachments`;
  const request = { service: 'compute', region, path } as const;
  const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
  const answer = v.safeParse(Attachments, body);
  if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'no attachments');
  return answer.output.volumeAttachments.map(({ volumeId, device }) => ({
    volumeId,
    device: device ?? undefined,
  }));
}

/**
 * Attaches a volume to a server. The cloud does so asynchronously: the volume is then `in-use`. A
 * volume for several servers needs compute API 2.60.
 *
 * @param device the device to ask for, such as "/dev/vdb". Rackspace uses it; other clouds ignore
 *   it, and choose the first free one.
 *
 * `POST /servers/{id}/os-volume_attachments`:
 * https://docs.openstack.org/api-ref/compute/#attach-a-volume-to-an-instance and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference
 *
 * @throws {CloudError} BAD_REQUEST if the volume is not available, CONFLICT if the server is busy
 *   or in a status without attachments. After an error without an answer, the attachments of the
 *   volume show whether the cloud has attached it.
 */
export async function attachVolume(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
  { id: volumeId, multiattach }: Pick<Volume, 'id' | 'multiattach'>,
  device?: string,
): Promise<void> {
  await session.request({
    service: 'compute',
    region,
    method: 'POST',
    ...(multiattach && session.provider === 'keystone' ? { microversion: '2.60' } : {}),
    path: `/servers/${encodeURIComponent(id)}/os-volume_attachments`,
    json: { volumeAttachment: { volumeId, ...(device === undefined ? {} : { device }) } },
    expect: [200, 202],
  });
}

/**
 * Detaches a volume from a server. The cloud does so asynchronously: the volume is `detaching`, and
 * then `available`. A volume that is not attached to the server counts as detached.
 *
 * `DELETE /servers/{id}/os-volume_attachments/{volumeId}`:
 * https://docs.openstack.org/api-ref/compute/#detach-a-volume-from-an-instance and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference
 *
 * @throws {CloudError} BAD_REQUEST for a root volume, or one that is being detached already;
 *   CONFLICT if the server is busy, locked, or in a status without detachments.
 */
export async function detachVolume(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
  volumeId: string,
): Promise<void> {
  const path = `/servers/${encodeURIComponent(id)}/os-volume_attachments/${encodeURIComponent(volumeId)}`;
  try {
    await session.request({ service: 'compute', region, method: 'DELETE', path, expect: [202] });
  } catch (error) {
    if (!isCloudError(error, 'NOT_FOUND')) throw error;
  }
}

/**
 * Whether an attachment is the root disk of a server: its device is the first disk of any bus. An
 * attachment without a device counts as the root disk.
 */
export function isFirstDisk({ device }: { device?: string | null | undefined }): boolean {
  return !device || /^(\/dev\/)?(x?v|s|h)da$/.test(device);
}

/**
 * The id of the volume that is the root disk of a server; undefined if the root disk is local. The
 * server's `image` does not decide this: a server that was created from the image of a
 * volume-backed server shows that image, although its root disk is a volume.
 *
 * The attachments are requested only for servers with volumes:
 * https://docs.openstack.org/api-ref/compute/#list-volume-attachments-for-an-instance. An
 * attachment without a device counts as the root disk, because the location of the data is unknown
 * then.
 *
 * @throws {CloudError} when the attachments can't be read.
 */
export async function rootVolumeOf(
  session: Session,
  server: Pick<Server, 'region' | 'id' | 'volumeIds'>,
): Promise<string | undefined> {
  if (server.volumeIds.length === 0) return undefined;
  return (await rootVolumesOf(session, server))[0];
}

/**
 * Like {@link rootVolumeOf}, also for a server that does not show its volumes. Several while the
 * cloud has not given the volumes their devices yet:
 * https://docs.openstack.org/api-ref/compute/#list-volume-attachments-for-an-instance
 */
export async function rootVolumesOf(
  session: Session,
  server: Pick<Server, 'region' | 'id'>,
): Promise<string[]> {
  return (await attachmentsOf(session, server)).filter(isFirstDisk).map(({ volumeId }) => volumeId);
}
