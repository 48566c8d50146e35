import type { Context } from 'hono';
import type { Env } from './faults.ts';

/**
 * The body is not JSON, or not of the form that every request to this path has. Each service
 * answers with its own wording.
 */
export class BadBody extends Error {}

/**
 * The JSON object in the body of a request, or the object under `key` in it.
 *
 * @throws {BadBody}
 */
export async function bodyOf<T extends object>(c: Context<Env>, key?: string): Promise<T> {
  const body: unknown = await c.req.json().catch(() => undefined);
  const found = key && isObject(body) ? body[key] : body;
  if (!isObject(found)) throw new BadBody(key);
  return found as T;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
