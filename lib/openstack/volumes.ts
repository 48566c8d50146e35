import * as v from 'valibot';
import { cinderDate, listBlockStorage, namingFields } from './block-storage.ts';
import { isCloudError } from './errors.ts';
import { unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A Cinder volume, and which servers it is attached to. */
export interface Volume {
  id: string;
  region: string;
  /** Empty if the volume has no name. */
  name: string;
  /** In lower case; empty if the cloud does not say, as Cinder v1 in listings. */
  status: string;
  sizeGb: number;
  metadata: Record<string, string>;
  /** The volume snapshot that the volume was created from. */
  snapshotId: string | undefined;
  /** Undefined if the cloud does not say. */
  createdAt: Date | undefined;
  attachments: { serverId: string; device: string | undefined; attachedAt: Date | undefined }[];
}

const CinderVolume = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  ...namingFields,
  status: v.nullish(v.string()),
  size: v.fallback(v.number(), 0),
  metadata: v.fallback(v.record(v.string(), v.string()), {}),
  snapshot_id: v.nullish(v.string()),
  created_at: v.fallback(v.optional(cinderDate), undefined),
  // Without the attachments, a volume would seem to belong to no server, and get no snapshot.
  attachments: v.array(
    v.looseObject({
      server_id: v.string(),
      device: v.nullish(v.string()),
      attached_at: v.fallback(v.optional(cinderDate), undefined),
    }),
  ),
});

/**
 * All volumes of the project in a region.
 *
 * `GET /volumes/detail`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#list-accessible-volumes-with-details and
 * https://docs.rackspace.com/docs/cloud-block-storage
 *
 * @throws {CloudError} if any page fails or any volume can't be read.
 */
export async function listVolumes(session: Session, region: string): Promise<Volume[]> {
  const listing = { region, path: '/volumes/detail', key: 'volumes', item: CinderVolume } as const;
  const volumes = await listBlockStorage(session, listing);
  return volumes.map((volume) => volumeFromCinder(volume, region));
}

/**
 * The current state of a volume; undefined if it does not exist.
 *
 * `GET /volumes/{id}`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#show-a-volume-s-details
 *
 * @throws {CloudError} for every response but the volume and 404.
 */
export async function getVolume(session: Session, region: string, id: string): Promise<Volume | undefined> {
  const request = { service: 'volume', region, path: `/volumes/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    const answer = v.safeParse(v.object({ volume: CinderVolume }), body);
    if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a volume');
    return volumeFromCinder(answer.output.volume, region);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function volumeFromCinder(volume: v.InferOutput<typeof CinderVolume>, region: string): Volume {
  const { id, name, display_name: oldName, status, size, metadata, snapshot_id, attachments } = volume;
  return {
    id,
    region,
    name: name ?? oldName ?? '',
    status: status?.toLowerCase() ?? '',
    sizeGb: size,
    metadata,
    snapshotId: snapshot_id || undefined,
    createdAt: volume.created_at,
    attachments: attachments.map(({ server_id, device, attached_at: attachedAt }) => ({
      serverId: server_id,
      device: device ?? undefined,
      attachedAt,
    })),
  };
}
