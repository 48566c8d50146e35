import type { Context } from 'hono';
import type { Env } from './faults.ts';
import { STATUS_TITLES } from './status-titles.ts';

/** An error of Glance: in JSON if the request accepts JSON, otherwise in HTML. */
export function glanceFault(c: Context<Env>, status: keyof typeof STATUS_TITLES, text: string): Response {
  const title = STATUS_TITLES[status];
  const code = `${status} ${title}`;
  const message = `${text}<br /><br />\n\n\n`;
  return c.req.header('accept') === 'application/json'
    ? c.json({ message, code, title }, status)
    : c.html(
        `<html><head><title>${code}</title></head><body><h1>${code}</h1>${message}</body></html>`,
        status,
      );
}
