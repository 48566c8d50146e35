import * as v from 'valibot';
import { fromNova, NovaServer, type Server } from './compute.ts';
import { isCloudError } from './errors.ts';
import { unreadable } from './pages.ts';
import type { Session } from './session.ts';

/** A Nova server with all that another one like it can be made from. */
export interface ServerDetail extends Server {
  configDrive: boolean;
  addresses: string[];
  /** Why it is in ERROR. */
  fault: string | undefined;
  /** Undefined where the cloud does not say. */
  locked?: boolean | undefined;
}

const Detail = v.looseObject({
  ...NovaServer.entries,
  status: v.string(),
  config_drive: v.optional(v.unknown()),
  addresses: v.fallback(v.record(v.string(), v.array(v.looseObject({ addr: v.string() }))), {}),
  fault: v.nullish(v.looseObject({ message: v.optional(v.string()) })),
  locked: v.fallback(v.optional(v.boolean()), undefined),
});

/**
 * One server as it is now; undefined when there is none.
 *
 * `GET /servers/{id}`: Rackspace docs-cloud-servers; Nova compute API 2.9, from which on it says whether the server is locked.
 *
 * @throws {CloudError} for every answer but the server and 404.
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
    if (!answer.success) throw unreadable(request, v.getDotPath(answer.issues[0]) ?? 'not a server');
    const { server } = answer.output;
    return {
      ...fromNova(server, region),
      configDrive: /^true$/i.test(String(server.config_drive)),
      addresses: Object.values(server.addresses).flatMap((its) => its.map(({ addr }) => addr)),
      fault: server.fault?.message,
      locked: server.locked,
    };
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** What a new server is to be. */
export interface NewServer {
  name: string;
  /** Of an image, and of a flavor, the ids. */
  image: string;
  flavor: string;
  /** Ids; none at all when empty; those that the cloud gives by itself when undefined. */
  networks: readonly string[] | undefined;
  keyName: string | undefined;
  /** Names; the cloud's default when empty. */
  securityGroups: readonly string[];
  metadata: Record<string, string>;
  configDrive: boolean;
}

/**
 * Asks for a server, which the cloud builds in its own time. Returns its id.
 *
 * `POST /servers`: Rackspace docs-cloud-servers; Nova compute API 2.1, for a server without networks 2.37. The answer
 * also has a root password, which nobody reads.
 *
 * @throws {CloudError} BAD_REQUEST for what the cloud does not have, FORBIDDEN or OVER_QUOTA for a quota. NO_ANSWER,
 *   UNAVAILABLE and BAD_ANSWER leave open whether there will be a server: look before asking again.
 */
export async function createServer(session: Session, region: string, server: NewServer): Promise<string> {
  const { name, image, flavor, networks, keyName, securityGroups, metadata, configDrive } = server;
  const request = { service: 'compute', region, path: '/servers' } as const;
  const { body } = await session.request({
    ...request,
    method: 'POST',
    ...(networks?.length === 0 ? { microversion: '2.37' } : {}),
    json: {
      server: {
        name,
        imageRef: image,
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
  if (!answer.success) throw unreadable(request, 'server.id');
  return answer.output.server.id;
}

/**
 * Asks for a server's disk to be written anew from an image. The server keeps its id, name, addresses and key; its
 * metadata become `metadata`, in the same moment in which the request is accepted.
 *
 * `POST /servers/{id}/action` rebuild: Rackspace docs-cloud-servers; Nova compute API 2.1. The cloud sets a root
 * password, which nobody reads.
 *
 * @throws {CloudError} CONFLICT while the server is busy or locked. NO_ANSWER, UNAVAILABLE and BAD_ANSWER leave open
 *   whether it is being rebuilt: its metadata tell.
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
 * Asks for a server to be deleted, which takes the cloud a moment. One that is no longer there counts as deleted.
 *
 * `DELETE /servers/{id}`: Rackspace docs-cloud-servers; Nova compute API 2.1.
 *
 * @throws {CloudError} CONFLICT when it is locked, FORBIDDEN when the user lacks the role.
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
