import type { Dormancy } from '../config/dormancy.ts';
import type { Period } from '../config/keep-rules.ts';
import type { Sentence } from './sentences/sentence.ts';

interface OfVolume {
  volume: string;
  name: string;
  policy: string;
  count: number;
}

/** A volume that a restore has made. */
interface OfNewVolume {
  volume: string;
  name: string;
}

/**
 * A data volume that a drill does not boot: its snapshot in the set is not good, or there is none
 * (without `snapshot`), or the policy does not ask for volumes (`isLeftOut`).
 */
export interface MissingVolume {
  name: string;
  snapshot?: string;
  status?: string;
  isLeftOut?: true;
}

/** A volume that several servers may have, and the ids of those that have it. */
interface OfSharedVolume {
  volume: string;
  name: string;
  servers: readonly string[];
}

/** What is wrong with a field of an event, and the remedy; without a field, with all of it. */
export interface FieldProblem {
  /** The path: `at`, `servers.names.0`. */
  field?: string;
  text: string;
}

/** An image, or a volume snapshot. */
export interface SnapshotId {
  image: string;
  isVolumeSnapshot?: true;
}

/**
 * The reason codes, each with its facts. Decisions are made on codes, people filter reports by
 * codes, and sentences.ts makes sentences from them.
 */
interface Facts extends Record<Uppercase<Period>, { period: string }> {
  // The result for a server in a snapshot run.
  TAKEN: { name: string };
  WOULD_TAKE: { name: string };
  ALREADY_TAKEN: SnapshotId & { status: string; until?: string };
  REQUEST_ENDS_SOONER: { image: string; until: string };
  REQUEST_FAILED: SnapshotId & { status: string };
  REQUEST_OVER: { since: string };
  REQUEST_TOOK_IT_BEFORE: { image: string };
  SERVER_IN_STATE: { status: string };
  SERVER_LOCKED: None;
  SERVER_BUSY: { taskState: string };
  SNAPSHOT_PENDING: SnapshotId & { status: string };
  CONFLICT: { message: string };
  SERVER_GONE_BY_NOW: None;
  VOLUME_SERVER_AT_RACKSPACE: None;
  /** At Rackspace a server that boots from a volume has no image; its volumes have snapshots. */
  ON_VOLUMES_ALONE: None;
  NEXT_SLOT: None;
  CLOCK_AHEAD: { minutes: number };
  CLOCK_BEHIND: { minutes: number };
  IMAGE_NOT_FOUND: { name: string };
  IMAGE_LOST: { image: string };
  MARKER_LOST: SnapshotId;
  IMAGE_FAILED: SnapshotId & { status: string };
  IMAGE_EMPTY: { image: string; hasSize: boolean };
  IMAGE_REJECTED: SnapshotId & { problem: Reason };
  SERVER_UNKNOWN: { server: string; problem: Reason };
  ID_UNKNOWN: None;
  ID_NOT_IN_POLICY: None;
  ID_UNREADABLE: None;
  /** The volumes without a snapshot, and why the first of them has none. */
  WITHOUT_VOLUMES: { names: readonly string[]; reason: Reason };

  // The result for a volume in a snapshot run.
  VOLUME_BUSY: { status: string };
  VOLUME_IN_STATE: { status: string };
  VOLUME_UNKNOWN: None;
  VOLUME_SNAPSHOT_IN_PROGRESS: None;
  /** The volume's snapshot is taken with the set of this other server, which is left to later. */
  SHARED_VOLUME_WAITS: { server: string };
  VOLUME_GONE_BY_NOW: None;
  /** `isImage`: for the volume snapshots that the cloud makes with the image of a server. */
  VOLUMES_OVER_QUOTA: {
    needed: number;
    left: number;
    kind: 'volumeSnapshots' | 'volumeGigabytes';
    isImage?: true;
  };

  // Why a rule of `keep` keeps a snapshot, or none does.
  LAST: { rank: number; of: number };
  OLDEST: { rule: Period; have: number; of: number };
  WITHIN: { ms: number };
  PROVEN: None;
  PROVEN_ONCE: None;
  AT_LEAST: { count: number };
  NO_RULE: None;

  // Why a snapshot stays although no rule keeps it.
  /** `part`: the name of the volume whose snapshot stays; undefined for the image of the server. */
  SET_KEPT: { part: string | undefined };
  COMPLETE_SET_KEPT: None;
  PROTECTED: None;
  HELD: None;
  /** `day` is the bare date that the hold was given; `until` is its end in the last time zone. */
  HELD_UNTIL: { until: string; day?: string };
  EXPOSED: { exposure: string };
  SHARED: { members: readonly string[] };
  DRILL_RUNNING: None;
  DRILL_OF_SLOT: None;
  SERVER_BUILDING: None;
  VOLUME_FILLING: None;
  RESTORED_AS_NEW: None;
  RESTORED_IN_PLACE: None;
  RESTORED_AS_VOLUME: None;

  // Why a snapshot does not count for its series, and whether it stays.
  UNFINISHED: { status: string };
  ACTIVE_WITHOUT_DATA: { hasSize: boolean };
  UNKNOWN_STATUS: { status: string };
  DELETION_FAILED: None;
  IN_FUTURE: None;
  FAILED_LATELY: None;
  FAILED_ALONE: None;
  FAILED: None;
  PARTIAL: { status: string; reasons: readonly Reason[] };

  // Ad-hoc snapshots.
  ADHOC: None;
  ADHOC_FAILED: { status: string; until?: string };
  ADHOC_UNTIL: { until: string };
  ADHOC_ENDED: { until: string };

  // Snapshots of servers that are gone, or not in the snapshot's region.
  SERVER_GONE: None;
  SERVER_ELSEWHERE: None;
  SERVER_ELSEWHERE_KEPT: None;
  VOLUME_GONE: None;
  VOLUME_DETACHED: None;
  ORPHAN: { keep: number; isVolume?: boolean };
  ORPHAN_UNPROVABLE: None;

  // The result of a deletion.
  MAX_DELETES: { most: number };
  DEADLINE: None;
  STOPPED: { message: string };
  ALREADY_GONE: None;
  GONE_BY_NOW: None;
  VANISHED: None;
  STILL_THERE: None;
  UNCONFIRMED: None;
  TOO_FEW_LEFT: { needed: number };
  NONE_PROVEN_LEFT: None;
  SAME_VOLUME_SNAPSHOTS: None;
  OTHER_DEPLOYMENT: None;
  VOLUME_SNAPSHOTS_GOING: None;
  VOLUME_SNAPSHOTS_GOING_NOW: None;
  VOLUME_SNAPSHOT_STILL_THERE: { id: string; status: string };

