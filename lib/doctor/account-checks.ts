import pMap from 'p-map';
import { isNamesake } from '../config/environment.ts';
import { separateThrowAways } from '../drill/ownership.ts';
import { listServers, type Server } from '../openstack/compute.ts';
import { explain, isCloudError } from '../openstack/errors.ts';
import type { Credentials } from '../openstack/identity.ts';
import { type Image, listImages } from '../openstack/images.ts';
import { imageMetadataLimit } from '../openstack/quota.ts';
import { mayWriteImages } from '../openstack/roles.ts';
import { getServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeSnapshots } from '../openstack/volumes.ts';
import type { Run } from '../runtime/run.ts';
import { without } from '../snapshots/inventory.ts';
import { markerOf } from '../snapshots/marker.ts';
import { type Finding, fail, pass, warn } from './diagnosis.ts';

const CLOCKS_MAY_DIFFER_MS = 120_000;

const FORMS: Record<Credentials['kind'], string> = {
  rackspace: 'a Rackspace API key',
  password: 'a Keystone password',
  applicationCredential: 'a Keystone application credential',
};

/** How the accounts are reached. */
export interface Access {
  /** Reads the secret of an account. */
  credentials(account: string): Promise<Credentials>;
  login(account: string): Promise<Session>;
}

/** Findings one after the other, and in the end what could be had. */
type Examination<T = void> = AsyncGenerator<Finding, T>;

/** Whether an account's secret can be read and the cloud accepts it, and what its user may do there. */
export async function* checkLogin(account: string, access: Access): Examination<Session | undefined> {
  let form: string;
  try {
    const { kind, authUrl } = await access.credentials(account);
    form = `${FORMS[kind]} for ${authUrl}`;
  } catch (error) {
    yield fail('secret', (error as Error).message);
    return undefined;
  }
  yield pass('secret', form);

  let session: Session;
  try {
    session = await access.login(account);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    yield fail('login', error.message);
    return undefined;
  }
  const { projectId, regions, clockAheadMs } = session;
  if (regions.length === 0) {
    yield fail(
      'login',
      `project ${projectId} has no region with both servers and images`,
      'Put the credentials of another user or project into the secret.',
    );
    return undefined;
  }
  yield pass('login', `project ${projectId} in ${regions.join(', ')}`);
  yield checkRights(session);
  if (clockAheadMs !== undefined) yield checkClock(clockAheadMs);
  return session;
}

function checkRights(session: Session): Finding {
  const { provider, roles } = session;
  const needed = provider === 'rackspace' ? 'nova:admin and cloudImages:admin' : 'a role such as member';
  const its = roles?.length ? `are ${[...roles].sort().join(', ')}` : 'are not shown';
  const may = mayWriteImages(session);
  if (may) return pass('rights', `the user's roles ${its}: it may make and delete images`);
  return may === undefined
    ? warn(
        'rights',
        `the user's roles ${its}: whether it may make and delete images can't be told`,
        `It needs ${needed}.`,
      )
    : fail('rights', `the user's roles ${its}: it may not make or delete images`, `Give it ${needed}.`);
}

function checkClock(aheadMs: number): Finding {
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  return Math.abs(aheadMs) > CLOCKS_MAY_DIFFER_MS
    ? warn(
        'clock',
        `the cloud's is ${minutes} minutes ${aheadMs > 0 ? 'ahead of' : 'behind'} the one here`,
        'The age of an image is judged by both: correct the one that is wrong.',
      )
    : pass('clock', "the cloud's agrees with the one here");
}

interface Wanted extends Pick<Run, 'owner' | 'defaultOwner' | 'now'> {
  /** Servers that are asked for where a listing lacks them. */
  ids: readonly string[];
}

/**
 * Whether servers and images can be listed in each of `regions`, all at once.
 *
 * @returns the servers of those in which they can.
 */
export async function* listRegions(
  session: Session,
  regions: Iterable<string>,
  run: Wanted,
): Examination<Map<string, Server[]>> {
  const listed = await pMap(regions, (region) => listRegion(session, region, run));
  yield* listed.flatMap(({ findings }) => findings);
  return new Map(listed.flatMap(({ region, servers }) => (servers ? [[region, servers]] : [])));
}

async function listRegion(
  session: Session,
  region: string,
  { owner, defaultOwner, now, ids }: Wanted,
): Promise<{ region: string; servers?: Server[]; findings: Finding[] }> {
  try {
    const [listed, images, limit = Infinity] = await Promise.all([
      listServers(session, region),
      listImages(session, region),
      imageMetadataLimit(session, region),
    ]);
    const found = await Promise.all([...without(listed, ids)].map((id) => getServer(session, region, id)));
    const all = [...listed, ...found.filter((server) => server !== undefined)];
    const { lasting: servers } = separateThrowAways(all, images, session.projectId);
    const ours = images.filter(({ properties }) => properties.autosnap_owner === owner).length;
    const needed = Object.keys(markerOf({ owner, policy: '', server: '', slot: now })).length;
    const finding =
      limit < needed
        ? fail(
            'region',
            `${region}: an image takes ${limit} metadata at most, a snapshot has ${needed}`,
            'Ask the cloud for a higher limit (maxImageMeta), or leave the region out of regions.',
          )
        : pass(
            'region',
            `${region}: servers ${servers.length}, images ${images.length}, of these ${ours} by ${owner}`,
          );
    return { region, servers, findings: [finding, ...namesakes(region, images, owner, defaultOwner)] };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return { region, findings: [fail('region', `${region}: ${explain(error)}`)] };
  }
}

/**
 * Whether there are snapshots of another owner of the same service and stage: of a deployment in another AWS account or
 * region, or of this one before an owner was set by hand or taken out.
 */
function namesakes(
  region: string,
  images: readonly Image[],
  owner: string,
  defaultOwner?: string,
): Finding[] {
  const others = Map.groupBy(images, ({ properties }) => properties.autosnap_owner ?? '');
  others.delete(owner);
  return [...others].flatMap(([other, { length }]) => {
    if (!defaultOwner || !isNamesake(other, defaultOwner)) return [];
    const [what, remedy] =
      other === defaultOwner
        ? [
            'the owner of this deployment without custom.owner',
            'Take custom.owner out again if it was set by mistake; else delete these images by hand once they are no longer needed.',
          ]
        : [
            'an owner of the same service and stage',
            'If that deployment has moved here, or this one had that owner before, set custom.owner to it and deploy again.',
          ];
    const detail = `${region}: images of ${other} (${length}), ${what}: ${owner} neither counts nor rotates them`;
    return [warn('owner', detail, remedy)];
  });
}

/**
 * Whether volume snapshots can be listed where servers have volumes: the data of the images of those that boot from
 * one lie there, and where they can't be listed no cleanup deletes anything.
 */
export async function* checkVolumes(session: Session, servers: readonly Server[]): Examination {
  const regions = new Set(
    servers
      .filter(({ volumeBacked, volumeIds }) => volumeBacked || volumeIds.length > 0)
      .map(({ region }) => region),
  );
  yield* await pMap(regions, async (region) => {
    try {
      const { length } = await listVolumeSnapshots(session, region);
      return pass('volumes', `${region}: ${length} volume snapshots`);
    } catch (error) {
      if (!isCloudError(error)) throw error;
      return fail(
        'volumes',
        `${region}: without volume snapshots nothing would be deleted there: ${explain(error)}`,
        'Give the user access to block storage, or take the servers on volumes out with servers.except.',
      );
    }
  });
}
