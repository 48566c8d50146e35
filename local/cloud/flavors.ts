import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { minorOf } from './microversions.ts';
import { fault } from './nova-fault.ts';
import type { CloudFlavor, Region } from './state.ts';

/**
 * Whether a request is for Rackspace's Nova, whose paths start with /v2; those of other clouds
 * start with /v2.1.
 */
export function isRackspace(c: Context<Env>): boolean {
  return !c.req.path.startsWith('/v2.1');
}

/**
 * The minor number of the request's microversion. Rackspace's Nova is older than microversions and
 * counts as 1.
 */
export function novaMinor(c: Context<Env>): number {
  return isRackspace(c) ? 1 : minorOf(c, 'compute');
}

/**
 * A flavor within a server. From microversion 2.47 on it has the flavor's properties instead of its
 * id.
 */
export function flavorJson({ id, name, ...flavor }: CloudFlavor, minor: number) {
  const { ram, disk, vcpus = 1, ephemeral = 0 } = flavor;
  const common = { vcpus, ram, disk, swap: 0 };
  return minor >= 47 ? { ...common, ephemeral, original_name: name } : { id, name, ...common };
}

/** The routes for flavors. */
export function addFlavorRoutes(routes: Hono<Env>, region: Region): void {
  const shown = (c: Context<Env>, flavor: CloudFlavor) => ({
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeral ?? 0,
    ...(isRackspace(c) ? { 'OS-FLV-WITH-EXT-SPECS:extra_specs': flavor.extraSpecs ?? {} } : {}),
    'OS-FLV-DISABLED:disabled': false,
    'os-flavor-access:is_public': true,
    rxtx_factor: 1,
    ...flavorJson(flavor, 1),
    links: linksOf(c, flavor),
  });
  const linksOf = (c: Context<Env>, { id }: CloudFlavor) => [
    { rel: 'self', href: `${new URL(c.req.url).origin}${c.req.path.split('/flavors')[0]}/flavors/${id}` },
  ];
  routes.get('/flavors', (c) =>
    c.json({
      flavors: region.flavors.map((one) => ({ id: one.id, name: one.name, links: linksOf(c, one) })),
    }),
  );
  routes.get('/flavors/detail', (c) => c.json({ flavors: region.flavors.map((one) => shown(c, one)) }));
  const answer = (c: Context<Env>, body: (flavor: CloudFlavor) => object) => {
    const id = c.req.param('id');
    const flavor = region.flavors.find((one) => one.id === id);
    return flavor
      ? c.json(body(flavor))
      : c.json(fault('itemNotFound', 404, `Flavor ${id} could not be found.`), 404);
  };
  routes.get('/flavors/:id', (c) => answer(c, (flavor) => ({ flavor: shown(c, flavor) })));
  routes.get('/flavors/:id/os-extra_specs', (c) =>
    answer(c, ({ extraSpecs = {} }) => ({ extra_specs: extraSpecs })),
  );
}
