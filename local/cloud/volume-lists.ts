import type { Context } from 'hono';
import type { Env } from './faults.ts';

/** Cinder's error for an invalid query. */
interface RefusedQuery {
  refused: { status: 400 | 404; key: string; message: string };
}

interface VolumeListing<T> {
  /** All items of the project, in the order of the listing. */
  items: readonly T[];
  /** The name of the resource in the error "could not be found". */
  kind: 'Snapshot' | 'Volume' | 'Backup';
  /** The fields of an item that a query can filter on. */
  fields: (item: T) => Record<string, string>;
  pageSize: number;
}

/** One page of a filtered listing. A full page has a link to the next one, as an absolute URL. */
export function pageOf<T extends { id: string }>(
  c: Context<Env>,
  { items, kind, fields, pageSize }: VolumeListing<T>,
): RefusedQuery | { page: T[]; links?: { rel: 'next'; href: string }[] } {
  const {
    marker,
    limit = String(pageSize),
    offset = '0',
    sort: _,
    sort_key: __,
    sort_dir: ___,
    ...filters
  } = c.req.query();
  if (!/^-?\d+$/.test(limit)) return refusedQuery(400, 'badRequest', 'limit param must be an integer');
  if (Number(limit) < 0) return refusedQuery(400, 'badRequest', 'limit param must be positive');
  const from = marker ? items.findIndex(({ id }) => id === marker) + 1 : 0;
  if (marker && from === 0) return refusedQuery(404, 'itemNotFound', `${kind} ${marker} could not be found.`);
  const fits = (item: T) => {
    const its = fields(item);
    // Cinder ignores other filters, such as `all_tenants` of a user.
    return Object.entries(filters).every(([key, value]) => !(key in its) || its[key] === value);
  };
  const size = Math.min(Number(limit), pageSize);
  const page = items.slice(from).filter(fits).slice(Number(offset)).slice(0, size);
  const next = new URL(c.req.url);
  next.searchParams.delete('offset');
  next.searchParams.set('marker', page.at(-1)?.id ?? '');
  return page.length === size && size > 0 ? { page, links: [{ rel: 'next', href: next.href }] } : { page };
}

function refusedQuery(status: 400 | 404, key: string, message: string): RefusedQuery {
  return { refused: { status, key, message } };
}

/** A time in Cinder's format: UTC, but without a time zone. */
export function cinderTime(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, '.000000');
}
