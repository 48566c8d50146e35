import { type Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { glanceFault } from './glance-fault.ts';
import type { Tokens } from './identity.ts';
import { type DataMode, fileAnswer } from './image-data.ts';
import { imageJson } from './image-json.ts';
import { BadQuery, isVisible, listedImages } from './image-list.ts';
import { addMemberRoutes } from './image-members.ts';
import { type PatchOperation, PatchRefusal, patched } from './image-patch.ts';
import { addTaskRoutes } from './image-tasks.ts';
import type { CloudImage, Region } from './state.ts';

interface ImageOptions {
  region: Region;
  tokens: Tokens;
  pageSize: () => number;
  dataMode: DataMode;
}

/** Glance v2: list, get, change, delete; create, and data in and out. And what Rackspace adds. */
export function imageApp({ region, tokens, pageSize, dataMode }: ImageOptions): Hono<Env> {
  const app = new Hono<Env>().basePath('/v2');
  const { account } = region;

  app.use(async (c, next) => {
    if (tokens.expiryOf(c.req.header('x-auth-token'))) return next();
    return glanceFault(
      c,
      401,
      'This server could not verify that you are authorized to access the document you requested.',
    );
  });

  const mayChange = ({ owner }: CloudImage) => owner === account.projectId || account.administers;
  const imageOf = (c: Context<Env>) =>
    [region.image(c.req.param('id') ?? '')].find((image) => image && isVisible(image, account));
  const missing = (c: Context<Env>) => glanceFault(c, 404, `No image found with ID ${c.req.param('id')}`);

  app.get('/images', (c) => {
    const query = c.req.query();
    const { marker, limit = String(pageSize()) } = query;
    if (/^-\d+$/.test(limit)) return glanceFault(c, 400, 'limit param must be positive');
    if (!/^\d+$/.test(limit)) return glanceFault(c, 400, 'limit param must be an integer');
    let found: ReturnType<typeof listedImages>;
    try {
      found = listedImages(region.images, query, account);
    } catch (error) {
      if (error instanceof BadQuery) return glanceFault(c, 400, error.message);
      throw error;
    }
    const listed = found.filter(({ id }) => id === marker || !region.unlisted.has(id));
    const from = marker ? listed.findIndex(({ id }) => id === marker) + 1 : 0;
    if (marker && from === 0) return glanceFault(c, 400, `No image found with ID ${marker}`);
    const size = Math.min(Number(limit), pageSize());
    const page = listed.slice(from, from + size);
    const next = new URL(c.req.url);
    next.searchParams.set('marker', page.at(-1)?.id ?? '');
    return c.json({
      images: page.map(imageJson),
      first: '/v2/images',
      schema: '/v2/schemas/images',
      // Relative to the origin; named by every full page, even if nothing follows.
      ...(page.length === size && size > 0 ? { next: next.pathname + next.search } : {}),
    });
  });

  app.get('/images/:id', (c) => {
    const image = imageOf(c);
    return image ? c.json(imageJson(image)) : missing(c);
  });

  app.get('/images/:id/file', (c) => {
    const image = imageOf(c);
    if (!image) return missing(c);
    return image.status === 'active' && image.size
      ? fileAnswer(image, c.req.header('range'), dataMode)
      : c.body(null, 204);
  });

  app.post('/images', async (c) => {
    const asked = await c.req.json<Record<string, unknown>>();
    const { name, ...rest } = asked;
    const image = region.addImage({
      name: String(name),
      status: 'queued',
      owner: account.projectId,
      size: null,
      minDisk: 0,
      minRam: 0,
    });
    const operations = Object.entries(rest).map(([key, value]) => ({ op: 'add', path: `/${key}`, value }));
    try {
      Object.assign(image, patched(image, operations));
    } catch (error) {
      region.removeImage(image.id);
      return refused(c, error);
    }
    return c.json(imageJson(image), 201);
  });

  app.put('/images/:id/file', async (c) => {
    const image = imageOf(c);
    if (!image) return missing(c);
    if (image.status !== 'queued') {
      return glanceFault(c, 409, `Image status transition from ${image.status} to saving is not allowed`);
    }
    image.data = Buffer.from(await c.req.arrayBuffer());
    Object.assign(image, { status: 'active', size: image.data.length, updatedAt: region.now() });
    return c.body(null, 204);
  });

  app.patch('/images/:id', async (c) => {
    const image = imageOf(c);
    if (!image) return missing(c);
    if (c.req.header('content-type') !== 'application/openstack-images-v2.1-json-patch') {
      return glanceFault(c, 415, 'Unsupported Content-Type');
    }
    if (account.role !== 'admin' || !mayChange(image)) {
      return glanceFault(c, 403, 'You are not authorized to complete modify_image action.');
    }
    try {
      Object.assign(image, patched(image, await c.req.json<PatchOperation[]>()), { updatedAt: region.now() });
      return c.json(imageJson(image));
    } catch (error) {
      return refused(c, error);
    }
  });

  app.delete('/images/:id', (c) => {
    const image = imageOf(c);
    if (!image) return glanceFault(c, 404, `Failed to find image ${c.req.param('id')} to delete`);
    if (image.protected) return glanceFault(c, 403, `Image ${image.id} is protected and cannot be deleted.`);
    if (!mayChange(image)) return glanceFault(c, 403, 'You do not own this image');
    if (account.role !== 'admin')
      return glanceFault(c, 403, 'You are not authorized to complete delete_image action.');
    if (image.refusesDelete === 403)
      return glanceFault(c, 403, 'You are not permitted to delete this image.');
    if (image.refusesDelete === 409) {
      return glanceFault(c, 409, `Image ${image.id} could not be deleted because it is in use.`);
    }
    region.removeImage(image.id);
    return c.body(null, 204);
  });

  addMemberRoutes(app, region);
  addTaskRoutes(app, region, pageSize);
  return app;
}

function refused(c: Context<Env>, error: unknown): Response {
  if (error instanceof PatchRefusal) return glanceFault(c, error.status, error.message);
  throw error;
}
