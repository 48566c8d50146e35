import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { isRackspace } from './flavors.ts';
import { fault } from './nova-fault.ts';
import { briefServerJson, serverJson } from './server-json.ts';
import type { CloudServer, Region } from './state.ts';

/** `GET /servers` and `/servers/detail`, with filters and pages, the newest server first. */
export function addServerListRoutes(routes: Hono<Env>, region: Region, pageSize: () => number): void {
  const list = (detail: boolean) => (c: Context<Env>) => {
    const refuse = (message: string) => c.json(fault('badRequest', 400, message), 400);
    const { marker, limit = String(pageSize()), ...query } = c.req.query();
    if (!/^\d+$/.test(limit)) {
      const message = `Invalid input for query parameters limit. Value: ${limit}. '${limit}' does not match '^[0-9]*$'`;
      return refuse(message);
    }
    const since = query['changes-since'];
    if (since !== undefined && Number.isNaN(Date.parse(since))) {
      const message = `Invalid input for query parameters changes-since. Value: ${since}. '${since}' is not a 'date-time'`;
      return refuse(message);
    }
    const listed = servers(query, since ? new Date(since) : undefined);
    const from = marker ? listed.findIndex(({ id }) => id === marker) + 1 : 0;
    if (marker && from === 0) return refuse(`marker [${marker}] not found`);
    const size = Math.min(Number(limit), pageSize());
    const page = listed.slice(from, from + size);
    return c.json({
      servers: page.map((server) => (detail ? serverJson(c, server, region) : briefServerJson(c, server))),
      // Every full page has a link to the next one, even if no further server follows.
      ...(page.length === size && size > 0
        ? { servers_links: [{ rel: 'next', href: nextPage(c, page.at(-1)?.id ?? '') }] }
        : {}),
    });
  };
  routes.get('/servers', list(false));
  routes.get('/servers/detail', list(true));

  function servers({ name, status, image, flavor }: Record<string, string>, since?: Date): CloudServer[] {
    const fits = (server: CloudServer) =>
      (name === undefined || matchesQuery(server.name, name)) &&
      (status === undefined || region.status(server) === status.toUpperCase()) &&
      (image === undefined || server.image === image.split('/').at(-1)) &&
      (flavor === undefined || server.flavor === flavor.split('/').at(-1)) &&
      (since === undefined || (server.updatedAt ?? server.createdAt) >= since);
    return region.servers
      .filter((server) => server.vmState !== 'soft-delete')
      .filter((server) => !region.unlisted.has(server.id) && fits(server))
      .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }
}

/** Nova filters names with a regular expression that may match any part of the name. */
function matchesQuery(name: string, pattern: string): boolean {
  try {
    return new RegExp(pattern, 'i').test(name);
  } catch {
    return name.includes(pattern);
  }
}

/** The link to the next page. At Rackspace its host may differ from that of the request. */
function nextPage(c: Context<Env>, marker: string): string {
  const next = new URL(c.req.url);
  next.searchParams.set('marker', marker);
  return isRackspace(c) ? next.href.replace(next.host, 'servers.api.invalid') : next.href;
}
