import { Refusal } from '../config/validation-error.ts';
import { type Flavor, findFlavor, fits, fitting, leastOf } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import type { NewServer, ServerDetail } from '../openstack/servers.ts';
import type { Blueprint } from '../snapshots/blueprint.ts';
import type { NewServerEvent } from './event.ts';
import { RESTORED_KEY } from './marks.ts';
import type { Origin } from './source.ts';

const LONGEST_NAME = 255;

/** What is known of the original. */
export interface Original extends Origin {
  /** Undefined when it is gone. */
  detail: ServerDetail | undefined;
  /** What a snapshot of it says. */
  blueprint: Blueprint | undefined;
  /** Undefined when they can't be told. */
  networks: readonly string[] | undefined;
}

interface Circumstances {
  /** By which a later call knows the server. */
  mark: string;
  now: Date;
  flavors: readonly Flavor[];
}

/**
 * The server to be made from an image: like the original, but for what the event gives; `lines` say for each part where
 * it comes from.
 *
 * @throws {Refusal} when no flavor is known, or it is too small.
 */
export function planNew(
  event: NewServerEvent,
  { name: originalName, id, detail, blueprint, networks }: Original,
  image: Image,
  { mark, now, flavors }: Circumstances,
): { server: NewServer; lines: string[] } {
  const flavor = flavorFor(event.flavor, detail?.flavorId ?? blueprint?.flavor, image, flavors);
  const gone = detail === undefined;
  const known = detail ? { ...detail, keyName: detail.keyName ?? null } : blueprint;
  const { networks: givenNetworks, keyName, securityGroups, metadata } = event;
  const unknown = (field: string, instead: string) =>
    `${field}: the original is gone, so they are not known: ${instead}; "${field}" gives others`;
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
  const of = (given: unknown) => (given === undefined ? `, as the original ${gone ? 'had' : 'has'}` : '');
  const lines = [
    `a new server "${server.name}" from image ${image.name} (${image.id}), flavor ${flavor.name}${of(event.flavor)}`,
    server.networks
      ? `networks: ${server.networks.join(', ') || 'none'}${of(givenNetworks)}; its addresses are new`
      : gone
        ? unknown('networks', "the cloud's default")
        : `networks: the cloud does not tell those of the original: its default; "networks" gives others`,
    keyName === undefined && known?.keyName === undefined
      ? unknown('keyName', 'none, but the keys on the disk are still there')
      : `key pair: ${server.keyName ?? 'none'}${of(keyName)}`,
    !securityGroups && !known?.securityGroups
      ? unknown('securityGroups', "the cloud's default")
      : `security groups: ${server.securityGroups.join(', ') || "the cloud's default"}${of(securityGroups)}`,
    gone && !metadata
      ? unknown('metadata', 'none, so no policy takes it by a tag')
      : `metadata: ${pairs(metadata ?? detail?.metadata ?? {})}${of(metadata)}`,
    'not restored: other volumes, user data, floating addresses, DNS, load balancers',
  ];
  return { server, lines };
}

function flavorFor(
  given: string | undefined,
  original: string | undefined,
  image: Image,
  flavors: readonly Flavor[],
): Flavor {
  // What Rackspace and older Novas write on a snapshot.
  const { instance_type_flavorid: flavorId, instance_type_name: flavorName } = image.properties;
  const wanted = given ?? original ?? flavorId ?? flavorName;
  const found = findFlavor(flavors, wanted);
  if (found && fits(image, found)) return found;
  const choice = fitting(image, flavors)
    .slice(0, 5)
    .map(({ name, id }) => (name === id ? id : `"${name}" (${id})`));
  const remedy =
    choice.length > 0 ? `give one that fits: ${choice.join(', ')}` : 'none that there is would fit';
  const problem = found
    ? `${found.name} (${found.diskGb} GB, ${found.ramMb} MB) is too small: image ${image.id} asks for ${leastOf(image)}`
    : wanted
      ? `there is no ${wanted}${given ? '' : ', which the original had,'} any more`
      : 'the original is gone and the snapshot does not say which it had';
  throw new Refusal('The restore is refused', [`flavor: ${problem}: ${remedy}`]);
}

function defaultName(name: string, now: Date): string {
  const suffix = `-restored-${now.toISOString().slice(0, 10)}`;
  return name.slice(0, LONGEST_NAME - suffix.length).toWellFormed() + suffix;
}

function pairs(metadata: Record<string, string>): string {
  return (
    Object.entries(metadata)
      .filter(([key]) => key !== RESTORED_KEY)
      .map(([key, value]) => `${key}=${value}`)
      .join(', ') || 'none'
  );
}
