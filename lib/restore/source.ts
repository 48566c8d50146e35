import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Blueprint } from '../snapshots/blueprint.ts';
import { blueprintIn, isId, SAFETY_LABEL, type Snapshot } from '../snapshots/marker.ts';
import type { RestoreInventory } from './inventory.ts';
import { readRestoredMark, readSafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';

/** The original server of a restore, which may be gone. */
export interface Origin extends Pick<Server, 'id' | 'name' | 'region'> {
  /** Undefined when the server is gone. */
  server: Server | undefined;
  /** The ids of gone servers of the same name that have snapshots. */
  namesakes: string[];
}

/**
 * Finds the server that an event names by its id or its name. A gone server is found by its
 * snapshots.
 *
 * @throws {ValidationError} when no server, or more than one, has that name.
 */
export function findOrigin(stock: RestoreInventory, wanted: string): Origin {
  const { regions, servers } = stock;
  const known = [
    ...servers.map((server) => ({ id: server.id, name: server.name, region: server.region, server })),
    ...goneServers(stock).map((server) => ({ ...server, server: undefined })),
  ];
  const byId = known.filter(({ id }) => id === wanted);
  const named = known.filter(({ name }) => name === wanted);
  const existing = named.filter(({ server }) => server);
  const found = byId.length > 0 ? byId : existing.length > 0 ? existing : named;
  const [only, ...others] = found;
  if (!only) {
    refuse({ code: 'RESTORE_NO_SERVER', server: wanted, regions });
  }
  if (others.length > 0) {
    const all = found.map(({ id, region }) => ({ id, region }));
    refuse({ code: 'RESTORE_SEVERAL_SERVERS', server: wanted, found: all });
  }
  const namesakes = named.filter((other) => !other.server && other.id !== only.id);
  return { ...only, namesakes: namesakes.map(({ id }) => id) };
}

/**
 * The gone servers: the servers of images, and the originals of restored servers, that are not
 * among the existing servers. Each has the name that its newest snapshot has for it, or "".
 */
export function goneServers({
  servers,
  images,
  snapshots,
}: Pick<RestoreInventory, 'servers' | 'images' | 'snapshots'>): Pick<Origin, 'id' | 'name' | 'region'>[] {
  const existing = new Set(servers.map(({ id }) => id));
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const made = images.flatMap(({ region, properties: { instance_uuid: id } }) =>
    id && isId(id) ? [{ id, region, name: '' }] : [],
  );
  const originals = servers.flatMap(({ metadata }) => {
    const mark = readRestoredMark(metadata);
    return mark ? [{ id: mark.server, region: mark.region, name: '' }] : [];
  });
  const ofSnapshots = [...snapshots]
    .sort((a, b) => a.slot.getTime() - b.slot.getTime())
    .map((s) => ({ id: s.server, region: s.region, name: serverIn(s, imageOf.get(s.id)) }));
  // Of several entries for one server, the last one counts.
  const all = [
    ...made,
    ...originals,
    ...ofSnapshots.filter(({ name }) => !name),
    ...ofSnapshots.filter(({ name }) => name),
  ];
  const gone = all.filter(({ id }) => !existing.has(id));
  return [...new Map(gone.map((server) => [`${server.region} ${server.id}`, server])).values()];
}

/**
 * The server's name in the name of its snapshot; "" when the name does not have the format of this
 * deployment.
 */
function serverIn({ name, policy }: Snapshot, image: Image | undefined): string {
  const label = image && readSafetyMark(image) ? SAFETY_LABEL : policy;
  return name.slice(0, Math.max(0, name.lastIndexOf(`-${label}-`)));
}

/**
 * The blueprint of a server: from the image to restore, or else from the newest snapshot that has
 * one. The property on an image that is no snapshot of this deployment may be inherited from
 * another server, so it is ignored.
 */
export function findBlueprint(
  { images, snapshots }: Pick<RestoreInventory, 'images' | 'snapshots'>,
  { id, region }: Pick<Origin, 'id' | 'region'>,
  image: Image,
): Blueprint | undefined {
  const imageOf = new Map(images.filter((i) => i.region === region).map((one) => [one.id, one]));
  return snapshots
    .filter((s) => s.region === region && s.server === id)
    .sort(
      (a, b) => Number(b.id === image.id) - Number(a.id === image.id) || b.slot.getTime() - a.slot.getTime(),
    )
    .map((snapshot) => blueprintIn(imageOf.get(snapshot.id)!))
    .find((found) => found !== undefined);
}
