import { UUID } from '../config/schema.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import { getServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { listInventory } from '../snapshots/inventory.ts';
import { readerOf } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { isSnapshot } from '../snapshots/snapshot.ts';
import { isOfRootVolume, rootDisk, savedVolumesIn } from '../volumes/saved-volumes.ts';
import type { RestoreInventory } from './inventory.ts';
import { refuse } from './refusal.ts';
import { goneServers, isCalled } from './source.ts';

/** The fields of an event that name what to look for. */
interface Wanted {
  region?: string | undefined;
  /** The id or the name of a server. */
  server?: string;
  /** The id or the name of a volume. */
  volume?: string;
  /** The id of a server that the restore has made or rebuilt. */
  restored?: string | undefined;
}

/**
 * Reads the servers, images and volumes to restore from: in all regions by default, because servers
 * in several regions may have the same name. A server may exist although a listing lacks it, so
 * each server that the event may mean is requested by its id.
 *
 * @throws {ValidationError} when a region that can't be read may have another server of that name.
 * @throws {CloudError} when the cloud does not answer whether a server exists.
 */
export async function takeInventory(session: Session, event: Wanted, run: Run): Promise<RestoreInventory> {
  const { owner, policies } = run;
  if (event.region && !session.regions.includes(event.region)) {
    refuse({ code: 'RESTORE_REGION_UNKNOWN', where: event.region, known: session.regions });
  }
  const { regions, unreadable } = await listInventory(session, event.region ? [event.region] : undefined, {
    owner,
    volumes: 'all',
  });
  const { projectId, provider } = session;
  const listed = inventoryOf(regions, { owner, projectId, provider, policies });
  const unlisted = await getUnlisted(session, listed, event);
  const inventory = { ...listed, servers: [...listed.servers, ...unlisted] };
  // A region that can't be read may have another server with the same name, but not with the same
  // id.
  const found =
    inventory.servers.some(({ id }) => id === event.server) ||
    inventory.volumeSnapshots.some(({ volume }) => volume === event.volume);
  if (unreadable.length > 0 && !found) {
    refuse(
      ...unreadable.map(
        ({ region, problem }): Reason => ({ code: 'RESTORE_REGION_UNREADABLE', where: region, problem }),
      ),
      { code: event.volume === undefined ? 'RESTORE_SERVER_UNCERTAIN' : 'RESTORE_VOLUME_UNCERTAIN' },
    );
  }
  return inventory;
}

function inventoryOf(
  regions: readonly RegionInventory[],
  options: Parameters<typeof readerOf>[2] & Pick<Session, 'provider'>,
): RestoreInventory {
  const adopting = options.policies?.find((one) => one.adopt);
  const everyPolicy = {
    policy: adopting?.policy ?? '',
    servers: adopting?.servers ?? { all: true as const },
    adopt: adopting?.adopt,
  };
  const readers = new Map(
    regions.map((one) => [one.region, { read: readerOf(one, everyPolicy, options), regionInventory: one }]),
  );
  const readImage = (image: Image) => {
    const reader = readers.get(image.region);
    return reader?.read(image, reader.regionInventory.volumeSnapshots);
  };
  const volumes = regions.flatMap(({ volumes: its }) => its);
  const volumeSnapshots = savedVolumesIn(regions, options);
  const roots = options.provider === 'rackspace' ? volumeSnapshots.filter(isOfRootVolume) : [];
  const rootOf = new Map(roots.map((root) => [root.id, root]));
  const images = regions.flatMap(({ images: its }) => its);
  const judged = images.map((image) => ({ image, found: readImage(image) }));
  return {
    regions: regions.map(({ region }) => region),
    servers: regions.flatMap(({ servers }) => servers),
    images,
    rootDisks: roots.map((root) => rootDisk(root, options.projectId)),
    snapshots: [...judged.flatMap(({ found }) => (isSnapshot(found) ? [found] : [])), ...roots],
    volumes,
    volumeSnapshots,
    volumeIn: new Map(
      regions.flatMap((one) => one.volumeSnapshots.map(({ id, volumeId }) => [id, volumeId] as const)),
    ),
    volumesUnread: new Map(
      regions.flatMap(({ region, volumesUnread, volumesUnlisted }) => {
        const problem = volumesUnread ?? volumesUnlisted;
        return problem ? [[region, problem] as const] : [];
      }),
    ),
    suspects: judged.flatMap(({ image, found }) =>
      found && !isSnapshot(found) ? [{ image, problem: found.problem }] : [],
    ),
    read(image) {
      const found = rootOf.get(image.id) ?? readImage(image);
      return isSnapshot(found) ? found : undefined;
    },
  };
}

/** The existing servers that the event may mean but the listings lack, each requested by its id. */
async function getUnlisted(
  session: Session,
  inventory: RestoreInventory,
  { server: wanted = '', restored }: Wanted,
) {
  const listed = new Set(inventory.servers.map(({ id }) => id));
  const ids = [wanted, restored].filter((id) => id !== undefined && UUID.test(id) && !listed.has(id));
  const suspects = [
    ...goneServers(inventory).filter((one) => one.id === wanted || isCalled(one, wanted)),
    ...ids.flatMap((id) => inventory.regions.map((region) => ({ id: id!, region }))),
  ];
  const each = [...new Map(suspects.map((one) => [`${one.region} ${one.id}`, one])).values()];
  const answers = await Promise.all(each.map(({ region, id }) => getServer(session, region, id)));
  // Nova still shows a deleted server for a moment.
  return answers.filter((server) => server !== undefined && !/DELETED$/.test(server.status)) as Server[];
}
