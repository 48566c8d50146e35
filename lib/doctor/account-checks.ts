import pMap from 'p-map';
import { MINUTE_MS } from '../config/dates.ts';
import { isNamesake } from '../config/environment.ts';
import { separateThrowAways } from '../drill/ownership.ts';
import { listServers, type Server } from '../openstack/compute.ts';
import { type Credentials, shownAuthUrl } from '../openstack/credentials.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { type Image, listImages } from '../openstack/images.ts';
import { imageMetadataLimit } from '../openstack/quota.ts';
import { mayWriteSnapshots } from '../openstack/roles.ts';
import { getServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeSnapshots } from '../openstack/volume-snapshots.ts';
import { listVolumes } from '../openstack/volumes.ts';
import { reasonFor } from '../reporting/failure.ts';
import type { Rights } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { regionsInUseWithoutCompute } from '../snapshots/inventory.ts';
import { markerOf } from '../snapshots/marker.ts';
import { unlistedIds } from '../snapshots/unlisted.ts';
import { type CheckResult, fail, pass, warn } from './diagnosis.ts';

const CLOCKS_MAY_DIFFER_MS = 120_000;

/** The functions that read the secrets of the accounts and log in to them. */
export interface AccountAccess {
  /** Reads the secret of an account. */
  credentials(account: string): Promise<Credentials>;
  login(account: string): Promise<Session>;
}

/** Yields the results of checks as they are found, and returns what the next checks need. */
type Checks<T = void> = AsyncGenerator<CheckResult, T>;

/**
 * Checks whether the secret of an account can be read, whether the cloud accepts it, and whether
 * its user may create and delete images and, if needed, volume snapshots and copies.
 *
 * @returns the session; undefined if the login failed.
 */
export async function* checkLogin(
  account: string,
  access: AccountAccess,
  needs: Pick<Rights, 'needsVolumes' | 'needsCopies'>,
): Checks<Session | undefined> {
  let credentials: Credentials;
  try {
    credentials = await access.credentials(account);
  } catch (error) {
    yield fail('secret', reasonFor(error));
    return undefined;
  }
  const { kind: form, authUrl } = credentials;
  yield pass('secret', { code: 'SECRET_READ', form, authUrl: shownAuthUrl(authUrl) });

  let session: Session;
  try {
    session = await access.login(account);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    yield fail('login', { code: 'LOGIN_REFUSED', error: error.code, message: error.message });
    return undefined;
  }
  const { projectId, regions, clockAheadMs } = session;
  if (regions.length === 0) {
    yield fail('login', { code: 'LOGIN_WITHOUT_REGIONS', project: projectId });
    return undefined;
  }
  yield pass('login', { code: 'LOGGED_IN', project: projectId, regions });
  yield checkRights(session, needs);
  if (clockAheadMs !== undefined) yield checkClock(clockAheadMs);
  return session;
}

function checkRights(session: Session, needs: Pick<Rights, 'needsVolumes' | 'needsCopies'>): CheckResult {
  const { provider, roles = [] } = session;
  const rights = { roles: [...roles].sort(), provider, ...needs };
  switch (mayWriteSnapshots(session, needs)) {
    case true:
      return pass('rights', { code: 'RIGHTS_SUFFICIENT', ...rights });
    case false:
      return fail('rights', { code: 'RIGHTS_MISSING', ...rights });
    default:
      return warn('rights', { code: 'RIGHTS_UNKNOWN', ...rights });
  }
}

function checkClock(aheadMs: number): CheckResult {
  if (Math.abs(aheadMs) <= CLOCKS_MAY_DIFFER_MS) return pass('clock', { code: 'CLOCKS_AGREE' });
  const minutes = Math.round(Math.abs(aheadMs) / MINUTE_MS);
  return warn('clock', { code: 'CLOCKS_DIFFER', minutes, cloudIs: aheadMs > 0 ? 'ahead' : 'behind' });
}

/** The servers and images of a region. */
export interface RegionContents {
  servers: Server[];
  images: Image[];
}

