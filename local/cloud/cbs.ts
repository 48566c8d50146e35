import { Hono } from 'hono/quick';
import type { Env } from './faults.ts';
import { isObject } from './json-body.ts';
import { CINDER_V1 } from './volume-status.ts';

/** Field names that differ between Cinder v3 and v1: v3's to v1's. */
const OLD_NAMES = new Map([
  ['name', 'display_name'],
  ['description', 'display_description'],
]);
const NEW_NAMES = new Map([...OLD_NAMES].map(([name, old]) => [old, name]));

/**
 * Rackspace's Cloud Block Storage, which is Cinder v1. It has other field names, answers 200 where
 * v3 answers 202, and its listings have no links but pages by `offset`. It shows the same volumes
 * as `v3`.
 */
export function cbsApp(v3: Hono<Env>): Hono<Env> {
  const app = new Hono<Env>();
  app.all('/v1/:tenant/*', async (c) => {
    const url = new URL(c.req.url);
    url.pathname = url.pathname.replace(/^\/v1\//, '/v3/');
    url.searchParams.delete('marker');
    const body = await c.req.text();
    const forwarded = new Headers(c.req.raw.headers);
    forwarded.set(CINDER_V1, '1');
    const request = new Request(url, {
      method: c.req.method,
      headers: forwarded,
      ...(body === '' ? {} : { body: translated(body, (key) => NEW_NAMES.get(key) ?? key) }),
    });
    const answer = await v3.fetch(request, c.env);
    const text = await answer.text();
    const isCreation = c.req.method === 'POST' && answer.status === 202;
    const headers = new Headers(answer.headers);
    headers.delete('content-length');
    headers.delete('openstack-api-version');
    const shown = translated(text, (key) => OLD_NAMES.get(key) ?? key);
    return new Response(text === '' ? null : shown, {
      status: isCreation ? 200 : answer.status,
      headers,
    });
  });
  return app;
}

/**
 * Renames the fields of all objects in a JSON body. Metadata keys and bodies that are not JSON stay
 * unchanged.
 */
function translated(body: string, rename: (key: string) => string): string {
  const renamed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(renamed);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !key.endsWith('_links'))
        .map(([key, inner]) => [rename(key), key === 'metadata' ? inner : renamed(inner)]),
    );
  };
  try {
    return JSON.stringify(renamed(JSON.parse(body)));
  } catch {
    return body;
  }
}
