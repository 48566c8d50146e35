import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Blueprint } from '../snapshots/blueprint.ts';
import { blueprintIn, isId, SAFETY_LABEL, type Snapshot } from '../snapshots/marker.ts';
import type { Stock } from './inventory.ts';
import { readRestoredMark, readSafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';

/** The server that a restore is of, whether it is still there or not. */
export interface Origin extends Pick<Server, 'id' | 'name' | 'region'> {
  /** Undefined when it is gone. */
  server: Server | undefined;
  /** The ids of servers of the same name that are gone and of which there are snapshots. */
  namesakes: string[];
}

/**
 * The server that an event names, by its id or its name. One that is gone is known by its snapshots.
 *
 * @throws {Refusal} when there is none, or more than one of that name.
 */
export function findOrigin(stock: Stock, wanted: string): Origin {
  const { regions, servers } = stock;
  const known = [
    ...servers.map((server) => ({ id: server.id, name: server.name, region: server.region, server })),
    ...goneServers(stock).map((server) => ({ ...server, server: undefined })),
  ];
  const byId = known.filter(({ id }) => id === wanted);
  const named = known.filter(({ name }) => name === wanted);
  const there = named.filter(({ server }) => server);
  const found = byId.length > 0 ? byId : there.length > 0 ? there : named;
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
 * The servers that are not among those that are known to be there, each with the name that its newest image had of it:
 * the servers of images, and the originals of restored servers.
 */
export function goneServers({
  servers,
  images,
  snapshots,
}: Pick<Stock, 'servers' | 'images' | 'snapshots'>): Pick<Origin, 'id' | 'name' | 'region'>[] {
  const there = new Set(servers.map(({ id }) => id));
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const made = images.flatMap(({ region, properties: { instance_uuid: id } }) =>
    id && isId(id) ? [{ id, region, name: '' }] : [],
  );
  const originals = servers.flatMap(({ metadata }) => {
    const mark = readRestoredMark(metadata);
    return mark ? [{ id: mark.server, region: mark.region, name: '' }] : [];
  });
  const ours = [...snapshots]
    .sort((a, b) => a.slot.getTime() - b.slot.getTime())
    .map((s) => ({ id: s.server, region: s.region, name: serverIn(s, imageOf.get(s.id)) }));
  // Of several the last counts.
  const all = [
    ...made,
    ...originals,
    ...ours.filter(({ name }) => !name),
    ...ours.filter(({ name }) => name),
  ];
  const gone = all.filter(({ id }) => !there.has(id));
  return [...new Map(gone.map((server) => [`${server.region} ${server.id}`, server])).values()];
}

/** What the server was called when a snapshot of it was named; "" where the name is not one of ours. */
function serverIn({ name, policy }: Snapshot, image: Image | undefined): string {
  const label = image && readSafetyMark(image) ? SAFETY_LABEL : policy;
  return name.slice(0, Math.max(0, name.lastIndexOf(`-${label}-`)));
}

/**
 * What a server was made with, by the image that it is to be restored from, or else by the newest snapshot that tells.
 * Of an image that is not ours it may be inherited, and is not believed.
 */
export function findBlueprint(
  { images, snapshots }: Pick<Stock, 'images' | 'snapshots'>,
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