  // Why a snapshot no longer is as the plan expected.
  NOT_OURS: None;
  UNREADABLE_MARKER: { problem: Reason };
  OTHER_MARKER: None;
  OTHER_VOLUME_SNAPSHOTS: None;
  OTHER_STATUS: { status: string };
  CHANGED: { reason: Reason };

  // The effect of a hold, or of its removal.
  RELEASED: None;
  RELEASED_UNMARKED: None;
  RELEASED_FOREIGN: None;
  RELEASED_UNREADABLE: { problem: Reason };
  RELEASED_PROTECTED: None;
  RELEASED_ADHOC: None;
  RELEASED_ADHOC_UNTIL: { until: string; isOver: boolean };
  RELEASED_WITHOUT_POLICY: { policy: string };

  // Why the marker of an image does not prove that this deployment owns the image.
  MARKED_AS_OURS: { image: string; name: string; reason: Reason };
  OWNED_BY_OTHER_PROJECT: None;
  POLICY_INVALID: None;
  SERVER_INVALID: None;
  SLOT_INVALID: None;
  HOLD_INVALID: None;
  EXPIRES_INVALID: None;
  MARKERS_DIFFER: None;
  NAME_ENDING_CHANGED: { ending: string };
  NAME_CHANGED: None;
  CREATED_OUTSIDE_SLOT: { created: string; slot: string };
  MADE_BY_OTHER: { maker: string };
  MADE_FROM_OTHER_SERVER: None;
  NOVA_BACKUP_IMAGE: None;
  VOLUME_SNAPSHOT_OF_OTHER_IMAGE: { id: string };
  VOLUMES_OF_OTHER_SERVER: { server: string };

  // Why an image of autosnap.py can't be adopted.
  LEGACY_RENAMED: { image: string; name: string; server: string };
  LEGACY_SHARED: { image: string; name: string; server: string; deployment: string };

  // Servers whose existence is unknown.
  SERVER_REGION_UNKNOWN: { server: string };
  SERVER_REGION_NOT_LISTED: { server: string; home: string };
  SERVER_REGION_UNREADABLE: { home: string };

  // Drills.
  DRILL_PLANNED: { name: string; flavor: string; networks: readonly string[] };
  DRILL_TO_JUDGE: None;
  DRILL_TO_DELETE: { because: Reason };
  DRILL_NOT_CHECKED: None;
  DRILL_BOOTED: { activeSeconds: number; isAtMost?: true };
  DRILL_ANSWERED: CheckAnswer & { activeSeconds: number; answeredSeconds: number; isAtMost?: true };
  DRILL_ERROR: { fault?: string };
  DRILL_NOT_ACTIVE: { status: string; minutes: number; limitHours?: number };
  DRILL_SILENT: { answers: readonly CheckAnswer[]; minutes: number; limitHours?: number };
  DRILL_OLD: { hours: number };
  DRILL_JUDGED: None;
  DRILL_SURPLUS: { atOnce: number };
  DRILL_BEING_DELETED: None;
  DRILL_IMAGE_FOREIGN: None;
  DRILL_SERVER_GONE: None;
  DRILL_TWIN: { image: string };
  DRILL_NOT_NAMED: None;
  DRILL_READ_LATER: { error: string; message: string };
  DRILL_VERDICT_UNWRITTEN: { error: string; message: string };
  DRILL_DELETED_LATER: { error: string; message: string };
  DRILL_STUCK: None;
  DRILL_STILL_BEING_DELETED: None;
  DRILL_FLAVOR_UNKNOWN: { flavor: string };
  DRILL_FLAVOR_TOO_SMALL: { flavor: string; image: string; least: string };
  DRILL_WITHOUT_FLAVOR: { image: string; least: string };
  DRILL_WITHOUT_NETWORK: None;
  DRILL_SNAPSHOT_GONE: None;
  DRILL_UNMARKED: { error: string; message: string };
  DRILL_SERVER_UNCERTAIN: { error: string; message: string };
  DRILL_RECORD_LOST: { snapshot: string };
  DRILL_UNRECORDED: { message?: string };
  DRILL_VOLUME_PLANNED: { name: string; sizeGb?: number };
  DRILL_VOLUMES_OPEN: { names: readonly string[] };
  DRILL_WITH_VOLUMES: { names: readonly string[] };
  DRILL_WITHOUT_VOLUMES: { volumes: readonly MissingVolume[] };
  DRILL_VOLUMES_UNFINISHED: None;
  DRILL_VOLUMES_UNREADABLE: { problem: Reason };
  DRILL_VOLUMES_OVER_QUOTA: { kind: 'volumes' | 'volumeGigabytes'; needed: number; left: number };
  DRILL_VOLUME_REFUSED: { name: string; error: string; message: string };
  DRILL_VOLUMES_FILLING: { names: readonly string[] };
  DRILL_VOLUMES_LATE: { hours: number };
  DRILL_VOLUME_FAILED: { volume: string; name: string; status: string };
  DRILL_VOLUME_GONE: { name: string };
  DRILL_VOLUME_UNUSABLE: { volume: string; name: string; because: Reason };
  DRILL_VOLUMES_READ_LATER: { error: string; message: string };
  DRILL_VOLUMES_LEFT: { names: readonly string[] };
  DRILL_VOLUME_DELETED_LATER: { volume: string; name: string; error: string; message: string };
  DRILL_VOLUMES_STILL_BEING_DELETED: { names: readonly string[] };

  // Why it is not proven that a drill created a server.
  DRILL_METADATA_CHANGED: None;
  DRILL_FROM_OTHER_IMAGE: { image: string };
  DRILL_IMAGE_GONE: { image: string };
  DRILL_NOT_RECORDED: { image: string };
  DRILL_RENAMED: None;
  DRILL_CREATED_TOO_LATE: { image: string };
  DRILL_CREATED_TOO_EARLY: { image: string };
  DRILL_OF_OTHER_SERVER: { image: string };

  // Why nothing proves that a drill has made a volume.
  DRILL_VOLUME_METADATA_CHANGED: None;
  DRILL_VOLUME_FROM_OTHER_SNAPSHOT: { snapshot: string };
  DRILL_VOLUME_CREATED_AT_OTHER_TIME: None;
  DRILL_VOLUME_ELSEWHERE: { servers: readonly string[] };
  DRILL_VOLUME_TWIN: None;
  DRILL_VOLUME_NOT_RECORDED: None;

