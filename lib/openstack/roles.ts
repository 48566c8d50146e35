import type { Session } from './session.ts';

const KEYSTONE_WRITERS = ['admin', 'manager', 'member', '_member_'];

/**
 * Whether the user may create and delete images, volume snapshots if `needsVolumes`, and copies in
 * object storage if `needsCopies`, judged by role names; undefined if the names do not decide it.
 *
 * Rackspace requires an admin role: of the account, global, or of servers, images, block storage
 * and Cloud Files, through which all copies go. Creators and observers may not
 * (https://docs.rackspace.com/docs/detailed-permissions-matrix-for-cloud-images, and the matrices
 * of Cloud Servers and Cloud Block Storage). Rackspace uses upper and lower case in these names.
 * Keystone roles depend on the operator: even OpenStack's default policies refuse `reader` only
 * since 2023.1.
 */
export function mayWriteSnapshots(
  { provider, roles }: Pick<Session, 'provider' | 'roles'>,
  { needsVolumes, needsCopies = false }: { needsVolumes: boolean; needsCopies?: boolean },
): boolean | undefined {
  const names = new Set(roles?.map((name) => name.toLowerCase()));
  const has = (...some: string[]) => some.some((name) => names.has(name));
  if (provider === 'keystone') return has(...KEYSTONE_WRITERS) || undefined;
  if (has('identity:user-admin', 'admin')) return true;
  const products = [
    'nova',
    'cloudimages',
    ...(needsVolumes ? ['cbs'] : []),
    ...(needsCopies ? ['object-store'] : []),
  ].map((product) =>
    has(`${product}:admin`)
      ? true
      : has(`${product}:creator`, `${product}:observer`, 'observer')
        ? false
        : undefined,
  );
  return products.includes(false) ? false : products.includes(undefined) ? undefined : true;
}
