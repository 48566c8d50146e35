import type { MissingVolume } from '../reasons.ts';
import { counted, firstNames, timeText } from './format.ts';
import type { Sentences } from './makers.ts';

/** The results of drills. */
export const drillSentences = {
  DRILL_PLANNED: ({ name, flavor, networks }) =>
    `would be booted as ${name}, flavor ${flavor}, ${networks.length > 0 ? `networks ${networks.join(', ')}` : 'no network'}`,
  DRILL_TO_JUDGE: () => 'would be judged, then deleted',
  DRILL_TO_DELETE: ({ because }, say) => `would be deleted: ${say(because)}`,
  DRILL_NOT_CHECKED: () => 'not checked yet',
  DRILL_BOOTED: ({ activeSeconds, isAtMost }) =>
    `the server booted, and became ACTIVE after ${atMost(isAtMost)}${timeText(activeSeconds)}`,
  DRILL_ANSWERED: ({ target, status, activeSeconds, answeredSeconds, isAtMost }) =>
    `the server booted, became ACTIVE after ${timeText(activeSeconds)}, and ${target} answered${status === undefined ? '' : ` with status ${status}`} after ${atMost(isAtMost)}${timeText(answeredSeconds)}`,
  DRILL_ERROR: ({ fault = 'the cloud does not say why' }) => `the server does not boot: ${fault}`,
  DRILL_NOT_ACTIVE: ({ status, ...waited }) => `the server is still in ${status} ${waitedText(waited)}`,
  DRILL_SILENT: ({ answers, ...waited }) =>
    `the server is ACTIVE, but ${answersText(answers)} ${waitedText(waited)}`,
  DRILL_OLD: ({ hours }) => `the server is older than ${hours} hours`,
  DRILL_JUDGED: () => 'its snapshot already has a verdict',
  DRILL_SURPLUS: ({ atOnce }) =>
    `another run began a drill at the same moment, and drill.atOnce is ${atOnce}`,
  DRILL_BEING_DELETED: () => 'the server was already being deleted',
  DRILL_IMAGE_FOREIGN: () => 'its image is no longer a snapshot of this deployment',
  DRILL_SERVER_GONE: () => 'the server was deleted before the drill had a verdict',
  DRILL_TWIN: ({ image }) => `another server has the same metadata, and image ${image} names neither`,
  DRILL_NOT_NAMED: () => 'the image no longer records this server',
  DRILL_READ_LATER: ({ message }) => `${message}. The next run checks the server again`,
  DRILL_VERDICT_UNWRITTEN: ({ message }) => `the verdict could not be written on the image: ${message}`,
  DRILL_DELETED_LATER: ({ message }) =>
    `the server could not be deleted; the next run tries again: ${message}`,
  DRILL_STUCK: () => 'the cloud does not delete the server: delete it by hand',
  DRILL_STILL_BEING_DELETED: () => 'the server is still being deleted: the next run checks again',
  DRILL_FLAVOR_UNKNOWN: ({ flavor }) => `drill.flavor: there is no flavor "${flavor}"`,
  DRILL_FLAVOR_TOO_SMALL: ({ flavor, image, least }) =>
    `drill.flavor: ${flavor} is too small: image ${image} needs ${least}`,
  DRILL_WITHOUT_FLAVOR: ({ image, least }) =>
    `no flavor is large enough for image ${image}, which needs ${least}`,
  DRILL_WITHOUT_NETWORK: () =>
    'drill.networks: is missing: without it Rackspace puts the throw-away server on the internet: name an isolated network of yours',
  DRILL_SNAPSHOT_GONE: () => 'the image is no longer a good snapshot',
  DRILL_UNMARKED: ({ message }) =>
    `no server was requested, because the drill could not be recorded on the image: ${message}`,
  DRILL_SERVER_UNCERTAIN: ({ message }) =>
    `${message}. If the cloud created a server all the same, the next run finds it`,
  DRILL_RECORD_LOST: ({ snapshot }) =>
    `no server was requested, because the cloud did not keep the record of the drill on volume snapshot ${snapshot}`,
  DRILL_UNRECORDED: ({ message = 'the bucket of the reports could not be read' }) =>
    `nothing was requested, because the drill could not be recorded in the bucket: ${message}`,
  DRILL_VOLUME_PLANNED: ({ name, sizeGb }) =>
    `with a new volume from the snapshot of ${name}${sizeGb === undefined ? '' : ` (${sizeGb} GB)`}`,
  DRILL_VOLUMES_OPEN: ({ names }) =>
    `an earlier run has requested new volumes from the snapshots of ${names.join(', ')}: a server would boot with them, and they would be deleted`,
  DRILL_WITH_VOLUMES: ({ names }) => `with new volumes from the snapshots of ${names.join(', ')}`,
  DRILL_WITHOUT_VOLUMES: ({ volumes }) => {
    const named = volumes.filter(({ isLeftOut }) => !isLeftOut).map(missingVolumeText);
    return `without ${counted(volumes.length, 'volume')} of the original${named.length > 0 ? `: ${firstNames(named)}` : ''}`;
  },
  DRILL_VOLUMES_UNFINISHED: () =>
    'the snapshots of its volumes are not finished yet: a later drill boots them',
  DRILL_VOLUMES_UNREADABLE: ({ problem }, say) =>
    `the volumes of the region can't be listed, so it is unknown which ones to boot: ${say(problem)}`,
  DRILL_VOLUMES_OVER_QUOTA: ({ kind, needed, left }) =>
    kind === 'volumes'
      ? `the drill needs ${counted(needed, 'volume')} and the quota of the cloud has room for ${left}: nothing was made`
      : `the volumes of the drill need ${needed} GB and the quota of the cloud has room for ${left} GB: nothing was made`,
  DRILL_VOLUME_REFUSED: ({ name, message }) =>
    `the cloud makes no volume from the snapshot of ${name}: ${message}`,
  DRILL_VOLUMES_FILLING: ({ names }) =>
    `the cloud is still creating the volumes of the drill from the snapshots of ${names.join(', ')}: the next run checks again`,
  DRILL_VOLUMES_LATE: ({ hours }) => `the volumes of the drill are not available after ${hours} hours`,
  DRILL_VOLUME_FAILED: ({ volume, name, status }) =>
    `the cloud could not make a volume from the snapshot of ${name}: volume ${volume} is in ${status}`,
  DRILL_VOLUME_GONE: ({ name }) => `the new volume from the snapshot of ${name} does not exist any more`,
  DRILL_VOLUME_UNUSABLE: ({ volume, name, because }, say) =>
    `volume ${volume}, which was made from the snapshot of ${name}, can't be booted: ${say(because)}`,
  DRILL_VOLUMES_READ_LATER: ({ message }) => `${message}. The next run checks the volumes again`,
  DRILL_VOLUMES_LEFT: ({ names }) =>
    `the new volumes from the snapshots of ${names.join(', ')} were left by an earlier run, and are deleted`,
  DRILL_VOLUME_DELETED_LATER: ({ volume, name, message }) =>
    `volume ${volume} (${name}) could not be deleted; the next run tries again: ${message}`,
  DRILL_VOLUMES_STILL_BEING_DELETED: ({ names }) =>
    `the new volumes from the snapshots of ${names.join(', ')} are still being deleted: the next run checks again`,

  // Why nothing proves that a drill has made a server.
  DRILL_METADATA_CHANGED: () => 'its metadata are no longer those of a drill',
  DRILL_FROM_OTHER_IMAGE: ({ image }) => `the cloud does not say that it was made from image ${image}`,
  DRILL_IMAGE_GONE: ({ image }) =>
    `image ${image} is gone, so nothing but the metadata of the server names a drill`,
  DRILL_NOT_RECORDED: ({ image }) => `image ${image} does not name the drill`,
  DRILL_RENAMED: () => 'its name is not the one that the drill gave it',
  DRILL_CREATED_TOO_LATE: ({ image }) =>
    `it was not created right after the drill was recorded on image ${image}`,
  DRILL_CREATED_TOO_EARLY: ({ image }) => `it was created before the drill was recorded on image ${image}`,
  DRILL_OF_OTHER_SERVER: ({ image }) => `image ${image} names another server`,

  // Why nothing proves that a drill has made a volume.
  DRILL_VOLUME_METADATA_CHANGED: () => 'its metadata are no longer those of the drill',
  DRILL_VOLUME_FROM_OTHER_SNAPSHOT: ({ snapshot }) =>
    `the cloud does not say that it was made from volume snapshot ${snapshot}`,
  DRILL_VOLUME_CREATED_AT_OTHER_TIME: () => 'it was not created right after the drill was recorded',
  DRILL_VOLUME_ELSEWHERE: ({ servers }) => `it is attached to ${servers.join(', ')}`,
  DRILL_VOLUME_TWIN: () => 'another volume has the same metadata, and the record of the drill names neither',
  DRILL_VOLUME_NOT_RECORDED: () => 'no record of a drill names it',
} satisfies Partial<Sentences>;

function answersText(answers: readonly { target: string; status?: number; error?: string }[]): string {
  const each = answers.map(({ target, status, error }) =>
    status === undefined ? `${target} does not answer (${error})` : `${target} answers ${status}`,
  );
  return each.join('; ') || 'it has no address yet';
}

function waitedText({ minutes, limitHours }: { minutes: number; limitHours?: number }): string {
  return limitHours === undefined
    ? `after ${minutes} minutes: the next run checks again`
    : `after ${minutes} minutes, and drill.hours allows ${limitHours} hours`;
}

/** "db-logs (its snapshot 5b9c… is in error)" */
function missingVolumeText({ name, snapshot, status }: MissingVolume): string {
  if (snapshot === undefined) return `${name} (it has no snapshot of this slot)`;
  const why =
    status === undefined
      ? `another volume of the set has its place, so its snapshot ${snapshot} is left out`
      : `its snapshot ${snapshot} is in ${status}`;
  return `${name} (${why})`;
}

function atMost(is: true | undefined): string {
  return is ? 'at most ' : '';
}
