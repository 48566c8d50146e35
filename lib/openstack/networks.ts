import * as v from 'valibot';
import type { Server } from './compute.ts';
import { isCloudError } from './errors.ts';
import { unreadableAnswer } from './pages.ts';
import type { CloudRequest, Session } from './session.ts';

/**
 * The ids that Rackspace accepts for its two standard networks. A server's interfaces show other
 * ids for these networks.
 */
const RACKSPACE_NETWORKS: Record<string, string> = {
  public: '00000000-0000-0000-0000-000000000000',
  private: '11111111-1111-1111-1111-111111111111',
};

const Interfaces = v.object({ interfaceAttachments: v.array(v.looseObject({ net_id: v.string() })) });
const Address = v.looseObject({ network_id: v.string(), network_label: v.string() });
const VirtualInterfaces = v.object({
  virtual_interfaces: v.array(v.looseObject({ ip_addresses: v.array(Address) })),
});
const Networks = v.object({
  networks: v.array(v.looseObject({ id: v.string(), label: v.fallback(v.string(), '') })),
});
const SecurityGroups = v.object({
  // A number if Nova has its own security groups.
  security_groups: v.array(
    v.looseObject({ id: v.pipe(v.union([v.string(), v.number()]), v.transform(String)), name: v.string() }),
  ),
});

/**
 * The distinct ids of a server's networks, in the form that `POST /servers` accepts; undefined if
 * the cloud does not show them.
 *
 * Rackspace: `GET /servers/{id}/os-virtual-interfacesv2` and, for the project's own networks,
 * `GET /os-networksv2`:
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference/svr-networks-operations. Nova:
 * `GET /servers/{id}/os-interface`:
 * https://docs.openstack.org/api-ref/compute/#list-port-interfaces
 *
 * @throws {CloudError} OUT_OF_TIME.
 */
export async function networksOf(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
): Promise<string[] | undefined> {
  const get = <S extends v.GenericSchema>(path: string, schema: S) =>
    readAnswer(session, { region, path }, schema);
  const server = `/servers/${encodeURIComponent(id)}`;
  try {
    if (session.provider === 'keystone') {
      const { interfaceAttachments } = await get(`${server}/os-interface`, Interfaces);
      return [...new Set(interfaceAttachments.map(({ net_id }) => net_id))];
    }
    const { virtual_interfaces } = await get(`${server}/os-virtual-interfacesv2`, VirtualInterfaces);
    const { networks } = await get('/os-networksv2', Networks);
    const own = new Set(networks.map((network) => network.id));
    const ids = virtual_interfaces.flatMap(({ ip_addresses }) =>
      ip_addresses.map(({ network_id, network_label }) =>
        own.has(network_id) ? network_id : (RACKSPACE_NETWORKS[network_label] ?? network_id),
      ),
    );
    return [...new Set(ids)];
  } catch (error) {
    if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
    return undefined;
  }
}

/**
 * The networks that a new server can be on. Of these only Rackspace's PublicNet is known to be
 * reachable from outside: `isExternal`. Nova does not show it of other networks.
 *
 * Rackspace: `GET /os-networksv2`: https://docs-ospc.rackspace.com/cloud-servers/v2/. Nova:
 * `GET /os-tenant-networks`, which asks Neutron, in compute API 2.1 to 2.35:
 * https://docs.openstack.org/api-ref/compute/#list-project-networks
 *
 * @throws {CloudError} if the networks can't be read.
 */
export async function listNetworks(
  session: Session,
  region: string,
): Promise<{ id: string; name: string; isExternal: boolean }[]> {
  const isRackspace = session.provider === 'rackspace';
  const path = isRackspace ? '/os-networksv2' : '/os-tenant-networks';
  const { networks } = await readAnswer(session, { region, path }, Networks);
  const standard = isRackspace ? Object.entries(RACKSPACE_NETWORKS).map(([name, id]) => ({ id, name })) : [];
  const own = networks.map(({ id, label: name }) => ({ id, name }));
  const byId = new Map([...standard, ...own].map((network) => [network.id, network]));
  const isExternal = (id: string) => isRackspace && id === RACKSPACE_NETWORKS.public;
  return [...byId.values()].map((network) => ({ ...network, isExternal: isExternal(network.id) }));
}

/**
 * The security groups that a new server can have.
 *
 * Nova: `GET /os-security-groups`, which asks Neutron, in compute API 2.1 to 2.35:
 * https://docs.openstack.org/api-ref/compute/#list-security-groups
 *
 * @throws {CloudError} if the groups can't be read.
 */
export async function listSecurityGroups(
  session: Session,
  region: string,
): Promise<{ id: string; name: string }[]> {
  const found = await readAnswer(session, { region, path: '/os-security-groups' }, SecurityGroups);
  return found.security_groups.map(({ id, name }) => ({ id, name }));
}

/**
 * Whether the user has a key pair of that name. Key pairs belong to a user, not to the project.
 *
 * Nova: `GET /os-keypairs/{name}`:
 * https://docs.openstack.org/api-ref/compute/#show-keypair-details
 *
 * @throws {CloudError} if the cloud answers neither with the key pair nor with 404.
 */
export async function hasKeyPair(session: Session, region: string, name: string): Promise<boolean> {
  const path = `/os-keypairs/${encodeURIComponent(name)}`;
  try {
    await session.request({ service: 'compute', region, path, method: 'GET', expect: [200, 203] });
    return true;
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}

async function readAnswer<S extends v.GenericSchema>(
  session: Session,
  { region, path }: Pick<CloudRequest, 'region' | 'path'>,
  schema: S,
): Promise<v.InferOutput<S>> {
  const request = { service: 'compute', region, path } as const;
  const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
  const answer = v.safeParse(schema, body);
  if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'no networks');
  return answer.output;
}
