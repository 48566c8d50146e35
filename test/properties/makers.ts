import { createHash } from 'node:crypto';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';

// The other makers of images of a server, and the ways in which an image can resemble a snapshot of
// ours. Everything is written out here, so that the tests do not depend on the product's own idea
// of a marker.

export const OWNER = 'autosnap-test';
const HOUR_MS = 3_600_000;
const CREATED_BY = 'org.openstack__1__created_by';

/**
 * The time and the server of a request; `copied` is the snapshot from which the server was rebuilt.
 */
export interface Occasion {
  server: CloudServer;
  at: Date;
  copied: { name: string; slot: Date; policy: string } | undefined;
}

interface Wanted {
  name: string;
  metadata?: Record<string, string>;
  /** The properties that Nova sets on an image with its own data. */
  imageType?: 'backup';
}

/** The longest time between a slot and the creation of an image that counts as its snapshot. */
const SLOT_MS: Record<string, number> = {
  daily: 24 * HOUR_MS,
  adhoc: 24 * HOUR_MS,
  weekly: 14 * 24 * HOUR_MS,
};

/**
 * The makers of images of a server, other than this deployment. Their images are not ours, whatever
 * they have inherited.
 */
export const MAKERS: Record<string, (occasion: Occasion) => Wanted> = {
  'a person': () => ({ name: 'golden' }),
  'a person who adds to the name of the image': ({ copied }) => ({ name: `golden-${copied?.name ?? ''}` }),
  // By name and marker alone, an image of the same slot could not be told from a snapshot.
  'a tool that copies the name of the image': ({ at, copied }) => {
    const isLater = copied && at.getTime() >= copied.slot.getTime() + SLOT_MS[copied.policy]!;
    // An image of the script autosnap.py can be recognised only by its name.
    return { name: isLater && !copied.name.includes('-autosnap-') ? copied.name : 'golden' };
  },
  "Rackspace's schedule": ({ server, at }) => ({
    name: `Daily-${server.name}-${at.getTime() / 1000}`,
    metadata: { [CREATED_BY]: 'scheduled_images_service' },
  }),
  createBackup: ({ server }) => ({ name: `${server.name}-backup`, imageType: 'backup' }),
  shelving: ({ server }) => ({ name: `${server.name}-shelved` }),
  'another deployment': ({ server, at }) => ({
    name: snapshotName(server.name, 'daily', at),
    metadata: markerOf({
      owner: 'autosnap-prod',
      policy: 'daily',
      server: server.id,
      slot: at,
      name: snapshotName(server.name, 'daily', at),
      region: 'DFW',
    }),
  }),
};

export function snapshotName(server: string, policy: string, slot: Date): string {
  return `${server}-${policy}-${slot.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

interface Marked {
  owner: string;
  policy: string;
  server: string;
  slot: Date;
  expires?: string;
  /** The image's own name. */
  name: string;
  /** The region of the server. */
  region: string;
}

export function markerOf({
  owner,
  policy,
  server,
  slot,
  expires,
  name,
  region,
}: Marked): Record<string, string> {
  const letters = name.replace(/[^A-Za-z0-9]/g, '');
  const named = createHash('sha256').update(letters).digest('hex').slice(0, 8);
  const blueprint = JSON.stringify({ region, named });
  return {
    autosnap_owner: owner,
    autosnap_policy: policy,
    autosnap_server: server,
    autosnap_slot: slot.toISOString(),
    autosnap_hold: 'none',
    ...(policy === 'adhoc'
      ? { autosnap_expires: `${expires} a-request ${blueprint}` }
      : { autosnap_restore_as: blueprint }),
  };
}

/**
 * The properties that an image of a server inherits from the image that the server was rebuilt
 * from. Large properties are not inherited.
 */
export function inherited(source: Record<string, string> | undefined): Record<string, string> {
  const { block_device_mapping: _, ...rest } = source ?? {};
  return rest;
}

/**
 * The properties that this deployment sets besides its marker, if the image would otherwise count
 * as one of a schedule.
 */
export function makerOf({ [CREATED_BY]: maker }: Record<string, string>): Record<string, string> {
  return maker === undefined ? {} : { [CREATED_BY]: 'autosnap' };
}

/** Whether the script autosnap.py made an unmarked image with these properties. */
export function isPlain(properties: Record<string, string>): boolean {
  return properties.autosnap_owner === undefined && properties[CREATED_BY] === undefined;
}

const later = ({ createdAt }: CloudImage, hours: number) => new Date(createdAt.getTime() + hours * HOUR_MS);

/** The ways in which an image is not ours although it resembles a snapshot. */
export const DISGUISES: Record<string, (image: CloudImage) => unknown> = {
  unmarked: ({ properties }) => {
    for (const key of Object.keys(properties).filter((k) => k.startsWith('autosnap_')))
      delete properties[key];
  },
  'of another deployment': ({ properties }) => Object.assign(properties, { autosnap_owner: 'autosnap-prod' }),
  'of another project': (image) => Object.assign(image, { owner: '999', visibility: 'private' }),
  renamed: (image) => Object.assign(image, { name: 'golden' }),
  // A cloud that drops the blueprint also drops the fingerprint of the name. Only the ending of the
  // name then shows a rename.
  'renamed, without a fingerprint of its name': (image) => {
    const { properties } = image;
    image.name = 'golden';
    delete properties.autosnap_restore_as;
    if (properties.autosnap_expires)
      properties.autosnap_expires = properties.autosnap_expires.replace(/\{.*/, 'unknown');
  },
  'created too early': (image) => Object.assign(image, { createdAt: later(image, -3) }),
  'created after the next slot': (image) =>
    Object.assign(image, {
      createdAt: later(image, image.properties.autosnap_policy === 'weekly' ? 340 : 25),
    }),
  "of Rackspace's schedule": ({ properties }) =>
    Object.assign(properties, { [CREATED_BY]: 'scheduled_images_service' }),
  'a path for a server': ({ properties }) =>
    Object.assign(properties, { autosnap_server: '../..', instance_uuid: '../..' }),
  'no server': ({ properties }) => delete properties.autosnap_server,
  'no policy': ({ properties }) => delete properties.autosnap_policy,
  'a path for a policy': (image) => {
    image.name = image.name.replace(/-(\w+)-(\w+)$/, '-../$1-$2');
    image.properties.autosnap_policy = `../${image.properties.autosnap_policy}`;
  },
  'no slot': (image) => {
    image.properties.autosnap_slot = 'yesterday';
    image.createdAt = later(image, -20 / 3600);
  },
  'no date of a hold': ({ properties }) => Object.assign(properties, { autosnap_hold: '2026-02-30' }),
};

/**
 * The ways for images with their own data. If the data are in volume snapshots, all of these
 * properties are inherited.
 */
export const DATA_DISGUISES: Record<string, (image: CloudImage) => unknown> = {
  'of another server': ({ properties }) => Object.assign(properties, { instance_uuid: 'another' }),
  'a backup': ({ properties }) => Object.assign(properties, { image_type: 'backup' }),
  'forged, of one byte': (image) => {
    image.size = 1;
    delete image.properties.instance_uuid;
  },
};

/** The ways in which the volume snapshot of an image does not match. */
export const FOREIGN_DATA = ['named otherwise', 'made long before', 'of another volume'];
