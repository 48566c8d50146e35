import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import { getServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { listInventory } from '../snapshots/inventory.ts';
import { isSnapshot } from '../snapshots/marker.ts';
import { type Reader, readerOf } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { type RestoreEvent, UUID } from './event.ts';
import type { RestoreInventory } from './inventory.ts';
import { refuse } from './refusal.ts';
import { goneServers } from './source.ts';

/**
 * Reads the servers and images to restore from, by default in all regions, because another region
 * may have a server of the same name. A server that a listing lacks may exist: every server that
 * the event may mean is requested by its id.
 *
 * @throws {ValidationError} when an unreadable region may have another server of that name.
 * @throws {CloudError} when the cloud doesn't say whether a server is there.
 */
export async function takeInventory(
  session: Session,
  event: RestoreEvent,
  run: Run,
): Promise<RestoreInventory> {
  const { owner, policies } = run;
  if (event.region && !session.regions.includes(event.region)) {
    refuse({ code: 'RESTORE_REGION_UNKNOWN', where: event.region, known: session.regions });
  }
  const { regions, unreadable } = await listInventory(session, event.region ? [event.region] : undefined, {
    owner,
  });
  const listed = stockOf(regions, { owner, projectId: session.projectId, policies });
  const unlisted = await askFor(session, listed, event);
  const stock = { ...listed, servers: [...listed.servers, ...unlisted] };
  // An unreadable region may have another server of the same name, but not of the same id.
  const found = stock.servers.some(({ id }) => id === event.server);
  if (unreadable.length > 0 && !found) {
    refuse(
      ...unreadable.map(
        ({ region, problem }): Reason => ({ code: 'RESTORE_REGION_UNREADABLE', where: region, problem }),
      ),
      { code: 'RESTORE_SERVER_UNCERTAIN' },
    );
  }
  return stock;
}

function stockOf(
  surveys: readonly RegionInventory[],
  options: Parameters<typeof readerOf>[2],
): RestoreInventory {
  const adopting = options.policies?.find((one) => one.adopt);
  const everyPolicy = {
    policy: adopting?.policy ?? '',
    servers: adopting?.servers ?? { all: true as const },
    adopt: adopting?.adopt,
  };
  const readers = new Map<string, { read: Reader; surveyed: RegionInventory }>(
    surveys.map((surveyed) => [
      surveyed.region,
      { surveyed, read: readerOf(surveyed, everyPolicy, options) },
    ]),
  );
  const judge = (image: Image) => {
    const reader = readers.get(image.region);
    return reader?.read(image, reader.surveyed.volumeSnapshots);
  };
  const images = surveys.flatMap((surveyed) => surveyed.images);
  const judged = images.map((image) => ({ image, found: judge(image) }));
  return {
    regions: surveys.map(({ region }) => region),
    servers: surveys.flatMap(({ servers }) => servers),
    images,
    snapshots: judged.flatMap(({ found }) => (isSnapshot(found) ? [found] : [])),
    suspects: judged.flatMap(({ image, found }) =>
      found && !isSnapshot(found) ? [{ image, problem: found.problem }] : [],
    ),
    read(image) {
      const found = judge(image);
      return isSnapshot(found) ? found : undefined;
    },
  };
}

/** The existing servers that the event may mean and that no listing shows. */
async function askFor(session: Session, stock: RestoreInventory, { server: wanted, restored }: RestoreEvent) {
  const listed = new Set(stock.servers.map(({ id }) => id));
  const ids = [wanted, restored].filter((id) => id !== undefined && UUID.test(id) && !listed.has(id));
  const suspects = [
    ...goneServers(stock).filter(({ id, name }) => id === wanted || name === wanted),
    ...ids.flatMap((id) => stock.regions.map((region) => ({ id: id!, region }))),
  ];
  const each = [...new Map(suspects.map((one) => [`${one.region} ${one.id}`, one])).values()];
  const answers = await Promise.all(each.map(({ region, id }) => getServer(session, region, id)));
  // Nova shows a deleted server for a moment.
  return answers.filter((server) => server !== undefined && !/DELETED$/.test(server.status)) as Server[];
}
