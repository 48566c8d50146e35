import type { Hono } from 'hono';
import type { Env } from './faults.ts';
import { bodyOf } from './json-body.ts';
import { makeImage } from './make-image.ts';
import { fault } from './nova-fault.ts';
import type { CloudServer, ImageSchedule, Region } from './state.ts';

const CREATED_BY_KEY = 'org.openstack__1__created_by';
const SERVICE = 'scheduled_images_service';

/**
 * Runs Rackspace's image schedule of a server once, as Rackspace does each day or week: Rackspace
 * docs-cloud-servers, scheduled images. When the image is active, the oldest scheduled images of
 * that server beyond the retention are deleted. Every image with the scheduler's metadata counts,
 * whoever created it.
 *
 * @returns the image, in progress.
 */
export function runImageSchedule(region: Region, server: CloudServer) {
  const epoch = Math.floor(region.now().getTime() / 1000);
  return makeImage(region, server, {
    name: `Daily-${server.name}-${epoch}`,
    metadata: { [CREATED_BY_KEY]: SERVICE },
    // The scheduler's own token, which never expires here.
    tokenExpiresAt: new Date(8.64e15),
    whenActive() {
      const { retention = Number.POSITIVE_INFINITY } = server.imageSchedule ?? {};
      const scheduled = region.images.filter(
        ({ status, properties }) =>
          status === 'active' &&
          properties[CREATED_BY_KEY] === SERVICE &&
          properties.instance_uuid === server.id,
      );
      for (const { id } of scheduled.slice(retention)) region.removeImage(id);
    },
  });
}

/** Rackspace's extension RAX-SI. */
export function addScheduleRoutes(routes: Hono<Env>, region: Region): void {
  const path = '/servers/:id/rax-si-image-schedule';
  const serverOf = (id: string) => region.servers.find((server) => server.id === id);
  const missing = (id: string) =>
    fault('itemNotFound', 404, `Image schedule does not exist for server ${id}`);

  routes.get(path, (c) => {
    const schedule = serverOf(c.req.param('id'))?.imageSchedule;
    return schedule ? c.json({ image_schedule: schedule }) : c.json(missing(c.req.param('id')), 404);
  });
  routes.post(path, async (c) => {
    const server = serverOf(c.req.param('id'));
    if (!server) return c.json(missing(c.req.param('id')), 404);
    const image_schedule = await bodyOf<ImageSchedule>(c, 'image_schedule');
    server.imageSchedule = image_schedule;
    return c.json({ image_schedule });
  });
  routes.delete(path, (c) => {
    const server = serverOf(c.req.param('id'));
    if (!server?.imageSchedule) return c.json(missing(c.req.param('id')), 404);
    delete server.imageSchedule;
    return c.body(null, 202);
  });
}
