import { expect, test } from 'vitest';
import { mayWriteSnapshots } from '../../lib/openstack/roles.ts';

test.each<[string, string[], boolean | undefined]>([
  ["the account's owner", ['identity:user-admin'], true],
  ['an admin of everything', ['identity:default', 'admin'], true],
  ['an admin of servers and images', ['nova:admin', 'cloudImages:admin'], true],
  ['the same as another manual has it', ['nova:admin', 'cloudimages:admin'], true],
  ['an admin who is an observer as well', ['observer', 'nova:admin', 'cloudImages:admin'], true],
  ['a creator of images', ['nova:admin', 'cloudImages:creator'], false],
  ['an observer of servers', ['nova:observer', 'cloudImages:admin'], false],
  ['an observer of everything', ['observer'], false],
  ['an admin of servers, who observes the rest', ['nova:admin', 'observer'], false],
  ['an admin of servers alone', ['nova:admin'], undefined],
  ['a user with the roles that every user has', ['compute:default', 'identity:default'], undefined],
  ['no roles', [], undefined],
])('at Rackspace, %s may write snapshots: $2', (_, roles, expected) => {
  expect(mayWriteSnapshots({ provider: 'rackspace', roles }, { needsVolumes: false })).toBe(expected);
});

test.each<[string, string[], boolean | undefined]>([
  ['an admin of servers, images and block storage', ['cbs:admin'], true],
  ['a creator of volumes, who may not delete snapshots', ['cbs:creator'], false],
  ['an observer of volumes', ['cbs:observer'], false],
  ['no role for block storage', [], undefined],
])('at Rackspace, %s may write snapshots with volumes: $2', (_, more, expected) => {
  const roles = ['nova:admin', 'cloudImages:admin', ...more];
  expect(mayWriteSnapshots({ provider: 'rackspace', roles }, { needsVolumes: true })).toBe(expected);
});

test.each<[string[], boolean | undefined]>([
  [['member', 'reader'], true],
  [['_member_'], true],
  [['Member'], true],
  [['admin'], true],
  [['manager'], true],
  [['reader'], undefined],
  [['operator'], undefined],
  // A name that has a meaning only at Rackspace.
  [['nova:observer'], undefined],
])('in Keystone, a user with the roles %j may write snapshots: $1', (roles, expected) => {
  expect(mayWriteSnapshots({ provider: 'keystone', roles }, { needsVolumes: true })).toBe(expected);
});

test.each(['rackspace', 'keystone'] as const)('%s: unknown roles allow no conclusion', (provider) => {
  expect(mayWriteSnapshots({ provider, roles: undefined }, { needsVolumes: true })).toBeUndefined();
});
