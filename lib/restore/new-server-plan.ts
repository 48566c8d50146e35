import { type Flavor, findFlavor, fits, fitting, leastOf } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import type { NewServer, ServerDetail } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Blueprint } from '../snapshots/blueprint.ts';
import type { NewServerEvent } from './event.ts';
import { RESTORED_KEY } from './marks.ts';
import { refuse } from './refusal.ts';
import type { Origin } from './source.ts';

const LONGEST_NAME = 255;

/** The facts that are known about the original server. */
export interface OriginalServer extends Origin {
  /** Undefined when the server is gone. */
  detail: ServerDetail | undefined;
  /** The blueprint that a snapshot of the server records. */
  blueprint: Blueprint | undefined;
  /** The ids of the server's networks; undefined when they are unknown. */
  networks: readonly string[] | undefined;
}

interface PlanFacts {
  /**
   * The value of the server's metadata key {@link RESTORED_KEY}, by which a later call finds the
   * server.
   */
  mark: string;
  now: Date;
  flavors: readonly Flavor[];
  /** Whether `image` stands for the snapshot of a root volume; see inventory.ts. */
  isOnVolume: boolean;
}

/**
 * Plans the server to create from an image: like the original, except for the fields that the event
 * overrides.
 *
 * @returns the request for the server, and the reasons: for each part of the server, whether it
 *   comes from the event, the original or the blueprint.
 * @throws {ValidationError} when the flavor is unknown or too small.
 */
export function planNew(
  event: NewServerEvent,
  { name: originalName, id, detail, blueprint, networks }: OriginalServer,
  image: Image,
  { mark, now, flavors, isOnVolume }: PlanFacts,
): { server: NewServer; reasons: Reason[] } {
  const flavor = flavorFor(event.flavor, detail?.flavorId ?? blueprint?.flavor, image, flavors);
  const gone = detail === undefined;
  const known = detail ? { ...detail, keyName: detail.keyName ?? null } : blueprint;
  const { networks: givenNetworks, keyName, securityGroups, metadata } = event;
  const server: NewServer = {
    name: event.name ?? defaultName(originalName || id, now),
    image: image.id,
    flavor: flavor.id,
    networks: givenNetworks ?? networks,
    keyName: (keyName === undefined ? known?.keyName : keyName) ?? undefined,
    securityGroups: securityGroups ?? known?.securityGroups ?? [],
    metadata: { ...(metadata ?? detail?.metadata), [RESTORED_KEY]: mark },
    configDrive: detail?.configDrive ?? false,
  };
  const from = (given: unknown) => (given !== undefined ? 'event' : gone ? 'record' : 'original');
  const unknown = (field: Reason<'RESTORE_FIELD_UNKNOWN'>['field']) =>
    ({ code: 'RESTORE_FIELD_UNKNOWN', field }) as const;
  const reasons: Reason[] = [
    {
      code: 'RESTORE_NEW',
      name: server.name,
      image: image.id,
      ...(isOnVolume ? { isVolumeSnapshot: true as const } : {}),
      imageName: image.name,
      flavor: flavor.name,
      from: from(event.flavor),
    },
    server.networks
      ? { code: 'RESTORE_NETWORKS', networks: server.networks, from: from(givenNetworks) }
      : gone
        ? unknown('networks')
        : { code: 'RESTORE_NETWORKS_UNKNOWN' },
    keyName === undefined && known?.keyName === undefined
      ? unknown('keyName')
      : {
          code: 'RESTORE_KEY_PAIR',
          ...(server.keyName === undefined ? {} : { keyName: server.keyName }),
          from: from(keyName),
        },
    !securityGroups && !known?.securityGroups
      ? unknown('securityGroups')
      : { code: 'RESTORE_SECURITY_GROUPS', groups: server.securityGroups, from: from(securityGroups) },
    gone && !metadata
      ? unknown('metadata')
      : {
          code: 'RESTORE_METADATA',
          metadata: withoutMark(metadata ?? detail?.metadata ?? {}),
          from: from(metadata),
        },
    { code: 'RESTORE_LEFT_OUT' },
  ];
  return { server, reasons };
}

function flavorFor(
  given: string | undefined,
  original: string | undefined,
  image: Image,
  flavors: readonly Flavor[],
): Flavor {
  // Rackspace and older versions of Nova write these properties on a snapshot.
  const { instance_type_flavorid: flavorId, instance_type_name: flavorName } = image.properties;
  const wanted = given ?? original ?? flavorId ?? flavorName;
  const found = findFlavor(flavors, wanted);
  if (found && fits(image, found)) return found;
  const choice = fitting(image, flavors)
    .slice(0, 5)
    .map(({ name, id }) => (name === id ? id : `"${name}" (${id})`));
  if (found) {
    refuse({
      code: 'RESTORE_FLAVOR_TOO_SMALL',
      flavor: found.name,
      diskGb: found.diskGb,
      ramMb: found.ramMb,
      image: image.id,
      least: leastOf(image),
      fitting: choice,
    });
  }
  refuse(
    wanted
      ? {
          code: 'RESTORE_FLAVOR_UNKNOWN',
          flavor: wanted,
          isOriginal: given === undefined,
          fitting: choice,
        }
      : { code: 'RESTORE_FLAVOR_MISSING', fitting: choice },
  );
}

function defaultName(name: string, now: Date): string {
  const suffix = `-restored-${now.toISOString().slice(0, 10)}`;
  return name.slice(0, LONGEST_NAME - suffix.length).toWellFormed() + suffix;
}

function withoutMark({ [RESTORED_KEY]: _, ...metadata }: Record<string, string>): Record<string, string> {
  return metadata;
}
