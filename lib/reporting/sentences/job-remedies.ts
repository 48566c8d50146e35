import type { ReasonCode } from '../reasons.ts';

/**
 * What to do about a deletion, drill or copy that fails: the same as in docs/reasons.md. A test
 * keeps both equal, and complete.
 */
export const JOB_REMEDIES: Partial<Record<ReasonCode, string>> = {
  // The result of a deletion.
  MAX_DELETES: 'Raise maxDeletes if the rotation falls behind.',
  STOPPED: 'Look at the failure that it names.',
  VANISHED: 'Find out who deletes images.',
  STILL_THERE: "Delete the image by hand (openstack image delete <image id>), or ask the cloud's support.",
  UNCONFIRMED: 'Nothing: the next run checks again.',
  TOO_FEW_LEFT: 'Find out what happened to the other snapshots.',
  SAME_VOLUME_SNAPSHOTS: 'Delete one of the two images by hand.',
  VOLUME_SNAPSHOTS_GOING: "If it lasts, ask the cloud's support.",
  VOLUME_SNAPSHOTS_GOING_NOW: 'Nothing: a later run deletes the image.',
  VOLUME_SNAPSHOT_STILL_THERE:
    'Find out what needs that volume snapshot, such as a volume that was made from it.',

  // Drills.
  DRILL_ERROR:
    'Find out why: restore the snapshot as a new server, and read its console (openstack console log show <server id>). The snapshot may be unusable.',
  DRILL_NOT_ACTIVE: 'Increase drill.hours if the cloud is slow.',
  DRILL_SILENT: "Look at the check, at the security groups, and at the server's own console.",
  DRILL_SERVER_GONE: 'Nothing: the next drill tries again.',
  DRILL_TWIN: 'Delete the server if a drill created it; otherwise remove autosnap_drill from its metadata.',
  DRILL_NOT_NAMED:
    'Delete the server if a drill created it; otherwise remove autosnap_drill from its metadata.',
  DRILL_VERDICT_UNWRITTEN: "If it repeats, look at the user's role (invoke doctor, which shows it).",
  DRILL_DELETED_LATER: 'If it repeats, delete the server by hand (openstack server delete <server id>).',
  DRILL_STUCK: 'Delete the server by hand (openstack server delete <server id>).',
  DRILL_FLAVOR_UNKNOWN: 'Correct drill.flavor: see the list of flavors (openstack flavor list).',
  DRILL_FLAVOR_TOO_SMALL: 'Name a larger flavor (see openstack flavor list), or leave drill.flavor out.',
  DRILL_WITHOUT_FLAVOR: "Ask the cloud's operator.",
  DRILL_WITHOUT_NETWORK: 'Name an isolated network in drill.networks.',
  DRILL_UNMARKED: "If it repeats, look at the user's role (invoke doctor, which shows it).",
  DRILL_SERVER_UNCERTAIN: 'Nothing: the next run looks for it.',
  DRILL_RECORD_LOST: 'Test the restore of the server by hand.',
  DRILL_UNRECORDED: 'If it repeats, look at the bucket of the reports and the role of the functions.',
  DRILL_WITHOUT_VOLUMES:
    'Set drill.volumes: true, if the volumes have to be tested, too. If a snapshot of a volume has failed or is missing, the report of the snapshot run says why.',
  DRILL_VOLUMES_UNREADABLE: 'Give the user a role for block storage, or leave drill.volumes out.',
  DRILL_VOLUMES_OVER_QUOTA:
    'Ask the cloud for a higher quota (openstack limits show --absolute), or leave drill.volumes out.',
  DRILL_VOLUME_REFUSED: 'Read the error of the cloud.',
  DRILL_VOLUMES_LATE: "If it repeats, ask the cloud's support.",
  DRILL_VOLUME_FAILED: 'Restore the volume by hand, and take a new snapshot of the server.',
  DRILL_VOLUME_GONE: 'Nothing: a later drill tries again.',
  DRILL_VOLUME_UNUSABLE: 'Find out who has changed or attached the volume.',
  DRILL_VOLUME_DELETED_LATER:
    'If it repeats, delete the snapshots of the volume, and then the volume by hand (openstack volume delete <volume id>).',

  // Copies.
  COPY_TOO_LARGE: 'Back the server up by other means.',
  COPY_CORRUPT: 'If it repeats, the image is damaged: take a new snapshot (invoke snapshot with the policy).',
  COPY_DISCARDED_BY_OTHER_RUN: 'Nothing: the next run copies it again.',
  COPY_CHANGED_BY_OTHER_RUN: 'Nothing: the next run checks again.',
  COPY_RETRIED_LATER: 'Look at the failures of the earlier offsite runs.',
  COPY_LARGER_THAN_LIMIT: 'Raise offsite.maxBytesPerMonth.',
  COPY_OVER_LIMIT: 'Wait for the next month, or raise offsite.maxBytesPerMonth.',
  COPY_LIMIT_UNREADABLE: 'Look at the other failures of the run.',
  COPY_ELSEWHERE: 'Look at what the report says of that region; a later run copies it.',
  COPY_REGION_UNKNOWN:
    'If the server still exists, nothing: the next snapshot names the region. The snapshots of a server that is gone are no longer copied: download one by hand if you need a copy.',
  COPY_SOURCE_GONE: 'Make copies more often, or keep more.',
  COPY_EXPORT_GONE: 'Nothing: it is requested again.',
  COPY_OF_VOLUMES: 'Add volumes: backup to offsite, if the cloud has a backup service.',
  COPY_WITHOUT_CHECKSUM: "Ask the cloud's operator.",
  COPY_LICENSED: 'Back the server up by other means.',
  COPY_DISPUTED: 'Find out who has changed the copy.',
  COPY_WITHOUT_MANIFEST: 'Find out who has deleted the manifest.',
  COPY_SERVER_UNLISTED: 'Delete the copies by hand when you no longer need them.',
  TOO_FEW_COPIES_LEFT: 'Find out what happened to the other copies.',

  // Backups of volumes.
  BACKUP_REQUESTED: 'Nothing: a later run checks its progress.',
  BACKUP_STUCK: "Ask the cloud's operator about the backup.",
  BACKUP_WAITS: 'Nothing, unless that backup is stuck.',
  BACKUP_RETRIED_LATER: 'Look at the failures of the earlier offsite runs.',
  BACKUP_OVER_QUOTA: 'Ask the cloud for a higher quota, or keep fewer in offsite.keep.',
  BACKUP_MARKER_LOST: 'Find out why the cloud loses descriptions, then delete the backup by hand.',
  BACKUP_HAS_DEPENDENTS: 'Nothing: it is deleted after these.',
  BACKUP_VOLUME_UNATTACHED: 'Delete the backups by hand when you no longer need them.',
  BACKUP_GOING: 'Nothing: a later run checks that it is gone.',
  BACKUP_STILL_THERE: "Ask the cloud's operator about the backup.",
  BACKUP_WITHOUT_SNAPSHOT: 'Find out who has made the backup.',

  // Exports, which copies at Rackspace begin with.
  EXPORT_UNCERTAIN: 'Nothing: a later run asks again.',
  EXPORT_STUCK: 'Ask Rackspace about the task.',
  EXPORT_NAME_TAKEN: 'Move the object away, or name another container in offsite.container.',
  EXPORT_FAILED: 'If it repeats, ask Rackspace about the task.',
  EXPORT_LEFT_ALONE: 'Look at the container.',

  // What is wrong with a copy or an export.
  COPY_OTHER_MANIFEST: 'Find out who has changed the manifest.',
  COPY_WITHOUT_HEAD: 'Make an empty object of that name with the header X-Object-Manifest.',
  COPY_OTHER_DATA: 'Find out who has changed the data.',
  EXPORT_NO_VHD:
    'Nothing: it is checked again, and requested again. If it repeats, ask Rackspace about the task.',
  EXPORT_OF_OTHERS: 'Find out who has changed the export.',
  EXPORT_SEGMENTS_MISSING:
    'Nothing: it is checked again, and requested again. If it repeats, ask Rackspace about the task.',
  EXPORT_OTHER_SIZE:
    'Nothing: it is checked again, and requested again. If it repeats, ask Rackspace about the task.',
  EXPORT_OTHER_CHECKSUM:
    'Nothing: it is checked again, and requested again. If it repeats, ask Rackspace about the task.',
};
