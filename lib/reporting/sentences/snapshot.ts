import type { Sentences } from './sentence.ts';

/** What ends a state of a server that only a person ends. */
const REMEDIES: Record<string, string> = {
  RESCUE: 'end the rescue (openstack server unrescue)',
  SHELVED: 'unshelve it (openstack server unshelve)',
  SHELVED_OFFLOADED: 'unshelve it (openstack server unshelve)',
  SOFT_DELETED: 'restore it (openstack server restore)',
  VERIFY_RESIZE: 'confirm or revert its resize (openstack server resize confirm)',
};

export function remedyFor(status: string): string {
  return (
    REMEDIES[status] ?? "find out its fault (openstack server show), and repair it or ask the cloud's support"
  );
}

/** What becomes of a server when a snapshot is due. */
export const snapshotSentences = {
  TAKEN: ({ name }) => name,
  WOULD_TAKE: ({ name }) => `would be taken as ${name}`,
  ALREADY_TAKEN: ({ image, status, until }) =>
    `already taken: image ${image} is ${status}${until === undefined ? '' : `, and is deleted once ${until} has passed`}`,
  REQUEST_ENDS_SOONER: ({ image, until }) =>
    `image ${image} of this request is there already, and is deleted once ${until} has passed, sooner than this call requests: hold it, or give the request another name`,
  REQUEST_OVER: ({ since }) =>
    `no snapshot of it by this request is there, or its end has passed, and the request, of ${since}, takes none after a day: give it another name`,
  REQUEST_TOOK_IT_BEFORE: ({ image }) =>
    `image ${image} of it was made by this request, and is no longer there or was renamed: give the request another name`,
  SERVER_IN_STATE: ({ status }) =>
    `the server is in ${status}, in which the cloud makes no image of it: ${remedyFor(status)}, or name the server in servers.except`,
  SERVER_LOCKED: () =>
    'the server is locked, and the cloud makes no image of it: unlock it (openstack server unlock), or name the server in servers.except',
  SERVER_BUSY: ({ taskState }) => `the cloud is busy with the server (${taskState})`,
  SNAPSHOT_PENDING: ({ image, status }) => `busy: image ${image} is still ${status}`,
  CONFLICT: ({ message }) => `busy: ${message}`,
  SERVER_GONE_BY_NOW: () => 'the server is gone by now',
  VOLUME_SERVER_AT_RACKSPACE: () =>
    'its disk is a volume, of which Rackspace makes no images: back it up with Cloud Block Storage, and name the server in servers.except',
  NEXT_SLOT: () => "the slot ended before this server's turn",
  CLOCK_AHEAD: ({ minutes }) =>
    `the cloud's clock is ${minutes} minutes ahead, so its image would be dated after the next slot and not count: have that clock corrected, or the policy's interval made longer`,
  CLOCK_BEHIND: ({ minutes }) =>
    `the cloud's clock is ${minutes} minutes behind, so its image would be dated before the slot and not count: have that clock corrected`,
  IMAGE_NOT_FOUND: ({ name }) =>
    `the cloud has accepted the request for ${name}, and no such image can be found`,
  IMAGE_LOST: ({ image }) => `the cloud has accepted the request, and has no image ${image}`,
  MARKER_LOST: ({ image }) =>
    `the cloud has left the marker out of image ${image}: it does not count, and nothing deletes it: correct the cause, then delete the image`,
  IMAGE_FAILED: ({ image, status }) =>
    `the cloud has given up image ${image} (${status}): the next run takes another`,
  IMAGE_EMPTY: ({ image, hasSize }) =>
    `image ${image} is active and ${hasSize ? 'its block_device_mapping names no volume snapshot' : 'has no data'}: the next run takes another`,
  IMAGE_REJECTED: ({ problem }, say) =>
    `${say(problem)}: it does not count, and nothing deletes it: correct the cause, then delete the image`,
  SERVER_UNKNOWN: ({ server, problem }, say) =>
    `the cloud does not say whether server ${server} exists, so no snapshot of it is taken: ${say(problem)}`,
  ID_UNKNOWN: () => 'servers.ids: no such server in these regions: correct the id, or take it out',
  ID_NOT_IN_POLICY: () =>
    'servers.ids: no server of this policy in these regions: correct the id, or take it out',
  ID_UNREADABLE: () => 'servers.ids: not found in the regions that could be read',
} satisfies Partial<Sentences>;
