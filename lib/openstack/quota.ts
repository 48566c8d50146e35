import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import type { CloudRequest, Session } from './session.ts';

const AbsoluteLimits = v.object({ limits: v.object({ absolute: v.object({ maxImageMeta: v.number() }) }) });

/**
 * The maximum number of metadata items of a new image; undefined if the cloud has no limit or does
 * not name it.
 *
 * `GET /limits`, compute API 2.1 to 2.38, where -1 means no limit:
 * https://docs.openstack.org/api-ref/compute/#show-rate-and-absolute-limits and
 * https://docs.rackspace.com/docs/cloud-servers/v2/general-api-info/limits
 */
export async function imageMetadataLimit(session: Session, region: string): Promise<number | undefined> {
  try {
    const request = { service: 'compute', region, path: '/limits', method: 'GET' } as const;
    const { body } = await session.request({ ...request, expect: [200, 203] });
    const answer = v.safeParse(AbsoluteLimits, body);
    const limit = answer.success ? answer.output.limits.absolute.maxImageMeta : -1;
    return limit < 0 ? undefined : limit;
  } catch (error) {
    if (isCloudError(error)) return undefined;
    throw error;
  }
}

/** A quota that snapshots count towards, and how much of it is used. */
export interface Quota<K = SnapshotQuotaKind> {
  kind: K;
  limit: number;
  used: number;
}

/**
 * Images and volume snapshots by number; bytes of images; GB of volumes and their snapshots.
 */
type SnapshotQuotaKind = 'images' | 'imageBytes' | 'volumeSnapshots' | 'volumeGigabytes';

const MIB = 2 ** 20;
const Amount = v.object({ limit: v.number(), usage: v.number() });
const Usage = v.object({
  usage: v.object({ image_count_total: v.optional(Amount), image_size_total: v.optional(Amount) }),
});

/**
 * The image quotas of the project in a region; none if the cloud has no quotas or does not show
 * them, as Rackspace.
 *
 * `GET /v2/info/usage`, since image API 2.13, sizes in MiB, -1 for no limit:
 * https://docs.openstack.org/api-ref/image/v2/#quota-usage
 */
export async function imageQuotas(session: Session, region: string): Promise<Quota[]> {
  if (session.provider === 'rackspace') return [];
  const answer = await readOptional(session, { service: 'image', region, path: '/info/usage' }, Usage);
  const { image_count_total: count, image_size_total: size } = answer?.usage ?? {};
  return limited<SnapshotQuotaKind>(
    count && { kind: 'images', limit: count.limit, used: count.usage },
    size && { kind: 'imageBytes', limit: size.limit * MIB, used: size.usage * MIB },
  );
}

const VolumeLimits = v.object({
  limits: v.object({
    absolute: v.object({
      maxTotalVolumes: v.fallback(v.number(), -1),
      totalVolumesUsed: v.fallback(v.number(), 0),
      maxTotalSnapshots: v.number(),
      totalSnapshotsUsed: v.number(),
      maxTotalVolumeGigabytes: v.number(),
      totalGigabytesUsed: v.number(),
    }),
  }),
});

/**
 * The quotas of volume snapshots and of their gigabytes; none if the cloud has no quotas or does
 * not show them.
 *
 * `GET /limits`, where -1 means no limit:
 * https://docs.openstack.org/api-ref/block-storage/v3/#show-absolute-limits-for-project
 */
export async function volumeQuotas(
  session: Session,
  region: string,
): Promise<Quota<'volumeSnapshots' | 'volumeGigabytes'>[]> {
  const absolute = await volumeLimits(session, region);
  return limited<'volumeSnapshots' | 'volumeGigabytes'>(
    absolute && {
      kind: 'volumeSnapshots',
      limit: absolute.maxTotalSnapshots,
      used: absolute.totalSnapshotsUsed,
    },
    absolute && gigabytesOf(absolute),
  );
}

const BackupLimits = v.object({
  limits: v.object({
    absolute: v.object({
      maxTotalBackups: v.number(),
      totalBackupsUsed: v.number(),
      maxTotalBackupGigabytes: v.number(),
      totalBackupGigabytesUsed: v.number(),
    }),
  }),
});

/**
 * The quotas of volume backups and of their gigabytes; none if the cloud has no quotas or does not
 * show them.
 *
 * `GET /limits`, where -1 means no limit:
 * https://docs.openstack.org/api-ref/block-storage/v3/#show-absolute-limits-for-project
 */
export async function backupQuotas(
  session: Session,
  region: string,
): Promise<Quota<'backups' | 'backupGigabytes'>[]> {
  const answer = await readOptional(session, { service: 'volume', region, path: '/limits' }, BackupLimits);
  const absolute = answer?.limits.absolute;
  return limited<'backups' | 'backupGigabytes'>(
    absolute && { kind: 'backups', limit: absolute.maxTotalBackups, used: absolute.totalBackupsUsed },
    absolute && {
      kind: 'backupGigabytes',
      limit: absolute.maxTotalBackupGigabytes,
      used: absolute.totalBackupGigabytesUsed,
    },
  );
}

/**
 * Like {@link volumeQuotas}, the quotas that new volumes count towards:
 * https://docs.openstack.org/api-ref/block-storage/v3/#show-absolute-limits-for-project
 */
export async function newVolumeQuotas(
  session: Session,
  region: string,
): Promise<Quota<'volumes' | 'volumeGigabytes'>[]> {
  const absolute = await volumeLimits(session, region);
  return limited<'volumes' | 'volumeGigabytes'>(
    absolute && {
      kind: 'volumes',
      limit: absolute.maxTotalVolumes,
      used: absolute.totalVolumesUsed,
    },
    absolute && gigabytesOf(absolute),
  );
}

type VolumeAmounts = v.InferOutput<typeof VolumeLimits>['limits']['absolute'];

async function volumeLimits(session: Session, region: string): Promise<VolumeAmounts | undefined> {
  const answer = await readOptional(session, { service: 'volume', region, path: '/limits' }, VolumeLimits);
  return answer?.limits.absolute;
}

function gigabytesOf({ maxTotalVolumeGigabytes: limit, totalGigabytesUsed: used }: VolumeAmounts) {
  return { kind: 'volumeGigabytes' as const, limit, used };
}

function limited<K>(...quotas: (Quota<K> | undefined)[]): Quota<K>[] {
  return quotas.filter((quota) => quota !== undefined && quota.limit >= 0) as Quota<K>[];
}

/**
 * The parsed response; undefined for every other response, because a cloud need not show its
 * limits.
 */
async function readOptional<S extends v.GenericSchema>(
  session: Session,
  request: Pick<CloudRequest, 'service' | 'region' | 'path'>,
  schema: S,
): Promise<v.InferOutput<S> | undefined> {
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    const answer = v.safeParse(schema, body);
    return answer.success ? answer.output : undefined;
  } catch (error) {
    if (isCloudError(error)) return undefined;
    throw error;
  }
}
