import type { Finding, Reason, ReasonCode } from './reasons.ts';

const HOUR_MS = 3_600_000;

/** What a job does not do in a region that can't be read. */
const UNDONE = {
  snapshot: 'no snapshot there',
  cleanup: 'nothing is deleted there',
  offsite: 'nothing is copied there',
  drill: 'nothing is drilled there',
};

/** The one place where a reason becomes words. */
const SENTENCES: { [C in ReasonCode]: (reason: Reason<C>) => string } = {
  // What becomes of a server when a snapshot is due.
  TAKEN: ({ name }) => name,
  WOULD_TAKE: ({ name }) => `would be taken as ${name}`,
  ALREADY_TAKEN: ({ image, status }) => `already taken: image ${image} is ${status}`,
  REQUEST_OVER: ({ since }) =>
    `no snapshot of it by this request is there, and the request, of ${since}, takes none after a day: give it another name`,
  SERVER_BUSY: ({ taskState }) => `busy: the server is in ${taskState}`,
  SNAPSHOT_PENDING: ({ image, status }) => `busy: image ${image} is still ${status}`,
  CONFLICT: ({ message }) => `busy: ${message}`,
  SERVER_GONE_BY_NOW: () => 'the server is gone by now',
  VOLUME_SERVER_AT_RACKSPACE: () =>
    'its disk is a volume, of which Rackspace makes no images: back it up with Cloud Block Storage, and name the server in servers.except',
  NEXT_SLOT: () => 'the next slot has come',
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
  IMAGE_REJECTED: ({ problem }) =>
    `${problem}: it does not count, and nothing deletes it: correct the cause, then delete the image`,
  SERVER_UNKNOWN: ({ server, problem }) =>
    `whether server ${server} is there can't be told, so no snapshot of it: ${problem}`,
  ID_UNKNOWN: () => 'servers.ids: no such server in these regions: correct the id, or take it out',
  ID_NOT_IN_POLICY: () =>
    'servers.ids: no server of this policy in these regions: correct the id, or take it out',
  ID_UNREADABLE: () => 'servers.ids: not found in the regions that could be read',

  // Why a rule of `keep` keeps a snapshot, or lets it go.
  LAST: ({ rank, of }) => `last ${rank} of ${of}`,
  HOURLY: ({ period }) => `hourly ${period}`,
  DAILY: ({ period }) => `daily ${period}`,
  WEEKLY: ({ period }) => `weekly ${period}`,
  MONTHLY: ({ period }) => `monthly ${period}`,
  YEARLY: ({ period }) => `yearly ${period}`,
  OLDEST: ({ rule, have, of }) => `oldest, ${rule} has ${have} of ${of}`,
  WITHIN: ({ ms }) => `within ${durationText(ms)}`,
  PROVEN: () => 'proven, the newest that passed its last drill',
  PROVEN_ONCE: () => 'proven once, the newest that ever passed a drill',
  AT_LEAST: ({ count }) => `at least ${count}`,
  NO_RULE: () => 'no rule keeps it',

  // Why a snapshot stays whatever the rules say.
  PROTECTED: () => 'held: the image is protected',
  HELD: () => 'held forever',
  HELD_UNTIL: ({ until }) => `held until ${until}`,
  EXPOSED: ({ exposure }) =>
    `the image is ${exposure}: it stays until ${exposure === 'hidden' ? 'it is no longer hidden' : 'it is private again'}`,
  SHARED: ({ members }) =>
    `the image is shared with ${members.join(', ')}: it stays until it is shared no more`,
  DRILL_RUNNING: () => 'a drill of it may still be running',
  DRILL_OF_SLOT: () => 'a drill of it was begun for this slot',
  SERVER_BUILDING: () => 'a server is being made from it',
  RESTORED_AS_NEW: () => 'a restore to a new server has begun with it',
  RESTORED_IN_PLACE: () => 'a restore in place has begun with it',

  // What a snapshot is that does not count, and what is to become of it.
  UNFINISHED: ({ status }) => `not finished (${status})`,
  UNKNOWN_STATUS: ({ status }) => `status "${status}" is not understood: not counted`,
  IN_FUTURE: () => 'dated in the future: not counted',
  FAILED_LATELY: () => 'failed less than 24 hours ago',
  FAILED_ALONE: () => 'failed, and there is no newer good one',
  FAILED: () => 'failed, and a newer good one exists',
  PARTIAL: ({ status, reasons }) =>
    `${status}: what is left of it stays as long as the whole would: ${sentencesOf(reasons)}`,

  // Ad-hoc snapshots.
  ADHOC: () => 'ad hoc, without an end',
  ADHOC_UNTIL: ({ until }) => `ad hoc, until ${until}`,
  ADHOC_ENDED: ({ until }) => `ad hoc, ended ${until}`,

  // Snapshots of servers that are not where they were.
  SERVER_GONE: () => 'its server is gone: the series is kept whole',
  SERVER_ELSEWHERE: () => 'its server is not in this region: the series is kept whole',
  SERVER_ELSEWHERE_KEPT: () => 'its server is not in this region: it is kept',
  ORPHAN: ({ keep }) => `its server is gone, and orphans keeps ${keep}`,
  ORPHAN_UNPROVABLE: () =>
    'its server is gone, so nothing shows any more whose volume snapshots it names: it is kept and not counted',

  // What became of a deletion.
  MAX_DELETES: ({ most }) => `more than ${most} (maxDeletes) in one run`,
  DEADLINE: () => 'the time of this run is used up',
  STOPPED: ({ message }) => `not tried: ${message}`,
  ALREADY_GONE: () => 'already gone',
  GONE_BY_NOW: () => 'gone by now',
  STILL_THERE: () => 'the cloud accepted the deletion, but the image is still there',
  UNCONFIRMED: () => 'the cloud accepted the deletion; nobody has seen it gone',
  TOO_FEW_LEFT: ({ needed }) => `fewer than ${needed} good ones (atLeast) would be left`,
  NONE_PROVEN_LEFT: () => 'no newer one that passed a drill would be left',
  SAME_VOLUME_SNAPSHOTS: () => 'another image names the same volume snapshots',
  OTHER_DEPLOYMENT: () => 'another deployment has snapshots of its server, too',
  VOLUME_SNAPSHOTS_GOING: () => 'its volume snapshots are being deleted since an earlier run',
  VOLUME_SNAPSHOTS_GOING_NOW: () => 'its volume snapshots are being deleted; the image goes in a later run',
  VOLUME_SNAPSHOT_STILL_THERE: ({ id, status }) =>
    `the cloud accepted the deletion of its volume snapshot ${id}, which is still ${status}`,

  // Why a snapshot is not what the plan was made for.
  NOT_OURS: () => 'it is not marked as ours any more',
  UNREADABLE_MARKER: ({ problem }) => problem,
  OTHER_MARKER: () => 'its marker is another',
  OTHER_VOLUME_SNAPSHOTS: () => 'it names other volume snapshots',
  OTHER_STATUS: ({ status }) => `it is ${status}`,
  CHANGED: ({ reason }) => `changed since the plan: ${sentenceOf(reason)}`,

  // What becomes of a hold.
  RELEASED: () => 'rotated again by its policy',
  RELEASED_UNMARKED: () =>
    'it is not marked as a snapshot of this deployment, so only a policy with adopt may delete it',
  RELEASED_FOREIGN: () => 'it is no snapshot of this deployment, so nothing here deletes it',
  RELEASED_UNREADABLE: ({ problem }) => `${problem}: it does not count, and nothing deletes it`,
  RELEASED_PROTECTED: () => 'it is protected, so it stays until it is not',
  RELEASED_ADHOC: () => 'it is an ad-hoc snapshot without an end, so nothing deletes it',
  RELEASED_ADHOC_UNTIL: ({ until }) => `it expires at ${until}, and is deleted then`,
  RELEASED_WITHOUT_POLICY: ({ policy }) =>
    `its policy ${policy} is no longer deployed, so nothing deletes it`,

  // Drills.
  DRILL_PLANNED: ({ words }) => `would be booted as ${words}`,
  DRILL_TO_JUDGE: () => 'would be judged, then deleted',
  DRILL_TO_DELETE: ({ because }) => `would be deleted: ${sentenceOf(because)}`,
  DRILL_NOT_LOOKED_AT: () => 'not looked at yet',
  DRILL_BOOTED: () => 'it was booted, and was ACTIVE',
  DRILL_ANSWERED: ({ said }) => `it was booted: ${said}`,
  DRILL_ERROR: ({ fault }) => `it does not boot: ${fault}`,
  DRILL_NOT_ACTIVE: ({ status, ...waited }) => `it is still in ${status} ${waitedText(waited)}`,
  DRILL_SILENT: ({ said, ...waited }) => `it is ACTIVE, but ${said} ${waitedText(waited)}`,
  DRILL_OLD: ({ hours }) => `it is older than ${hours} hours`,
  DRILL_JUDGED: () => 'its snapshot has its verdict',
  DRILL_SURPLUS: ({ atOnce }) => `another run began one at the same moment, and drill.atOnce is ${atOnce}`,
  DRILL_TOLD_TO_GO: () => 'it was told to go before',
  DRILL_IMAGE_FOREIGN: () => 'its image is no snapshot of ours any more',
  DRILL_SERVER_GONE: () => 'it was deleted before there was a verdict',
  DRILL_UNPROVEN: ({ problem }) => problem,
  DRILL_TWIN: ({ image }) => `another server has the same metadata, and image ${image} names neither`,
  DRILL_NOT_NAMED: () => 'its image no longer names it',
  DRILL_READ_LATER: ({ message }) => `${message} The next run looks again.`,
  DRILL_VERDICT_UNWRITTEN: ({ message }) => `that could not be written on the image: ${message}`,
  DRILL_DELETED_LATER: ({ message }) => `but the next run has to delete the server: ${message}`,
  DRILL_STUCK: () => 'it does not go: delete it by hand',
  DRILL_STILL_TO_GO: () => 'it is still to go, the next run looks again',
  DRILL_NO_FLAVOR: ({ problem }) => problem,
  DRILL_SNAPSHOT_GONE: () => 'it is no good snapshot any more',
  DRILL_UNMARKED: ({ message }) =>
    `no server was asked for, because its image could not be marked for it: ${message}`,
  DRILL_SERVER_UNSURE: ({ message }) =>
    `${message} If there is a server all the same, the next run finds it.`,
  DRILL_OF_VOLUMES: () =>
    'its disk is a volume: a server made from it would leave a new volume behind, so it is not drilled',

  // Copies.
  COPY_PLANNED: ({ bytes }) => `${gigabytes(bytes)} to copy`,
  COPIED: ({ bytes, algorithm }) => `${gigabytes(bytes)} copied, ${algorithm} verified`,
  EXPORTED: ({ bytes, segments }) =>
    `${gigabytes(bytes)} exported to Cloud Files, whole as far as can be seen: ${segments} segments in order, and the end of a VHD`,
  COPY_UPLOADING: ({ bytes, of }) =>
    `${gigabytes(bytes)} of ${gigabytes(of)} are there, the next try goes on: the time of this run is used up`,
  COPY_VERIFYING: ({ bytes, of }) =>
    `all ${gigabytes(of)} are there, ${gigabytes(bytes)} are verified, the next try goes on: the time of this run is used up`,
  COPY_TOO_LARGE: ({ bytes }) =>
    `the cloud sends images from their beginning only, and this one (${gigabytes(bytes)}) is too large for one run: it can't be copied`,
  COPY_CORRUPT: ({ algorithm }) =>
    `the copy's ${algorithm} is not the one that the cloud has of the image: the copy is discarded; if that happens again, the image itself is damaged`,
  COPY_DISCARDED_BY_OTHER_RUN: () => 'another run has discarded this copy meanwhile',
  COPY_CHANGED_BY_OTHER_RUN: ({ message }) => `another run has changed this copy meanwhile: ${message}`,
  COPY_RETRIED_LATER: ({ times, from }) =>
    `it was begun ${times} times this month, and failed each time: it is begun again from ${from} on`,
  COPY_LARGER_THAN_LIMIT: ({ bytes, limit }) =>
    `${gigabytes(bytes)} are more than ${limitText(limit)} allows at all: raise it`,
  COPY_OVER_LIMIT: ({ bytes, used, limit }) =>
    `${gigabytes(bytes)} more than the ${gigabytes(used)} of this month would be over ${limitText(limit)}: it waits for the next month, or for a higher limit`,
  COPY_LIMIT_UNREADABLE: ({ limit }) => `how much of ${limitText(limit)} is used up can't be read`,
  COPY_ELSEWHERE: ({ home }) =>
    `its newest snapshot was taken in ${home}, and only the copies there say whether it is copied already`,
  COPY_HOME_UNKNOWN: () =>
    'in which region its newest snapshot was taken is not known, and so whether it is copied already',
  COPY_SOURCE_GONE: () => 'the snapshot was deleted before it was copied',
  COPY_EXPORT_GONE: () => 'its export was deleted before it was copied: it is asked for again',
  COPY_OF_VOLUMES: () =>
    'its disk is a volume: the data lie in volume snapshots, which the image service can not give out',
  COPY_WITHOUT_CHECKSUM: () => 'the cloud has no checksum of its images, so a copy could not be verified',
  COPY_LICENSED: ({ options }) =>
    `Rackspace does not let images with its own licenses leave, such as those of Windows and Red Hat (its com.rackspace__1__options is ${options})`,
  COPY_DISPUTED: ({ problem }) => `changed since the plan: ${problem}`,
  COPY_WITHOUT_MANIFEST: () => 'changed since the plan: its manifest is gone',
  COPY_SERVER_UNLISTED: () => 'its server is not in the list of servers: the copies are all kept',
  TOO_FEW_COPIES_LEFT: ({ needed }) => `fewer than ${needed} good copies (atLeast) would be left`,

  // Exports, which copies at Rackspace begin with.
  EXPORT_RUNNING: ({ since }) =>
    `its export was asked for at ${since}; a later run looks what has become of it`,
  EXPORT_UNSURE: () => 'whether its export was begun is not known yet: the next run after an hour asks again',
  EXPORT_UNSEEN: ({ name }) =>
    `its task says that it is done, and ${name} is not there yet: a later run looks again`,
  EXPORT_INCOMPLETE: ({ problem }) => `its export is done, but can't be seen as a whole yet: ${problem}`,
  EXPORT_STUCK: ({ since, task }) =>
    `its export is running since ${since}: ask Rackspace about the task ${task}`,
  EXPORT_NAME_TAKEN: ({ name, container }) =>
    `${name} is in the container ${container} already, and was not exported for this copy: move it away, or name another container in offsite.container`,
  EXPORT_FAILED: ({ cause, name, isThere }) =>
    `its export has failed, and is asked for again: ${cause}, and ${name} is ${isThere ? 'of another export' : 'not there'}`,
  EXPORT_LEFT_ALONE: ({ problem }) => `its export can't be seen as a whole, and is left alone: ${problem}`,
  EXPORT_DISCARDED: ({ problem }) => `its export is discarded, and is asked for again: ${problem}`,

  // What is wrong, or odd, beyond single entries.
  REGION_UNREADABLE: ({ where, job, problem }) => `${where} can't be read, so ${UNDONE[job]}: ${problem}`,
  SELECTOR_UNMATCHED: ({ selector, isPart }) =>
    `servers.${selector} matches no server${isPart ? ' of this policy' : ''}`,
  NOT_OF_POLICY: ({ what, policy }) =>
    `servers.${what} is no server of the policy ${policy}: nothing is deleted for it`,
  SERVERS_DOUBTFUL: ({ problem }) => problem,
  SERVER_DOUBTFUL: ({ problem }) =>
    `whether a server is gone can't be told, so its snapshots stay: ${problem}`,
  EXPIRY_WITHOUT_CLEANUP: ({ where }) =>
    `expires: no policy looks at ${where} of this account, so nothing deletes these snapshots there`,
  TAKEN_UNCONFIRMED: ({ message }) => `whether the cloud has what it has accepted can't be told: ${message}`,
  REQUEST_UNREMEMBERED: ({ message }) => `since when this request is known can't be told: ${message}`,
  OTHER_RUN: ({ until }) =>
    `another run of this job is at work, until ${until} at most: this one has done nothing`,
  LEFT_TO_NEXT_RUN: ({ left }) => `stopped in time: ${left} to the next run`,
  LEFT_TO_NEXT_TRY: ({ left }) => `stopped in time: ${left} for the next try`,
  BUSY_TOO_LONG: ({ servers }) => `busy until half the interval had passed: ${servers}`,
  POLICY_NOT_DEPLOYED: ({ policy, count }) =>
    `the policy ${policy} is no longer configured: its ${count} snapshots are all kept`,
  SERIES_OF_GONE_SERVER: ({ server, policy, count, kept }) =>
    `server ${server} is gone: of its ${count} ${policy} snapshots ${kept} are kept`,
  SERIES_OF_SERVER_ELSEWHERE: ({ server, policy, count }) =>
    `server ${server} is not in this region: its ${count} ${policy} snapshots are all kept`,
  ADOPTED: ({ count, name }) => `${count} images of ${name} made by autosnap.py are adopted`,
  ADOPTED_TWICE: ({ policies }) =>
    `adopt: the policies ${policies.join(', ')} adopt the images of autosnap.py, and would rotate each other's: none of these images is touched until only one does`,
  IMAGE_SUSPECT: ({ problem }) => `${problem}: it is kept and not counted`,
  IMAGE_STUCK: ({ image, of, status, since, serverIs }) =>
    `image ${image} of ${of} is ${status} since ${since} and its server is ${serverIs}: it will never finish; delete it`,
  IMAGE_EXPOSED: ({ image, of, exposure }) =>
    `image ${image} of ${of} counts, and ${sentenceOf({ code: 'EXPOSED', exposure })}`,
  IMAGE_IN_FUTURE: ({ image, of, slot }) =>
    `image ${image} of ${of} is dated in the future (${slot}): it is kept and not counted`,
  SLOT_TAKEN_TWICE: ({ of, slot, images }) =>
    `${of} has ${images.length} snapshots of ${slot}, which count as one: ${images.join(', ')}`,
  NOT_DELETABLE: ({ image, of, reasons }) =>
    `image ${image} of ${of} can't be deleted, and the next ones go: ${sentencesOf(reasons)}`,
  DELETIONS_UNCONFIRMED: ({ where, message }) =>
    `${where} can't be read after the deletions, so they are not confirmed: ${message}`,
  IMAGE_VANISHED: ({ image, of, status, slot }) =>
    `image ${image} of ${of} (${status}, ${slot}) was to be kept and has disappeared: this run did not delete it`,
  IMAGE_DAMAGED: ({ image, of, status, slot }) =>
    `image ${image} of ${of} (${slot}) was good when this run began, and is no longer (${status}): this run did not change it`,
  IMAGE_VANISHED_PENDING: ({ image, of, status, slot }) =>
    `image ${image} of ${of} (${status}, ${slot}) has disappeared before it was finished: that snapshot has failed`,
  DRILLS_STUCK: ({ count }) =>
    `${count} throw-away servers do not go, so no more are made: delete them by hand`,
  DRILL_SERVER_ABANDONED: ({ text }) => text,
  DRILL_SERVER_FOREIGN: ({ text }) => text,
  NOT_COPIED: ({ of, reasons }) => `${of}: not copied: ${sentencesOf(reasons)}`,
  NEVER_COPIED: ({ of, reasons }) => `offsite: ${of} can't be copied: ${sentencesOf(reasons)}`,
  COPY_UNREADABLE: ({ of, problem }) =>
    `a copy of ${of} can't be read, so none of them is deleted: ${problem}`,
  COPY_LOST: ({ key, of }) =>
    `the copy ${key} of ${of} was good, and is not any more: this run did not delete it`,
  COPIES_STOPPED: ({ of, message }) => `the copies of ${of} can't be dealt with: ${message}`,
  COPIES_STOPPED_IN_REGION: ({ where, message }) => `nothing is copied in ${where}: ${message}`,
  COPY_LEFTOVER: ({ key, message }) => `what is left of ${key} can't be taken away: ${message}`,
  COPY_NEVER_VERIFIED: ({ key }) =>
    `${key} was never verified, and its snapshot is gone: it is kept and not counted`,
  COPY_NOT_COUNTED: ({ problem }) => `${problem}: the copy is kept and not counted`,
  COPY_LEDGER_UNREADABLE: ({ message }) => `what was copied this month can't be read: ${message}`,
  SERVER_ID_ODD: ({ image, server }) => `the image ${image} is not copied: "${server}" is no id of a server`,

  // What the cloud, or the bucket, says.
  CLOUD: ({ message }) => message,
  BUCKET: ({ message }) => message,
};

