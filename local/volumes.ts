import { Hono } from 'hono';
import type { Env } from './faults.ts';
import type { Tokens } from './identity.ts';
import type { CloudVolumeSnapshot, Region } from './state.ts';

interface VolumeOptions {
  region: Region;
  tokens: Tokens;
  pageSize: () => number;
}

/** Cinder v3, as far as volume snapshots go. */
export function volumeApp({ region, tokens, pageSize }: VolumeOptions): Hono<Env> {
  const app = new Hono<Env>().basePath('/v3/:project');
  const fault = (key: string, code: number, message: string) => ({ [key]: { code, message } });
  const missing = (id: string) => fault('itemNotFound', 404, `Snapshot ${id} could not be found.`);

  app.use(async (c, next) => {
    if (tokens.expiryOf(c.req.header('x-auth-token'))) return next();
    return c.json(fault('unauthorized', 401, 'The request you have made requires authentication.'), 401);
  });

  app.get('/snapshots', (c) => {
    const { marker, limit = String(pageSize()) } = c.req.query();
    const from = marker ? region.volumeSnapshots.findIndex(({ id }) => id === marker) + 1 : 0;
    const size = Math.min(Number(limit), pageSize());
    const page = region.volumeSnapshots.slice(from, from + size);
    const next = new URL(c.req.url);
    next.searchParams.set('marker', page.at(-1)?.id ?? '');
    return c.json({
      snapshots: page.map(snapshotJson),
      ...(page.length === size && size > 0 ? { snapshots_links: [{ rel: 'next', href: next.href }] } : {}),
    });
  });

  app.get('/snapshots/:id', (c) => {
    const snapshot = region.volumeSnapshots.find(({ id }) => id === c.req.param('id'));
    return snapshot ? c.json({ snapshot: snapshotJson(snapshot) }) : c.json(missing(c.req.param('id')), 404);
  });

  app.delete('/snapshots/:id', (c) => {
    const snapshot = region.volumeSnapshots.find(({ id }) => id === c.req.param('id'));
    if (!snapshot) return c.json(missing(c.req.param('id')), 404);
    if (!/^(available|error)/.test(snapshot.status)) {
      const message = `Invalid snapshot: Snapshot status must be available or error, but is ${snapshot.status}`;
      return c.json(fault('badRequest', 400, message), 400);
    }
    if (snapshot.slowToGo) snapshot.status = 'deleting';
    else region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(snapshot), 1);
    return c.body(null, 202);
  });

  return app;
}

function snapshotJson({ id, name, status, volumeId, createdAt }: CloudVolumeSnapshot) {
  const created_at = createdAt.toISOString().replace('Z', '000');
  return { id, name, status, created_at, volume_id: volumeId, size: 1, metadata: {}, description: '' };
}
