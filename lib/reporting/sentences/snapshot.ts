import { statusText } from './format.ts';
import type { Sentences } from './makers.ts';

/** What ends a state of a server that only a person ends. */
const STATE_REMEDIES: Record<string, string> = {
  RESCUE: 'end the rescue (openstack server unrescue)',
  SHELVED: 'unshelve it (openstack server unshelve)',
  SHELVED_OFFLOADED: 'unshelve it (openstack server unshelve)',
  SOFT_DELETED: 'restore it (openstack server restore)',
  VERIFY_RESIZE: 'confirm or revert its resize (openstack server resize confirm)',
};

export function remedyForStatus(status: string): string {
  return (
    STATE_REMEDIES[status] ??
    "find out its fault (openstack server show), and repair it or ask the cloud's support"
  );
}

/** What becomes of a server when a snapshot is due. */
export const snapshotSentences = {
  TAKEN: ({ name }) => name,
  WOULD_TAKE: ({ name }) => `would be taken as ${name}`,
  ALREADY_TAKEN: ({ image, status, until }) =>
    `already taken: image ${image} is ${statusText(status)}${until === undefined ? '' : `, and is deleted once ${until} has passed`}`,
  REQUEST_ENDS_SOONER: ({ image, until }) =>
    `this request already made image ${image}, which expires at ${until}, earlier than you now ask: hold it, or use another request name`,
  REQUEST_OVER: ({ since }) =>
    `the request of ${since} is more than a day old, so it takes no more snapshots; it has no snapshot of this server, or no longer has one: use another request name`,
  REQUEST_TOOK_IT_BEFORE: ({ image }) =>
    `this request already made image ${image}, which was deleted or renamed: use another request name`,
  SERVER_IN_STATE: ({ status }) =>
    `the cloud can't make an image while the server is in ${status}: ${remedyForStatus(status)}, or name the server in servers.except`,
  SERVER_LOCKED: () =>
    "the cloud can't make an image of a locked server: unlock it (openstack server unlock), or name the server in servers.except",
  SERVER_BUSY: ({ taskState }) => `the cloud is busy with the server (${taskState})`,
  SNAPSHOT_PENDING: ({ image, status }) => `busy: image ${image} is still ${statusText(status)}`,
  CONFLICT: ({ message }) => `busy: ${message}`,
  SERVER_GONE_BY_NOW: () => 'the server is gone by now',
  VOLUME_SERVER_AT_RACKSPACE: () =>
    "Rackspace can't make images of volume-backed servers: back it up with Cloud Block Storage, and name the server in servers.except",
  NEXT_SLOT: () => "the slot ended before this server's turn",
  CLOCK_AHEAD: ({ minutes }) =>
    `the cloud's clock is ${minutes} minutes ahead, so the image would be dated after the next slot and not count: correct the clock, or lengthen the interval`,
  CLOCK_BEHIND: ({ minutes }) =>
    `the cloud's clock is ${minutes} minutes behind, so the image would be dated before the slot and not count: correct the clock`,
  IMAGE_NOT_FOUND: ({ name }) => `the cloud accepted the request for ${name}, but no such image can be found`,
  IMAGE_LOST: ({ image }) => `the cloud accepted the request, but image ${image} does not exist`,
  MARKER_LOST: ({ image }) =>
    `the cloud did not store the marker on image ${image}: the image does not count and is never deleted: correct the cause, then delete the image`,
  IMAGE_FAILED: ({ image, status }) =>
    `image ${image} failed (${statusText(status)}): the next run takes another`,
  IMAGE_EMPTY: ({ image, hasSize }) =>
    `image ${image} is active and ${hasSize ? 'its block_device_mapping names no volume snapshot' : 'has no data'}: the next run takes another`,
  IMAGE_REJECTED: ({ image, problem }, say) =>
    `${say(problem)}: it does not count, and nothing deletes it: compare that with its properties (openstack image show ${image}), end what has changed them, then delete the image`,
  SERVER_UNKNOWN: ({ server, problem }, say) =>
    `the cloud does not say whether server ${server} exists, so no snapshot of it is taken: ${say(problem)}`,
  ID_UNKNOWN: () => 'servers.ids: no such server in these regions: correct the id, or take it out',
  ID_NOT_IN_POLICY: () =>
    'servers.ids: no server of this policy in these regions: correct the id, or take it out',
  ID_UNREADABLE: () => 'servers.ids: not found in the regions that could be read',
} satisfies Partial<Sentences>;
