import { isoSeconds } from '../config/dates.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import { SAFETY_LABEL } from '../snapshots/adhoc-snapshot.ts';
import type { Blueprint } from '../snapshots/blueprint.ts';
import { blueprintIn, isId } from '../snapshots/marker.ts';
import { canonical } from '../snapshots/selector.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { RestoreInventory } from './inventory.ts';
import { readRestoredMark, readSafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';

/** The original server of a restore. It may no longer exist. */
export interface Origin extends Pick<Server, 'id' | 'name' | 'region'> {
  /** Undefined when the server is gone. */
  server: Server | undefined;
  /** The ids of deleted servers with the same name that have snapshots. */
  namesakes: string[];
}

/**
 * Finds the server that an event names by its id or its name. A deleted server is found by its
 * snapshots.
 *
 * @throws {ValidationError} when no server has that id or name, or several servers have that name.
 */
export function findOrigin(inventory: RestoreInventory, wanted: string): Origin {
  const { regions, servers } = inventory;
  const known = [
    ...servers.map((server) => {
      const { id, name, region } = server;
      return { id, name, names: [name], region, server };
    }),
    ...goneServers(inventory).map((server) => ({ ...server, server: undefined })),
  ];
  const byId = known.filter(({ id }) => id === wanted);
  const named = known.filter((one) => isCalled(one, wanted));
  const existing = named.filter(({ server }) => server);
  const found = byId.length > 0 ? byId : existing.length > 0 ? existing : named;
  const [only, ...others] = found;
  if (!only) {
    refuse({ code: 'RESTORE_NO_SERVER', server: wanted, regions });
  }
  if (others.length > 0) {
    const all = found.map(({ id, region, server }) => ({
      id,
      region,
      isGone: server === undefined,
      ...(server?.createdAt ? { created: isoSeconds(server.createdAt) } : {}),
    }));
    refuse({ code: 'RESTORE_SEVERAL_SERVERS', server: wanted, found: all });
  }
  const namesakes = named.filter((other) => !other.server && other.id !== only.id);
  const { names: _, ...origin } = only;
  return { ...origin, namesakes: namesakes.map(({ id }) => id) };
}

/** Whether a server has, or had, a name. */
export function isCalled({ names }: Pick<GoneServer, 'names'>, wanted: string): boolean {
  return names.some((name) => canonical(name) === canonical(wanted));
}

/** A deleted server. */
export interface GoneServer extends Pick<Origin, 'id' | 'name' | 'region'> {
  /** All names that its snapshots know: it may have been renamed. */
  names: string[];
}

/**
 * The deleted servers: those that images or restored servers name and that are not among the
 * existing servers. Each has the name in its newest snapshot with a name, or "".
 */
export function goneServers({
  servers,
  images,
  snapshots,
}: Pick<RestoreInventory, 'servers' | 'images' | 'snapshots'>): GoneServer[] {
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
  return [...Map.groupBy(gone, ({ region, id }) => `${region} ${id}`).values()].map((its) => {
    const names = its.flatMap(({ name }) => name || []);
    return { ...its.at(-1)!, names: [...new Set(names)] };
  });
}

/**
 * The name of the server, read from the name of its snapshot; "" when the snapshot's name does not
 * have the format of this deployment, or is that of a volume.
 */
function serverIn({ name, policy, volume }: Snapshot, image: Image | undefined): string {
  if (volume !== undefined) return '';
  const label = image && readSafetyMark(image) ? SAFETY_LABEL : policy;
  return name.slice(0, Math.max(0, name.lastIndexOf(`-${label}-`)));
}

/**
 * The blueprint of a server, from the image to restore, or else from the server's newest snapshot
 * that has one. A blueprint on an image that is no snapshot of this deployment is ignored, because
 * the image may have inherited it from another server's image.
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
    .flatMap(({ id: its }) => imageOf.get(its) ?? [])
    .map(blueprintIn)
    .find((found) => found !== undefined);
}
