import { printable } from '../openstack/printable.ts';
import type { Audit } from './model.ts';

/** Where a server is. */
interface Place {
  account: string;
  region: string;
}

/** How texts name servers, so that two customers' "web-1" can be distinguished. */
export interface Naming {
  /** "DFW"; where an audit is of several accounts "DFW (customer-a)". */
  placeOf(place: Place): string;
  /** " in DFW" behind a name; empty where the audit is of one region of one account. */
  suffixOf(place: Place): string;
  /** "daily"; where the policy has several accounts "daily (customer-a)". */
  policyOf(one: { policy: string; account: string }): string;
}

/** How the texts of an audit name its servers and policies. */
export function namingOf({ policies, series, uncovered }: Audit): Naming {
  const accounts = new Set([...policies, ...series, ...uncovered].map(({ account }) => account));
  const regions = new Set([...series, ...uncovered].map(({ region }) => region));
  const accountsOf = Map.groupBy(policies, ({ policy }) => policy);
  const placeOf = ({ account, region }: Place) => (accounts.size > 1 ? `${region} (${account})` : region);
  return {
    placeOf,
    suffixOf: (place) => (accounts.size > 1 || regions.size > 1 ? ` in ${printable(placeOf(place))}` : ''),
    policyOf: ({ policy, account }) =>
      (accountsOf.get(policy)?.length ?? 0) > 1 ? `${policy} (${account})` : policy,
  };
}

/** "not known in ORD, which can't be read" */
export function unlistedText(
  { account, region }: Audit['unlisted'][number],
  placeOf: Naming['placeOf'],
): string {
  const place = region === undefined ? `account ${account}` : placeOf({ account, region });
  return `not known in ${place}, which can't be read`;
}
