import { resetText, sizeText, statusText } from './format.ts';
import type { Sentences } from './makers.ts';

/** How an export task ended for which the cloud has no message. */
const EXPORT_TASKS = {
  failed: 'its task has failed',
  succeeded: 'its task has succeeded',
  gone: 'its task is no longer kept',
};

/** The results of copies and exports. */
export const offsiteSentences = {
  // Copies.
  COPY_PLANNED: ({ bytes }) => `${sizeText(bytes)} to copy`,
  COPIED: ({ bytes, algorithm }) => `${sizeText(bytes)} copied, ${algorithm} verified`,
  EXPORTED: ({ bytes, segments }) =>
    `${sizeText(bytes)} exported to Cloud Files, complete as far as can be checked: ${segments} segments in order, and the footer of a VHD`,
  COPY_UPLOADING: ({ bytes, of }) =>
    `${sizeText(bytes)} of ${sizeText(of)} are uploaded, the next try resumes: run deadline reached`,
  COPY_VERIFYING: ({ bytes, of }) =>
    `all ${sizeText(of)} are uploaded, ${sizeText(bytes)} are verified, the next try resumes: run deadline reached`,
  COPY_TOO_LARGE: ({ bytes }) =>
    `the cloud sends images from their beginning only, and this one (${sizeText(bytes)}) is too large for one run: it can't be copied`,
  COPY_CORRUPT: ({ algorithm }) =>
    `the copy's ${algorithm} differs from the cloud's ${algorithm} of the image: the copy is discarded; if that happens again, the image itself is damaged`,
  COPY_DISCARDED_BY_OTHER_RUN: () => 'another run has discarded this copy meanwhile',
  COPY_CHANGED_BY_OTHER_RUN: ({ message }) => `another run has changed this copy meanwhile: ${message}`,
  COPY_RETRIED_LATER: ({ times, from }) =>
    `the copy was begun ${times} times this month and failed each time: it is retried from ${from} on`,
  COPY_LARGER_THAN_LIMIT: ({ bytes, limit }) =>
    `${sizeText(bytes)} are more than ${limitText(limit)} ever allows: raise the limit`,
  COPY_OVER_LIMIT: ({ bytes, used, limit }) =>
    `${sizeText(bytes)} on top of the ${sizeText(used)} of this month would exceed ${limitText(limit)}: the copy waits for the next month or for a higher limit`,
  COPY_LIMIT_UNREADABLE: ({ limit }) => `how much of ${limitText(limit)} is used up can't be read`,
  COPY_ELSEWHERE: ({ home }) =>
    `its newest snapshot was taken in region ${home}, so its copy belongs there: see what the report says of that region`,
  COPY_REGION_UNKNOWN: () =>
    'the region in which its newest snapshot was taken is unknown, and so is whether it is copied already',
  COPY_SOURCE_GONE: () => 'the snapshot was deleted before it was copied',
  COPY_EXPORT_GONE: () => 'its export was deleted before it was copied: the export is requested again',
  COPY_OF_VOLUMES: () =>
    'its disk is a volume: the data are in volume snapshots, which the image service can not export',
  COPY_WITHOUT_CHECKSUM: () => 'the cloud has no checksum of its images, so a copy could not be verified',
  COPY_LICENSED: ({ options }) =>
    `Rackspace does not export images with its own licenses, such as those of Windows and Red Hat (the image's com.rackspace__1__options is ${options})`,
  COPY_DISPUTED: ({ problem }, say) => `changed since the plan: ${say(problem)}`,
  COPY_WITHOUT_MANIFEST: () => 'changed since the plan: its manifest is gone',
  COPY_SERVER_UNLISTED: () => 'its server is not in the list of servers: the copies are all kept',
  TOO_FEW_COPIES_LEFT: ({ needed }) => `fewer than ${needed} good copies (atLeast) would be left`,

  // Backups of volumes.
  BACKUP_PLANNED: ({ sizeGb, incremental }) =>
    `${incremental ? 'an incremental' : 'a full'} backup of a volume of ${sizeGb} GB to make`,
  BACKUP_REQUESTED: ({ incremental }) =>
    `${incremental ? 'an incremental' : 'a full'} backup was requested; a later run checks its progress`,
  BACKUP_RUNNING: ({ since }) => `the backup was requested at ${since}; a later run checks its progress`,
  BACKUP_STUCK: ({ since }) =>
    `the backup has been in progress since ${since}: the cloud may have no backup service; until it ends, no other backup of this volume begins: have an administrator reset its state to error, then delete it`,
  BACKUP_WAITS: ({ backup }) =>
    `the backup ${backup} has to be finished first: if it takes days, ${resetText()}`,
  BACKUP_RETRIED_LATER: ({ times, from }) =>
    `${times} backups have failed one after another: the next one is made from ${from} on`,
  BACKUP_OVER_QUOTA: ({ needed, left, kind }) =>
    kind === 'backups'
      ? `the quota of the cloud has room for ${left} backups: ask the cloud for a higher quota, or keep fewer`
      : `the backup needs ${needed} GB and the quota of the cloud has room for ${left} GB: ask the cloud for a higher quota, or keep fewer`,
  BACKUP_MARKER_LOST: ({ backup }) =>
    `the cloud made the backup ${backup} without the marker that was sent: it does not count, and no run deletes it`,
  BACKUP_HAS_DEPENDENTS: () => 'incremental backups depend on it: it stays until these are deleted',
  BACKUP_VOLUME_UNATTACHED: () => 'its volume is attached to no listed server: its backups are all kept',
  BACKUP_GOING: () => 'it is being deleted; a later run checks that it is gone',
  BACKUP_STILL_THERE: ({ status }) =>
    `the backup still exists (${statusText(status)}), although the cloud accepted its deletion or answered that it is gone`,
  BACKUP_WITHOUT_SNAPSHOT: () => 'it was not made from a volume snapshot',

  // Exports: the first step of a copy at Rackspace.
  EXPORT_RUNNING: ({ since }) => `its export was requested at ${since}; a later run checks its progress`,
  EXPORT_UNCERTAIN: () =>
    'it is not known yet whether its export has begun: a run in an hour or later requests the export again',
  EXPORT_NOT_LISTED: ({ name }) =>
    `the export task has succeeded, but ${name} does not exist yet: a later run checks again`,
  EXPORT_INCOMPLETE: ({ problem }, say) =>
    `the export task has succeeded, but the export is not complete yet: ${say(problem)}`,
  EXPORT_STUCK: ({ since, task }) =>
    `its export has been running since ${since}: ask Rackspace about the task ${task}`,
  EXPORT_NAME_TAKEN: ({ name, container }) =>
    `${name} already exists in the container ${container}, and no manifest there says that it is this copy: somebody else put the object there, or deleted the manifest: move the object, or name another container in offsite.container`,
  EXPORT_FAILED: ({ task, message, name, isThere }) =>
    `its export has failed, and is requested again: ${message ?? EXPORT_TASKS[task]}, and ${name} ${isThere ? 'is of another export' : 'does not exist'}`,
  EXPORT_LEFT_ALONE: ({ problem }, say) => `its export is not complete, and is left alone: ${say(problem)}`,
  EXPORT_DISCARDED: ({ problem }, say) => `its export is discarded, and is requested again: ${say(problem)}`,

  // What is wrong with a copy or an export.
  COPY_OTHER_MANIFEST: ({ key }) => `${key} is not the manifest of exactly this copy`,
  COPY_WITHOUT_HEAD: ({ key, segment }) =>
    `${key} is gone, but its segments, such as ${segment}, exist: create an empty object of that name with the header X-Object-Manifest to repair the copy`,
  COPY_OTHER_DATA: ({ key, manifest }) => `${key} is not the object that ${manifest} describes`,
  EXPORT_NO_VHD: ({ name }) => `the last 512 bytes of ${name} are not a VHD footer`,
  EXPORT_OF_OTHERS: ({ name }) => `${name} is made of other objects than its own segments`,
  EXPORT_SEGMENTS_MISSING: ({ name }) => `segments of ${name} are missing, or differ in size`,
  EXPORT_OTHER_SIZE: ({ name }) => `the total size of the segments of ${name} differs from its own size`,
  EXPORT_OTHER_CHECKSUM: ({ name }) => `the checksum of ${name} does not match the MD5s of its segments`,
} satisfies Partial<Sentences>;

function limitText(bytes: number): string {
  return `offsite.maxBytesPerMonth (${sizeText(bytes)})`;
}
