import { isKeyOf } from './read-event.ts';

/** Finds the accounts whose names start with a prefix. */
export type FindAccounts = (prefix: string) => Promise<string[]>;

/**
 * Splits an event into one event for each account in its `account` list. {@link parseEvent}
 * validates the accounts later.
 */
export function eachAccount(event: unknown): unknown[] {
  if (!isKeyOf('account', event)) return [event];
  const { account, ...rest } = event as { account: unknown };
  if (!Array.isArray(account) || account.length === 0) return [event];
  return [...new Set(account)].map((one: unknown) => ({ ...rest, account: one }));
}

/**
 * Replaces an account prefix, such as `customer-*`, by each existing account with this prefix. A
 * prefix without accounts stays, so that the login reports it.
 *
 * @param items policies, or their events, of one account each.
 */
export async function expandAccounts<T>(items: readonly T[], findAccounts: FindAccounts): Promise<T[]> {
  const expanded = await Promise.all(
    items.map(async (item) => {
      const { account } = Object(item) as { account?: unknown };
      if (typeof account !== 'string' || !account.endsWith('*')) return [item];
      const found = await findAccounts(account.slice(0, -1));
      return found.length === 0 ? [item] : found.map((name) => ({ ...item, account: name }));
    }),
  );
  const keyOf = (item: T) => JSON.stringify([Object(item).policy, Object(item).account]);
  return [...new Map(expanded.flat().map((item) => [keyOf(item), item])).values()];
}

/** Whether a policy's `account`, a name or a prefix such as `customer-*`, includes an account. */
export function includesAccount(own: unknown, account: unknown): boolean {
  return (
    own === account ||
    (typeof own === 'string' &&
      typeof account === 'string' &&
      own.endsWith('*') &&
      account.startsWith(own.slice(0, -1)))
  );
}

/**
 * Whether two `account` values, each a name, a prefix or a list of these, may include the same
 * account.
 */
export function mayOverlap(one: unknown, other: unknown): boolean {
  const overlap = (a: string, b: string) =>
    a === b ||
    (a.endsWith('*') && b.startsWith(a.slice(0, -1))) ||
    (b.endsWith('*') && a.startsWith(b.slice(0, -1)));
  return [one].flat().some((a) => [other].flat().some((b) => overlap(String(a), String(b))));
}
