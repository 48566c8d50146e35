import type { Context } from 'hono';
import { Hono } from 'hono/quick';
import type { Account, Tokens } from './account.ts';
import { filesAccountsOf } from './catalogues.ts';
import { answerContainer } from './containers.ts';
import type { Env } from './faults.ts';
import { answerObject } from './objects.ts';
import type { Region } from './state.ts';
import { isJsonWanted, swiftFault } from './swift-fault.ts';

interface FilesOptions {
  region: Region;
  account: Account;
  tokens: Tokens;
  pageSize: () => number;
}

/** Cloud Files, which runs Swift: https://docs.openstack.org/api-ref/object-store/. */
export function filesApp({ region, account, tokens, pageSize }: FilesOptions): Hono<Env> {
  const app = new Hono<Env>();
  const { files } = region;

  app.get('/info', (c) =>
    c.json({
      swift: { version: '2.30.1', max_file_size: 5_368_709_122, container_listing_limit: pageSize() },
      slo: { max_manifest_segments: 1000, min_segment_size: 1 },
      dlo: { max_segments: 10_000 },
    }),
  );

  app.use('/v1/:account/*', async (c, next) => {
    if (!tokens.expiryOf(c.req.header('x-auth-token'))) return swiftFault(c, 401);
    if (!filesAccountsOf(account).includes(c.req.param('account'))) return swiftFault(c, 403);
    const writes = !['GET', 'HEAD'].includes(c.req.method);
    if (writes && account.role !== 'admin') return swiftFault(c, 403);
    region.tasks.settle();
    return next();
  });

  app.all('/v1/:account/*', async (c) => {
    const [container = '', ...rest] = new URL(c.req.url).pathname.split('/').slice(3).map(decodeURIComponent);
    const name = rest.join('/');
    if (container === '') return answerAccount(c);
    return name === ''
      ? answerContainer(c, files, container, pageSize())
      : await answerObject(c, files, container, name);
  });

  function answerAccount(c: Context<Env>): Response {
    const containers = [...files.containers.keys()].sort().map((name) => {
      const objects = files.list(name) ?? [];
      return { name, count: objects.length, bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0) };
    });
    const sum = (of: (one: (typeof containers)[number]) => number) =>
      String(containers.reduce((total, one) => total + of(one), 0));
    const headers = {
      'x-account-container-count': String(containers.length),
      'x-account-object-count': sum(({ count }) => count),
      'x-account-bytes-used': sum(({ bytes }) => bytes),
    };
    if (!['GET', 'HEAD'].includes(c.req.method)) return swiftFault(c, 405);
    if (c.req.method === 'HEAD') return c.body(null, 204, headers);
    const { marker = '', limit = '10000' } = c.req.query();
    const page = containers.filter(({ name }) => name > marker).slice(0, Number(limit));
    if (isJsonWanted(c)) return c.json(page, 200, headers);
    return page.length === 0
      ? c.body(null, 204, headers)
      : c.text(page.map(({ name }) => `${name}\n`).join(''), 200, headers);
  }

  return app;
}