  // Copies.
  COPY_PLANNED: { bytes: number };
  COPIED: { bytes: number; algorithm: string };
  EXPORTED: { bytes: number; segments: number };
  COPY_UPLOADING: { bytes: number; of: number };
  COPY_VERIFYING: { bytes: number; of: number };
  COPY_TOO_LARGE: { bytes: number };
  COPY_CORRUPT: { algorithm: string };
  COPY_DISCARDED_BY_OTHER_RUN: None;
  COPY_CHANGED_BY_OTHER_RUN: { message: string };
  COPY_RETRIED_LATER: { times: number; from: string };
  COPY_LARGER_THAN_LIMIT: { bytes: number; limit: number };
  COPY_OVER_LIMIT: { bytes: number; used: number; limit: number };
  COPY_LIMIT_UNREADABLE: { limit: number };
  COPY_ELSEWHERE: { home: string };
  COPY_REGION_UNKNOWN: None;
  COPY_SOURCE_GONE: None;
  COPY_EXPORT_GONE: None;
  COPY_OF_VOLUMES: None;
  COPY_WITHOUT_CHECKSUM: None;
  COPY_LICENSED: { options: string };
  COPY_DISPUTED: { problem: Reason };
  COPY_WITHOUT_MANIFEST: None;
  COPY_SERVER_UNLISTED: None;
  TOO_FEW_COPIES_LEFT: { needed: number };

  // Backups of volumes.
  BACKUP_PLANNED: { sizeGb: number; incremental: boolean };
  BACKUP_REQUESTED: { incremental: boolean };
  BACKUP_RUNNING: { since: string };
  BACKUP_STUCK: { since: string };
  BACKUP_WAITS: { backup: string };
  BACKUP_RETRIED_LATER: { times: number; from: string };
  BACKUP_OVER_QUOTA: { needed: number; left: number; kind: 'backups' | 'backupGigabytes' };
  BACKUP_MARKER_LOST: { backup: string };
  BACKUP_HAS_DEPENDENTS: None;
  BACKUP_VOLUME_UNATTACHED: None;
  BACKUP_GOING: None;
  BACKUP_STILL_THERE: { status: string };
  BACKUP_WITHOUT_SNAPSHOT: None;

  // Exports, with which copies at Rackspace start.
  EXPORT_RUNNING: { since: string };
  EXPORT_UNCERTAIN: None;
  EXPORT_NOT_LISTED: { name: string };
  EXPORT_INCOMPLETE: { problem: Reason };
  EXPORT_STUCK: { since: string; task: string };
  EXPORT_NAME_TAKEN: { name: string; container: string };
  /** `task` is what the export task came to, `message` is the cloud's text of its failure. */
  EXPORT_FAILED: { task: 'failed' | 'succeeded' | 'gone'; message?: string; name: string; isThere: boolean };
  EXPORT_LEFT_ALONE: { problem: Reason };
  EXPORT_DISCARDED: { problem: Reason };

  // Problems of a copy or an export.
  COPY_OTHER_MANIFEST: { key: string };
  COPY_WITHOUT_HEAD: { key: string; segment: string };
  COPY_OTHER_DATA: { key: string; manifest: string };
  EXPORT_NO_VHD: { name: string };
  EXPORT_OF_OTHERS: { name: string };
  EXPORT_SEGMENTS_MISSING: { name: string };
  EXPORT_OTHER_SIZE: { name: string };
  EXPORT_OTHER_CHECKSUM: { name: string };

  // Failures and warnings that concern more than a single entry.
  VOLUMES_UNSERVED: { where: string; count: number; problem: Reason };
  VOLUMES_UNREADABLE: { where: string; problem: Reason };
  REGION_UNREADABLE: { where: string; job: 'snapshot' | 'cleanup' | 'offsite' | 'drill'; problem: Reason };
  REGION_NOT_IN_CATALOGUE: { known: readonly string[] };
  SELECTOR_UNMATCHED: { selector: string; isPart: boolean };
  IDS_EXCEPTED: { ids: readonly string[] };
  NOT_OF_POLICY: { what: string; policy: string };
  SERVERS_DOUBTFUL: { problem: Reason };
  SERVER_DOUBTFUL: { problem: Reason };
  EXPIRY_WITHOUT_CLEANUP: { where: string };
  TAKEN_UNCONFIRMED: { message: string };
  REQUEST_NOT_RECORDED: { message: string };
  OTHER_RUN: { until: string };
  RUN_CRASHED: { problem: Reason };
  LEFT_TO_NEXT_RUN: { job: string; count: number };
  LEFT_TO_NEXT_TRY: { job: string; count: number };
  BUSY_TOO_LONG: BusyServer;
  POLICY_NOT_DEPLOYED: { policy: string; count: number; bytes: number };
  REGION_NOT_IN_POLICY: { policy: string; count: number; bytes: number };
  ACCOUNTS_SHARE_PROJECT: { project: string; accounts: readonly string[] };
  ACCOUNT_NOT_IN_POLICY: { policy: string; count: number; bytes: number };
  REGION_WITHOUT_POLICY: { count: number; bytes: number };
  SERIES_OF_GONE_SERVER: { server: string; name: string; policy: string; count: number; kept: number };
  SERIES_OF_GONE_VOLUME: OfVolume & { kept: number };
  SERIES_OF_DETACHED_VOLUME: OfVolume;
  SERIES_OF_SERVER_ELSEWHERE: { server: string; name: string; policy: string; count: number };
  ADOPTED: { count: number; name: string };
  ADOPTED_TWICE: { policies: readonly string[] };
  ROTATION_BEHIND: { of: string; policy: string; deferred: number; most: number };
  ROTATION_BACKLOG: { of: string; policy: string; deferred: number; most: number };
  IMAGE_SUSPECT: { problem: Reason };
  IMAGE_STUCK: SnapshotId & { of: string; status: string; since: string; serverIs: string };
  /** `until`: when cleanup deletes it; absent if no cleanup does. */
  FAILED_IMAGE_HELD: SnapshotId & { of: string; status: string; isProtected: boolean };
  ADHOC_SNAPSHOT_FAILED: SnapshotId & { of: string; status: string; until?: string };
  IMAGE_EXPOSED: SnapshotId & { of: string; exposure: string };
  IMAGE_IN_FUTURE: SnapshotId & { of: string; slot: string };
  SLOT_TAKEN_TWICE: { of: string; slot: string; images: readonly string[] };
  SHARING_UNKNOWN: { image: string; message: string };
  NOT_DELETABLE: SnapshotId & { of: string; reasons: readonly Reason[] };
  DELETIONS_UNCONFIRMED: { where: string; message: string };
  IMAGE_VANISHED: SnapshotId & { of: string; status: string; slot: string };
  IMAGE_DAMAGED: SnapshotId & { of: string; status: string; slot: string };
  IMAGE_VANISHED_PENDING: SnapshotId & { of: string; status: string; slot: string };
  DRILLS_STUCK: { count: number };
  DRILL_SERVER_ABANDONED: LeftAlone;
  DRILL_SERVER_FOREIGN: LeftAlone;
  DRILL_VOLUME_ABANDONED: { where: string; volume: string; name: string; reasons: readonly Reason[] };
  DRILL_RECORDS_UNREADABLE: { message: string };
  NOT_COPIED: { of: string; reasons: readonly Reason[] };
  NEVER_COPIED: { of: string; reasons: readonly Reason[] };
  COPY_UNREADABLE: { of: string; problem: Reason };
  COPY_LOST: { key: string; of: string };
  COPIES_STOPPED: { of: string; message: string };
  COPIES_STOPPED_IN_REGION: { where: string; message: string };
  COPY_LEFTOVER: { key: string; message: string };
  COPY_NEVER_VERIFIED: { key: string };
  COPY_NOT_COUNTED: { problem: Reason };
  COPY_LEDGER_UNREADABLE: { message: string };
  BACKUPS_NOT_NEEDED: None;
  BACKUP_SERVICE_MISSING: { where: string };
  BACKUPS_UNREADABLE: { where: string; problem: Reason };
  BACKUPS_UNMANAGED: { policy: string; count: number; gigabytes: number };
  SAFETY_SNAPSHOTS_LEFT: { images: readonly { id: string; name: string; days: number }[] };
  REPLACED_VOLUMES_LEFT: { volumes: readonly { id: string; name: string; days: number }[] };
  BACKUP_FAILED: { of: string; backup: string; message: string };
  SERVER_ID_INVALID: { image: string; server: string };

