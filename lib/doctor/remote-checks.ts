import type { Drill, Policy } from '../config/policy.ts';
import { isToCloudFiles } from '../offsite/cloud-files.ts';
import { factsOf, isCloudError } from '../openstack/errors.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { listNetworks, listSecurityGroups } from '../openstack/networks.ts';
import { hasContainer } from '../openstack/objects.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type CheckResult, fail, warn } from './diagnosis.ts';

type Part = Reason<'DRILL_PART_MISSING'>['part'];

/**
 * Whether the cloud has what a drill's servers are to be made with, in each of `regions`: the
 * flavor, the networks, the security groups.
 */
export async function checkDrillParts(
  session: Session,
  drill: Drill | undefined,
  regions: readonly string[],
): Promise<CheckResult[]> {
  if (!drill) return [];
  const { flavor, networks, securityGroups } = drill;
  const checks = regions.flatMap((where) => [
    ...(flavor === undefined
      ? []
      : [checkPart(where, 'flavor', [flavor], () => listFlavors(session, where))]),
    ...(networks.length === 0
      ? []
      : [checkPart(where, 'networks', networks, () => listNetworks(session, where))]),
    ...(securityGroups.length === 0
      ? []
      : [checkPart(where, 'securityGroups', securityGroups, () => listSecurityGroups(session, where))]),
  ]);
  return (await Promise.all(checks)).flat();
}

/** Things that an API takes by their ids or their names. */
type Named = readonly { id: string; name: string }[];

async function checkPart(
  where: string,
  part: Part,
  wanted: readonly string[],
  list: () => Promise<Named>,
): Promise<CheckResult[]> {
  try {
    const there = await list();
    // Networks are taken by their ids alone.
    const isThere = (one: string) =>
      there.some(({ id, name }) => id === one || (part !== 'networks' && name === one));
    const missing = wanted.filter((one) => !isThere(one));
    if (missing.length === 0) return [];
    const known = there.map(({ id, name }) => (name && name !== id ? `${id} (${name})` : id)).sort();
    return [fail('drill', { code: 'DRILL_PART_MISSING', where, part, missing, known })];
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return [warn('drill', { code: 'DRILL_PART_UNKNOWN', where, part, ...factsOf(error) })];
  }
}

/**
 * Whether the container of a policy's copies can be reached, in each of `regions`. The first copy
 * creates a container that is missing, which is odd only for one that the policy names.
 */
export async function checkContainer(
  session: Session,
  { offsite }: Pick<Policy, 'offsite'>,
  { regions, owner }: { regions: readonly string[]; owner: string },
): Promise<CheckResult[]> {
  if (!offsite || !isToCloudFiles(session, offsite)) return [];
  const container = offsite.container ?? owner;
  const found = regions.map(async (where): Promise<CheckResult[]> => {
    try {
      const isMissing = !(await hasContainer(session, { region: where, name: container }));
      if (!isMissing || offsite.container === undefined) return [];
      return [warn('offsite', { code: 'CONTAINER_MISSING', where, container })];
    } catch (error) {
      if (!isCloudError(error)) throw error;
      return [fail('offsite', { code: 'CONTAINER_UNREADABLE', where, container, ...factsOf(error) })];
    }
  });
  return (await Promise.all(found)).flat();
}
