import * as v from 'valibot';
import { parseDate } from '../config/dates.ts';
import { NovaServer, type Server, serverFromNova } from './compute.ts';
import { isCloudError } from './errors.ts';
import { unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A Nova server with the details that are needed to create a server like it. */
export interface ServerDetail extends Server {
  configDrive: boolean;
  addresses: string[];
  /** Why the server is in ERROR. */
  fault: string | undefined;
  /** Undefined if the cloud does not say. */
  locked?: boolean | undefined;
  /** When the server last became ACTIVE after a build; undefined if the cloud does not say. */
  launchedAt?: Date | undefined;
}

const Detail = v.looseObject({
  ...NovaServer.entries,
  status: v.string(),
  config_drive: v.optional(v.unknown()),
  addresses: v.fallback(v.record(v.string(), v.array(v.looseObject({ addr: v.string() }))), {}),
  fault: v.nullish(v.looseObject({ message: v.optional(v.string()) })),
  locked: v.fallback(v.optional(v.boolean()), undefined),
  'OS-SRV-USG:launched_at': v.fallback(v.nullish(v.string()), undefined),
});

/**
 * The current state of a server; undefined if the server does not exist.
 *
 * `GET /servers/{id}`: https://docs.openstack.org/api-ref/compute/#show-server-details and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference. From compute API 2.9 on the
 * response says whether the server is locked.
 *
 * @throws {CloudError} for every response but the server and 404.
 */
export async function getServer(
  session: Session,
  region: string,
  id: string,
): Promise<ServerDetail | undefined> {
  const request = { service: 'compute', region, path: `/servers/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({
      ...request,
      method: 'GET',
      ...(session.provider === 'keystone' ? { microversion: '2.9' } : {}),
      expect: [200, 203],
    });
    const answer = v.safeParse(v.object({ server: Detail }), body);
    if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a server');
    const { server } = answer.output;
    return {
      ...serverFromNova(server, region),
      configDrive: /^true$/i.test(String(server.config_drive)),
      addresses: Object.values(server.addresses).flatMap((its) => its.map(({ addr }) => addr)),
      fault: server.fault?.message,
      locked: server.locked,
      launchedAt: launchTime(server['OS-SRV-USG:launched_at']),
    };
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** "2026-11-23T00:00:00.000000", in UTC; undefined for anything else. */
function launchTime(text: string | null | undefined): Date | undefined {
  return parseDate(text?.replace(/(\.\d*)?Z?$/, 'Z'));
}

/** A volume of a new server. */
export interface ServerVolume {
  /**
   * The id of an available volume, or of a volume snapshot from which the cloud makes a volume with
   * the server.
   */
  id: string;
  source: 'volume' | 'snapshot';
  /** Whether the server boots from the volume. */
  isRoot: boolean;
  /** Whether the cloud deletes the volume with the server. */
  isDeletedWithServer: boolean;
}

/** The properties of a new server. */
export interface NewServer {
  name: string;
  /** An image id. */
  image: string;
  /** The volumes of the server; a root volume replaces the image. None by default. */
  volumes?: readonly ServerVolume[];
  flavor: string;
  /** Network ids; no network if empty; the cloud's default networks if undefined. */
  networks: readonly string[] | undefined;
  keyName: string | undefined;
  /** Names of security groups; the cloud's default if empty. */
  securityGroups: readonly string[];
  metadata: Record<string, string>;
  configDrive: boolean;
}

/**
 * Creates a server and returns its id. The cloud builds the server asynchronously.
 *
 * `POST /servers`, for a server without networks with compute API 2.37:
 * https://docs.openstack.org/api-ref/compute/#create-server and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference. The root password in the response
 * is ignored.
 *
 * @throws {CloudError} BAD_REQUEST for an unknown image, flavor or network, FORBIDDEN or OVER_QUOTA
 *   for a quota. After NO_ANSWER, UNAVAILABLE and BAD_ANSWER it is unknown whether the cloud
 *   creates the server: look for the server before a retry.
 */
export async function createServer(session: Session, region: string, server: NewServer): Promise<string> {
  const { name, flavor, networks, keyName, securityGroups, metadata, configDrive } = server;
  const request = { service: 'compute', region, path: '/servers' } as const;
  const { body } = await session.request({
    ...request,
    method: 'POST',
    ...(networks?.length === 0 ? { microversion: '2.37' } : {}),
    json: {
      server: {
        name,
        ...disksOf(server),
        flavorRef: flavor,
        metadata,
        ...(networks ? { networks: networks.length > 0 ? networks.map((uuid) => ({ uuid })) : 'none' } : {}),
        ...(keyName ? { key_name: keyName } : {}),
        ...(securityGroups.length > 0
          ? { security_groups: securityGroups.map((group) => ({ name: group })) }
          : {}),
        ...(configDrive ? { config_drive: true } : {}),
      },
    },
    expect: [202],
  });
  const answer = v.safeParse(v.object({ server: v.object({ id: v.string() }) }), body);
  if (!answer.success) throw unreadableAnswer(request, 'server.id');
  return answer.output.server.id;
}

/**
 * The disks of a new server: the image alone, or a block device mapping:
 * https://docs.openstack.org/nova/latest/user/block-device-mapping.html. With a mapping, an image
 * that the server boots from has to be in it, too.
 */
function disksOf({ image, volumes = [] }: Pick<NewServer, 'image' | 'volumes'>): object {
  if (volumes.length === 0) return { imageRef: image };
  const [root, others] = [volumes.filter(({ isRoot }) => isRoot), volumes.filter(({ isRoot }) => !isRoot)];
  const local = { source_type: 'image', destination_type: 'local', delete_on_termination: true };
  return {
    imageRef: root.length > 0 ? '' : image,
    block_device_mapping_v2: [
      ...(root.length > 0 ? [] : [{ boot_index: 0, uuid: image, ...local }]),
      ...[...root, ...others].map(({ id, source, isRoot, isDeletedWithServer }) => ({
        ...{ boot_index: isRoot ? 0 : -1, uuid: id, source_type: source, destination_type: 'volume' },
        delete_on_termination: isDeletedWithServer,
      })),
    ],
  };
}

/**
 * Rebuilds a server: its disk is rewritten from an image. The server keeps its id, name, addresses
 * and key. `metadata` replaces the server's metadata as soon as the cloud accepts the request.
 *
 * `POST /servers/{id}/action` rebuild:
 * https://docs.openstack.org/api-ref/compute/#rebuild-server-rebuild-action and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference. The root password in the response
 * is ignored.
 *
 * @throws {CloudError} CONFLICT while the server is busy or locked. After NO_ANSWER, UNAVAILABLE
 *   and BAD_ANSWER the server's metadata show whether the cloud accepted the rebuild.
 */
export async function rebuildServer(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
  rebuild: { image: string; metadata: Record<string, string> },
): Promise<void> {
  await session.request({
    service: 'compute',
    region,
    method: 'POST',
    path: `/servers/${encodeURIComponent(id)}/action`,
    json: { rebuild: { imageRef: rebuild.image, metadata: rebuild.metadata } },
    expect: [202],
  });
}

/**
 * Sets one item of the metadata of a server, and leaves the others as they are.
 *
 * `PUT /servers/{id}/metadata/{key}`:
 * https://docs.openstack.org/api-ref/compute/#create-or-update-metadata-item and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference
 *
 * @throws {CloudError} NOT_FOUND if the server does not exist.
 */
export async function setServerMetadataItem(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
  key: string,
  value: string,
): Promise<void> {
  await session.request({
    service: 'compute',
    region,
    method: 'PUT',
    path: `/servers/${encodeURIComponent(id)}/metadata/${encodeURIComponent(key)}`,
    json: { meta: { [key]: value } },
    expect: [200],
  });
}

/**
 * Deletes a server. The cloud deletes the server asynchronously. A missing server counts as
 * deleted.
 *
 * `DELETE /servers/{id}`: https://docs.openstack.org/api-ref/compute/#delete-server and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference
 *
 * @throws {CloudError} CONFLICT if the server is locked, FORBIDDEN if the user lacks the role.
 */
export async function deleteServer(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
): Promise<void> {
  const path = `/servers/${encodeURIComponent(id)}`;
  try {
    await session.request({ service: 'compute', region, method: 'DELETE', path, expect: [204] });
  } catch (error) {
    if (!isCloudError(error, 'NOT_FOUND')) throw error;
  }
}
