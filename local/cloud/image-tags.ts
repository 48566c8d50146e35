import type { Hono } from 'hono';
import type { Env } from './faults.ts';
import { glanceFault } from './glance-fault.ts';
import type { Region } from './state.ts';

/** `/v2/images/{id}/tags/{tag}`: https://docs.openstack.org/api-ref/image/v2/, Image tags. */
export function addTagRoutes(app: Hono<Env>, region: Region): void {
  const path = '/images/:id/tags/:tag';
  const imageOf = (id: string) =>
    region.images.find((image) => image.id === id && image.owner === region.account.projectId);

  app.put(path, (c) => {
    const { id, tag } = c.req.param();
    const image = imageOf(id);
    if (!image) return glanceFault(c, 404, `No image found with ID ${id}`);
    image.tags = [...new Set([...(image.tags ?? []), tag])];
    image.updatedAt = region.now();
    return c.body(null, 204);
  });

  app.delete(path, (c) => {
    const { id, tag } = c.req.param();
    const image = imageOf(id);
    if (!image?.tags?.includes(tag)) return glanceFault(c, 404, `No tag ${tag} found for image ${id}`);
    image.tags = image.tags.filter((one) => one !== tag);
    image.updatedAt = region.now();
    return c.body(null, 204);
  });
}
