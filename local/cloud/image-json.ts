import { checksumsOf } from './image-data.ts';
import type { CloudImage } from './state.ts';

/** An image in the form that both the listing and GET return. */
export function imageJson(whole: CloudImage) {
  const { id, name, status, visibility, owner, size, properties, minDisk, minRam, ...image } = whole;
  return {
    ...properties,
    id,
    name,
    status,
    visibility,
    owner,
    size,
    protected: image.protected,
    os_hidden: image.hidden ?? false,
    ...checksumsOf(whole),
    container_format: image.containerFormat ?? 'ovf',
    disk_format: image.diskFormat ?? (status === 'queued' ? null : 'vhd'),
    virtual_size: null,
    min_ram: minRam,
    min_disk: minDisk,
    tags: image.tags ?? [],
    created_at: seconds(image.createdAt),
    updated_at: seconds(image.updatedAt),
    self: `/v2/images/${id}`,
    file: `/v2/images/${id}/file`,
    schema: '/v2/schemas/image',
  };
}

/** A time in Glance's format, without fractions of a second. */
export function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
