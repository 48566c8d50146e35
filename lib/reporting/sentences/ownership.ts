import type { Sentences } from './makers.ts';

const IF_GONE = 'if the server is gone, delete its snapshots by hand, or remove `orphans` from the policy';

/** Why nothing proves whose an image is, or where a server is. */
export const ownershipSentences = {
  // An image with the marker of this deployment that is not one of its snapshots.
  MARKED_AS_OURS: ({ image, name, reason }, say) =>
    `${name || image} (${image}) is marked as ours, but ${say(reason)}`,
  OWNED_BY_OTHER_PROJECT: () => 'another project owns it',
  POLICY_INVALID: () => 'its autosnap_policy is not a policy name',
  SERVER_INVALID: () => 'its autosnap_server is not a server id',
  SLOT_INVALID: () => 'its autosnap_slot is not a time',
  HOLD_INVALID: () => 'its autosnap_hold is neither "forever", "none" nor a date',
  MARKERS_DIFFER: () => 'the markers in its metadata and in its description differ',
  EXPIRES_INVALID: () => 'its autosnap_expires is not a time',
  NAME_ENDING_CHANGED: ({ ending }) =>
    `its name does not end in ${ending}: it was renamed, or something else made it`,
  NAME_CHANGED: () => 'its name is not what it was given: it was renamed, or something else made it',
  CREATED_OUTSIDE_SLOT: ({ created, slot }) =>
    `it was created at ${created}, which is not between its slot (${slot}) and the next one`,
  MADE_BY_OTHER: ({ maker }) => `it says that ${maker} made it`,
  MADE_FROM_OTHER_SERVER: () =>
    'the cloud says that it was made from another server than the one in its marker',
  NOVA_BACKUP_IMAGE: () => 'it is a backup that somebody requested from Nova',
  VOLUME_SNAPSHOT_OF_OTHER_IMAGE: ({ id }) => `the volume snapshot ${id} that it names was not made with it`,
  VOLUMES_OF_OTHER_SERVER: ({ server }) => `its data are of volumes that ${server} does not have`,

  // An image of autosnap.py that can't be adopted.
  LEGACY_RENAMED: ({ image, name, server }) =>
    `${name} (${image}) is of autosnap.py, and its server is called ${server} by now`,
  LEGACY_SHARED: ({ image, name, server, deployment }) =>
    `${name} (${image}) is of autosnap.py, and the deployment ${deployment} has snapshots of ${server}, too`,

  // A server of which nobody knows whether it is gone.
  SERVER_REGION_UNKNOWN: ({ server }) =>
    `no snapshot of server ${server} says in which region it was: ${IF_GONE}`,
  SERVER_REGION_NOT_LISTED: ({ server, home }) =>
    `server ${server} was in ${home}, which the account's catalogue does not name: ${IF_GONE}`,
  SERVER_REGION_UNREADABLE: ({ home }) => `it was in ${home}, which can't be read`,
} satisfies Partial<Sentences>;
