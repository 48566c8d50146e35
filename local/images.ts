import { type Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import type { Account, Tokens } from './identity.ts';
import { checksumsOf, type DataMode, fileAnswer } from './image-data.ts';
import type { CloudImage, Region } from './state.ts';
import type { CloudTask } from './tasks.ts';

interface ImageOptions {
  region: Region;
  account: Account;
  tokens: Tokens;
  pageSize: () => number;
  dataMode: DataMode;
}

const PARAMETERS = new Set(['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'visibility']);

/** Glance v2: list, get, delete; create, and data in and out. And Rackspace's tasks, which export and import. */
export function imageApp({ region, account, tokens, pageSize, dataMode }: ImageOptions): Hono<Env> {
  const app = new Hono<Env>().basePath('/v2');

  app.use(async (c, next) => {
    if (tokens.expiryOf(c.req.header('x-auth-token'))) return next();
    return glanceFault(
      c,
      401,
      'Unauthorized',
      'This server could not verify that you are authorized to access the document you requested.',
    );
  });

  const isVisible = ({ owner, visibility }: CloudImage) =>
    owner === account.projectId || visibility !== 'private';
  const imageOf = (id: string) => [region.image(id)].find((image) => image && isVisible(image));

  app.get('/images', (c) => {
    const query = c.req.query();
    const { marker, limit = String(pageSize()), visibility } = query;
    if (!/^\d+$/.test(limit)) return glanceFault(c, 400, 'Bad Request', 'limit param must be an integer');
    const filters = Object.entries(query).filter(([key]) => !PARAMETERS.has(key));
    const fits = (image: CloudImage) => {
      const json: Record<string, unknown> = imageJson(image);
      return filters.every(([key, value]) => json[key] === value);
    };
    const found = region.images.filter(
      (image) =>
        isVisible(image) &&
        (!visibility || image.visibility === visibility) &&
        (filters.length === 0 || fits(image)),
    );
    const from = marker ? found.findIndex(({ id }) => id === marker) + 1 : 0;
    if (marker && from === 0) return glanceFault(c, 400, 'Bad Request', `No image found with ID ${marker}`);
    const size = Math.min(Number(limit), pageSize());
    const page = found.slice(from, from + size);
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
    const image = imageOf(c.req.param('id'));
    return image
      ? c.json(imageJson(image))
      : glanceFault(c, 404, 'Not Found', `No image found with ID ${c.req.param('id')}`);
  });

  app.get('/images/:id/file', (c) => {
    const image = imageOf(c.req.param('id'));
    if (!image) return glanceFault(c, 404, 'Not Found', `No image found with ID ${c.req.param('id')}`);
    return image.status === 'active' && image.size
      ? fileAnswer(image, c.req.header('range'), dataMode)
      : c.body(null, 204);
  });

  app.post('/images', async (c) => {
    const asked = await c.req.json<Record<string, unknown>>();
    const { name, disk_format, container_format, min_disk: _, min_ram: __, ...properties } = asked;
    const image = region.addImage({
      name: String(name),
      status: 'queued',
      owner: account.projectId,
      size: null,
      properties: properties as Record<string, string>,
      diskFormat: String(disk_format),
      containerFormat: String(container_format),
    });
    return c.json(imageJson(image), 201);
  });

  app.put('/images/:id/file', async (c) => {
    const image = imageOf(c.req.param('id'));
    if (!image) return glanceFault(c, 404, 'Not Found', `No image found with ID ${c.req.param('id')}`);
    if (image.status !== 'queued') {
      return glanceFault(
        c,
        409,
        'Conflict',
        `Image status transition from ${image.status} to saving is not allowed`,
      );
    }
    image.data = Buffer.from(await c.req.arrayBuffer());
    Object.assign(image, { status: 'active', size: image.data.length });
    return c.body(null, 204);
  });

  app.patch('/images/:id', async (c) => {
    const image = imageOf(c.req.param('id'));
    if (!image) return glanceFault(c, 404, 'Not Found', `No image found with ID ${c.req.param('id')}`);
    if (c.req.header('content-type') !== 'application/openstack-images-v2.1-json-patch') {
      return glanceFault(c, 415, 'Unsupported Media Type', 'Unsupported Content-Type');
    }
    if (account.role !== 'admin' || image.owner !== account.projectId) {
      return glanceFault(c, 403, 'Forbidden', 'You are not authorized to complete modify_image action.');
    }
    for (const { op, path, value } of await c.req.json<{ op: string; path: string; value: string }[]>()) {
      const property = path.slice(1);
      if (op === 'replace' && image.properties[property] === undefined) {
        return glanceFault(c, 409, 'Conflict', `Property ${property} does not exist.`);
      }
      image.properties[property] = value;
    }
    image.updatedAt = region.now();
    return c.json(imageJson(image));
  });

  app.delete('/images/:id', (c) => {
    const image = imageOf(c.req.param('id'));
    if (!image)
      return glanceFault(c, 404, 'Not Found', `Failed to find image ${c.req.param('id')} to delete`);
    if (image.protected)
      return glanceFault(c, 403, 'Forbidden', `Image ${image.id} is protected and cannot be deleted.`);
    if (image.owner !== account.projectId)
      return glanceFault(c, 403, 'Forbidden', 'You do not own this image');
    if (account.role !== 'admin')
      return glanceFault(c, 403, 'Forbidden', 'You are not authorized to complete delete_image action.');
    region.removeImage(image.id);
    return c.body(null, 204);
  });

  app.post('/tasks', async (c) => {
    if (account.role !== 'admin') {
      return glanceFault(c, 403, 'Forbidden', 'You are not authorized to complete add_task action.');
    }
    const { type, input } = await c.req.json<Pick<CloudTask, 'type' | 'input'>>();
    if (type !== 'export' && type !== 'import') {
      return glanceFault(c, 400, 'Bad Request', `Invalid task type: ${type}`);
    }
    return c.json(taskJson(region.tasks.add(type, input, account.projectId), account), 201);
  });

  // What a listing shows of a task is not all of it.
  app.get('/tasks', (c) => {
    const { all } = region.tasks;
    const { marker } = c.req.query();
    const from = all.findIndex(({ id }) => id === marker) + 1;
    const page = all.slice(from, from + pageSize());
    const next = `/v2/tasks?marker=${page.at(-1)?.id}`;
    return c.json({
      tasks: page.map((task) => {
        const { input: _, message: __, expires_at: ___, result: ____, ...brief } = taskJson(task, account);
        return brief;
      }),
      first: '/v2/tasks',
      schema: '/v2/schemas/tasks',
      ...(page.length === pageSize() ? { next } : {}),
    });
  });

  app.get('/tasks/:id', (c) => {
    const task = region.tasks.all.find(({ id }) => id === c.req.param('id'));
    return task
      ? c.json(taskJson(task, account))
      : glanceFault(c, 404, 'Not Found', `Task not found ${c.req.param('id')}`);
  });

  return app;
}

function taskJson(task: CloudTask, { projectId }: Account) {
  const { id, type, status, input, message, createdAt, updatedAt, expiresAt, result } = task;
  return {
    id,
    type,
    status,
    input,
    message,
    owner: projectId,
    created_at: seconds(createdAt),
    updated_at: seconds(updatedAt),
    ...(expiresAt ? { expires_at: seconds(expiresAt) } : {}),
    ...(result ? { result } : {}),
    self: `/v2/tasks/${id}`,
    schema: '/v2/schemas/task',
  };
}

function imageJson(whole: CloudImage) {
  const { id, name, status, visibility, owner, size, properties, minDisk, minRam, ...image } = whole;
  return {
    ...properties,
    id,
    name,
    status,
    visibility,
    owner,
    size,
    protected: image.protected,
    ...checksumsOf(whole),
    container_format: image.containerFormat ?? 'ovf',
    disk_format: image.diskFormat ?? (status === 'queued' ? null : 'vhd'),
    min_ram: minRam,
    min_disk: minDisk,
    tags: [],
    created_at: seconds(image.createdAt),
    updated_at: seconds(image.updatedAt),
    self: `/v2/images/${id}`,
    file: `/v2/images/${id}/file`,
    schema: '/v2/schemas/image',
  };
}

function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Glance says it in JSON only to those who ask for JSON. */
function glanceFault(
  c: Context<Env>,
  status: 400 | 401 | 403 | 404 | 409 | 415,
  title: string,
  text: string,
): Response {
  const code = `${status} ${title}`;
  const message = `${text}<br /><br />\n\n\n`;
  return c.req.header('accept') === 'application/json'
    ? c.json({ message, code, title }, status)
    : c.html(
        `<html><head><title>${code}</title></head><body><h1>${code}</h1>${message}</body></html>`,
        status,
      );
}
