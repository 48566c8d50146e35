import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { isRackspace, novaMinor } from './flavors.ts';
import { fault } from './nova-fault.ts';
import type { Region } from './state.ts';

/** The fields that Nova leaves empty since it has no networks of its own. */
const EMPTY = Object.fromEntries(
  ['cidr', 'netmask', 'gateway', 'broadcast', 'dns1', 'dns2', 'cidr_v6', 'gateway_v6', 'netmask_v6'].map(
    (field) => [field, null],
  ),
);

/**
 * The networks and security groups, for which Nova asks Neutron until microversion 2.35:
 * nova/api/openstack/compute/networks.py, tenant_networks.py and security_groups.py. Rackspace's
 * Nova has none of these routes, but one of its own.
 */
export function addNetworkRoutes(routes: Hono<Env>, region: Region): void {
  const isProxied = (c: Context<Env>) => !isRackspace(c) && novaMinor(c) < 36;
  const missing = (c: Context<Env>, message: string) => c.json(fault('itemNotFound', 404, message), 404);
  const unknown = (c: Context<Env>) => missing(c, 'The resource could not be found.');

  routes.get('/os-networksv2', (c) => c.json({ networks: region.networks }));
  routes.get('/os-networks', (c) =>
    isProxied(c)
      ? c.json({ networks: region.networks.map((network) => ({ ...EMPTY, ...network })) })
      : unknown(c),
  );
  routes.get('/os-networks/:id', (c) => {
    if (!isProxied(c)) return unknown(c);
    const network = region.networks.find(({ id }) => id === c.req.param('id'));
    return network ? c.json({ network: { ...EMPTY, ...network } }) : missing(c, 'Network not found');
  });
  routes.get('/os-tenant-networks', (c) =>
    isProxied(c)
      ? c.json({ networks: region.networks.map((network) => ({ ...network, cidr: 'None' })) })
      : unknown(c),
  );
  routes.get('/os-security-groups', (c) =>
    isProxied(c)
      ? c.json({
          security_groups: region.securityGroups.map((name) => ({
            id: groupId(name),
            name,
            description: name,
            rules: [],
            tenant_id: region.account.projectId,
          })),
        })
      : unknown(c),
  );
}

/** The same for the same group. */
function groupId(name: string): string {
  return `85cc3048-abc3-43cc-89b3-${Buffer.from(name).toString('hex').padEnd(12, '0').slice(0, 12)}`;
}
