import type { Server } from '../openstack/compute.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { selectServers } from '../snapshots/selector.ts';

/**
 * The reason that names the policies that take snapshots of a new server, or says that none does;
 * empty if the policies of the deployment are unknown.
 */
export function policiesOf(server: Server, account: string, { policies }: Pick<Run, 'policies'>): Reason[] {
  if (!policies) return [];
  const its = policies.filter(
    (one) =>
      (one.account ?? account) === account &&
      (one.regions === undefined || one.regions.includes(server.region)),
  );
  const selecting = its.filter(
    ({ servers }) => servers && selectServers([server], servers).servers.length > 0,
  );
  if (selecting.length > 0) {
    return [{ code: 'RESTORED_IN_POLICIES', policies: selecting.map(({ policy }) => policy) }];
  }
  const [tagged] = its.flatMap(({ policy, servers }) =>
    servers?.tagged ? [{ policy, metadata: servers.tagged }] : [],
  );
  const { id, name } = server;
  return [{ code: 'RESTORED_IN_NO_POLICY', name, server: id, ...(tagged ? { tagged } : {}) }];
}
