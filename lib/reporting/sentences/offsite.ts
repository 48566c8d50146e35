import { gigabytes } from './quantity.ts';
import type { Sentences } from './sentence.ts';

/** What becomes of a copy or an export. */
export const offsiteSentences = {
  // Copies.
  COPY_PLANNED: ({ bytes }) => `${gigabytes(bytes)} to copy`,
  COPIED: ({ bytes, algorithm }) => `${gigabytes(bytes)} copied, ${algorithm} verified`,
  EXPORTED: ({ bytes, segments }) =>
    `${gigabytes(bytes)} exported to Cloud Files, whole as far as can be seen: ${segments} segments in order, and the end of a VHD`,
  COPY_UPLOADING: ({ bytes, of }) =>
    `${gigabytes(bytes)} of ${gigabytes(of)} are there, the next try resumes: run deadline reached`,
  COPY_VERIFYING: ({ bytes, of }) =>
    `all ${gigabytes(of)} are there, ${gigabytes(bytes)} are verified, the next try resumes: run deadline reached`,
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
  COPY_DISPUTED: ({ problem }, say) => `changed since the plan: ${say(problem)}`,
  COPY_WITHOUT_MANIFEST: () => 'changed since the plan: its manifest is gone',
  COPY_SERVER_UNLISTED: () => 'its server is not in the list of servers: the copies are all kept',
  TOO_FEW_COPIES_LEFT: ({ needed }) => `fewer than ${needed} good copies (atLeast) would be left`,

  // Exports, which copies at Rackspace begin with.
  EXPORT_RUNNING: ({ since }) =>
    `its export was asked for at ${since}; a later run looks what has become of it`,
  EXPORT_UNSURE: () => 'whether its export was begun is not known yet: the next run after an hour asks again',
  EXPORT_UNSEEN: ({ name }) =>
    `its task says that it is done, and ${name} is not there yet: a later run looks again`,
  EXPORT_INCOMPLETE: ({ problem }, say) => `its export is done, but is not complete yet: ${say(problem)}`,
  EXPORT_STUCK: ({ since, task }) =>
    `its export is running since ${since}: ask Rackspace about the task ${task}`,
  EXPORT_NAME_TAKEN: ({ name, container }) =>
    `${name} is in the container ${container} already, and no manifest there says that it is this copy: somebody else has put it there, or has deleted the manifest: move it away, or name another container in offsite.container`,
  EXPORT_FAILED: ({ cause, name, isThere }) =>
    `its export has failed, and is asked for again: ${cause}, and ${name} is ${isThere ? 'of another export' : 'not there'}`,
  EXPORT_LEFT_ALONE: ({ problem }, say) => `its export is not complete, and is left alone: ${say(problem)}`,
  EXPORT_DISCARDED: ({ problem }, say) => `its export is discarded, and is asked for again: ${say(problem)}`,

  // What is wrong with a copy or an export.
  COPY_OTHER_MANIFEST: ({ key }) => `${key} is not the manifest of exactly this copy`,
  COPY_WITHOUT_HEAD: ({ key, segment }) =>
    `${key} is gone, and its segments, such as ${segment}, are there: an empty object of that name with the header X-Object-Manifest makes it whole again`,
  COPY_OTHER_DATA: ({ key, manifest }) => `${key} is not what ${manifest} says`,
  EXPORT_NO_VHD: ({ name }) => `${name} does not end as a VHD does`,
  EXPORT_OF_OTHERS: ({ name }) => `${name} is made of other objects than its own segments`,
  EXPORT_SEGMENTS_MISSING: ({ name }) => `the segments of ${name} are not all there, or not of one size`,
  EXPORT_OTHER_SIZE: ({ name }) => `the segments of ${name} have another size than it has`,
  EXPORT_OTHER_CHECKSUM: ({ name }) => `the MD5s of the segments of ${name} do not agree with its own`,
} satisfies Partial<Sentences>;

function limitText(bytes: number): string {
  return `offsite.maxBytesPerMonth (${gigabytes(bytes)})`;
}
