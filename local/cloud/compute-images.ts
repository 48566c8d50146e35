import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { novaMinor } from './flavors.ts';
import { seconds } from './image-json.ts';
import { isVisible } from './image-list.ts';
import { bodyOf } from './json-body.ts';
import { fault } from './nova-fault.ts';
import { refuseMetadata } from './nova-schema.ts';
import type { CloudImage, Region } from './state.ts';

/** Nova's status and progress for each status of Glance. Any other status is UNKNOWN. */
const STATUSES: Record<string, [status: string, progress: number]> = {
  active: ['ACTIVE', 100],
  queued: ['SAVING', 25],
  saving: ['SAVING', 50],
  killed: ['ERROR', 0],
  deleted: ['DELETED', 0],
  pending_delete: ['DELETED', 0],
};

/**
 * Nova's image API: Rackspace docs-cloud-servers, Images. Newer versions of Nova offer it up to
 * microversion 2.35.
 */
export function addComputeImageRoutes(routes: Hono<Env>, region: Region, pageSize: () => number): void {
  const { account } = region;
  const missing = (c: Context<Env>) => c.json(fault('itemNotFound', 404, 'Image not found.'), 404);
  const imageOf = (c: Context<Env>) =>
    [region.image(c.req.param('id') ?? '')].find((image) => image && isVisible(image, account));
  const refuseChange = (c: Context<Env>, image: CloudImage) =>
    account.role === 'admin' && image.owner === account.projectId && !image.protected
      ? undefined
      : c.json(fault('forbidden', 403, 'You are not allowed to change this image.'), 403);

  routes.use('/images/*', async (c, next) => {
    const message = 'The resource could not be found.';
    return novaMinor(c) >= 36 ? c.json(fault('itemNotFound', 404, message), 404) : next();
  });

  const list = (detail: boolean) => (c: Context<Env>) => {
    const { marker, limit = String(pageSize()), name, status, server, type } = c.req.query();
    const fits = (image: CloudImage) =>
      isVisible(image, account) &&
      !region.unlisted.has(image.id) &&
      (name === undefined || image.name === name) &&
      (status === undefined || imageStatus(image)[0] === status.toUpperCase()) &&
      (type === undefined || image.properties.image_type === type) &&
      (server === undefined || image.properties.instance_uuid === server.split('/').at(-1));
    const listed = region.images.filter(fits);
    const from = marker ? listed.findIndex(({ id }) => id === marker) + 1 : 0;
    if (marker && from === 0) return c.json(fault('badRequest', 400, `marker [${marker}] not found`), 400);
    const size = Math.min(Number(limit), pageSize());
    const page = listed.slice(from, from + size);
    const next = new URL(c.req.url);
    next.searchParams.set('marker', page.at(-1)?.id ?? '');
    return c.json({
      images: page.map((image) => (detail ? imageJson(c, image) : briefJson(c, image))),
      ...(page.length === size && size > 0 ? { images_links: [{ rel: 'next', href: next.href }] } : {}),
    });
  };
  routes.get('/images', list(false));
  routes.get('/images/detail', list(true));

  routes.get('/images/:id', (c) => {
    const image = imageOf(c);
    return image ? c.json({ image: imageJson(c, image) }) : missing(c);
  });
  routes.delete('/images/:id', (c) => {
    const image = imageOf(c);
    if (!image) return missing(c);
    const refused = refuseChange(c, image);
    if (refused) return refused;
    region.removeImage(image.id);
    return c.body(null, 204);
  });

  routes.get('/images/:id/metadata', (c) => {
    const image = imageOf(c);
    return image ? c.json({ metadata: image.properties }) : missing(c);
  });
  routes.on(['POST', 'PUT'], '/images/:id/metadata', async (c) => {
    const { metadata } = await bodyOf<{ metadata: Record<string, string> }>(c);
    const wrong = refuseMetadata(metadata);
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    const image = imageOf(c);
    if (!image) return missing(c);
    const refused = refuseChange(c, image);
    if (refused) return refused;
    const before = c.req.method === 'PUT' ? {} : image.properties;
    Object.assign(image, { properties: { ...before, ...metadata }, updatedAt: region.now() });
    return c.json({ metadata: image.properties });
  });
  routes.delete('/images/:id/metadata/:key', (c) => {
    const image = imageOf(c);
    const key = c.req.param('key');
    if (image?.properties[key] === undefined) return missing(c);
    const refused = refuseChange(c, image);
    if (refused) return refused;
    delete image.properties[key];
    image.updatedAt = region.now();
    return c.body(null, 204);
  });
}

function imageStatus({ status }: CloudImage): [string, number] {
  return STATUSES[status] ?? ['UNKNOWN', 0];
}

function linkTo(c: Context<Env>, path: string) {
  const { origin, pathname } = new URL(c.req.url);
  return { rel: 'self', href: `${origin}${pathname.split('/images')[0]}${path}` };
}

function briefJson(c: Context<Env>, { id, name }: CloudImage) {
  return { id, name, links: [linkTo(c, `/images/${id}`)] };
}

function imageJson(c: Context<Env>, image: CloudImage) {
  const [status, progress] = imageStatus(image);
  const server = image.properties.instance_uuid;
  return {
    ...briefJson(c, image),
    status,
    progress,
    created: seconds(image.createdAt),
    updated: seconds(image.updatedAt),
    minDisk: image.minDisk,
    minRam: image.minRam,
    'OS-DCF:diskConfig': 'AUTO',
    'OS-EXT-IMG-SIZE:size': image.size,
    metadata: image.properties,
    ...(server ? { server: { id: server, links: [linkTo(c, `/servers/${server}`)] } } : {}),
  };
}
