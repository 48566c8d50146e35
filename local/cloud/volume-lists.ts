import type { Context } from 'hono';
import type { Env } from './faults.ts';

/** Cinder's answer to a query that it refuses. */
interface Refused {
  refused: { status: 400 | 404; key: string; message: string };
}

interface Listing<T> {
  /** All that the project has, in the order of the list. */
  items: readonly T[];
  /** What it is called where it can't be found. */
  kind: 'Snapshot' | 'Volume';
  /** What a query can ask for: parameter to value. */
  fields: (item: T) => Record<string, string>;
  pageSize: number;
}

/**
 * One page of a list, filtered, with the link to the next one where it is full: the link is
 * absolute.
 */
export function pageOf<T extends { id: string }>(
  c: Context<Env>,
  { items, kind, fields, pageSize }: Listing<T>,
): Refused | { page: T[]; links?: { rel: 'next'; href: string }[] } {
  const {
    marker,
    limit = String(pageSize),
    offset = '0',
    sort: _,
    sort_key: __,
    sort_dir: ___,
    ...filters
  } = c.req.query();
  if (!/^-?\d+$/.test(limit)) return refuse(400, 'badRequest', 'limit param must be an integer');
  if (Number(limit) < 0) return refuse(400, 'badRequest', 'limit param must be positive');
  const from = marker ? items.findIndex(({ id }) => id === marker) + 1 : 0;
  if (marker && from === 0) return refuse(404, 'itemNotFound', `${kind} ${marker} could not be found.`);
  const fits = (item: T) => Object.entries(filters).every(([key, value]) => fields(item)[key] === value);
  const size = Math.min(Number(limit), pageSize);
  const page = items.slice(from).filter(fits).slice(Number(offset)).slice(0, size);
  const next = new URL(c.req.url);
  next.searchParams.delete('offset');
  next.searchParams.set('marker', page.at(-1)?.id ?? '');
  return page.length === size && size > 0 ? { page, links: [{ rel: 'next', href: next.href }] } : { page };
}

function refuse(status: 400 | 404, key: string, message: string): Refused {
  return { refused: { status, key, message } };
}

/** Cinder's times are of UTC and do not say so. */
export function cinderTime(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, '.000000');
}