  // Data of servers that are in no snapshot.
  LOCAL_DISKS_UNPROTECTED: OfPolicy & { names: readonly string[] };
  LOCAL_DISKS_UNKNOWN: OfPolicy & { error: string; message: string };
  /** `names`: "db-data of db" */
  VOLUMES_EXCEPTED: OfPolicy & { names: readonly string[] };

  // A quota of the cloud that the next runs will exceed; sizes in bytes, of volumes in GB.
  QUOTA_AHEAD: {
    where: string;
    kind: 'images' | 'imageBytes' | 'volumeSnapshots' | 'volumeGigabytes';
    limit: number;
    used: number;
    days: number;
  };

  // Errors of the cloud and of the bucket.
  /** `isLeft`: the next run tries again what the error has prevented. */
  CLOUD: { error: string; message: string; isLeft?: boolean };
  BUCKET: { error: string; message: string };

  // Why an event is refused.
  EVENT_INVALID: { problems: readonly FieldProblem[] };
  POLICY_UNKNOWN: { policy: string; deployed: readonly string[] };
  POLICY_OF_OTHER_ACCOUNT: { policy: string; account: string };
  POLICIES_MISSING: { isDeployed: boolean };
  POLICIES_INVALID: { problems: readonly string[] };
  JOB_NOT_IN_POLICY: { policy: string; job: 'offsite' | 'drill' };
  JOB_REFUSED: { job: 'cleanup' | 'offsite' | 'drill' | 'restore'; reasons: readonly Reason[] };
  REGION_UNKNOWN: { where: string; problem: Reason };
  IMAGE_UNKNOWN: { field: 'hold' | 'release'; image: string; regions: readonly string[] };
  HOLD_NOT_KEPT: { id: string; isBackup?: true };
  HOLD_OF_FAILED: { image: string; status: string };
  HOLD_REFUSED: { error: string; message: string };
  COPIES_WITHOUT_BUCKET: None;

  // Why a secret is refused.
  SECRET_MISSING: { secret: string };
  SECRET_PREFIX_UNMATCHED: { secret: string };
  SECRET_INVALID: { secret: string; problems: readonly string[] };
  SECRET_UNREADABLE: { secret: string; error: string; message: string };
  SECRETS_NOT_LISTED: { prefix: string; message: string };

  // Why a run has failed as a whole.
  WORK_EXPIRED: { job: string; since: string };
  QUEUE_REFUSED: { count: number; message: string };
  MESSAGE_INVALID: None;
  UNEXPECTED: { error: string; message: string };

  // What went wrong beside the work of a run.
  LEASE_NOT_TAKEN: { message: string };
  LEASE_NOT_RELEASED: { message: string };
  WORK_NOT_ENQUEUED: { message: string };
  MESSAGE_NOT_SETTLED: { message: string };
  REPORT_NOT_STORED: { message: string };
  GOOD_RUN_NOT_STORED: { message: string };
  FAILED_RUN_NOT_STORED: { message: string };
  HEARTBEAT_NOT_SENT: { message: string };

  // Results of doctor about an account.
  SECRET_READ: { form: 'rackspace' | 'password' | 'applicationCredential'; authUrl: string };
  LOGGED_IN: { project: string; regions: readonly string[] };
  LOGIN_REFUSED: { error: string; message: string };
  LOGIN_WITHOUT_REGIONS: { project: string };
  ALERTS_CONFIRMED: { confirmed: number; pending: number };
  ALERTS_BY_HEARTBEAT: { pending: number };
  ALERTS_TO_NOBODY: { pending: number };
  ALERTS_UNKNOWN: { message: string };
  PROJECT_TWICE: { project: string; account: string };
  RIGHTS_SUFFICIENT: Rights;
  RIGHTS_UNKNOWN: Rights;
  RIGHTS_MISSING: Rights;
  CLOCKS_AGREE: None;
  CLOCKS_DIFFER: { minutes: number; cloudIs: 'ahead' | 'behind' };
  REGION_LISTED: { where: string; servers: number; images: number; ours: number; owner: string };
  REGION_NOT_LISTED: { where: string; error: string; message: string };
  REGION_WITHOUT_METADATA: { where: string; limit: number; needed: number };
  OWNER_OF_SAME_NAME: {
    where: string;
    count: number;
    other: string;
    owner: string;
    /** The owner of this deployment would be `other` without `custom.owner`. */
    isDefault: boolean;
  };
  VOLUMES_LISTED: { where: string; count: number };
  VOLUMES_NOT_LISTED: { where: string; error: string; message: string };
  SERVERS_IN_NO_POLICY: { where: string; names: readonly string[] };

