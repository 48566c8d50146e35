/**
 * Why something is as it is: each code with its facts. By the code people filter reports, and code decides;
 * sentences.ts makes sentences of them for people.
 */
interface Facts {
  // What becomes of a server when a snapshot is due.
  TAKEN: { name: string };
  WOULD_TAKE: { name: string };
  ALREADY_TAKEN: { image: string; status: string };
  REQUEST_OVER: { since: string };
  SERVER_BUSY: { taskState: string };
  SNAPSHOT_PENDING: { image: string; status: string };
  CONFLICT: { message: string };
  SERVER_GONE_BY_NOW: None;
  VOLUME_SERVER_AT_RACKSPACE: None;
  NEXT_SLOT: None;
  CLOCK_AHEAD: { minutes: number };
  CLOCK_BEHIND: { minutes: number };
  IMAGE_NOT_FOUND: { name: string };
  IMAGE_LOST: { image: string };
  MARKER_LOST: { image: string };
  IMAGE_FAILED: { image: string; status: string };
  IMAGE_REJECTED: { problem: string };
  SERVER_UNKNOWN: { server: string; problem: string };
  ID_UNKNOWN: None;
  ID_NOT_IN_POLICY: None;
  ID_UNREADABLE: None;

  // Why a rule of `keep` keeps a snapshot, or lets it go.
  LAST: { rank: number; of: number };
  HOURLY: { period: string };
  DAILY: { period: string };
  WEEKLY: { period: string };
  MONTHLY: { period: string };
  YEARLY: { period: string };
  OLDEST: { rule: Period; have: number; of: number };
  WITHIN: { ms: number };
  PROVEN: None;
  PROVEN_ONCE: None;
  AT_LEAST: { count: number };
  NO_RULE: None;

  // Why a snapshot stays whatever the rules say.
  PROTECTED: None;
  HELD: None;
  HELD_UNTIL: { until: string };
  EXPOSED: { exposure: string };
  SHARED: { members: readonly string[] };
  DRILL_RUNNING: None;
  DRILL_OF_SLOT: None;
  SERVER_BUILDING: None;
  RESTORED_AS_NEW: None;
  RESTORED_IN_PLACE: None;

  // What a snapshot is that does not count, and what is to become of it.
  UNFINISHED: { status: string };
  UNKNOWN_STATUS: { status: string };
  IN_FUTURE: None;
  FAILED_LATELY: None;
  FAILED_ALONE: None;
  FAILED: None;
  PARTIAL: { status: string; reasons: readonly Reason[] };

  // Ad-hoc snapshots.
  ADHOC: None;
  ADHOC_UNTIL: { until: string };
  ADHOC_ENDED: { until: string };

  // Snapshots of servers that are not where they were.
  SERVER_GONE: None;
  SERVER_ELSEWHERE: None;
  SERVER_ELSEWHERE_KEPT: None;
  ORPHAN: { keep: number };
  ORPHAN_UNPROVABLE: None;

  // What became of a deletion.
  MAX_DELETES: { most: number };
  DEADLINE: None;
  STOPPED: { message: string };
  ALREADY_GONE: None;
  GONE_BY_NOW: None;
  STILL_THERE: None;
  UNCONFIRMED: None;
  TOO_FEW_LEFT: { needed: number };
  NONE_PROVEN_LEFT: None;
  SAME_VOLUME_SNAPSHOTS: None;
  OTHER_DEPLOYMENT: None;
  VOLUME_SNAPSHOTS_GOING: None;
  VOLUME_SNAPSHOTS_GOING_NOW: None;
  VOLUME_SNAPSHOT_STILL_THERE: { id: string; status: string };

  // Why a snapshot is not what the plan was made for.
  NOT_OURS: None;
  UNREADABLE_MARKER: { problem: string };
  OTHER_MARKER: None;
  OTHER_VOLUME_SNAPSHOTS: None;
  OTHER_STATUS: { status: string };
  CHANGED: { reason: Reason };

  // What becomes of a hold.
  RELEASED: None;
  RELEASED_UNMARKED: None;
  RELEASED_FOREIGN: None;
  RELEASED_UNREADABLE: { problem: string };
  RELEASED_PROTECTED: None;
  RELEASED_ADHOC: None;
  RELEASED_ADHOC_UNTIL: { until: string };
  RELEASED_WITHOUT_POLICY: { policy: string };

  // Drills.
  DRILL_PLANNED: { words: string };
  DRILL_TO_JUDGE: None;
  DRILL_TO_DELETE: { because: Reason };
  DRILL_NOT_LOOKED_AT: None;
  DRILL_BOOTED: None;
  DRILL_ANSWERED: { said: string };
  DRILL_ERROR: { fault: string };
  DRILL_NOT_ACTIVE: { status: string; minutes: number; limitHours?: number };
  DRILL_SILENT: { said: string; minutes: number; limitHours?: number };
  DRILL_OLD: { hours: number };
  DRILL_JUDGED: None;
  DRILL_SURPLUS: { atOnce: number };
  DRILL_TOLD_TO_GO: None;
  DRILL_IMAGE_FOREIGN: None;
  DRILL_SERVER_GONE: None;
  DRILL_UNPROVEN: { problem: string };
  DRILL_TWIN: { image: string };
  DRILL_NOT_NAMED: None;
  DRILL_READ_LATER: { error: string; message: string };
  DRILL_VERDICT_UNWRITTEN: { error: string; message: string };
  DRILL_DELETED_LATER: { error: string; message: string };
  DRILL_STUCK: None;
  DRILL_STILL_TO_GO: None;
  DRILL_NO_FLAVOR: { problem: string };
  DRILL_SNAPSHOT_GONE: None;
  DRILL_UNMARKED: { error: string; message: string };
  DRILL_SERVER_UNSURE: { error: string; message: string };
  DRILL_OF_VOLUMES: None;

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
  COPY_HOME_UNKNOWN: None;
  COPY_SOURCE_GONE: None;
  COPY_EXPORT_GONE: None;
  COPY_OF_VOLUMES: None;
  COPY_WITHOUT_CHECKSUM: None;
  COPY_LICENSED: { options: string };
  COPY_DISPUTED: { problem: string };
  COPY_WITHOUT_MANIFEST: None;
  COPY_SERVER_UNLISTED: None;
  TOO_FEW_COPIES_LEFT: { needed: number };

