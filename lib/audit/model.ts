import type { Finding, Reason } from '../reporting/reasons.ts';

// The result of an audit, as the report page, the digest and the metrics read it.

/** One policy on the report page. */
export interface AuditedPolicy {
  policy: string;
  account: string;
  /** When the next run is due; of a rate, by the newest snapshot. */
  nextRun?: string;
  /** When the next cleanup is due; of a rate, at the latest. */
  nextCleanup?: string;
  runsAtRate?: true;
  cleansAtRate?: true;
  /** A hash of its servers and regions: another one shows that the policy was changed. */
  selection?: string;
  /** A selector matches no server: the policy protects less than it claims. */
  nothingSelected: boolean;
  /** Whether all its regions, and all servers in them that it may select, could be read. */
  readable: boolean;
  /** Its jobs without a good run for too long; see missing.ts. */
  missing?: string[];
  /** The longest time since a good run of a job, divided by the time that its schedule allows. */
  runOverdue?: number;
  /** The unreadable part: the whole account, or these regions. */
  unreadable?: 'account' | string[];
  /** Problems that make its runs fail, or do less than the policy claims. */
  problems: Reason[];
}

/** How well a deployment's servers are protected at a moment. Times are ISO, in UTC. */
export interface Audit {
  /** The name of the deployment. */
  owner: string;
  at: string;
  policies: AuditedPolicy[];
  series: AuditedSeries[];
  /** The accounts that could be read. */
  accounts: AuditedAccount[];
  /**
   * What has dropped out of coverage since earlier audits, and is not accepted; empty without a
   * record of earlier audits. See dropped.ts.
   */
  dropped: Dropped[];
  /** Servers that no policy selects. */
  uncovered: { account: string; region: string; server: string; name: string }[];
  /**
   * The regions or whole accounts whose servers could not be listed, so that it is unknown which of
   * them no policy selects.
   */
  unlisted: { account: string; region?: string }[];
  warnings: Finding[];
  /** The size of all snapshots of the deployment that could be listed. */
  bytes: number;
  /** The size of the snapshots that no policy rotates any more; the warnings name them. */
  leftBehindBytes: number;
  /** The monthly cost, if the price of a gigabyte is known. */
  monthlyCost?: number;
}

/** An account that could be read, though perhaps not all its regions. */
export interface AuditedAccount {
  account: string;
  /** The id of the cloud project that its credentials open. */
  project: string;
  /** All regions of its catalogue. */
  regions: readonly string[];
  /** The servers that were requested by their ids, and that are gone from every region. */
  gone: ReadonlySet<string>;
}

/** Something that was covered when an audit last saw it, and is no longer. */
export type Dropped = Reason<
  | 'DROPPED_ACCOUNT'
  | 'DROPPED_PROJECT'
  | 'DROPPED_REGION'
  | 'DROPPED_POLICY'
  | 'DROPPED_SERVER'
  | 'DROPPED_FROM_POLICY'
>;

/**
 * A series is late this many intervals after its newest good snapshot: the next slot has passed,
 * and half of the interval that begins there.
 */
export const LATE = 1.5;

/**
 * - protected: the newest good snapshot is recent enough.
 * - late: it is not.
 * - never: there is none, though the server is old enough to have one.
 * - waiting: there is none yet, because the server is new.
 * - released: the policy no longer selects the server.
 * - orphaned: the server is gone, by the cloud's answer to a GET for this server.
 * - adhoc: made by hand.
 */
export type SeriesState = 'protected' | 'late' | 'never' | 'waiting' | 'released' | 'orphaned' | 'adhoc';

/**
 * Why a series is late or never, whatever its age: the schedule of its policy has ended; or the
 * existence of its server is unknown, because the listing lacks it and the cloud does not answer a
 * GET for it; or its region has no image service.
 */
export type LateCause = Reason<
  'SERIES_SCHEDULE_ENDED' | 'SERIES_SERVER_UNCERTAIN' | 'SERIES_REGION_WITHOUT_IMAGES'
>;

/**
 * The condition for the earliest deletion: a pending snapshot of the series succeeds (PENDING), a
 * newer one passes a drill (DRILL), the snapshot itself fails (FAILS), or the runs of a rate come
 * at their earliest (RATE).
 */
export type ExpiryCondition = 'PENDING' | 'DRILL' | 'FAILS' | 'RATE';

/** One snapshot on the report page. Times are ISO, in UTC. */
export interface AuditedSnapshot {
  image: string;
  slot: string;
  status: string;
  state: 'good' | 'pending' | 'stuck' | 'failed' | 'unknown';
  sizeBytes?: number;
  action: 'keep' | 'delete' | 'defer';
  reasons: Reason[];
  /** No cleanup deletes the snapshot before this time; absent without a forecast. */
  goes?: string;
  /** The condition for a deletion at `goes`. */
  condition?: ExpiryCondition;
  /** When it last passed a drill; absent when it has failed one since. */
  proven?: string;
  /** When it last failed a drill; absent when it has passed one since. */
  unproven?: string;
}

/** One series: the snapshots of one policy of one server in one region. */
export interface AuditedSeries {
  account: string;
  region: string;
  server: string;
  /** Empty when the server is gone. Its last known name, when its existence is unknown. */
  name: string;
  policy: string;
  /**
   * The policy that failures of these ad-hoc snapshots count for, because ad-hoc snapshots belong
   * to no policy; absent when the server is gone.
   */
  countedBy?: string;
  state: SeriesState;
  cause?: LateCause;
  newestGood?: string;
  ageSeconds?: number;
  /**
   * The age in intervals of the schedule: {@link LATE} is late; see lateness.ts. Absent where no
   * snapshot is expected any more.
   */
  overdue?: number;
  /** How long the next snapshot has been due; absent if it is not due, or none is expected. */
  lateSeconds?: number;
  good: number;
  pending: number;
  stuck: number;
  failed: number;
  /** In a status that Autosnap does not know, or active without data. */
  unknown: number;
  bytes: number;
  /** How many snapshots no rule keeps and two cleanups have not deleted; absent when zero. */
  notRotating?: number;
  nextRun?: string;
  /** Missing snapshots; absent where none is expected any more. */
  gaps?: Gap[];
  /** The results of drills; absent without a drill and without a policy that asks for one. */
  proof?: Proof;
  /** The copies; absent if none are asked for, or they can't be listed. */
  copied?: Copied;
  /** Newest first. */
  snapshots: AuditedSnapshot[];
}

/**
 * A time without a good snapshot: from the slot that the first missing one was for. Times are ISO,
 * in UTC.
 */
export interface Gap {
  from: string;
  /** The slot of the next good one; absent when there is none yet. */
  to?: string;
}

/** The results of the drills of a series. Times are ISO, in UTC. */
export interface Proof {
  /**
   * When one of its snapshots last passed a drill, without failing one since; absent when none has.
   */
  proven?: string;
  /**
   * The time since `proven`, or else since the oldest good snapshot; absent without a good
   * snapshot.
   */
  unprovenSeconds?: number;
  /** When the last drill ended, if it failed. */
  failed?: string;
}

/** The copies of a series. Times are ISO, in UTC. */
export interface Copied {
  /** The slot of the snapshot in the newest whole copy; absent without a copy. */
  newest?: string;
  ageSeconds?: number;
  /** Whether a newer snapshot should have been copied by now. */
  behind: boolean;
  /** Why the newest good snapshot can never be copied. */
  obstacle?: Reason;
}
