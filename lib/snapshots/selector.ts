import type { Selector } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';

/** The servers that a selector selects, and the parts of the selector that match none. */
export interface Selection {
  /** The selected servers, each once. */
  servers: Server[];
  /** Ids in the selector that no server has. */
  missingIds: string[];
  /** Criteria other than ids that no server matches, as text: `names "web-*"`. */
  unmatched: string[];
  /** Whether each criterion matches servers, and `except` excludes all of these servers. */
  allExcepted: boolean;
  /** Ids in the selector that `except` excludes. */
  exceptedIds: string[];
  /** Criteria of `except` that no server matches, as text: `except.names "web-*"`. */
  unmatchedExceptions: string[];
}

/** The criteria of a selector, or of its `except`. A server matches if one of them does. */
export type Criteria = Pick<Selector, 'ids' | 'names' | 'tagged'>;

/**
 * Selects the servers of a policy: all servers that match `ids`, `names`, `tagged` or `all`,
 * without those that match `except`. In name patterns, `*` matches any characters and `?` one
 * character. A server must have all `tagged` pairs; each part of a comma-separated metadata value
 * counts. If the selector has `only`, it selects among these servers again, and `missingIds` and
 * `unmatched` are the results of `only` alone.
 */
export function selectServers(servers: readonly Server[], { only, ...selector }: Selector): Selection {
  const selection = select(servers, selector);
  return only ? select(selection.servers, only) : selection;
}

function select(servers: readonly Server[], selector: Selector): Selection {
  const { ids = [], all = false, except = {} } = selector;
  const selected = servers.filter(
    (server) => (all || matchesCriteria(server, selector)) && !matchesCriteria(server, except),
  );
  const known = new Map(servers.map((server) => [server.id, server]));
  const { ids: exceptedIds = [] }: Criteria = except;
  const missingIds = ids.filter((id) => !known.has(id));
  const unmatched = [...unmatchedOf(servers, selector), ...(all && servers.length === 0 ? ['all'] : [])];
  return {
    servers: [...new Map(selected.map((server) => [server.id, server])).values()],
    missingIds,
    unmatched,
    allExcepted: selected.length + missingIds.length + unmatched.length === 0,
    exceptedIds: ids.filter((id) => known.has(id) && matchesCriteria(known.get(id)!, except)),
    unmatchedExceptions: [
      ...exceptedIds.filter((id) => !known.has(id)).map((id) => `ids "${id}"`),
      ...unmatchedOf(servers, except),
    ].map((criterion) => `except.${criterion}`),
  };
}

/** The criteria that no server matches: name patterns and metadata. */
function unmatchedOf(servers: readonly Server[], { names = [], tagged }: Criteria): string[] {
  const isUnmatched = (criteria: Criteria) => !servers.some((server) => matchesCriteria(server, criteria));
  return [
    ...names.filter((name) => isUnmatched({ names: [name] })).map((name) => `names "${name}"`),
    ...(tagged && isUnmatched({ tagged }) ? [`tagged ${JSON.stringify(tagged)}`] : []),
  ];
}

/**
 * Whether a selector includes the snapshots of a server. A deleted server has no name and no
 * metadata any more, so only its id or `all` can select its snapshots.
 *
 * @param server undefined if the server does not exist.
 */
export function selectsServer(selector: Selector, id: string, server: Server | undefined): boolean {
  if (server) return select([server], selector).servers.length > 0;
  const { ids = [], all = false, except = {} } = selector;
  const { ids: excepted = [] }: Criteria = except;
  return (all || ids.includes(id)) && !excepted.includes(id);
}

/**
 * Whether a selector, including its `only`, may select a server of which only the id and perhaps
 * the former name are known. The server may have any metadata.
 */
export function maySelect(id: string, name: string | undefined, { only, ...selector }: Selector): boolean {
  return mayMatch(id, name, selector) && (only === undefined || mayMatch(id, name, only));
}

function mayMatch(id: string, name: string | undefined, selector: Selector): boolean {
  const { ids = [], names = [], tagged, all = false, except } = selector;
  const known = { id, name: name ?? '', metadata: {} };
  const mayBeNamed = name === undefined ? names.length > 0 : matchesCriteria(known, { names });
  return (
    (all || tagged !== undefined || ids.includes(id) || mayBeNamed) &&
    !matchesCriteria(known, { ...except, tagged: undefined })
  );
}

/**
 * Whether a selector certainly selects a server now. Of a server that no listing has, only the id
 * and the former name are known: if `except` has metadata, or has names and the former name is
 * unknown, the server may be excluded.
 *
 * @param server undefined if no listing has the server.
 * @param name the former name; undefined if unknown.
 */
export function certainlySelects(
  selector: Selector,
  id: string,
  server: Server | undefined,
  name: string | undefined,
): boolean {
  if (server) return selectServers([server], selector).servers.length > 0;
  const { names, tagged }: Criteria = selector.except ?? {};
  const mayBeExcepted = tagged !== undefined || (names !== undefined && name === undefined);
  return !mayBeExcepted && maySelect(id, name, selector);
}

/** Whether a server or a volume matches any of the criteria. */
export function matchesCriteria(
  server: Pick<Server, 'id' | 'name' | 'metadata'>,
  { ids, names, tagged }: Criteria,
): boolean {
  return Boolean(
    ids?.includes(server.id) ||
      names?.some((pattern) => isLike(canonical(server.name), canonical(pattern))) ||
      (tagged && Object.entries(tagged).every(([key, value]) => tagsOf(server, key).includes(value))),
  );
}

function tagsOf({ metadata }: Pick<Server, 'metadata'>, key: string): string[] {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  return value?.split(',').map((part) => part.trim()) ?? [];
}

/**
 * A name in one of the forms that Unicode has for the same letters: "é" may be one character or
 * two, and nobody sees which.
 */
export function canonical(name: string): string {
  return name.normalize('NFC');
}

/**
 * Whether a pattern matches the whole text. The running time is at most proportional to the product
 * of both lengths.
 */
function isLike(text: string, pattern: string): boolean {
  const [wanted, given] = [[...pattern], [...text]];
  let [at, position] = [0, 0];
  // Where to continue if the characters after the last `*` do not match: the `*` then matches one
  // more character.
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
