import type { Finding, Reason, ReasonCode } from '../reporting/reasons.ts';

// The types of an audit's result, from which the report page, the digest and the metrics are made.

/** One policy on the report page. */
export interface AuditedPolicy {
  policy: string;
  account: string;
  /** The jobs that the policy enables. */
  jobs?: string[];
  /** When the next run is due; for a rate, computed from the newest snapshot. */
  nextRun?: string;
  /** When the next cleanup is due; for a rate, the latest possible time. */
  nextCleanup?: string;
  runsAtRate?: true;
  cleansAtRate?: true;
  /** A hash of its servers and regions: another one shows that the policy was changed. */
  selection?: string;
  /** Its last cleanups with the current rules; absent if earlier audits are not known. */
  cleanups?: SeenCleanups;
  /** Its schedules; absent if earlier audits are not known. */
  schedules?: SeenSchedules;
  /**
   * Whether a selector matches no server, or the policy selects none, so that the policy protects
   * fewer servers than configured.
   */
  nothingSelected: boolean;
  /**
   * Whether all regions of the policy, and all servers in them that the policy may select, could be
   * read.
   */
  readable: boolean;
  /** The jobs of the policy without a recent run, good or failed; see missing-runs.ts. */
  missing?: string[];
  /**
   * The slot of a snapshot run that has come, while the run has neither ended nor counts as
   * missing.
   */
  awaited?: string;
  /** The longest time since a run of a job, divided by the time that its schedule allows. */
  runOverdue?: number;
  /** The unreadable part: the whole account, or these regions. */
  unreadable?: 'account' | string[];
  /** Problems because of which the policy's runs fail, or do less than configured. */
  problems: Reason[];
}

/** The schedules of a policy by job, and since when audits have seen each. */
export type SeenSchedules = Record<string, { expression: string; since: string }>;

/** The good cleanups of a policy in an account that audits have seen since its rules changed. */
export interface SeenCleanups {
  /** A hash of the rules. */
  rules: string;
  /** When an audit first saw these rules. */
  since: string;
  /** When the last two cleanups ended, the older one first. */
  runs: string[];
}

/** The protection of a deployment's servers at the time `at`. Times are ISO, in UTC. */
export interface Audit {
  /** The name of the deployment. */
  owner: string;
  at: string;
  policies: AuditedPolicy[];
  series: AuditedSeries[];
  /** The accounts that could be read. */
  accounts: AuditedAccount[];
  /**
   * The items that have dropped out of coverage since earlier audits and are not accepted; empty
   * without a record of earlier audits. See dropped.ts.
   */
  dropped: Dropped[];
  /** Servers that no policy selects. */
  uncovered: { account: string; region: string; server: string; name: string }[];
  /**
   * The regions or whole accounts whose servers could not be listed. Their uncovered servers are
   * unknown.
   */
  unlisted: { account: string; region?: string }[];
  warnings: Finding[];
  /** The size of all snapshots of the deployment that could be listed. */
  bytes: number;
  /**
   * The size of the snapshots that no policy rotates any more. The warnings name these policies or
   * regions.
   */
  unmanagedBytes: number;
  /** The monthly cost, if the price of a gigabyte is known. */
  monthlyCost?: number;
}

/** An account that could be read, though perhaps not all its regions. */
export interface AuditedAccount {
  account: string;
  /** The id of the cloud project that its credentials open. */
  project: string;
  /** All regions of its catalogue with servers. */
  regions: readonly string[];
  /** The regions that have snapshots, and no compute endpoint any more: they can't be read. */
  withoutCompute?: readonly string[];
  /** The servers that were requested by their ids, and that are gone from every region. */
  gone: ReadonlySet<string>;
}

/** The codes of what dropped out of coverage. */
export const DROPPED_CODES = [
  'DROPPED_ACCOUNT',
  'DROPPED_PROJECT',
  'DROPPED_REGION',
  'DROPPED_POLICY',
  'DROPPED_SERVER',
  'DROPPED_FROM_POLICY',
] as const satisfies ReasonCode[];

/**
 * An account, project, region, policy or server that an earlier audit recorded as covered, and that
 * is no longer covered.
 */
export type Dropped = Reason<(typeof DROPPED_CODES)[number]>;

/**
 * A series is late this many intervals after its newest good snapshot: the next slot has passed,
 * and half of the interval that begins there.
 */
export const LATE = 1.5;

/**
 * - protected: the newest good snapshot is recent enough.
 * - late: the newest good snapshot is too old.
 * - never: there is no good snapshot, although the server is old enough to have one.
 * - waiting: there is no good snapshot yet, because the server is new.
 * - deselected: the policy no longer selects the server.
 * - orphaned: the server is gone: the cloud answers 404 to a GET of the server.
 * - adhoc: the series consists of ad-hoc snapshots.
 */
export type SeriesState = 'protected' | 'late' | 'never' | 'waiting' | 'deselected' | 'orphaned' | 'adhoc';

/**
 * Why a series has the state late or never regardless of its age: the schedule of its policy has
 * ended or pauses for years; the existence of its server is unknown, because the listing lacks the
 * server and a GET of it fails; or its region has no image service, or no volume service
 * although its disk is a volume.
 */
