import pMap from 'p-map';
import type { Server } from '../openstack/compute.ts';
import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { getServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isId } from './marker.ts';
import type { UncertainServer } from './region-inventory.ts';

const AT_ONCE = 8;

/** Requests servers that a region's listing lacks by their ids. */
export async function findServers(
  session: Session,
  region: string,
  ids: Iterable<string>,
): Promise<{ found: Server[]; gone: ReadonlySet<string>; unsure: UncertainServer[] }> {
  const { found, gone, unread } = await requestEach(ids, (id) => getServer(session, region, id));
  return { found, gone, unsure: [...unread].map(([id, problem]) => ({ region, id, problem })) };
}

/** The ids that a listing lacks, without malformed ids. */
export function unlistedIds(listed: readonly { id: string }[], ids: readonly string[]): Set<string> {
  return new Set(ids.filter(isId)).difference(new Set(listed.map(({ id }) => id)));
}

/**
 * Requests resources by their ids, several at a time. `get` returns undefined after a 404.
 *
 * @returns the found ones, the ids of those that are gone, and the errors of the others.
 */
export async function requestEach<T>(ids: Iterable<string>, get: (id: string) => Promise<T | undefined>) {
  const result = {
    found: [] as T[],
    gone: new Set<string>(),
    /** The errors of the cloud by the requested id. */
    unread: new Map<string, Reason>(),
  };
  await pMap(
    ids,
    async (id) => {
      try {
        const one = await get(id);
        if (one) result.found.push(one);
        else result.gone.add(id);
      } catch (error) {
        if (!isCloudError(error)) throw error;
        result.unread.set(id, cloudReason(error));
      }
    },
    { concurrency: AT_ONCE },
  );
  return result;
}

/**
 * Finds the servers that no region of the account has, by requesting each server in each region.
 *
 * @returns the ids of servers that are certainly gone, and the problems with the others.
 */
export async function goneEverywhere(
  session: Session,
  ids: Iterable<string>,
): Promise<{ gone: Set<string>; doubts: Reason[] }> {
  const gone = new Set<string>();
  const doubts: Reason[] = [];
  await pMap(
    new Set(ids),
    async (id) => {
      try {
        for (const region of session.allRegions) if (await getServer(session, region, id)) return;
        gone.add(id);
      } catch (error) {
        if (!isCloudError(error)) throw error;
        doubts.push(cloudReason(error));
      }
    },
    { concurrency: AT_ONCE },
  );
  return { gone, doubts };
}

/** The reason for an error of the cloud. */
export function cloudReason(error: CloudError): Reason {
  return { code: 'CLOUD', ...errorFactsOf(error) };
}