  // Results of doctor about a policy.
  REGIONS_KNOWN: { regions: readonly string[]; isAll: boolean };
  REGIONS_UNKNOWN: { unknown: readonly string[]; known: readonly string[] };
  SERVERS_SELECTED: { names: readonly string[] };
  SERVERS_UNMATCHED: { selector: string; isPartial: boolean };
  SERVERS_MISSING: { ids: readonly string[]; isPartial: boolean };
  SERVERS_ALL_EXCEPTED: { isPartial: boolean };
  SERVERS_EXCEPT_UNMATCHED: { selector: string; isPartial: boolean };
  SERVERS_IN_STATE: { status: string; names: readonly string[] };
  SERVERS_ON_VOLUMES: { names: readonly string[] };
  SERVERS_ON_IMAGE_SCHEDULE: { names: readonly string[] };
  IMAGES_ADOPTABLE: { where: string; count: number; names: readonly string[] };
  IMAGES_ADOPTED: { where: string; count: number; names: readonly string[] };
  SCHEDULE_NEXT: NextFire;
  SCHEDULE_OVER: Dormancy;
  CLEANUP_NEXT: NextFire;
  CLEANUP_OVER: Dormancy;
  CLEANUP_TOO_RARE: { most: number };
  OFFSITE_NEXT: NextFire;
  OFFSITE_OVER: Dormancy;
  CONTAINER_MISSING: { where: string; container: string };
  CONTAINER_UNREADABLE: { where: string; container: string; error: string; message: string };
  OFFSITE_FIELD_OF_RACKSPACE: { field: string };
  DRILL_NEXT: NextFire;
  DRILL_OVER: Dormancy;
  DRILL_PART_MISSING: OfDrillPart & { missing: readonly string[]; known: readonly string[] };
  DRILL_PART_UNKNOWN: OfDrillPart & { error: string; message: string };
  DRILL_NETWORK_PUBLIC: { where: string; networks: readonly string[] };
  /** `gap` is the time between both runs and `wait` how long the second one waits, in minutes. */
  OBJECTIVE_POINT_SHORT: { objectiveMs: number; intervalMs: number };
  OBJECTIVE_TIME_TO_ACTIVE: None;
  SCHEDULES_OVERLAP: { gap: number; wait: number; other: string; at: string; names: readonly string[] };

  // Which image a restore uses, and why.
  RESTORE_SNAPSHOT: {
    image: string;
    slot: string;
    made: string;
    hours: number;
    policy: string;
    drill: { at: string; passed: boolean } | undefined;
  };
  RESTORE_IMAGE: { image: string; name: string; hours: number };
  RESTORE_UTC_DAY: { date: string; until: string };
  RESTORE_PASSED_OVER: { image: string; slot: string; status: string };
  RESTORE_PASSED_OVER_FAILED: { image: string; slot: string; drilled: string };
  RESTORE_PASSED_OVER_MORE: { count: number };
  RESTORE_NOT_COUNTED: { image: string; problem: Reason; isOnVolumes: boolean };
  RESTORE_NAMESAKE: { name: string; server: string };
  RESTORE_SOURCE: { image: string; slot?: string; at: string };

  // The steps of a restore to a new server.
  RESTORE_NEW: SnapshotId & { name: string; imageName: string; flavor: string; from: Provenance };
  RESTORE_NETWORKS: { networks: readonly string[]; from: Provenance };
  RESTORE_NETWORKS_UNKNOWN: None;
  RESTORE_KEY_PAIR: { keyName?: string; from: Provenance };
  RESTORE_SECURITY_GROUPS: { groups: readonly string[]; from: Provenance };
  RESTORE_METADATA: { metadata: Record<string, string>; from: Provenance };
  RESTORE_NAME_TAKEN: { name: string; server: string };
  RESTORE_PART_UNCHECKED: {
    field: 'networks' | 'keyName' | 'securityGroups';
    error: string;
    message: string;
  };
  RESTORE_FIELD_UNKNOWN: { field: 'networks' | 'keyName' | 'securityGroups' | 'metadata' };
  RESTORE_LEFT_OUT: None;
  /** How long the last drill took that passed, in seconds, and when it ended. */
  RESTORE_ESTIMATE: { seconds: number; isAtMost?: true; drilled: string };
  RESTORE_REQUESTED: { server: string };
  RESTORE_REQUESTED_BEFORE: { byRequest: boolean };
  RESTORE_NOT_LISTED: { request: string };
  RESTORE_CHECK_AGAIN: None;

  // The volumes of a restore. `snapshot` is the id of a volume snapshot.
  RESTORE_VOLUME: { name: string; snapshot: string; sizeGb?: number; isRoot: boolean; isBackup?: true };
  RESTORE_VOLUME_SNAPSHOT: { snapshot: string; slot: string; policy: string };
  RESTORE_VOLUME_BACKUP: { backup: string; slot: string; policy: string };
  RESTORE_BACKUPS_UNREAD: { where: string; problem: Reason };
  // Without `status`, the snapshot of another volume at the same device is restored instead.
  RESTORE_WITHOUT_VOLUME: { name: string; snapshot?: string; status?: string };
  RESTORE_VOLUME_REQUESTED: OfNewVolume;
  RESTORE_VOLUME_STATUS: OfNewVolume & { status: string };
  RESTORE_VOLUME_FAILED: OfNewVolume & { status: string };
  RESTORE_VOLUME_REFUSED: { name: string; error: string; message: string };
  RESTORE_VOLUME_TWIN: OfNewVolume & { snapshot: string };
  RESTORE_VOLUME_GONE: { volume: string };
  RESTORE_VOLUME_ELSEWHERE: OfNewVolume & { servers: readonly string[] };
  RESTORE_VOLUME_ATTACHING: OfNewVolume;
  RESTORE_VOLUME_ATTACHED: OfNewVolume;
  RESTORE_VOLUME_NOT_ATTACHED: OfNewVolume & { error: string; message: string };
  RESTORE_VOLUMES_BY_OTHER_CALL: None;
  RESTORED_VOLUME: OfNewVolume;

