import * as v from 'valibot';
import { strict } from '../config/schema.ts';
import type { Dropped } from './model.ts';

const names = v.optional(
  v.pipe(
    v.array(v.string('must be a text'), 'must be a list'),
    v.nonEmpty('must not be empty: leave it out'),
  ),
);

const KINDS = ['accounts', 'regions', 'policies', 'servers'] as const;

const Parts = strict({ accounts: names, regions: names, policies: names, servers: names });
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

/** The part of an audit's event that accepts one item only. */
export function acceptanceOf(dropped: Dropped): Acceptance {
  switch (dropped.code) {
    case 'DROPPED_ACCOUNT':
    case 'DROPPED_PROJECT':
      return { accounts: [dropped.account] };
    case 'DROPPED_REGION':
      return { regions: [dropped.where] };
    case 'DROPPED_POLICY':
      return { policies: [dropped.policy] };
    case 'DROPPED_SERVER':
      return { servers: [dropped.server] };
  }
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

/** The names by which an item can be accepted. */
function namesOf(dropped: Dropped): { [K in (typeof KINDS)[number]]?: readonly string[] | undefined } {
  return dropped.code === 'DROPPED_SERVER'
    ? { servers: [dropped.server, dropped.name] }
    : Object(acceptanceOf(dropped));
}
