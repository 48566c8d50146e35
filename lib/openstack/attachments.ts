import * as v from 'valibot';
import type { Server } from './compute.ts';
import { unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';
import type { Volume } from './volumes.ts';

const Attachments = v.object({
  volumeAttachments: v.array(v.looseObject({ volumeId: v.string(), device: v.nullish(v.string()) })),
});

/**
 * Attaches a volume to a server. The cloud does so asynchronously: the volume is then `in-use`. The
 * cloud chooses the device, which is the first free one. A volume for several servers needs compute
 * API 2.60.
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
): Promise<void> {
  await session.request({
    service: 'compute',
    region,
    method: 'POST',
    ...(multiattach && session.provider === 'keystone' ? { microversion: '2.60' } : {}),
    path: `/servers/${encodeURIComponent(id)}/os-volume_attachments`,
    json: { volumeAttachment: { volumeId } },
    expect: [200, 202],
  });
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
 * `GET /servers/{id}/os-volume_attachments`:
 * https://docs.openstack.org/api-ref/compute/#list-volume-attachments-for-an-instance. The request
 * is sent only for servers with volumes. An attachment without a device counts as the root disk,
 * because the location of the data is unknown then.
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
 * cloud has not given the volumes their devices yet.
 */
export async function rootVolumesOf(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
): Promise<string[]> {
  const path = `/servers/${encodeURIComponent(id)}/os-volume_attachments`;
  const request = { service: 'compute', region, path } as const;
  const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
  const answer = v.safeParse(Attachments, body);
  if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'no attachments');
  return answer.output.volumeAttachments.filter(isFirstDisk).map(({ volumeId }) => volumeId);
}
