import { PERIODS, type Period } from '../../config/keep-rules.ts';
import { codeOf } from '../reasons.ts';
import { policyDuration, statusText } from './format.ts';
import type { Sentences } from './makers.ts';

/** "weekly 2026-W48" */
const periodEntries = PERIODS.map((rule) => [
  codeOf(rule),
  ({ period }: { period: string }) => `${rule} ${period}`,
]);
const periodSentences: Pick<Sentences, Uppercase<Period>> = Object.fromEntries(periodEntries);

/** Why a snapshot is kept or deleted. */
export const retentionSentences = {
  // Why a rule of `keep` keeps a snapshot, or lets it go.
  LAST: ({ rank, of }) => `last ${rank} of ${of}`,
  ...periodSentences,
  OLDEST: ({ rule, have, of }) => `oldest, ${rule} has ${have} of ${of}`,
  WITHIN: ({ ms }) => `within ${policyDuration(ms)}`,
  PROVEN: () => 'proven, the newest that passed its last drill',
  PROVEN_ONCE: () => 'proven once, the newest that ever passed a drill',
  AT_LEAST: ({ count }) => `at least ${count}`,
  NO_RULE: () => 'no rule keeps it',

  // Why a snapshot stays whatever the rules say.
  SET_KEPT: ({ part }) =>
    `the ${part === undefined ? 'image' : `snapshot of ${part}`} of the same set stays, and a server is restored from whole sets`,
  COMPLETE_SET_KEPT: () => 'the rules keep this complete set, because parts of newer sets are missing',
  PROTECTED: () => 'held: the image is protected',
  HELD: () => 'held forever',
  HELD_UNTIL: ({ until, day }) =>
    `held until ${until}${day === undefined ? '' : `, when ${day} has ended in every time zone`}`,
  EXPOSED: ({ exposure }) =>
    `the image is ${exposure}: it stays until ${exposure === 'hidden' ? 'it is no longer hidden' : 'it is private again'}`,
  SHARED: ({ members }) =>
    `the image is shared with ${members.join(', ')}: it stays until it is shared no more`,
  DRILL_RUNNING: () => 'a drill of it may still be running',
  DRILL_OF_SLOT: () => 'a drill of it was begun for this slot',
  SERVER_BUILDING: () => 'a server is being made from it',
  VOLUME_FILLING: () => 'a volume is being made from it',
  RESTORED_AS_NEW: () => 'a restore to a new server has begun with it',
  RESTORED_IN_PLACE: () => 'a restore in place has begun with it',
  RESTORED_AS_VOLUME: () => 'a restore of this volume alone has begun with it',

  // What a snapshot is that does not count, and what is to become of it.
  UNFINISHED: ({ status }) => `not finished (${statusText(status)})`,
  ACTIVE_WITHOUT_DATA: ({ hasSize }) =>
    hasSize
      ? 'active, and its block_device_mapping names no volume snapshot, so it is not known where its data are: not counted'
      : 'active, but has no size and no volume snapshots, so it may be empty: not counted',
  UNKNOWN_STATUS: ({ status }) => `status "${statusText(status)}" is not understood: not counted`,
  DELETION_FAILED: () =>
    "the cloud was asked to delete it and failed (error_deleting): not counted; ask the cloud's support to delete it",
  IN_FUTURE: () => 'dated in the future: not counted',
  FAILED_LATELY: () => 'failed less than 24 hours ago',
  FAILED_ALONE: () => 'failed, and there is no newer good one',
  FAILED: () => 'failed, and a newer good one exists',
  PARTIAL: ({ status, reasons }, say) =>
    `${statusText(status)}: its remaining data is kept as if it were complete: ${say(...reasons)}`,

  // Ad-hoc snapshots.
  ADHOC_FAILED: ({ status, until }) =>
    `ad hoc, failed (${statusText(status)}): it holds nothing that can be restored; ${until === undefined ? 'it never expires: delete it by hand, or take another: a later cleanup then deletes it' : `it expires at ${until}`}`,
  ADHOC: () => 'ad-hoc snapshot without an expiry date',
  ADHOC_UNTIL: ({ until }) => `ad hoc, until ${until}`,
  ADHOC_ENDED: ({ until }) => `ad hoc, ended ${until}`,

  // Snapshots of servers that are not where they were.
  SERVER_GONE: () => 'its server is gone: the series is kept whole',
  SERVER_ELSEWHERE: () => 'its server is not in this region: the series is kept whole',
  SERVER_ELSEWHERE_KEPT: () => 'its server is not in this region: it is kept',
  VOLUME_GONE: () => 'its volume is gone: the series is kept whole',
  VOLUME_DETACHED: () => 'its volume is attached to no server here: the series is kept whole',
  ORPHAN: ({ keep, isVolume }) => `its ${isVolume ? 'volume' : 'server'} is gone, and orphans keeps ${keep}`,
  ORPHAN_UNPROVABLE: () =>
    'its server is gone, so nothing shows any more whose volume snapshots it names: it is kept and not counted',
} satisfies Partial<Sentences>;
