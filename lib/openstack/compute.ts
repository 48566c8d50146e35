import * as v from 'valibot';
import { date, listAll } from './pages.ts';
import type { Session } from './session.ts';

/** A Nova server, with the fields that snapshots need. */
export interface Server {
  id: string;
  name: string;
  region: string;
  /**
   * The task that Nova is running on the server; null if idle. A snapshot can start only on an idle
   * server.
   */
  taskState: string | null;
  /** ACTIVE, SHUTOFF, BUILD, REBUILD, ERROR and the like; empty if the cloud does not say. */
  status: string;
  metadata: Record<string, string>;
  /**
   * The image that the server was created or rebuilt from; undefined if it was booted from a
   * volume.
   */
  imageId: string | undefined;
  /**
   * Whether the server names no image, because it was booted from a volume. Rackspace can't create
   * an image of such a server; other clouds create volume snapshots. False for a server that was
   * created from an image of volume snapshots: it names the image, although its disk is a volume.
   */
  volumeBacked: boolean;
  /** The ids of the attached volumes. */
  volumeIds: string[];
  flavorId: string | undefined;
  keyName: string | undefined;
  /** Names of security groups. */
  securityGroups: string[];
  /** Undefined if the cloud does not say. */
  createdAt: Date | undefined;
  /** Whether Rackspace's own scheduled images are enabled for the server. */
  imageSchedule: boolean;
}

/** A server with defaults for all other fields: idle, with a local disk. */
export function bareServer(known: Pick<Server, 'id' | 'name' | 'region'>): Server {
  return {
    ...known,
    taskState: null,
    status: 'ACTIVE',
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

/** The schema of a server in Nova's responses. */
export const NovaServer = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  name: v.string(),
  metadata: v.optional(v.record(v.string(), v.string()), {}),
  // "" if the server was booted from a volume.
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
 * `GET /servers/detail`: https://docs.openstack.org/api-ref/compute/#list-servers-detailed and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference
 *
 * @throws {CloudError} if any page fails or any server can't be read.
 */
export async function listServers(session: Session, region: string): Promise<Server[]> {
  const request = { service: 'compute', region, path: '/servers/detail' } as const;
  const servers = await listAll(session, { request, key: 'servers', item: NovaServer });
  return servers.map((server) => serverFromNova(server, region));
}

/**
 * Converts a server from Nova's response:
 * https://docs.openstack.org/api-ref/compute/#show-server-details
 */
export function serverFromNova(server: v.InferOutput<typeof NovaServer>, region: string): Server {
  return {
    id: server.id,
    name: server.name,
    region,
    taskState: server['OS-EXT-STS:task_state'] ?? null,
    status: server.status,
    metadata: server.metadata,
    imageId: server.image ? server.image.id : undefined,
    volumeBacked: !server.image,
    volumeIds: server['os-extended-volumes:volumes_attached'].map(({ id }) => id),
    flavorId: server.flavor.id,
    keyName: server.key_name ?? undefined,
    // Nova names a group once for each port.
    securityGroups: [...new Set(server.security_groups.map(({ name }) => name))],
    createdAt: server.created,
    imageSchedule: Boolean(server['RAX-SI:image_schedule']),
  };
}

/** The name and the initial metadata of a new image. */
export interface NewImage {
  name: string;
  metadata: Record<string, string>;
}

/**
 * Creates an image of a server. The cloud creates the image asynchronously, which can take hours;
 * the function does not wait.
 *
 * `POST /servers/{id}/action` createImage:
 * https://docs.openstack.org/api-ref/compute/#create-image-createimage-action and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference. The response has the image's URL
 * in `Location` (host and path vary; the last UUID is the id) or, from compute API 2.45 on, the id
 * in the body.
 *
 * @returns the image's id; undefined if the response has none.
 * @throws {CloudError} CONFLICT if the server is busy or in a state that can't be snapshotted.
 *   After NO_ANSWER and UNAVAILABLE it is unknown whether the cloud creates the image: look for the
 *   image before a retry.
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