  // The steps of a restore in place.
  RESTORE_SAFETY_FIRST: { name: string; server: string };
  RESTORE_REPLACES: { name: string; image: string; imageName: string };
  RESTORE_KEEPS: { addresses: readonly string[] };
  RESTORE_PASSWORD: None;
  RESTORE_STAYS_SHUTOFF: None;
  RESTORE_TO_CONFIRM: { name: string };
  RESTORE_REBUILDING: { name: string; image: string; imageName: string };
  RESTORE_WAY_BACK: { event: object };
  RESTORE_POSTPONED: { reason: Reason };
  RESTORE_SERVER_GONE: { name: string };
  RESTORE_BY_OTHER_CALL: { name: string };
  RESTORE_SERVER_RENAMED: { was: string; name: string };
  RESTORE_SERVER_BUSY: { name: string; taskState: string };

  // The volumes of a restore in place. `old` is the volume that is replaced.
  RESTORE_VOLUME_SWAP: { name: string; old?: { id: string; name: string }; device?: string };
  RESTORE_VOLUMES_STAY: { volumes: readonly { id: string; name: string }[] };
  RESTORE_VOLUME_SHARED: OfSharedVolume;
  RESTORE_STOPPING: { name: string; server: string };
  RESTORE_NOT_STOPPED: { name: string; server: string; error: string; message: string };
  RESTORE_VOLUME_DETACHING: { volume: string; name: string };
  RESTORE_VOLUME_NOT_DETACHED: { volume: string; name: string; error: string; message: string };
  RESTORE_VOLUME_BUSY: { volume: string; name: string; status: string };
  RESTORE_OLD_VOLUME: { volume: string; name: string; servers: readonly string[] };
  RESTORE_VOLUMES_BACK: {
    server: string;
    detach: readonly string[];
    attach: readonly { volume: string; device?: string }[];
  };
  RESTORE_NEW_VOLUME_GONE: { volume: string };
  RESTORE_STARTING: { name: string; server: string };
  RESTORE_NOT_STARTED: { name: string; server: string; error: string; message: string };

  // Safety snapshots of a restore in place.
  SAFETY_WITHOUT_VOLUMES: { names: readonly string[] };
  SAFETY_REQUESTED: { name: string };
  SAFETY_GOOD: { image: string };
  SAFETY_PENDING: { image: string; status: string };
  SAFETY_SLOW: { since: string; most: number };
  SAFETY_FAILED: { image: string; status: string; name: string };
  SAFETY_OVERTAKEN: { image: string; name: string };
  SAFETY_OLD: { image: string; since: string };
  SAFETY_GONE: { image: string };
  SAFETY_ANOTHER: { number: number; most: number };
  SAFETY_LOST: None;
  SAFETY_OF_OTHER_RESTORE: None;
  SAFETY_CHANGED: { state: string };
  SAFETIES_USED_UP: { count: number; name: string; reasons: readonly Reason[] };
  SAFETY_UNKNOWN: { image: string; request: string };

  // The progress of a restore.
  RESTORE_RUNNING: { name: string; server: string; status: string };
  RESTORE_STATE_UNKNOWN: { name: string; server: string };
  RESTORED: { name: string; server: string; status: string; addresses: readonly string[] };
  RESTORED_SHUTOFF: { name: string; server: string };
  RESTORED_IN_POLICIES: { policies: readonly string[] };
  /** `tagged` is the metadata by which a policy selects servers, if there is such a policy. */
  RESTORED_IN_NO_POLICY: {
    name: string;
    server: string;
    tagged?: { policy: string; metadata: Record<string, string> };
  };
  RESTORE_IN_ERROR: { name: string; server: string; fault?: string };
  RESTORE_AFTER_ERROR: { server: string; to: 'new' | 'in-place' };
  RESTORE_DELETED_SINCE: None;
  RESTORE_REBUILT_SINCE: { name: string; server: string; image: string };
  RESTORE_TWIN: { server: string };
  RESTORE_UNCERTAIN: { error: string; message: string };
  RESTORE_CALL_AGAIN: None;
  RESTORE_STEP_BY_OTHER_CALL: None;
  RESTORE_BEGIN_ANEW: None;
  RESTORE_GIVEN_UP: { hours: number };
  RESTORE_NOT_RECORDED: { message: string };
  RESTORE_END_NOT_SENT: { message: string };

  // Why a restore is refused.
  RESTORE_PART_MISSING: {
    field: 'networks' | 'keyName' | 'securityGroups';
    where: string;
    missing: readonly string[];
    known?: readonly string[];
  };
  RESTORE_REFUSED_BY_CLOUD: {
    error: string;
    message: string;
    to: 'new' | 'in-place';
    /** Whether the restore has made volumes before. */
    hasVolumes?: true;
  };
  /** `request` is undefined if the other restore begins at this moment. */
  RESTORE_UNDER_WAY: { name: string; request?: string };
  RESTORE_NO_SERVER: { server: string; regions: readonly string[] };
  RESTORE_SEVERAL_SERVERS: {
    server: string;
    /** `created` is undefined if the server is gone, or if the cloud does not say. */
    found: readonly { id: string; region: string; isGone: boolean; created?: string }[];
  };
  RESTORE_REGION_UNKNOWN: { where: string; known: readonly string[] };
  RESTORE_REGION_UNREADABLE: { where: string; problem: Reason };
  RESTORE_SERVER_UNCERTAIN: None;
  RESTORE_VOLUME_UNCERTAIN: None;
  RESTORE_VOLUMES_UNREAD: { where: string; problem: Reason };
  RESTORE_VOLUME_UNFINISHED: { name: string; snapshot: string; status: string };
  RESTORE_VOLUME_OF_OTHER: { volume: string; request: string };
  RESTORE_VOLUME_SHARED_SINCE: OfSharedVolume;
  RESTORE_VOLUME_UNPLACED: OfNewVolume & { snapshot: string };
  RESTORE_SWAP_BEGUN: { request: string };
  RESTORE_NO_VOLUME: { volume: string; regions: readonly string[] };
  RESTORE_SEVERAL_VOLUMES: {
    volume: string;
    found: readonly { id: string; region: string; isGone: boolean }[];
  };
  RESTORE_NO_VOLUME_SNAPSHOT: {
    name: string;
    at: string;
    others: readonly { snapshot: string; status: string }[];
  };
  RESTORE_NO_GOOD_SNAPSHOT: {
    server: string;
    policy?: string;
    until?: string;
    others: readonly { image: string; slot: string; status: string }[];
    oldest?: { slot: string; made: string };
    uncounted: readonly Reason[];
    /** The deleted servers of the same name, each with the number of its good snapshots. */
    earlier: readonly { server: string; snapshots: number }[];
    /** The backups of the volumes of one slot. */
    backups: readonly { backup: string; volume: string; name: string }[];
  };
  RESTORE_NO_IMAGE: { image: string; where: string; server: string };
  /** `of` is the server from which the image was made; undefined if the image does not say. */
  RESTORE_OTHER_SERVERS_IMAGE: { image: string; server: string; of?: string };
  RESTORE_IMAGE_UNFINISHED: { image: string; status: string };
  RESTORE_IMAGE_UNUSABLE: { image: string; status: string; hasData: boolean };
  RESTORE_IMAGE_DELETED: { image: string; server: string };
  RESTORE_DIFFERS: { field: string; was: string; slot?: string; request: string };
  RESTORE_REQUEST_UNREADABLE: { server: string; request: string };
  RESTORE_OF_OTHER_REQUEST: { server: string; request: string };
  RESTORE_NOT_FOUND: { server: string; regions: readonly string[] };
  RESTORE_ORIGINAL_GONE: { name: string };
  RESTORE_UNCONFIRMED: { name: string };
  RESTORE_CONFIRMS_OTHER: { name: string };
  RESTORE_ON_VOLUME: { name: string };
  RESTORE_TOO_LARGE: { image: string; least: string; flavor: string };
  RESTORE_LOCKED: { name: string };
  RESTORE_WRONG_STATUS: { name: string; status: string };
  RESTORE_BUSY: { name: string; taskState: string };
  RESTORE_FLAVOR_TOO_SMALL: {
    flavor: string;
    diskGb: number;
    ramMb: number;
    image: string;
    least: string;
    fitting: readonly string[];
  };
  RESTORE_FLAVOR_UNKNOWN: { flavor: string; isOriginal: boolean; fitting: readonly string[] };
  RESTORE_FLAVOR_MISSING: { fitting: readonly string[] };

