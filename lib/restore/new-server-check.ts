import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { hasKeyPair, listNetworks, listSecurityGroups } from '../openstack/networks.ts';
import type { NewServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { NewServerEvent } from './event.ts';
import { refuse } from './refusal.ts';
import type { Origin } from './source.ts';

type CheckedField = Reason<'RESTORE_PART_MISSING'>['field'];

/**
 * Checks, for a dry run, whether the region has the key pair, the networks and the security groups
 * of a planned server. The networks and groups of an existing original are not checked, because
 * that server has them. A key pair is, because it belongs to a user, who may be another one.
 *
 * @returns the fields that the cloud does not let us check.
 * @throws {ValidationError} that names every part that does not exist.
 */
export async function checkNewServer(
  session: Session,
  { server: original, region: where }: Pick<Origin, 'server' | 'region'>,
  { networks, securityGroups }: Pick<NewServerEvent, 'networks' | 'securityGroups'>,
  planned: Pick<NewServer, 'keyName' | 'securityGroups'>,
): Promise<Reason[]> {
  const groups = original ? securityGroups : planned.securityGroups;
  const check = async (
    field: CheckedField,
    wanted: readonly string[],
    find: () => Promise<{ missing: string[]; known?: string[] }>,
  ): Promise<Reason[]> => {
    if (wanted.length === 0) return [];
    try {
      const { missing, known } = await find();
      if (missing.length === 0) return [];
      return [{ code: 'RESTORE_PART_MISSING', field, where, missing, ...(known ? { known } : {}) }];
    } catch (error) {
      if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
      return [{ code: 'RESTORE_PART_UNCHECKED', field, ...errorFactsOf(error) }];
    }
  };
  const { keyName } = planned;
  const keyNames = keyName === undefined ? [] : [keyName];
  const found = await Promise.all([
    check('networks', networks ?? [], async () => {
      const existing = await listNetworks(session, where);
      // Nova accepts networks only by their ids.
      const missing = networks!.filter((one) => existing.every(({ id }) => id !== one));
      return { missing, known: existing.map(({ id, name }) => (name ? `${id} (${name})` : id)).sort() };
    }),
    check('keyName', keyNames, async () => ({
      missing: (await hasKeyPair(session, where, keyName!)) ? [] : keyNames,
    })),
    check('securityGroups', groups ?? [], async () => {
      const existing = await listSecurityGroups(session, where);
      const missing = groups!.filter((one) => existing.every(({ id, name }) => id !== one && name !== one));
      return { missing, known: existing.map(({ name }) => name).sort() };
    }),
  ]);
  const problems = found.flat().filter(({ code }) => code === 'RESTORE_PART_MISSING');
  if (problems.length > 0) refuse(...problems);
  return found.flat();
}
