import type { Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { selectServers } from '../snapshots/selector.ts';
import { attachedVolumes, isExcepted, volumesOf } from './attached.ts';

/**
 * Finds the volumes of a policy's servers in one region that are in no snapshot, because the policy
 * leaves them out with `volumes`, and no other policy of the account takes them. A volume that
 * could not be listed has its id as its name.
 *
 * @param servers the servers that the policy selects.
 * @param policies the policies of the account.
 * @returns at most one reason.
 */
export function exceptedVolumes(
  { region, servers: all, volumes }: RegionInventory,
  servers: readonly Server[],
  policy: Pick<Policy, 'policy' | 'account' | 'volumes'>,
  { policies, provider }: { policies: NonNullable<Run['policies']>; provider: Session['provider'] },
): Reason<'VOLUMES_EXCEPTED'>[] {
  const others = policies.filter(
    (one) =>
      one.policy !== policy.policy &&
      one.account === policy.account &&
      (one.regions?.includes(region) ?? true),
  );
  const taken = new Set(
    others.flatMap(({ servers: selector, volumes: rule }) =>
      selector && rule
        ? [...volumesOf(selectServers(all, selector).servers, volumes, rule, provider).values()]
            .flat()
            .map(({ id }) => id)
        : [],
    ),
  );
  const here = servers.filter((server) => server.region === region);
  const attached = attachedVolumes(here, volumes, provider);
  const names = here.flatMap((server) =>
    (attached.get(server.id) ?? [])
      .filter((volume) => isExcepted(volume, policy.volumes) && !taken.has(volume.id))
      .map(({ id, name }) => `${name || id} of ${server.name || server.id}`),
  );
  return names.length > 0
    ? [{ code: 'VOLUMES_EXCEPTED', where: region, policy: policy.policy, names: names.sort() }]
    : [];
}
