import type { Context } from 'hono';
import type { Env } from './faults.ts';

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  416: 'Requested Range Not Satisfiable',
} as const;

/** An error of Glance: in JSON if the request accepts JSON, otherwise in HTML. */
export function glanceFault(c: Context<Env>, status: keyof typeof TITLES, text: string): Response {
  const title = TITLES[status];
  const code = `${status} ${title}`;
  const message = `${text}<br /><br />\n\n\n`;
  return c.req.header('accept') === 'application/json'
    ? c.json({ message, code, title }, status)
    : c.html(
        `<html><head><title>${code}</title></head><body><h1>${code}</h1>${message}</body></html>`,
        status,
      );
}
