import { Hono } from 'hono/quick';
import type { Account, Tokens } from './account.ts';
import type { CataloguedRegion } from './catalogues.ts';
import type { Env } from './faults.ts';
import { addKeystoneRoutes } from './keystone.ts';
import { addRackspaceIdentityRoutes } from './rackspace-identity.ts';

/** Rackspace Identity v2.0 and Keystone v3, for the same account. */
export function identityApp(account: Account, tokens: Tokens, regions: () => CataloguedRegion[]): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    c.header('date', tokens.date);
    await next();
  });
  addRackspaceIdentityRoutes(app, { account, tokens, regions });
  addKeystoneRoutes(app, { account, tokens, regions });
  return app;
}
