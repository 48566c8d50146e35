import * as v from 'valibot';
import { strict } from '../../config/schema.ts';
import type { Dropped } from '../model.ts';

const names = v.optional(
  v.pipe(
    v.array(v.string('must be a text'), 'must be a list'),
    v.nonEmpty('must not be empty: leave it out'),
  ),
);

const KINDS = ['accounts', 'regions', 'policies', 'servers'] as const;

const Parts = v.pipe(
  strict({ accounts: names, regions: names, policies: names, servers: names }),
  v.check(
    (parts) => KINDS.some((kind) => parts[kind]),
    'must name what you accept: accounts, regions, policies or servers; true accepts all',
  ),
);
const All = v.literal(true, 'must be true, or have lists: accounts, regions, policies, servers');

/**
 * The dropped items that an operator accepts: `true` for all, or lists of names. A server can also
 * be named by its id.
 */
export type Acceptance = true | v.InferOutput<typeof Parts>;

// A union of schemas would not name the problem in the lists.
export const Acceptance: v.GenericSchema<Acceptance> = v.lazy((input) =>
  typeof input === 'object' ? Parts : All,
);

/** The names that accept one item only. */
function namesToAccept(dropped: Dropped): Names {
  switch (dropped.code) {
    case 'DROPPED_ACCOUNT':
    case 'DROPPED_PROJECT':
      return { accounts: [dropped.account] };
    case 'DROPPED_REGION':
      return { regions: [dropped.where] };
    case 'DROPPED_POLICY':
      return { policies: [dropped.policy] };
    case 'DROPPED_SERVER':
    case 'DROPPED_FROM_POLICY':
      return { servers: [dropped.server] };
  }
}

/** The part of an audit's event that accepts these items only. */
export function acceptanceOf(dropped: readonly Dropped[]): Acceptance {
  const own = dropped.map(namesToAccept);
  const lists = KINDS.map((kind) => [kind, [...new Set(own.flatMap((parts) => parts[kind] ?? []))]] as const);
  return Object.fromEntries(lists.filter(([, list]) => list.length > 0));
}

/** Whether an operator accepts a dropped item. */
export function isAccepted(dropped: Dropped, acceptance: Acceptance | undefined): boolean {
  if (acceptance === undefined || acceptance === true) return acceptance === true;
  const own = namesOf(dropped);
  return KINDS.some((kind) => acceptance[kind]?.some((name) => own[kind]?.includes(name)));
}

/** The names in an acceptance that match no dropped item. */
export function unmatchedNames(acceptance: Acceptance | undefined, dropped: readonly Dropped[]): string[] {
  if (acceptance === undefined || acceptance === true) return [];
  const known = dropped.map(namesOf);
  return KINDS.flatMap((kind) =>
    (acceptance[kind] ?? [])
      .filter((name) => !known.some((own) => own[kind]?.includes(name)))
      .map((name) => `${kind} "${name}"`),
  );
}

type Names = { [K in (typeof KINDS)[number]]?: readonly string[] };

/** The names by which an item can be accepted. */
function namesOf(dropped: Dropped): Names {
  return 'server' in dropped ? { servers: [dropped.server, dropped.name] } : namesToAccept(dropped);
}
