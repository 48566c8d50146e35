import type { Session } from './session.ts';

const KEYSTONE_WRITERS = ['admin', 'manager', 'member', '_member_'];

/**
 * Whether the user may create and delete images, judged by role names; undefined if the names do
 * not decide it.
 *
 * Rackspace requires an admin role: of the account, global, or of servers and images. Creators and
 * observers may not (https://docs.rackspace.com/docs/detailed-permissions-matrix-for-cloud-images,
 * and the matrix of Cloud Servers). Rackspace uses upper and lower case in these names. Keystone
 * roles depend on the operator: even OpenStack's default policies refuse `reader` only since
 * 2023.1.
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
