import type { Selector } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { ServerLists } from '../runtime/request-log.ts';
import { type Selection, selectServers } from './selector.ts';

/**
 * Selects the servers of a request: in regions that an earlier run has recorded, those of the
 * record, whatever their names and metadata are now; in the other ones, those that the selector
 * selects now. A server that was created or tagged after the request is not part of it.
 *
 * @param recorded the record of the request; undefined if the request is new or has none.
 * @param isTaken whether the request has already made an image of a server, so that it does not
 *   matter if the server is gone.
 */
export function selectRequested(
  servers: readonly Server[],
  selector: Selector,
  recorded: ServerLists | undefined,
  isTaken: (id: string) => boolean,
): Selection {
  if (!recorded) return selectServers(servers, selector);
  const isRecorded = ({ region }: Server) => Object.hasOwn(recorded, region);
  const listed = selectServers(servers.filter(isRecorded), { ids: Object.values(recorded).flat() });
  const others = servers.filter((server) => !isRecorded(server));
  return {
    ...listed,
    servers: [...listed.servers, ...selectServers(others, selector).servers],
    missingIds: listed.missingIds.filter((id) => !isTaken(id)),
  };
}

/**
 * The servers to record for a request: the record, completed by the regions that were read only
 * now. Undefined if there is nothing to add, or if the selector selects nothing, so that a call
 * with a wrong name can be repeated.
 */
export function serversToRecord(
  selected: readonly Server[],
  readable: readonly string[],
  recorded: ServerLists = {},
): ServerLists | undefined {
  const added = readable.filter((region) => !Object.hasOwn(recorded, region));
  if (added.length === 0 || selected.length === 0) return undefined;
  const idsIn = (region: string) => selected.filter((one) => one.region === region).map(({ id }) => id);
  return { ...recorded, ...Object.fromEntries(added.map((region) => [region, idsIn(region)])) };
}
