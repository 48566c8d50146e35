import { printable } from '../openstack/printable.ts';
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
  /** " in DFW", to be appended to a name; empty if the audit is of one region of one account. */
  suffixOf(place: ServerLocation): string;
  /** "daily", or "daily (customer-a)" if the policy has several accounts. */
  policyOf(one: { policy: string; account: string }): string;
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
  return {
    placeOf,
    suffixOf: (place) => (accounts.size > 1 || regions.size > 1 ? ` in ${printable(placeOf(place))}` : ''),
    policyOf: ({ policy, account }) =>
      (accountsOf.get(policy)?.length ?? 0) > 1 ? `${policy} (${account})` : policy,
  };
}