export type LateCause = Reason<
  | 'SERIES_SCHEDULE_ENDED'
  | 'SERIES_SERVER_UNCERTAIN'
  | 'SERIES_REGION_WITHOUT_IMAGES'
  | 'SERIES_REGION_WITHOUT_VOLUMES'
>;

/**
 * The condition for the deletion at the earliest time: a pending snapshot of the series succeeds
 * (PENDING), a newer snapshot passes a drill (DRILL), the snapshot itself fails (FAILS), or the
 * runs of a rate start as early as possible (RATE).
 */
export type ExpiryCondition = 'PENDING' | 'DRILL' | 'FAILS' | 'RATE';

/** One snapshot on the report page. Times are ISO, in UTC. */
export interface AuditedSnapshot {
  image: string;
  slot: string;
  /** When the cloud began to make it. */
  madeAt: string;
  status: string;
  state: 'good' | 'pending' | 'stuck' | 'failed' | 'unknown';
  sizeBytes?: number;
  action: 'keep' | 'delete' | 'defer';
  reasons: Reason[];
  /** No cleanup deletes the snapshot before this time; absent without a forecast. */
  expiresAt?: string;
  /** The condition for a deletion at `expiresAt`. */
  condition?: ExpiryCondition;
  /** A failed ad-hoc snapshot: whether its request has a later good snapshot of the server. */
  takenAgain?: true;
  /** When the snapshot last passed a drill; absent if it has failed a later drill. */
  proven?: string;
  /** Whether that drill booted the data volumes; absent if the server has none. */
  provenVolumes?: 'with' | 'without';
  /** When the snapshot last failed a drill; absent if it has passed a later drill. */
  unproven?: string;
}

/**
 * One series: the snapshots of one policy of one server in one region, or of one of its volumes. A
 * server is protected as of the oldest of its series.
 */
export interface AuditedSeries {
  account: string;
  region: string;
  server: string;
  /**
   * The last known name when the server is gone or its existence is unknown; empty if none is
   * known.
   */
  name: string;
  /** Its earlier names, if the server is gone; absent without any. */
  formerNames?: string[];
  /** For the snapshots of one of the server's volumes; absent for its images. */
  volume?: { id: string; name: string };
  /** The other servers of the policy that the volume is attached to; absent without any. */
  alsoOf?: { server: string; name: string }[];
  policy: string;
  /**
   * The policy that failures of these ad-hoc snapshots count for, because ad-hoc snapshots belong
   * to no policy; absent when the server is gone.
   */
  countedBy?: string;
  state: SeriesState;
  cause?: LateCause;
  /**
   * The slot of the newest good snapshot. If the parts of a server fail in turns, the newest slot
   * of which all parts are good is older than that: then it stands here, in one of its series.
   */
  newestGood?: string;
  /** Whether `newestGood` is such a slot of all parts; absent without one if there is none. */
  isApart?: true;
  ageSeconds?: number;
  /**
   * The age in intervals of the schedule; {@link LATE} is late, see lateness.ts. Absent if no more
   * snapshots are expected.
   */
  overdue?: number;
  /**
   * For how long the next snapshot has been due; absent if it is not due, or no more snapshots are
   * expected.
   */
  lateSeconds?: number;
  good: number;
  pending: number;
  stuck: number;
  failed: number;
  /** The number of snapshots with a status that Autosnap does not know, or active without data. */
  unknown: number;
  bytes: number;
  /**
   * The number of snapshots that no rule keeps and that two cleanups have not deleted; absent if
   * zero.
   */
  notRotating?: number;
  nextRun?: string;
  /** Missing snapshots; absent if no more snapshots are expected. */
  gaps?: Gap[];
  /** The results of drills; absent if no snapshot had a drill and the policy has no drills. */
  proof?: Proof;
  /** The objectives of the policy that the series misses, in milliseconds. */
  missed?: { point?: number; time?: number };
  /** The copies; absent if the policy makes none, or they can't be listed. */
  copied?: Copied;
  /** Newest first. */
  snapshots: AuditedSnapshot[];
}

/**
 * A time without a good snapshot, from the slot of the first missing snapshot on. Times are ISO, in
 * UTC.
 */
export interface Gap {
  from: string;
  /** The slot of the next good snapshot; absent if there is none yet. */
  to?: string;
}

/** The results of the drills of a series. Times are ISO, in UTC. */
export interface Proof {
  /**
   * When a snapshot of the series last passed a drill, without failing a later one; absent if none
   * did.
   */
  proven?: string;
  /** Whether that drill booted the data volumes; absent if the server has none. */
  provenVolumes?: 'with' | 'without';
  /**
   * The time since `proven`, or else since the oldest good snapshot; absent without a good
   * snapshot.
   */
  unprovenSeconds?: number;
  /** How long that drill took until the check answered, or else until the server was ACTIVE. */
  recoverySeconds?: number;
  /** Whether it took this long at most; absent if the time was measured. */
  isAtMost?: true;
  /** When the last drill ended, if it failed. */
  failed?: string;
}

/** The copies of a series. Times are ISO, in UTC. */
export interface Copied {
  /** The slot of the snapshot in the newest complete copy; absent without a copy. */
  newest?: string;
  ageSeconds?: number;
  /** Whether a newer snapshot should have been copied by now. */
  behind: boolean;
  /** Why the newest good snapshot can't be copied, if it can't. */
  obstacle?: Reason;
}
