import type { Selector } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';

export interface Selection {
  /** The servers meant, each once. */
  servers: Server[];
  /** Ids that were asked for and that no server has. */
  missingIds: string[];
  /** Selectors, other than ids, that no server matches, as text: `names "web-*"`. */
  unmatched: string[];
  /** Ids that were asked for and that `except` leaves out. */
  exceptedIds: string[];
  /** What `except` names and no server is, likewise: `except.names "web-*"`. */
  unmatchedExceptions: string[];
}

type Criteria = Pick<Selector, 'ids' | 'names' | 'tagged'>;

/**
 * The servers that a policy means: the union of what is named by id, by name pattern, by metadata,
 * or `all`, minus `except`. In patterns `*` stands for any characters and `?` for one. Of several
 * `tagged` pairs a server must have every one; a comma-separated metadata value counts for each of
 * its parts. Of the servers that are selected so, `only` selects again, and then `missingIds` and
 * `unmatched` are of that alone.
 */
export function selectServers(servers: readonly Server[], { only, ...selector }: Selector): Selection {
  const selection = select(servers, selector);
  return only ? select(selection.servers, only) : selection;
}

function select(servers: readonly Server[], selector: Selector): Selection {
  const { ids = [], all = false, except = {} } = selector;
  const selected = servers.filter((server) => (all || matches(server, selector)) && !matches(server, except));
  const known = new Map(servers.map((server) => [server.id, server]));
  const { ids: exceptedIds = [] }: Criteria = except;
  return {
    servers: [...new Map(selected.map((server) => [server.id, server])).values()],
    missingIds: ids.filter((id) => !known.has(id)),
    unmatched: [...unmatchedOf(servers, selector), ...(all && servers.length === 0 ? ['all'] : [])],
    exceptedIds: ids.filter((id) => known.has(id) && matches(known.get(id)!, except)),
    unmatchedExceptions: [
      ...exceptedIds.filter((id) => !known.has(id)).map((id) => `ids "${id}"`),
      ...unmatchedOf(servers, except),
    ].map((criterion) => `except.${criterion}`),
  };
}

/** The name patterns and the metadata that no server matches. */
function unmatchedOf(servers: readonly Server[], { names = [], tagged }: Criteria): string[] {
  const isUnmatched = (criteria: Criteria) => !servers.some((server) => matches(server, criteria));
  return [
    ...names.filter((name) => isUnmatched({ names: [name] })).map((name) => `names "${name}"`),
    ...(tagged && isUnmatched({ tagged }) ? [`tagged ${JSON.stringify(tagged)}`] : []),
  ];
}

/**
 * Whether a selector means the snapshots of a server. One that is gone has no name and no metadata
 * any more: it is meant by its id, or by `all`.
 */
export function meansServer(selector: Selector, id: string, server: Server | undefined): boolean {
  if (server) return select([server], selector).servers.length > 0;
  const { ids = [], all = false, except = {} } = selector;
  const { ids: excepted = [] }: Criteria = except;
  return (all || ids.includes(id)) && !excepted.includes(id);
}

/**
 * Whether a policy, and its part that `only` names, may mean a server of which nothing is known but
 * its id and, perhaps, what it was called: its metadata may be any.
 */
export function maySelect(id: string, name: string | undefined, { only, ...selector }: Selector): boolean {
  return mayMean(id, name, selector) && (only === undefined || mayMean(id, name, only));
}

function mayMean(id: string, name: string | undefined, selector: Selector): boolean {
  const { ids = [], names = [], tagged, all = false, except } = selector;
  const known = { id, name: name ?? '', metadata: {} };
  const mayBeNamed = name === undefined ? names.length > 0 : matches(known, { names });
  return (
    (all || tagged !== undefined || ids.includes(id) || mayBeNamed) &&
    !matches(known, { ...except, tagged: undefined })
  );
}

function matches(
  server: Pick<Server, 'id' | 'name' | 'metadata'>,
  { ids, names, tagged }: Criteria,
): boolean {
  return Boolean(
    ids?.includes(server.id) ||
      names?.some((pattern) => isLike(server.name, pattern)) ||
      (tagged && Object.entries(tagged).every(([key, value]) => tags(server, key).includes(value))),
  );
}

function tags({ metadata }: Pick<Server, 'metadata'>, key: string): string[] {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  return value?.split(',').map((part) => part.trim()) ?? [];
}

/**
 * Whether a text matches a pattern as a whole, in time that grows with the product of their lengths
 * at most.
 */
function isLike(text: string, pattern: string): boolean {
  const [wanted, given] = [[...pattern], [...text]];
  let [at, position] = [0, 0];
  // Where to go on when the characters after the last `*` turn out not to match: with one more
  // character for the `*`.
  let retry: { at: number; position: number } | undefined;
  while (position < given.length) {
    if (wanted[at] === '*') {
      at += 1;
      retry = { at, position };
    } else if (wanted[at] === '?' || wanted[at] === given[position]) {
      at += 1;
      position += 1;
    } else if (retry) {
      retry.position += 1;
      ({ at, position } = retry);
    } else {
      return false;
    }
  }
  return wanted.slice(at).every((character) => character === '*');
}
