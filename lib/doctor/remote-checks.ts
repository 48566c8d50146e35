import type { Drill, Policy } from '../config/policy.ts';
import { makesBackups } from '../offsite/backups.ts';
import { isToCloudFiles } from '../offsite/cloud-files.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { listNetworks, listSecurityGroups } from '../openstack/networks.ts';
import { hasContainer } from '../openstack/objects.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeBackups } from '../openstack/volume-backups.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type CheckResult, fail, pass, warn } from './diagnosis.ts';

type DrillPart = Reason<'DRILL_PART_MISSING'>['part'];

/**
 * Checks whether each of the regions has the flavor, the networks and the security groups that a
 * policy names for its drills.
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

/** A resource that an API accepts by its id or name. */
interface NamedResource {
  id: string;
  name: string;
  /** Whether it is a network that can be reached from outside the cloud. */
  isExternal?: boolean;
}

async function checkPart(
  where: string,
  part: DrillPart,
  wanted: readonly string[],
  list: () => Promise<readonly NamedResource[]>,
): Promise<CheckResult[]> {
  try {
    const existing = await list();
    // Nova accepts networks only by their ids.
    const exists = (one: string) =>
      existing.some(({ id, name }) => id === one || (part !== 'networks' && name === one));
    const missing = wanted.filter((one) => !exists(one));
    const isPublic = ({ id, isExternal = false }: NamedResource) => isExternal && wanted.includes(id);
    const open = existing.filter(isPublic).map(({ id, name }) => `${name} (${id})`);
    if (missing.length === 0) {
      return open.length === 0
        ? []
        : [warn('drill', { code: 'DRILL_NETWORK_PUBLIC', where, networks: open })];
    }
    const known = existing.map(({ id, name }) => (name && name !== id ? `${id} (${name})` : id)).sort();
    return [fail('drill', { code: 'DRILL_PART_MISSING', where, part, missing, known })];
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return [warn('drill', { code: 'DRILL_PART_UNKNOWN', where, part, ...errorFactsOf(error) })];
  }
}

/**
 * Checks whether the container of a policy's copies can be read in each of the regions. The first
 * copy creates a missing container, so only a container that the policy names is reported as
 * missing.
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
      return [fail('offsite', { code: 'CONTAINER_UNREADABLE', where, container, ...errorFactsOf(error) })];
    }
  });
  return (await Promise.all(found)).flat();
}

/**
 * Checks whether each of the regions can list volume backups, if a policy makes some. At Rackspace,
 * which has none, the check passes with the reason.
 */
export async function checkBackups(
  session: Session,
  { offsite }: Pick<Policy, 'offsite'>,
  regions: readonly string[],
): Promise<CheckResult[]> {
  if (!offsite?.volumes) return [];
  if (!makesBackups(session, offsite)) return [pass('offsite', { code: 'BACKUPS_NOT_NEEDED' })];
  const found = regions.map(async (where): Promise<CheckResult[]> => {
    if (session.missingEndpoint('volume', where)) return [];
    try {
      await listVolumeBackups(session, where);
      return [];
    } catch (error) {
      if (!isCloudError(error)) throw error;
      if (error.code === 'NOT_FOUND') return [fail('offsite', { code: 'BACKUP_SERVICE_MISSING', where })];
      const problem: Reason = { code: 'CLOUD', ...errorFactsOf(error) };
      return [fail('offsite', { code: 'BACKUPS_UNREADABLE', where, problem })];
    }
  });
  return (await Promise.all(found)).flat();
}
