import { printable } from '../openstack/printable.ts';
import { seriesNameText } from '../reporting/sentences/headline.ts';
import type { Audit } from './model.ts';

/** The account and the region of a server. */
interface ServerLocation {
  account: string;
  region: string;
}

/**
 * Names of locations and policies in texts, so that the servers "web-1" of two customers can be
 * distinguished.
 */
export interface Naming {
  /** "DFW", or "DFW (customer-a)" if the audit is of several accounts. */
  placeOf(place: ServerLocation): string;
  /**
   * " in DFW", to be appended to a name; empty if the audit is of one region of one account. If
   * other servers of the region have the same name, with the short id: " (5b9c3f1e) in DFW".
   */
  suffixOf(server: ServerLocation & { server: string }): string;
  /** The name of a server, or its id; "web-1 (5b9c3f1e)" if others have the same name. */
  nameOf(series: ServerLocation & Parameters<typeof seriesNameText>[0]): string;
  /** "daily", or "daily (customer-a)" if the policy has several accounts. */
  policyOf(one: { policy: string; account: string }): string;
}

/** The number of characters of a server's id that tell it apart from its namesakes. */
const SHORT_ID = 8;

/**
 * The ids in texts of the servers that have the same name as another one of their region: the short
 * forms, unless these are the same, too.
 */
function idsOfNamesakes(
  all: readonly (ServerLocation & { server: string; name: string })[],
): ReadonlyMap<string, string> {
  const named = Map.groupBy(all, ({ account, region, name }) => JSON.stringify([account, region, name]));
  const ids = [...named.values()].map((same) => new Set(same.map(({ server }) => server)));
  return new Map(
    ids
      .filter(({ size }) => size > 1)
      .flatMap((same) => {
        const isDistinct = new Set([...same].map((id) => id.slice(0, SHORT_ID))).size === same.size;
        return [...same].map((id) => [id, isDistinct ? id.slice(0, SHORT_ID) : id] as const);
      }),
  );
}

/** Creates the {@link Naming} for the texts about an audit. */
export function namingOf({
  policies,
  series,
  uncovered,
}: Pick<Audit, 'policies' | 'series' | 'uncovered'>): Naming {
  const accounts = new Set([...policies, ...series, ...uncovered].map(({ account }) => account));
  const regions = new Set([...series, ...uncovered].map(({ region }) => region));
  const accountsOf = Map.groupBy(policies, ({ policy }) => policy);
  const placeOf = ({ account, region }: ServerLocation) =>
    accounts.size > 1 ? `${region} (${account})` : region;
  const ids = idsOfNamesakes([...series, ...uncovered]);
  const idOf = ({ server }: { server: string }) => {
    const id = ids.get(server);
    return id === undefined ? '' : ` (${printable(id)})`;
  };
  return {
    placeOf,
    suffixOf: (one) =>
      idOf(one) + (accounts.size > 1 || regions.size > 1 ? ` in ${printable(placeOf(one))}` : ''),
    nameOf: (one) => `${seriesNameText(one)}${one.name ? idOf(one) : ''}`,
    policyOf: ({ policy, account }) =>
      (accountsOf.get(policy)?.length ?? 0) > 1 ? `${policy} (${account})` : policy,
  };
}
