import type { BusyServer, BusyServers, ReasonCode } from './reasons.ts';
import type { Sentence } from './sentences/sentence.ts';

/**
 * The outcome for a server (snapshot, drill), for a snapshot (cleanup, hold) or for a copy
 * (offsite), the worst first.
 */
export const OUTCOMES = [
  'failed',
  'deferred',
  'deleted',
  'taken',
  'copied',
  'copying',
  'exporting',
  'proven',
  'held',
  'released',
  'planned',
  'skipped',
  'kept',
] as const;
/** The outcome of an entry in a report. */
export type Outcome = (typeof OUTCOMES)[number];

/**
 * One snapshot of a series in a report of cleanup, or one copy in a report of an offsite run: of an
 * image, or of a volume snapshot.
 */
export interface SnapshotLine {
  image: string;
  /** The id of the backup that was made of this volume snapshot. */
  backup?: string;
  slot: string;
  /** The status of the image, or of a bad volume snapshot of it: `volume_snapshot:gone`. */
  status: string;
  /** Absent while the image is being made. */
  sizeBytes?: number;
  outcome: Outcome;
  /** The codes of the reasons; see reasons.ts. */
  codes: ReasonCode[];
  /** The code of the cloud's error, with the code CLOUD; see lib/openstack/errors.ts. */
  error?: string;
  /** The same reasons as sentences. */
  reasons: Sentence[];
}

/** The result for one volume of a server in the report of a snapshot run. */
export interface VolumeLine {
  volume: string;
  /** The name of the volume, or its id. */
  name: string;
  outcome: Outcome;
  code: ReasonCode;
  /** The code of the cloud's error, with the code CLOUD; see lib/openstack/errors.ts. */
  error?: string;
  reason: Sentence;
  /** The id of the volume snapshot that was requested, or that was already there. */
  snapshot?: string;
  /** The id of the backup that was held or released, instead of `snapshot`. */
  backup?: string;
}

/** The result for one server. */
export interface Entry {
  /** Absent if the report is for one account. */
  account?: string;
  server: string;
  name: string;
  region: string;
  /** In the report of a cleanup, the worst outcome of the server's snapshots. */
  outcome: Outcome;
  /** The code of the first reason; see reasons.ts. */
  code?: ReasonCode;
  /** With the code WITHOUT_VOLUMES: why the first of the volumes has no snapshot. */
  cause?: ReasonCode;
  /** The code of the cloud's error, with the code or cause CLOUD; see lib/openstack/errors.ts. */
  error?: string;
  /** All reasons as sentences. */
  reason?: Sentence;
  /**
   * Of a busy server: the state of its task or its pending image, or else its status. With the code
   * SERVER_IN_STATE: the status.
   */
  state?: string;
  /** With the code BUSY_TOO_LONG. */
  busy?: BusyServer;
  /** The id of the image that was requested, that was already there, or that the drill boots. */
  image?: string;
  /** Of a drill: the slot of the snapshot. */
  slot?: string;
  /** The time from the slot until the cloud accepted the first request. */
  delaySeconds?: number;
  /** The results for the volumes of the server that get snapshots of their own. */
  volumes?: VolumeLine[];
  /** Of a passed drill: the time until its server was ACTIVE, and until the check answered. */
  activeSeconds?: number;
  answeredSeconds?: number | undefined;
  /** Whether these times are limits; see drill-marks.ts. */
  isAtMost?: true | undefined;
  /**
   * The time between the first and the last request for a part of the server, also if earlier runs
   * took some parts. The parts are not from one moment.
   */
  spreadSeconds?: number;
  /** In the report of a cleanup, the volume of the snapshots; absent for images. */
  volume?: { id: string; name: string };
  /** In the report of a cleanup, the policy of the snapshots. */
  policy?: string;
  snapshots?: SnapshotLine[];
  /**
   * The number of snapshots that were left out to keep the report small enough for a log line. Kept
   * snapshots are left out first.
   */
  omittedSnapshots?: number;
}

/** A failure or a warning that concerns more than a single entry. */
export interface ReportedFinding {
  code: ReasonCode;
  /** The facts of the code, see reasons.ts, without the texts of errors; absent without any. */
  facts?: object;
  /** The sentence, which names the region and the account. */
  text: Sentence;
  region?: string;
  /** Absent if the report is for one account. */
  account?: string;
}

/** The result of a run, which is returned, and logged as JSON. */
export interface Report {
  job: 'snapshot' | 'cleanup' | 'hold' | 'offsite' | 'drill';
  policy: string;
  owner: string;
  account: string;
  /** The number of accounts of the event, if there are several; this report is for one of them. */
  accounts?: number;
  dryRun: boolean;
  /** Set for a manual run for only some servers or regions of the policy. */
  isPart?: true;
  /** The scheduled time, and how much later this run started. */
  slot?: string;
  lateSeconds?: number;
  nextRun?: string;
  /** The number of each outcome: of servers for a snapshot, of snapshots for a cleanup. */
  totals: Partial<Record<Outcome, number>>;
  /**
   * The number of each code in entries, snapshots, failures and warnings, including those that were
   * left out.
   */
  codes: Partial<Record<ReasonCode, number>>;
  /**
   * Failures that concern more than a single entry, such as regions that can't be read, and
   * deletions that were not planned.
   */
  failures: ReportedFinding[];
  /** The number of each code in failed entries, failed snapshots, and failures. */
  failureCodes: Partial<Record<ReasonCode, number>>;
  /** The number of failures in each region that has any. An unreadable region counts as one. */
  failedIn?: Record<string, number>;
  warnings: ReportedFinding[];
  /** Failures and warnings that were left out to keep the report small enough for a log line. */
  omittedFailures?: number;
  omittedWarnings?: number;
  /**
   * The work that was not done: the number of items after the deadline, and the busy servers. If
   * another run of the same job is in progress, only the latest time at which that run ends.
   */
  left?: { outOfTime?: number; busy?: BusyServers; otherRunUntil?: string };
  /** When that work is resumed automatically; absent if it is not. See work-item.ts. */
  resumesAt?: string;
  /** Whether a selector matched nothing, so that the policy protects less than configured. */
  nothingSelected: boolean;
  /** The worst first. */
  entries: Entry[];
  /** The number of entries that were left out to keep the report small enough for a log line. */
  omitted: number;
  /** How many of these failed, if any did. */
  omittedFailed?: number;
}

/** The region of a server that was found in no region, as people read it after "in". */
export const NOWHERE = 'no region';

/** The worst of several outcomes; "kept" for none. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  return OUTCOMES[Math.min(...outcomes.map(rank), OUTCOMES.length - 1)] ?? 'kept';
}

/** The position of an outcome in the order of a report: the worst is 0. */
export function rank(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}