interface ListingOptions extends Pick<Run, 'owner' | 'defaultOwner' | 'now'> {
  /** The ids of the servers that are requested individually if a listing lacks them. */
  ids: readonly string[];
}

/**
 * Checks whether the servers and images of each region can be listed. All regions are listed at the
 * same time. A region with snapshots of this deployment and no compute endpoint fails.
 *
 * @returns the contents of the regions that could be listed, by region.
 */
export async function* listRegions(
  session: Session,
  regions: Iterable<string>,
  run: ListingOptions,
): Checks<Map<string, RegionContents>> {
  const listed = await pMap(regions, (region) => listAndCheckRegion(session, region, run));
  yield* listed.flatMap(({ findings }) => findings);
  for (const where of await regionsInUseWithoutCompute(session, run)) {
    const error = errorFactsOf(session.missingEndpoint('compute', where)!);
    yield fail('region', { code: 'REGION_NOT_LISTED', where, ...error });
  }
  return new Map(listed.flatMap(({ region, found }) => (found ? [[region, found]] : [])));
}

async function listAndCheckRegion(
  session: Session,
  region: string,
  { owner, defaultOwner, now, ids }: ListingOptions,
): Promise<{ region: string; found?: RegionContents; findings: CheckResult[] }> {
  try {
    const [listed, images, limit = Infinity] = await Promise.all([
      listServers(session, region),
      listImages(session, region),
      imageMetadataLimit(session, region),
    ]);
    const found = await Promise.all(
      [...unlistedIds(listed, ids)].map((id) => getServer(session, region, id)),
    );
    const all = [...listed, ...found.filter((server) => server !== undefined)];
    const { lasting: servers } = separateThrowAways(all, images, session.projectId);
    const ours = images.filter(({ properties }) => properties.autosnap_owner === owner).length;
    const needed = Object.keys(markerOf({ owner, policy: '', server: '', slot: now })).length;
    const finding =
      limit < needed
        ? fail('region', { code: 'REGION_WITHOUT_METADATA', where: region, limit, needed })
        : pass('region', {
            code: 'REGION_LISTED',
            where: region,
            servers: servers.length,
            images: images.length,
            ours,
            owner,
          });
    return {
      region,
      found: { servers, images },
      findings: [finding, ...namesakes(region, images, owner, defaultOwner)],
    };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return {
      region,
      findings: [fail('region', { code: 'REGION_NOT_LISTED', where: region, ...errorFactsOf(error) })],
    };
  }
}

/**
 * Warns about snapshots whose owner has the same service and stage but differs from the current
 * owner: they belong to a deployment in another AWS account or region, or to this deployment before
 * `custom.owner` was set or removed.
 */
function namesakes(
  region: string,
  images: readonly Image[],
  owner: string,
  defaultOwner?: string,
): CheckResult[] {
  const others = Map.groupBy(images, ({ properties }) => properties.autosnap_owner ?? '');
  others.delete(owner);
  return [...others].flatMap(([other, { length: count }]) =>
    defaultOwner && isNamesake(other, defaultOwner)
      ? [
          warn('owner', {
            code: 'OWNER_OF_SAME_NAME',
            where: region,
            count,
            other,
            owner,
            isDefault: other === defaultOwner,
          }),
        ]
      : [],
  );
}

/**
 * Checks whether volumes and volume snapshots can be listed in each region in which servers have
 * volumes; at Rackspace, in which there are servers, because these do not show their volumes.
 */
export async function* checkVolumes(session: Session, servers: readonly Server[]): Checks {
  const isCbs = session.provider === 'rackspace';
  const regions = new Set(
    servers
      .filter(({ volumeBacked, volumeIds }) => isCbs || volumeBacked || volumeIds.length > 0)
      .map(({ region }) => region),
  );
  yield* await pMap(regions, async (region) => {
    try {
      await listVolumes(session, region);
      const { length } = await listVolumeSnapshots(session, region);
      return pass('volumes', { code: 'VOLUMES_LISTED', where: region, count: length });
    } catch (error) {
      if (!isCloudError(error)) throw error;
      return fail('volumes', { code: 'VOLUMES_NOT_LISTED', where: region, ...errorFactsOf(error) });
    }
  });
}