  // Results of an audit: troubles of series.
  /**
   * `isApart`: whether the parts of the server have newer good snapshots, of different slots.
   * `failure`: why the last snapshot run failed for the server.
   */
  SERIES_LATE: OfSeries & {
    newestGood?: string;
    isApart?: true;
    lateMs: number;
    cause?: Reason;
    failure?: Sentence;
  };
  SERIES_SCHEDULE_ENDED: Dormancy;
  SERIES_SERVER_UNCERTAIN: None;
  SERIES_REGION_WITHOUT_IMAGES: { where: string };
  /** `isDisk`: whether the disk of the server is a volume, and not only its data. */
  SERIES_REGION_WITHOUT_VOLUMES: { where: string; isDisk: boolean };
  SERIES_DRILL_FAILED: OfSeries & {
    slot: string;
    failed: string;
    proven?: string;
  };
  /** The snapshots are older, or the drill took longer, than the policy's objectives allow. */
  SERIES_POINT_MISSED: OfSeries & { ageSeconds: number; objectiveMs: number };
  SERIES_TIME_MISSED: OfSeries & { seconds: number; objectiveMs: number };
  SERIES_BEHIND: OfSeries & { newest?: string; ageSeconds?: number };
  COPIES_BEHIND: { servers: readonly { server: string; where: string; policy: string }[]; more: number };
  /** `held` are those of the images that are held or protected. */
  SERIES_FAILED: OfSeries & { images: readonly string[]; held?: readonly string[] };
  /** `endless`: those of the images that no cleanup will delete. */
  SERIES_ADHOC_FAILED: OfSeries & { images: readonly string[]; endless: readonly string[] };
  SERIES_STUCK: OfSeries & { images: readonly string[]; isVolume?: true };
  /** The statuses of the images; of one without data it is active. */
  SERIES_UNCOUNTED: OfSeries & { images: readonly string[]; statuses: readonly string[] };
  SERIES_NOT_ROTATED: OfSeries & { count: number };
  SERIES_NOT_ROTATING: { server: string; policy: string; images: readonly string[] };

  // Problems of policies.
  POLICY_SCHEDULE_ENDED: Dormancy & { job: 'snapshot' | 'cleanup' | 'offsite' | 'drill' };
  POLICY_RUN_MISSING: { job: string };
  POLICY_ACCOUNT_UNREADABLE: { account: string; problem: Reason };
  POLICY_REGION_UNKNOWN: { where: string };
  POLICY_REGION_UNREADABLE: { where: string; problem: Reason };
  POLICY_SERVERS_UNCERTAIN: { where: string; problem: Reason };
  POLICY_ID_UNCERTAIN: { server: string };
  POLICY_ID_UNKNOWN: { server: string };
  POLICY_SELECTOR_UNCERTAIN: { selector: string };
  POLICY_DRILL_BLOCKED: { reason: Reason };
  POLICY_DRILLS_UNKNOWN: { error: string; message: string };
  POLICY_COPIES_WITHOUT_BUCKET: None;
  POLICY_COPIES_UNREADABLE: { error: string; message: string };

  // Items that dropped out of coverage since earlier audits.
  DROPPED_ACCOUNT: LastSeen & { account: string; policies: readonly string[] };
  DROPPED_PROJECT: LastSeen & { account: string; project: string; policies: readonly string[] };
  DROPPED_REGION: LastSeen & { account: string; where: string; policies: readonly string[] };
  /**
   * `uncovered` is the number of these servers that no other policy covers. `isElsewhere`: the
   * policy is still deployed for other accounts.
   */
  DROPPED_POLICY: LastSeen & {
    policy: string;
    accounts: readonly string[];
    isElsewhere: boolean;
    uncovered: number;
  };
  DROPPED_SERVER: Omit<LastSeen, 'servers'> & {
    account: string;
    where: string;
    server: string;
    name: string;
    policies: readonly string[];
  };
  /** The policy lost it, and `others` still cover it. */
  DROPPED_FROM_POLICY: Omit<LastSeen, 'servers'> & {
    account: string;
    where: string;
    server: string;
    name: string;
    policies: readonly string[];
    others: readonly string[];
  };
  /** `name` is absent if everything was accepted, and there is nothing. */
  NOTHING_TO_ACCEPT: { name?: string };
  COVERAGE_UNREADABLE: { message: string };
  COVERAGE_OF_OTHER_VERSION: None;
  /** `message` is absent if other audits recorded at the same time. */
  COVERAGE_NOT_RECORDED: { message?: string };

  // Other warnings of an audit.
  ADHOC_SNAPSHOT_GONE: { image: string; of: string; taken: string };
  SERVER_ON_IMAGE_SCHEDULE: { name: string };