/** All codes. */
export const REASON_CODES = Object.keys(SENTENCES) as ReasonCode[];

/** The sentence of a reason, for people. */
export function sentenceOf<C extends ReasonCode>(reason: Reason<C>): string {
  return (SENTENCES[reason.code] as (reason: Reason<C>) => string)(reason);
}

/** The sentences of several reasons, in one line. */
export function sentencesOf(reasons: readonly Reason[]): string {
  return reasons.map(sentenceOf).join('; ');
}

/** The sentence of a finding, with its region. */
export function findingText({ region, ...reason }: Finding): string {
  const sentence = sentenceOf(reason as Reason);
  return region === undefined ? sentence : `${region}: ${sentence}`;
}

/** Reasons as an entry of a report has them: the code of the first to filter by, and all of them to read. */
export function reasonOf(first: Reason, ...more: Reason[]): { code: ReasonCode; reason: string } {
  return { code: first.code, reason: sentencesOf([first, ...more]) };
}

/** Reasons as a report has them: the codes to filter by, and the sentences to read. */
export function reported(reasons: readonly Reason[]): { codes: ReasonCode[]; reasons: string[] } {
  return { codes: reasons.map(({ code }) => code), reasons: reasons.map(sentenceOf) };
}

/** "2.0 GB" */
function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function waitedText({ minutes, limitHours }: { minutes: number; limitHours?: number }): string {
  return limitHours === undefined
    ? `after ${minutes} minutes: the next run looks again`
    : `after ${minutes} minutes, and ${limitHours} hours are the limit (drill.hours)`;
}

function limitText(bytes: number): string {
  return `offsite.maxBytesPerMonth (${gigabytes(bytes)})`;
}

function durationText(ms: number): string {
  const hours = ms / HOUR_MS;
  return hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`;
}
