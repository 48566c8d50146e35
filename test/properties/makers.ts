import { createHash } from 'node:crypto';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';

// Who makes images of a server besides this deployment, and how an image can look like one of its
// snapshots. All of it is written out here, so that the job is not tested against its own idea of a
// marker.

export const OWNER = 'autosnap-test';
const HOUR_MS = 3_600_000;
const CREATED_BY = 'org.openstack__1__created_by';

/**
 * When a request is made, and of which server; `copied` is the snapshot that the server was rebuilt
 * from.
 */
export interface Occasion {
  server: CloudServer;
  at: Date;
  copied: { name: string; slot: Date; policy: string } | undefined;
}

interface Wanted {
  name: string;
  metadata?: Record<string, string>;
  /** What Nova says of an image with data of its own. */
  imageType?: 'backup';
}

/** How long after its slot an image may be created and count as a snapshot of that slot. */
const SLOT_MS: Record<string, number> = {
  daily: 24 * HOUR_MS,
  adhoc: 24 * HOUR_MS,
  weekly: 14 * 24 * HOUR_MS,
};

/**
 * Who else makes an image of a server: nobody of them is this deployment, whatever the image has
 * inherited.
 */
export const MAKERS: Record<string, (occasion: Occasion) => Wanted> = {
  'a person': () => ({ name: 'golden' }),
  'a person who adds to the name of the image': ({ copied }) => ({ name: `golden-${copied?.name ?? ''}` }),
  // By its name and marker alone, an image of the same slot could not be told from a snapshot.
  'a tool that copies the name of the image': ({ at, copied }) => {
    const isLater = copied && at.getTime() >= copied.slot.getTime() + SLOT_MS[copied.policy]!;
    // What the script autosnap.py has made can be told by nothing but its name.
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
  /** Where the server is. */
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
 * What an image of a server has of the image that the server was rebuilt from: large properties are
 * not passed on.
 */
export function inherited(source: Record<string, string> | undefined): Record<string, string> {
  const { block_device_mapping: _, ...rest } = source ?? {};
  return rest;
}

/**
 * What this deployment writes besides its marker, where an image would else say that a schedule has
 * made it.
 */
export function makerOf({ [CREATED_BY]: maker }: Record<string, string>): Record<string, string> {
  return maker === undefined ? {} : { [CREATED_BY]: 'autosnap' };
}

/** Whether the script autosnap.py has made an image with these properties, which marks none. */
export function isPlain(properties: Record<string, string>): boolean {
  return properties.autosnap_owner === undefined && properties[CREATED_BY] === undefined;
}

const later = ({ createdAt }: CloudImage, hours: number) => new Date(createdAt.getTime() + hours * HOUR_MS);

/** Ways in which an image is not ours although it looks much like a snapshot. */
export const DISGUISES: Record<string, (image: CloudImage) => unknown> = {
  unmarked: ({ properties }) => {
    for (const key of Object.keys(properties).filter((k) => k.startsWith('autosnap_')))
      delete properties[key];
  },
  'of another deployment': ({ properties }) => Object.assign(properties, { autosnap_owner: 'autosnap-prod' }),
  'of another project': (image) => Object.assign(image, { owner: '999', visibility: 'private' }),
  renamed: (image) => Object.assign(image, { name: 'golden' }),
  // A cloud that leaves out the blueprint leaves out the fingerprint of the name: then only its
  // ending tells.
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
 * The same, of images that have data of their own. Where the data lie in volume snapshots, all of
 * this is inherited.
 */
export const DATA_DISGUISES: Record<string, (image: CloudImage) => unknown> = {
  'of another server': ({ properties }) => Object.assign(properties, { instance_uuid: 'another' }),
  'a backup': ({ properties }) => Object.assign(properties, { image_type: 'backup' }),
  'forged, of one byte': (image) => {
    image.size = 1;
    delete image.properties.instance_uuid;
  },
};

/** What is wrong with the volume snapshot that an image names. */
export const FOREIGN_DATA = ['named otherwise', 'made long before', 'of another volume'];