  // Exports, which copies at Rackspace begin with.
  EXPORT_RUNNING: { since: string };
  EXPORT_UNSURE: None;
  EXPORT_UNSEEN: { name: string };
  EXPORT_INCOMPLETE: { problem: string };
  EXPORT_STUCK: { since: string; task: string };
  EXPORT_NAME_TAKEN: { name: string; container: string };
  EXPORT_FAILED: { cause: string; name: string; isThere: boolean };
  EXPORT_LEFT_ALONE: { problem: string };
  EXPORT_DISCARDED: { problem: string };

  // What is wrong, or odd, beyond single entries.
  REGION_UNREADABLE: { where: string; job: 'snapshot' | 'cleanup' | 'offsite' | 'drill'; problem: string };
  SELECTOR_UNMATCHED: { selector: string; isPart: boolean };
  NOT_OF_POLICY: { what: string; policy: string };
  SERVERS_DOUBTFUL: { problem: string };
  SERVER_DOUBTFUL: { problem: string };
  EXPIRY_WITHOUT_CLEANUP: { where: string };
  TAKEN_UNCONFIRMED: { message: string };
  REQUEST_UNREMEMBERED: { message: string };
  OTHER_RUN: { until: string };
  LEFT_TO_NEXT_RUN: { left: string };
  LEFT_TO_NEXT_TRY: { left: string };
  BUSY_TOO_LONG: { servers: string };
  POLICY_NOT_DEPLOYED: { policy: string; count: number };
  SERIES_OF_GONE_SERVER: { server: string; policy: string; count: number; kept: number };
  SERIES_OF_SERVER_ELSEWHERE: { server: string; policy: string; count: number };
  ADOPTED: { count: number; name: string };
  ADOPTED_TWICE: { policies: readonly string[] };
  IMAGE_SUSPECT: { problem: string };
  IMAGE_STUCK: { image: string; of: string; status: string; since: string; serverIs: string };
  IMAGE_EXPOSED: { image: string; of: string; exposure: string };
  IMAGE_IN_FUTURE: { image: string; of: string; slot: string };
  SLOT_TAKEN_TWICE: { of: string; slot: string; images: readonly string[] };
  NOT_DELETABLE: { image: string; of: string; reasons: readonly Reason[] };
  DELETIONS_UNCONFIRMED: { where: string; message: string };
  IMAGE_VANISHED: { image: string; of: string; status: string; slot: string };
  IMAGE_DAMAGED: { image: string; of: string; status: string; slot: string };
  IMAGE_VANISHED_PENDING: { image: string; of: string; status: string; slot: string };
  DRILLS_STUCK: { count: number };
  DRILL_SERVER_ABANDONED: { text: string };
  DRILL_SERVER_FOREIGN: { text: string };
  NOT_COPIED: { of: string; reasons: readonly Reason[] };
  NEVER_COPIED: { of: string; reasons: readonly Reason[] };
  COPY_UNREADABLE: { of: string; problem: string };
  COPY_LOST: { key: string; of: string };
  COPIES_STOPPED: { of: string; message: string };
  COPIES_STOPPED_IN_REGION: { where: string; message: string };
  COPY_LEFTOVER: { key: string; message: string };
  COPY_NEVER_VERIFIED: { key: string };
  COPY_NOT_COUNTED: { problem: string };
  COPY_LEDGER_UNREADABLE: { message: string };
  SERVER_ID_ODD: { image: string; server: string };

  // What the cloud, or the bucket, says.
  CLOUD: { error: string; message: string };
  BUCKET: { error: string; message: string };
}

/** A reason without facts. */
type None = Record<never, never>;

export type Period = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly';

/** The code of the rule for each kind of calendar period. */
export const PERIOD_CODES = {
  hourly: 'HOURLY',
  daily: 'DAILY',
  weekly: 'WEEKLY',
  monthly: 'MONTHLY',
  yearly: 'YEARLY',
} as const satisfies Record<Period, ReasonCode>;

export type ReasonCode = keyof Facts;

/** A code and its facts. */
export type Reason<C extends ReasonCode = ReasonCode> = { [K in C]: { code: K } & Facts[K] }[C];

/** The regions that a job could not read. */
export function unreadableRegions(
  job: Reason<'REGION_UNREADABLE'>['job'],
  regions: readonly { region: string; problem: string }[],
): Finding[] {
  return regions.map(({ region, problem }) => ({ code: 'REGION_UNREADABLE', where: region, job, problem }));
}

/** What is wrong, or odd, beyond single entries, and in which region where it is of one. */
export type Finding = Reason & { region?: string };
