import * as v from 'valibot';
import { listBlockStorage, namingFields } from './block-storage.ts';
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
  attachments: { serverId: string; device: string | undefined }[];
}

const CinderVolume = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  ...namingFields,
  status: v.nullish(v.string()),
  size: v.fallback(v.number(), 0),
  metadata: v.fallback(v.record(v.string(), v.string()), {}),
  attachments: v.fallback(
    v.array(v.looseObject({ server_id: v.string(), device: v.nullish(v.string()) })),
    [],
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

function volumeFromCinder(volume: v.InferOutput<typeof CinderVolume>, region: string): Volume {
  const { id, name, display_name: oldName, status, size, metadata, attachments } = volume;
  return {
    id,
    region,
    name: name ?? oldName ?? '',
    status: status?.toLowerCase() ?? '',
    sizeGb: size,
    metadata,
    attachments: attachments.map(({ server_id, device }) => ({
      serverId: server_id,
      device: device ?? undefined,
    })),
  };
}
