import type { Account } from './account.ts';
import { imageJson } from './image-json.ts';
import type { CloudImage } from './state.ts';

/** A query that Glance answers with 400. */
export class BadQuery extends Error {}

const SORT_KEYS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
];
const VISIBILITIES = ['community', 'public', 'private', 'shared', 'all'];
const MEMBER_STATUSES = ['pending', 'accepted', 'rejected', 'all'];
/** Parameters that do not filter. */
const CONTROLS = ['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'member_status'];
const COMPARISONS: Record<string, (a: number, b: number) => boolean> = {
  eq: (a, b) => a === b,
  neq: (a, b) => a !== b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
};

/** The user who requests images. */
export type Requester = Pick<Account, 'projectId' | 'administers'>;

/**
 * Whether GET returns an image: it is the reader's own, visible to everybody, or shared with the
 * reader's project.
 */
export function isVisible(
  { owner, visibility, members }: CloudImage,
  { projectId: project, administers = false }: Requester,
): boolean {
  if (owner === project || administers || visibility === 'public' || visibility === 'community') return true;
  return visibility === 'shared' && members?.[project] !== undefined;
}

/**
 * All images that `GET /v2/images` lists, over all pages and in their order:
 * glance/db/sqlalchemy/api.py `image_get_all`. An unknown parameter is a filter on a property.
 *
 * @throws {BadQuery}
 */
export function listedImages(
  images: readonly CloudImage[],
  query: Record<string, string>,
  reader: Requester,
): CloudImage[] {
  const { projectId: project } = reader;
  const { visibility, member_status: memberStatus = 'accepted' } = query;
  const hidden = booleanOf(query, 'os_hidden') ?? false;
  booleanOf(query, 'protected');
  if (visibility && !VISIBILITIES.includes(visibility)) {
    throw new BadQuery(`Invalid visibility value: ${visibility}`);
  }
  if (!MEMBER_STATUSES.includes(memberStatus)) throw new BadQuery(`Invalid status: ${memberStatus}`);
  const isShown = (image: CloudImage) => {
    if (!isVisible(image, reader) || (image.hidden ?? false) !== hidden) return false;
    if (image.status === 'deleted' || image.status === 'pending_delete') return false;
    if (visibility && visibility !== 'all' && image.visibility !== visibility) return false;
    if (image.owner === project || reader.administers) return true;
    if (image.visibility === 'community') return visibility === 'community' || visibility === 'all';
    if (image.visibility !== 'shared') return true;
    return memberStatus === 'all' || image.members?.[project] === memberStatus;
  };
  const filters = Object.entries(query)
    .filter(([key]) => !CONTROLS.includes(key) && key !== 'visibility' && key !== 'os_hidden')
    .map(([key, value]) => filterOf(key, value));
  return images
    .filter((image) => isShown(image) && filters.every((fits) => fits(image)))
    .sort(orderOf(query));
}

function filterOf(key: string, value: string): (image: CloudImage) => boolean {
  const field = (image: CloudImage) => fieldOf(image, key);
  const range = /^(.+)_(min|max)$/.exec(key);
  if (range) {
    const bound = Number(value);
    if (!Number.isInteger(bound)) throw new BadQuery('Unable to filter on a range with a non-numeric value.');
    const of = (image: CloudImage) => Number(fieldOf(image, range[1]!) ?? Number.NaN);
    return range[2] === 'min' ? (image) => of(image) >= bound : (image) => of(image) <= bound;
  }
  if (key === 'created_at' || key === 'updated_at') {
    const isDate = !Number.isNaN(Date.parse(value));
    const [, operator, time] = isDate ? ['', 'eq', value] : (/^(\w+):(.*)$/.exec(value) ?? ['', 'eq', value]);
    const at = Date.parse(time ?? '');
    if (Number.isNaN(at)) {
      throw new BadQuery(`Bad "${key}" query filter format. Use ISO 8601 DateTime notation.`);
    }
    const compare = COMPARISONS[operator ?? ''];
    if (!compare) throw new BadQuery(`Unable to filter by unknown operator '${operator}'.`);
    return (image) => compare(Date.parse(String(field(image))), at);
  }
  if (['name', 'id', 'status', 'container_format', 'disk_format'].includes(key)) {
    const [, operator = 'eq', rest = ''] = /^([^:]*):(.*)$/s.exec(value) ?? ['', 'eq', value];
    if (operator === 'in') {
      const values = [...rest.matchAll(/"([^"]*)",?|([^,]+),?/g)].map(([, quoted, plain]) => quoted ?? plain);
      return (image) => values.includes(String(field(image)));
    }
    if (operator !== 'eq') throw new BadQuery(`Unable to filter by unknown operator '${operator}'.`);
    return (image) => field(image) === rest;
  }
  if (key === 'tag') return ({ tags = [] }) => tags.includes(value);
  if (key === 'protected') return (image) => image.protected === (value === 'true');
  return (image) => String(field(image) ?? '') === value && field(image) !== undefined;
}

function orderOf({ sort, sort_key, sort_dir }: Record<string, string>) {
  const wanted = sort ? sort.split(',').map((one) => one.split(':')) : [[sort_key ?? 'created_at', sort_dir]];
  const keys = wanted.map(([key = '', direction = 'desc']) => {
    if (!SORT_KEYS.includes(key)) {
      throw new BadQuery(
        `Invalid sort key: ${key}. It must be one of the following: ${SORT_KEYS.join(', ')}.`,
      );
    }
    if (!['asc', 'desc'].includes(direction)) throw new BadQuery(`Invalid sort direction: ${direction}`);
    return { key, sign: direction === 'asc' ? 1 : -1 };
  });
  return (a: CloudImage, b: CloudImage) => {
    for (const { key, sign } of keys) {
      const [one, other] = [sortable(a, key), sortable(b, key)];
      if (one !== other) return one < other ? -sign : sign;
    }
    return 0;
  };
}

function sortable(image: CloudImage, key: string): string | number {
  if (key === 'created_at') return image.createdAt.getTime();
  if (key === 'updated_at') return image.updatedAt.getTime();
  if (key === 'size') return image.size ?? -1;
  return String(fieldOf(image, key) ?? '');
}

/** What the JSON of an image has under a key. Most queries name a key that needs no computation. */
function fieldOf(image: CloudImage, key: string): unknown {
  if (key === 'owner' || key === 'name' || key === 'id' || key === 'status') return image[key];
  return (imageJson(image) as Record<string, unknown>)[key];
}

function booleanOf(query: Record<string, string>, key: string): boolean | undefined {
  const value = query[key];
  if (value === undefined) return undefined;
  const lower = key === 'os_hidden' ? value.toLowerCase() : value;
  if (lower === 'true' || lower === 'false') return lower === 'true';
  throw new BadQuery(`Invalid value '${value}' for '${key}' filter. Valid values are 'true' or 'false'.`);
}
