import * as v from 'valibot';
import { date, listAll } from './pages.ts';
import type { Session } from './session.ts';

/** A Nova server, as far as a snapshot is concerned. */
export interface Server {
  id: string;
  name: string;
  region: string;
  /** What Nova is doing with it, null when nothing: only then a snapshot can begin. */
  taskState: string | null;
  /** ACTIVE, SHUTOFF, BUILD, REBUILD, ERROR and the like; empty where the cloud does not say. */
  status: string;
  /** Nova is making its disk from its image: the server is new, or being rebuilt. */
  isBuilding: boolean;
  metadata: Record<string, string>;
  /** The image that it was made or rebuilt from; undefined for one that was booted from a volume. */
  imageId: string | undefined;
  /**
   * It names no image, so it was booted from a volume: Rackspace can't make an image of it; other clouds make volume
   * snapshots. False for a server that was made from an image of volume snapshots: it names that image, although its
   * disk is a volume.
   */
  volumeBacked: boolean;
  /** The volumes that are attached to it. */
  volumeIds: string[];
  flavorId: string | undefined;
  keyName: string | undefined;
  /** Names. */
  securityGroups: string[];
  /** Undefined where the cloud does not say. */
  createdAt: Date | undefined;
  /** Rackspace's own service makes images of it as well. */
  imageSchedule: boolean;
}

/** A server of which nothing else is known, or matters: idle, with a disk that is no volume. */
export function bareServer(known: Pick<Server, 'id' | 'name' | 'region'>): Server {
  return {
    ...known,
    taskState: null,
    status: 'ACTIVE',
    isBuilding: false,
    metadata: {},
    imageId: undefined,
    volumeBacked: false,
    volumeIds: [],
    flavorId: undefined,
    keyName: undefined,
    securityGroups: [],
    createdAt: undefined,
    imageSchedule: false,
  };
}

/** A server in an answer of Nova's. */
export const NovaServer = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  name: v.string(),
  metadata: v.optional(v.record(v.string(), v.string()), {}),
  // "" for a server that was booted from a volume.
  image: v.nullish(v.union([v.literal(''), v.looseObject({ id: v.optional(v.string()) })])),
  'OS-EXT-STS:task_state': v.nullish(v.string()),
  status: v.fallback(v.string(), ''),
  created: v.fallback(v.optional(date), undefined),
  'RAX-SI:image_schedule': v.nullish(v.looseObject({})),
  flavor: v.fallback(v.looseObject({ id: v.optional(v.string()) }), {}),
  key_name: v.fallback(v.nullish(v.string()), undefined),
  security_groups: v.fallback(v.array(v.looseObject({ name: v.string() })), []),
  'os-extended-volumes:volumes_attached': v.optional(v.array(v.looseObject({ id: v.string() })), []),
});

/**
 * All servers of the project in a region.
 *
 * `GET /servers/detail`: Rackspace docs-cloud-servers; Nova compute API 2.1.
 *
 * @throws {CloudError} when any page fails or any server can't be read.
 */
export async function listServers(session: Session, region: string): Promise<Server[]> {
  const request = { service: 'compute', region, path: '/servers/detail' } as const;
  const servers = await listAll(session, { request, key: 'servers', item: NovaServer });
  return servers.map((server) => fromNova(server, region));
}

/** Nova's words in ours. */
export function fromNova(server: v.InferOutput<typeof NovaServer>, region: string): Server {
  return {
    id: server.id,
    name: server.name,
    region,
    taskState: server['OS-EXT-STS:task_state'] ?? null,
    status: server.status,
    isBuilding: server.status === 'BUILD' || server.status === 'REBUILD',
    metadata: server.metadata,
    imageId: server.image ? server.image.id : undefined,
    volumeBacked: !server.image,
    volumeIds: server['os-extended-volumes:volumes_attached'].map(({ id }) => id),
    flavorId: server.flavor.id,
    keyName: server.key_name ?? undefined,
    // Named once for each port.
    securityGroups: [...new Set(server.security_groups.map(({ name }) => name))],
    createdAt: server.created,
    imageSchedule: Boolean(server['RAX-SI:image_schedule']),
  };
}

/** What an image is to be called and what is to be known of it from the start. */
export interface NewImage {
  name: string;
  metadata: Record<string, string>;
}

/**
 * Asks for an image of a server. The cloud makes it in its own time, hours perhaps; nothing here waits for it.
 *
 * `POST /servers/{id}/action` createImage. The answer has the image's URL in `Location` (host and path vary; the
 * last UUID counts) or, from compute API 2.45, its id in the body.
 *
 * @returns the image's id, undefined where the answer names none.
 * @throws {CloudError} CONFLICT when the server is busy or in a state that can't be snapshotted. NO_ANSWER and
 *   UNAVAILABLE leave open whether the image is being made: look before asking again.
 */
export async function createImage(
  session: Session,
  server: Pick<Server, 'id' | 'region'>,
  image: NewImage,
): Promise<string | undefined> {
  const { headers, body } = await session.request({
    service: 'compute',
    region: server.region,
    method: 'POST',
    path: `/servers/${encodeURIComponent(server.id)}/action`,
    json: { createImage: image },
    expect: [202],
  });
  const named = v.safeParse(v.object({ image_id: v.string() }), body);
  if (named.success) return named.output.image_id;
  const location = typeof headers.location === 'string' ? headers.location : '';
  return location.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi)?.at(-1);
}
