import type { Hono } from 'hono';
import type { Env } from './faults.ts';
import { glanceFault } from './glance-fault.ts';
import { isVisible } from './image-list.ts';
import type { Region } from './state.ts';

/** The image statuses in which each action is allowed, and the status that it leads to. */
const ACTIONS = {
  deactivate: { from: ['active', 'deactivated'], to: 'deactivated' },
  reactivate: { from: ['active', 'deactivated'], to: 'active' },
} as const;

/** `/v2/images/{id}/actions`. Only administrators can download the data of a deactivated image. */
export function addActivationRoutes(app: Hono<Env>, region: Region): void {
  const { account } = region;
  for (const [action, { from, to }] of Object.entries(ACTIONS)) {
    app.post(`/images/:id/actions/${action}`, (c) => {
      const image = region.image(c.req.param('id'));
      if (!image || !isVisible(image, account)) {
        return glanceFault(c, 404, `No image found with ID ${c.req.param('id')}`);
      }
      if (account.role !== 'admin' || (image.owner !== account.projectId && !account.administers)) {
        return glanceFault(c, 403, `You are not authorized to complete ${action} action.`);
      }
      if (!(from as readonly string[]).includes(image.status)) {
        const message = `Not allowed to ${action} image in status '${image.status}'`;
        return glanceFault(c, 403, message);
      }
      Object.assign(image, { status: to, updatedAt: region.now() });
      return c.body(null, 204);
    });
  }
}
