import type { Finding, Reason } from '../reporting/reasons.ts';

// What the audit knows, as the report page, the digest and the metrics take it.

/** A policy, as the report page shows it. */
export interface AuditedPolicy {
  policy: string;
  account: string;
  /** When the schedule asks for the next run; of a rate, as far as the newest snapshot tells. */
  nextRun?: string;
  /** Of a rate, at the latest. */
  nextCleanup?: string;
  runsAtRate?: true;
  cleansAtRate?: true;
  /** Some selector matches no server: the policy protects less than it says. */
  nothingSelected: boolean;
  /** Whether all its regions could be read, and all servers in them that it may mean. */
  readable: boolean;
  /** Its jobs that no run has ended well of for too long; see missing.ts. */
  missing?: string[];
  /** The longest time since a good run of a job, over the time that its schedule allows. */
  runOverdue?: number;
  /** What can't be read of what it means: the whole account, or these regions. */
  unreadable?: 'account' | string[];
  /** What would make its runs fail, or do less than it says. */
  problems: Reason[];
}

/** How well a deployment's servers are protected at a moment. Times are ISO, in UTC. */
export interface Audit {
  /** What people call the deployment. */
  owner: string;
  at: string;
  policies: AuditedPolicy[];
  series: AuditedSeries[];
  /** The accounts that could be read. */
  accounts: AuditedAccount[];
  /**
   * What has dropped out of coverage since earlier audits, and nobody has accepted; empty where
   * nothing is remembered of them. See dropped.ts.
   */
  dropped: Dropped[];
  /** Servers that no policy selects. */
  uncovered: { account: string; region: string; server: string; name: string }[];
  /**
   * Where the servers could not be listed, so nobody knows which of them no policy selects: a
   * region, or a whole account.
   */
  unlisted: { account: string; region?: string }[];
  warnings: Finding[];
  /** What all snapshots of the deployment take up, where they could be listed. */
  bytes: number;
  /** What those take up that no policy rotates any more; the warnings name them. */
  leftBehindBytes: number;
  /** What that costs a month, where the price of a gigabyte is known. */
  monthlyCost?: number;
}

/** An account that could be read, though perhaps not all its regions. */
export interface AuditedAccount {
  account: string;
  /** The id of the cloud project that its credentials open. */
  project: string;
  /** All regions of its catalogue. */
  regions: readonly string[];
  /** The servers that were looked for, and that every region says are not there. */
  gone: ReadonlySet<string>;
}

/** What was covered when an audit last saw it, and is not covered any more. */
export type Dropped = Reason<
  'DROPPED_ACCOUNT' | 'DROPPED_PROJECT' | 'DROPPED_REGION' | 'DROPPED_POLICY' | 'DROPPED_SERVER'
>;

/**
 * How many intervals after its newest good snapshot a series is late: the next slot has passed, and
 * half of the interval that begins there.
 */
export const LATE = 1.5;

/**
 * - protected: the newest good snapshot is recent enough. late: it is not. never: there is none,
 *   though the server is old enough to have one. waiting: there is none yet, because the server is
 *   new.
 * - released: the policy does not select the server any more. orphaned: the server is gone, as the
 *   cloud has said for it by itself. adhoc: made by hand.
 */
export type SeriesState = 'protected' | 'late' | 'never' | 'waiting' | 'released' | 'orphaned' | 'adhoc';

/**
 * Why a series is late or never, whatever its age: its policy's schedule has ended; or nobody knows
 * whether its server is there, because the listing lacks it, and the cloud does not answer for it;
 * or its region has no image service.
 */
export type LateCause = Reason<
  'SERIES_SCHEDULE_ENDED' | 'SERIES_SERVER_UNCERTAIN' | 'SERIES_REGION_WITHOUT_IMAGES'
>;

/**
 * On what it depends whether a snapshot goes as early as that: a pending one of its series succeeds
 * (PENDING), a newer one passes a drill (DRILL), it fails itself (FAILS), or the runs of a rate
 * come at their earliest (RATE).
 */
export type ExpiryCondition = 'PENDING' | 'DRILL' | 'FAILS' | 'RATE';

/** One snapshot, as the report page shows it. Times are ISO, in UTC. */
export interface AuditedSnapshot {
  image: string;
  slot: string;
  status: string;
  state: 'good' | 'pending' | 'stuck' | 'failed' | 'unknown';
  sizeBytes?: number;
  action: 'keep' | 'delete' | 'defer';
  reasons: Reason[];
  /** Before when no cleanup deletes it; absent when that can't be foreseen. */
  goes?: string;
  /** On what it depends whether it goes as early as that. */
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
  /** Empty when the server is gone. What it was called, when nobody knows whether it is there. */
  name: string;
  policy: string;
  /**
   * Of ad-hoc snapshots, which belong to no policy: the policy whose trouble their failures are;
   * absent when the server is gone.
   */
  countedBy?: string;
  state: SeriesState;
  cause?: LateCause;
  newestGood?: string;
  ageSeconds?: number;
  /**
   * The age in intervals of the schedule: {@link LATE} is late; see lateness.ts. Absent where
   * nothing is expected any more.
   */
  overdue?: number;
  /** How long the next snapshot has been due; absent before, and where nothing is expected. */
  lateSeconds?: number;
  good: number;
  pending: number;
  stuck: number;
  failed: number;
  /** In a status that Autosnap does not know, or active without data. */
  unknown: number;
  bytes: number;
  /** How many no rule keeps that two cleanups have not deleted; absent when there are none. */
  notRotating?: number;
  nextRun?: string;
  /** Where a snapshot is missing; absent where nothing is expected any more. */
  gaps?: Gap[];
  /** What drills have shown; absent where none is asked for and none was. */
  proof?: Proof;
  /** What copies there are; absent where none are asked for, or they can't be listed. */
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

/** What drills have shown of a series. Times are ISO, in UTC. */
export interface Proof {
  /**
   * When one of its snapshots last passed a drill, and has failed none since; absent when none has.
   */
  proven?: string;
  /**
   * For how long nothing was proven: since then, or else since its oldest good snapshot; absent
   * when it has none.
   */
  unprovenSeconds?: number;
  /** When the last drill came to its verdict, if it failed. */
  failed?: string;
}

/** What copies there are of a series. Times are ISO, in UTC. */
export interface Copied {
  /** The snapshot that the newest whole copy is of; absent when there is none. */
  newest?: string;
  ageSeconds?: number;
  /** A newer snapshot is there, and should have been copied by now. */
  behind: boolean;
  /** Why the newest good snapshot can never be copied. */
  obstacle?: Reason;
}
