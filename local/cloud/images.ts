import type { Context } from 'hono';
import { Hono } from 'hono/quick';
import type { Tokens } from './account.ts';
import type { Env } from './faults.ts';
import { glanceFault } from './glance-fault.ts';
import { addActivationRoutes } from './image-activation.ts';
import { type DataMode, fileAnswer, rangeOf } from './image-data.ts';
import { imageJson } from './image-json.ts';
import { BadQuery, isVisible, listedImages } from './image-list.ts';
import { addMemberRoutes } from './image-members.ts';
import { type PatchOperation, PatchRefusal, patched } from './image-patch.ts';
import { addTagRoutes } from './image-tags.ts';
import { addTaskRoutes } from './image-tasks.ts';
import { BadBody, bodyOf } from './json-body.ts';
import type { CloudImage, Region } from './state.ts';
import { addImageVersions } from './versions.ts';

const UUID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

interface ImageOptions {
  region: Region;
  tokens: Tokens;
  pageSize: () => number;
  dataMode: DataMode;
}

/**
 * Glance v2: the routes for images and their data, and Rackspace's additions to it, such as tasks.
 */
export function imageApp({ region, tokens, pageSize, dataMode }: ImageOptions): Hono<Env> {
  const root = new Hono<Env>();
  root.onError((error, c) => {
    if (error instanceof BadBody) return glanceFault(c, 400, 'Malformed JSON in request body.');
    throw error;
  });
  addImageVersions(root);
  const app = root.basePath('/v2');
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

  // Only a Glance whose limits are in Keystone has this path.
  app.get('/info/usage', (c) => {
    const own = region.images.filter(({ owner }) => owner === account.projectId);
    const bytes = own.reduce((sum, { size }) => sum + (size ?? 0), 0);
    const { count, sizeMib } = region.imageQuota;
    return c.json({
      usage: {
        image_size_total: { limit: sizeMib, usage: Math.ceil(bytes / 2 ** 20) },
        image_stage_total: { limit: -1, usage: 0 },
        image_count_total: { limit: count, usage: own.length },
        image_count_uploading: { limit: -1, usage: 0 },
      },
    });
  });

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
      // The link is relative to the origin. Every full page has one, even if no further image
      // follows.
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
    if (image.status === 'deactivated' && !account.administers) {
      return glanceFault(
        c,
        403,
        'The requested image has been deactivated. Image data download is forbidden.',
      );
    }
    if (image.status !== 'active' || !image.size) return c.body(null, 204);
    const { range, refused: badRange } = rangeOf(c.req.header('range'), image.size, dataMode);
    if (badRange) return glanceFault(c, badRange.status, badRange.message);
    return fileAnswer(image, range, dataMode);
  });

  app.post('/images', async (c) => {
    const { id, name, ...rest } = await bodyOf<Record<string, unknown>>(c);
    if (id !== undefined && !UUID.test(String(id))) {
      const message = `Provided object does not match schema 'image': '${id}' does not match '${UUID.source}'`;
      return glanceFault(c, 400, message);
    }
    if (region.image(String(id))) return glanceFault(c, 409, `Image ID ${id} already exists!`);
    const image = region.addImage({
      ...(id === undefined ? {} : { id: String(id) }),
      name: String(name ?? ''),
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
    const location = `${new URL(c.req.url).origin}/v2/images/${image.id}`;
    return c.json(imageJson(image), 201, { location });
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
      const operations: unknown = await c.req.json().catch(() => undefined);
      if (!Array.isArray(operations)) throw new BadBody();
      Object.assign(image, patched(image, operations as PatchOperation[]), { updatedAt: region.now() });
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
  addTagRoutes(app, region);
  addActivationRoutes(app, region);
  addTaskRoutes(app, region, pageSize);
  return root;
}

function refused(c: Context<Env>, error: unknown): Response {
  if (error instanceof PatchRefusal) return glanceFault(c, error.status, error.message);
  throw error;
}
