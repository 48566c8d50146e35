import { memoize } from '../config/memoize.ts';
import type { Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { type Flavor, getFlavor, listFlavors } from '../openstack/flavors.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';

/**
 * The servers whose flavor has local disks besides the system disk. No image contains these disks,
 * and they have no snapshots.
 */
function withLocalDisks(servers: readonly Server[], flavors: readonly Flavor[]): Server[] {
  const larger = new Set(flavors.filter(({ hasDataDisks }) => hasDataDisks).map(({ id }) => id));
  return servers.filter(({ flavorId = '' }) => larger.has(flavorId));
}

/**
 * Finds the servers with local data disks, which are in no snapshot. Lists the flavors of each
 * region at most once, and only if a policy does not accept this.
 *
 * @returns a function that returns at most one reason for each region: the servers with such disks,
 *   or why they are unknown.
 */
export function localDisksFinder(
  session: Session,
): (
  servers: readonly Server[],
  policy: Pick<Policy, 'policy' | 'localDisks'>,
) => Promise<Reason<'LOCAL_DISKS_UNPROTECTED' | 'LOCAL_DISKS_UNKNOWN'>[]> {
  const flavorsIn = memoize((region: string) => listFlavors(session, region), String);
  const flavorOf = memoize(
    (region: string, id: string) => getFlavor(session, region, id),
    (...key) => key.join(' '),
  );

  async function localDisks(region: string, servers: readonly Server[]): Promise<Server[]> {
    const listed = await flavorsIn(region);
    const ids = new Set(servers.flatMap(({ flavorId }) => flavorId ?? []));
    const unlisted = ids.difference(new Set(listed.map(({ id }) => id)));
    const others = await Promise.all([...unlisted].map((id) => flavorOf(region, id)));
    return withLocalDisks(servers, [...listed, ...others.filter((one) => one !== undefined)]);
  }

  return async (servers, { policy, localDisks: accepted }) => {
    if (accepted) return [];
    const found: Reason<'LOCAL_DISKS_UNPROTECTED' | 'LOCAL_DISKS_UNKNOWN'>[] = [];
    for (const [region, its] of Map.groupBy(servers, (server) => server.region)) {
      try {
        const names = (await localDisks(region, its)).map(({ name, id }) => name || id).sort();
        if (names.length > 0) found.push({ code: 'LOCAL_DISKS_UNPROTECTED', where: region, policy, names });
      } catch (error) {
        if (!isCloudError(error)) throw error;
        found.push({ code: 'LOCAL_DISKS_UNKNOWN', where: region, policy, ...errorFactsOf(error) });
      }
    }
    return found;
  };
}
