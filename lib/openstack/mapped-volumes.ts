import * as v from 'valibot';
/** A disk of a volume-backed server in the `block_device_mapping` of its image. */
export interface MappedVolume {
  /** The id of the volume snapshot. */
  snapshot: string;
  /** 0 for the disk that the server boots from; undefined for the others. */
  bootIndex: number | undefined;
  /** "/dev/vdb"; undefined if the image does not say. */
  device: string | undefined;
}

const Mapping = v.array(
  v.looseObject({
    snapshot_id: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/)))),
    boot_index: v.fallback(v.nullish(v.number()), undefined),
    device_name: v.fallback(v.nullish(v.string()), undefined),
  }),
);

/**
 * Reads the volume snapshots of a volume-backed server's image from `block_device_mapping`, a JSON
 * string: https://docs.openstack.org/nova/latest/user/block-device-mapping.html. A mapping with an
 * invalid id yields none.
 */
export function mappedVolumesOf({
  properties,
}: {
  properties: Readonly<Record<string, string>>;
}): MappedVolume[] {
  try {
    const mapping = v.parse(Mapping, JSON.parse(properties.block_device_mapping ?? '[]'));
    return mapping.flatMap(({ snapshot_id: snapshot, boot_index, device_name }) =>
      snapshot ? [{ snapshot, bootIndex: boot_index ?? undefined, device: device_name ?? undefined }] : [],
    );
  } catch {
    return [];
  }
}
