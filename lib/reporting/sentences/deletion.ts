import { statusText } from './format.ts';
import type { Sentences } from './makers.ts';

/** What becomes of a deletion or a hold. */
export const deletionSentences = {
  // What became of a deletion.
  MAX_DELETES: ({ most }) => `more than ${most} (maxDeletes) in one run`,
  DEADLINE: () => 'run deadline reached',
  STOPPED: ({ message }) => `not tried: ${message}`,
  ALREADY_GONE: () => 'already gone',
  GONE_BY_NOW: () => 'gone by now',
  VANISHED: () => 'the snapshot should have been kept, but it is gone',
  STILL_THERE: () => 'the cloud accepted the deletion, but the image is still there',
  UNCONFIRMED: () => 'the cloud accepted the deletion, which is not confirmed',
  TOO_FEW_LEFT: ({ needed }) => `fewer than ${needed} good ones (atLeast) would be left`,
  NONE_PROVEN_LEFT: () => 'no newer snapshot with a passed drill would remain',
  SAME_VOLUME_SNAPSHOTS: () => 'another image names the same volume snapshots',
  OTHER_DEPLOYMENT: () => 'another deployment has snapshots of its server, too',
  VOLUME_SNAPSHOTS_GOING: () => 'its volume snapshots are being deleted since an earlier run',
  VOLUME_SNAPSHOTS_GOING_NOW: () => 'its volume snapshots are being deleted; a later run deletes the image',
  VOLUME_SNAPSHOT_STILL_THERE: ({ id, status }) =>
    `the cloud accepted the deletion of its volume snapshot ${id}, which is still ${status}`,

  // Why a snapshot is not what the plan was made for.
  NOT_OURS: () => 'the image no longer has the marker of this deployment',
  UNREADABLE_MARKER: ({ problem }, say) => say(problem),
  OTHER_MARKER: () => 'its marker has changed',
  OTHER_VOLUME_SNAPSHOTS: () => 'it names other volume snapshots',
  OTHER_STATUS: ({ status }) => `it is ${statusText(status)}`,
  CHANGED: ({ reason }, say) => `changed since the plan: ${say(reason)}`,

  // What becomes of a hold.
  RELEASED: () => 'rotated again by its policy',
  RELEASED_UNMARKED: () =>
    'it is not marked as a snapshot of this deployment, so only a policy with adopt may delete it',
  RELEASED_FOREIGN: () => 'it is no snapshot of this deployment, so nothing here deletes it',
  RELEASED_UNREADABLE: ({ problem }, say) => `${say(problem)}: it does not count, and nothing deletes it`,
  RELEASED_PROTECTED: () => 'the image is protected: it stays until you remove the protection',
  RELEASED_ADHOC: () => 'it is an ad-hoc snapshot without an expiry date, so nothing deletes it',
  RELEASED_ADHOC_UNTIL: ({ until, isOver }) =>
    isOver
      ? `its end, ${until}, has passed: the next cleanup deletes it`
      : `the first cleanup after ${until} deletes it`,
  RELEASED_WITHOUT_POLICY: ({ policy }) =>
    `its policy ${policy} is no longer deployed, so nothing deletes it`,
} satisfies Partial<Sentences>;
