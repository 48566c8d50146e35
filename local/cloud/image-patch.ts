import type { CloudImage } from './state.ts';

/**
 * A change that Glance refuses, with the status of its answer. None of the request's operations
 * takes effect.
 */
export class PatchRefusal extends Error {
  readonly status: 400 | 403 | 409 | 413;

  constructor(status: PatchRefusal['status'], message: string) {
    super(message);
    this.status = status;
  }
}

export interface PatchOperation {
  op: string;
  path: string;
  value?: unknown;
}

const MOST_PROPERTIES = 128;
const READ_ONLY = [
  'created_at',
  'updated_at',
  'status',
  'checksum',
  'size',
  'virtual_size',
  'direct_url',
  'self',
  'file',
  'schema',
  'id',
  'os_hash_algo',
  'os_hash_value',
];
const RESERVED = ['location', 'deleted', 'deleted_at'];

/**
 * The base attributes that can be changed: the field of CloudImage that has each, and its valid
 * values.
 */
const ATTRIBUTES: Record<string, { field: keyof CloudImage; is: (value: unknown) => boolean }> = {
  name: { field: 'name', is: (value) => value === null || isText(value) },
  visibility: {
    field: 'visibility',
    is: (value) => ['community', 'public', 'private', 'shared'].includes(String(value)),
  },
  protected: { field: 'protected', is: (value) => typeof value === 'boolean' },
  os_hidden: { field: 'hidden', is: (value) => typeof value === 'boolean' },
  tags: { field: 'tags', is: (value) => Array.isArray(value) && value.every(isText) },
  min_disk: { field: 'minDisk', is: Number.isInteger },
  min_ram: { field: 'minRam', is: Number.isInteger },
  disk_format: { field: 'diskFormat', is: isText },
  container_format: { field: 'containerFormat', is: isText },
};

/**
 * Applies `PATCH /v2/images/{id}` to a copy of the image, as glance/api/v2/images.py does: all
 * operations take effect, or none.
 *
 * @throws {PatchRefusal}
 */
export function patched(image: CloudImage, operations: readonly PatchOperation[]): CloudImage {
  const after: CloudImage = { ...image, properties: { ...image.properties } };
  for (const operation of operations) apply(after, operation);
  const count = Object.keys(after.properties).length;
  if (count > MOST_PROPERTIES) {
    throw new PatchRefusal(
      413,
      `The limit has been exceeded on the number of allowed image properties. Attempted: ${count}, Maximum: ${MOST_PROPERTIES}`,
    );
  }
  return after;
}

function apply(image: CloudImage, { op, path, value }: PatchOperation): void {
  if (!['add', 'remove', 'replace'].includes(op)) {
    const message = `Invalid operation: \`${op}\`. It must be one of the following: add, remove, replace.`;
    throw new PatchRefusal(400, message);
  }
  const name = path.slice(1).replaceAll('~1', '/').replaceAll('~0', '~');
  if (READ_ONLY.includes(name)) throw new PatchRefusal(403, `Attribute '${name}' is read-only.`);
  if (RESERVED.includes(name) || name.startsWith('os_glance')) {
    throw new PatchRefusal(403, `Attribute '${name}' is reserved.`);
  }
  if (name === 'owner') throw new PatchRefusal(403, "Owner can't be updated by non admin.");
  const attribute = ATTRIBUTES[name];
  if (op === 'remove') {
    if (attribute) throw new PatchRefusal(403, `Property ${name} may not be removed.`);
    if (image.properties[name] === undefined) throw new PatchRefusal(409, `Property ${name} does not exist.`);
    delete image.properties[name];
    return;
  }
  if (attribute ? !attribute.is(value) : !isText(value)) {
    const message = `Provided object does not match schema 'image': ${JSON.stringify(value)} is not a valid value of ${name}`;
    throw new PatchRefusal(400, message);
  }
  if (name === 'visibility' && value === 'public') {
    throw new PatchRefusal(403, 'You are not authorized to complete publicize_image action.');
  }
  if (attribute) Object.assign(image, { [attribute.field]: value });
  else {
    if (op === 'replace' && image.properties[name] === undefined) {
      throw new PatchRefusal(409, `Property ${name} does not exist.`);
    }
    image.properties[name] = String(value);
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
