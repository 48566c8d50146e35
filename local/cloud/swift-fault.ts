import type { Context } from 'hono';
import type { Env } from './faults.ts';
import { STATUS_TITLES } from './status-titles.ts';

/** An error of Swift, which is always HTML, whatever the request accepts. */
export function swiftFault(
  c: Context<Env>,
  status: keyof typeof STATUS_TITLES,
  text = 'An error without details.',
): Response {
  const isHead = c.req.method === 'HEAD';
  return c.html(isHead ? '' : `<html><h1>${STATUS_TITLES[status]}</h1><p>${text}</p></html>`, status);
}

export function isJsonWanted(c: Context<Env>): boolean {
  return c.req.query('format') === 'json' || (c.req.header('accept') ?? '').includes('application/json');
}

/**
 * The headers of a request that start with `prefix`. Their names are in lower case, without the
 * prefix.
 */
export function headersAfter(c: Context<Env>, prefix: string): Record<string, string> {
  const found = [...c.req.raw.headers].filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** A time in Swift's listings: UTC with microseconds, but without a time zone. */
export function listedTime(at: Date): string {
  return at.toISOString().replace('Z', '000');
}