  // Why a part of the audit could not be published.
  GOOD_RUNS_UNREADABLE: { message: string };
  PAGE_NOT_WRITTEN: { message: string };
  PAGE_WITHOUT_LINK: { message: string };
  REPORTS_UNREADABLE: { message: string };
  DIGEST_NOT_SENT: { message: string };
  INCIDENTS_NOT_SENT: { message: string };

  // Incidents: what people get an e-mail about, besides what the audit has found.
  RUN_FAILED: {
    job: string;
    policy: string;
    failures: readonly { code: string; text: Sentence; region?: string }[];
  };
  SERVER_FAILED: {
    job: string;
    policy: string;
    where: string;
    server: string;
    name: string;
    cause?: ReasonCode;
    /** The code of the cloud's error, with the cause CLOUD. */
    error?: string;
    /** With the cause SERVER_IN_STATE: the status of the server. */
    state?: string;
    /** With the cause BUSY_TOO_LONG. */
    busy?: BusyServer;
    message: Sentence;
  };
  SERVERS_FAILED: { job: string; policy: string; count: number };
  SERVER_IN_TROUBLE: { server: string; name: string; problem: SeriesProblem; ageSeconds?: number };
  RUNS_MISSING: { job: string; policy: string };
  NOTHING_SELECTED: { policy: string; selector?: string };
  MESSAGES_REJECTED: { count: number };
  RUNS_WAITING: { count: number };
}

/** The target of a check (`port 22 of 10.0.0.1`, or a URL), and what the server answered. */
export interface CheckAnswer {
  target: string;
  /** The HTTP status. */
  status?: number;
  /** Why there was no answer: a code such as ECONNREFUSED. */
  error?: string;
}

/** The busy servers: the first ones by name, and the number of the others. */
export interface BusyServers {
  servers: readonly { name: string; region: string }[];
  more: number;
}

/** The reasons that skip a server or a volume only temporarily. */
export type BusyCode =
  | 'SERVER_BUSY'
  | 'SNAPSHOT_PENDING'
  | 'CONFLICT'
  | 'VOLUME_BUSY'
  | 'VOLUME_SNAPSHOT_IN_PROGRESS'
  | 'SHARED_VOLUME_WAITS'
  | 'WITHOUT_VOLUMES';

/** How long a server was busy, why, and the state of its task or its image, or its status. */
export interface BusyServer {
  seconds: number;
  by: BusyCode;
  /** Absent if the cloud did not say. */
  state?: string;
}

/** A server that has the metadata of a drill, and that only an operator may delete. */
interface LeftAlone {
  where: string;
  name: string;
  server: string;
  image: string;
  reasons: readonly Reason[];
}

/** The roles of a user; empty if the cloud does not show them. */
export interface Rights {
  roles: readonly string[];
  provider: 'rackspace' | 'keystone';
  /** Whether the user has to create and delete volume snapshots, too. */
  needsVolumes: boolean;
  /** Whether the user has to create and delete copies in object storage, too. */
  needsCopies: boolean;
}

/** The fields of a policy's `drill` that name the cloud's resources for a server. */
interface OfDrillPart {
  where: string;
  part: 'flavor' | 'networks' | 'securityGroups';
}

/** The next time of a schedule: in UTC, and in its own time zone if that differs. */
interface NextFire {
  at: string;
  /** False for a rate, for which the time is the latest possible one. */
  exact: boolean;
  local?: string;
}

/** A policy and a region. */
interface OfPolicy {
  policy: string;
  where: string;
}

/** The number of covered servers, and when an audit last saw them covered: ISO, in UTC. */
interface LastSeen {
  servers: number;
  seen: string;
}

/** The server and the policy of a series. */
interface OfSeries {
  server: string;
  where: string;
  policy: string;
  /** Whether the sentence follows another one of the same series, and need not name it again. */
  isContinued?: true;
}

/**
 * The source of a field of a new server: the event, the original server, or the blueprint in a
 * snapshot.
 */
type Provenance = 'event' | 'original' | 'record';

/** A reason without facts. */
type None = Record<never, never>;

/** The code of the rule for a kind of calendar period. */
export function codeOf(period: Period): Uppercase<Period> {
  return period.toUpperCase() as Uppercase<Period>;
}

/** The code of a reason, such as `NEXT_SLOT`: a row of docs/reasons.md. */
export type ReasonCode = keyof Facts;

/** A code and its facts. */
export type Reason<C extends ReasonCode = ReasonCode> = { [K in C]: { code: K } & Facts[K] }[C];

/**
 * What is wrong with a series, in the digest and in e-mails about incidents. Each has a title and a
 * remedy in sentences/incident.ts.
 */
export type SeriesProblem = Reason<
  | 'SERIES_LATE'
  | 'SERIES_DRILL_FAILED'
  | 'SERIES_POINT_MISSED'
  | 'SERIES_TIME_MISSED'
  | 'SERIES_BEHIND'
  | 'SERIES_FAILED'
  | 'SERIES_ADHOC_FAILED'
  | 'SERIES_STUCK'
  | 'SERIES_UNCOUNTED'
  | 'SERIES_NOT_ROTATED'
>;

/** The code of a reason, and for a refused job also those of its reasons. */
export function codesIn(reason: Reason): ReasonCode[] {
  return reason.code === 'JOB_REFUSED' ? [reason.code, ...reason.reasons.flatMap(codesIn)] : [reason.code];
}

/** The regions that a job could not read. */
export function unreadableRegions(
  job: Reason<'REGION_UNREADABLE'>['job'],
  regions: readonly { region: string; problem: Reason }[],
): Finding[] {
  return regions.map(({ region, problem }) => ({ code: 'REGION_UNREADABLE', where: region, job, problem }));
}

/** How many of each code. */
export function countsOf(reasons: readonly { code: ReasonCode }[]): Partial<Record<ReasonCode, number>> {
  const counts: Partial<Record<ReasonCode, number>> = {};
  for (const { code } of reasons) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** Several reasons, each once. */
export function unique<R extends Reason>(reasons: readonly R[]): R[] {
  return [...new Map(reasons.map((reason) => [keyOf(reason), reason])).values()];
}

/**
 * A key that is the same for the same facts. It has no texts of errors, which differ from answer to
 * answer.
 */
export function keyOf(facts: object): string {
  return JSON.stringify(facts, (name, value) => (name === 'message' ? undefined : value));
}

/**
 * A failure or a warning that concerns more than a single entry: with its region if it concerns one
 * region, and with its account in an audit of several accounts.
 */
export type Finding<C extends ReasonCode = ReasonCode> = Reason<C> & {
  region?: string;
  ofAccount?: string;
};
