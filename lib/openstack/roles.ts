import type { Session } from './session.ts';

const KEYSTONE_WRITERS = ['admin', 'manager', 'member', '_member_'];

/**
 * Whether the user may make and delete images, as far as the names of its roles tell; undefined where they do not.
 *
 * At Rackspace both take an admin: of the account, of everything, or of servers and images; creators and observers
 * may not (permission matrices of Cloud Servers and Cloud Images). It has written the names in both cases. A Keystone
 * has the roles that its operator gave it: of `reader` alone even OpenStack's own defaults say no only from 2023.1 on.
 */
export function mayWriteImages({
  provider,
  roles,
}: Pick<Session, 'provider' | 'roles'>): boolean | undefined {
  const names = new Set(roles?.map((name) => name.toLowerCase()));
  const has = (...some: string[]) => some.some((name) => names.has(name));
  if (provider === 'keystone') return has(...KEYSTONE_WRITERS) || undefined;
  if (has('identity:user-admin', 'admin')) return true;
  const products = ['nova', 'cloudimages'].map((product) =>
    has(`${product}:admin`)
      ? true
      : has(`${product}:creator`, `${product}:observer`, 'observer')
        ? false
        : undefined,
  );
  return products.includes(false) ? false : products.includes(undefined) ? undefined : true;
}
