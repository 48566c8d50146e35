import type { SnapshotId } from '../reasons.ts';
import { counted, statusText } from './format.ts';
import type { Sentences } from './makers.ts';

/** What ends a state of a server that only a person ends. */
const STATE_REMEDIES: Record<string, string> = {
  RESCUE: 'end the rescue (openstack server unrescue <server id>)',
  SHELVED: 'unshelve it (openstack server unshelve <server id>)',
  SHELVED_OFFLOADED: 'unshelve it (openstack server unshelve <server id>)',
  SOFT_DELETED: 'restore it (openstack server restore <server id>)',
  VERIFY_RESIZE: 'confirm or revert its resize (openstack server resize confirm <server id>)',
};

/** What to do with a server whose status prevents a snapshot. */
export function remedyForStatus(status: string): string {
  return (
    STATE_REMEDIES[status] ??
    "find out its fault (openstack server show <server id>), and repair it or ask the cloud's support"
  );
}

/** "image 5b9c…" or "volume snapshot 5b9c…" */
export function idText({ image, isVolumeSnapshot }: SnapshotId): string {
  return `${isVolumeSnapshot ? 'volume snapshot' : 'image'} ${image}`;
}

/** What becomes of a server when a snapshot is due. */
export const snapshotSentences = {
  TAKEN: ({ name }) => name,
  WOULD_TAKE: ({ name }) => `would be taken as ${name}`,
  ALREADY_TAKEN: ({ status, until, ...one }) =>
    `already ${status === 'active' || status === 'available' ? 'taken' : 'asked for'}: ${idText(one)} is ${statusText(status)}${until === undefined ? '' : `, and is deleted once ${until} has passed`}`,
  REQUEST_ENDS_SOONER: ({ image, until }) =>
    `this request already made image ${image}, which expires at ${until}, earlier than you now ask: hold it, or use another request name`,
  REQUEST_FAILED: ({ status, ...one }) =>
    `${idText(one)} failed (${statusText(status)}), and the request takes no other one of this server: find the cause, and send the request again`,
  REQUEST_OVER: ({ since }) =>
    `the request of ${since} is more than a day old, so it takes no more snapshots; it has no snapshot of this server, or no longer has one: use another request name`,
  REQUEST_TOOK_IT_BEFORE: ({ image }) =>
    `this request already made image ${image}, which was deleted or renamed: use another request name`,
  SERVER_IN_STATE: ({ status }) =>
    `the cloud can't make an image while the server is in ${status}: ${remedyForStatus(status)}, or name the server in servers.except`,
  SERVER_LOCKED: () =>
    "the cloud can't make an image of a locked server: unlock it (openstack server unlock <server id>), or name the server in servers.except",
  SERVER_BUSY: ({ taskState }) => `the cloud is busy with the server (${taskState})`,
  SNAPSHOT_PENDING: ({ status, ...one }) => `busy: ${idText(one)} is still ${statusText(status)}`,
  CONFLICT: ({ message }) => `busy: ${message}`,
  SERVER_GONE_BY_NOW: () => 'the server is gone by now',
  VOLUME_SERVER_AT_RACKSPACE: () =>
    'Rackspace makes no image of a server whose disk is a volume, and the policy takes no snapshot of its volumes: set volumes: attached, or name the server in servers.except',
  ON_VOLUMES_ALONE: () => 'its disks are volumes, each with a snapshot of its own',
  NEXT_SLOT: () => "the slot ended before this server's turn",
  CLOCK_AHEAD: ({ minutes }) =>
    `the cloud's clock is ${minutes} minutes ahead, so the image would be dated after the next slot and not count: correct the clock, or lengthen the interval`,
  CLOCK_BEHIND: ({ minutes }) =>
    `the cloud's clock is ${minutes} minutes behind, so the image would be dated before the slot and not count: correct the clock`,
  IMAGE_NOT_FOUND: ({ name }) => `the cloud accepted the request for ${name}, but no such image can be found`,
  IMAGE_LOST: ({ image }) => `the cloud accepted the request, but image ${image} does not exist`,
  MARKER_LOST: (one) =>
    `the cloud did not store the marker on ${idText(one)}: it does not count and is never deleted: correct the cause, then delete it`,
  IMAGE_FAILED: ({ status, ...one }) =>
    `${idText(one)} failed (${statusText(status)}): the next run takes another`,
  IMAGE_EMPTY: ({ image, hasSize }) =>
    `image ${image} is active and ${hasSize ? 'its block_device_mapping names no volume snapshot' : 'has no data'}: the next run takes another`,
  IMAGE_REJECTED: ({ image, isVolumeSnapshot, problem }, say) => {
    const what = isVolumeSnapshot ? 'volume snapshot' : 'image';
    return `${say(problem)}: it does not count, and nothing deletes it: compare the ${what}'s properties with this (openstack ${what} show ${image}), stop what changed them, then delete the ${what}`;
  },
  SERVER_UNKNOWN: ({ server, problem }, say) =>
    `the cloud does not say whether server ${server} exists, so no snapshot of it is taken: ${say(problem)}`,
  ID_UNKNOWN: () => 'servers.ids: no such server in these regions: correct the id, or take it out',
  ID_NOT_IN_POLICY: () =>
    'servers.ids: no server of this policy in these regions: correct the id, or take it out',
  ID_UNREADABLE: () => 'servers.ids: not found in the regions that could be read',
  WITHOUT_VOLUMES: ({ names, reason }, say) => {
    const isQuota = reason.code === 'CLOUD' && reason.error === 'OVER_QUOTA';
    const isRefused = reason.code === 'CLOUD' && reason.error === 'BAD_REQUEST';
    const remedy = isQuota
      ? ': delete snapshots of the volume, or ask the cloud for a higher quota'
      : isRefused
        ? ': if the cloud makes no snapshots of this type of volume, name the volume in volumes.except'
        : '';
    return `without ${names.length === 1 ? 'the volume' : 'the volumes'} ${names.join(', ')}: ${say(reason)}${remedy}`;
  },
  VOLUME_BUSY: ({ status }) => `the cloud is busy with the volume (${status})`,
  VOLUME_IN_STATE: ({ status }) =>
    `the cloud can't make a snapshot of a volume in ${status}: repair it or ask the cloud's support (openstack volume show <volume id>), or name it in volumes.except`,
  VOLUME_UNKNOWN: () =>
    "the server has it attached, but block storage does not show the volume or its status, so no snapshot of it is requested: look at it (openstack volume show <volume id>), or ask the cloud's support",
  VOLUME_SNAPSHOT_IN_PROGRESS: () =>
    'busy: another snapshot of the volume is being made or deleted, and the cloud allows one at a time',
  SHARED_VOLUME_WAITS: ({ server }) =>
    `its snapshot is taken with those of ${server}, which also has the volume and was not taken now`,
  VOLUME_GONE_BY_NOW: () => 'the volume is gone by now',
  VOLUMES_OVER_QUOTA: ({ needed, left, kind, isImage }) => {
    const short =
      kind === 'volumeSnapshots'
        ? `the server needs ${counted(needed, 'volume snapshot')} and the quota of the cloud has room for ${left}`
        : `the volumes of the server need ${needed} GB and the quota of the cloud has room for ${left} GB`;
    const then = isImage
      ? 'no image of it is made'
      : 'only its image is taken, and no snapshot of any of its volumes';
    return `${short}, so ${then}: ask the cloud for a higher quota, or keep fewer`;
  },
} satisfies Partial<Sentences>;
