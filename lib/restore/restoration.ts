import { RunFailed } from '../reporting/failure.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import { failedRestorationText } from '../reporting/sentences/restoration.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';

/**
 * - planned: the call was a dry run.
 * - waiting: the volumes or the safety snapshot are not finished yet, or the server is busy.
 * - building: the cloud is building the server, or its volumes are being attached or replaced.
 *
 * A call never waits for the cloud: the next call checks the progress.
 */
export type RestoreState = 'planned' | 'waiting' | 'building' | 'done' | 'failed';

/**
 * The report of a restore call, for people and for programs. The handler returns it, and logs it as
 * JSON.
 */
export interface Restoration {
  job: 'restore';
  owner: string;
  account: string;
  dryRun: boolean;
  /** The id of the restore; later calls repeat it to resume the restore. */
  request: string;
  state: RestoreState;
  /** The id of the original server. */
  server: string;
  name: string;
  region: string;
  /** The id of the image that the server is restored from. */
  image: string;
  /** The id of the server that was made or rebuilt, or of the volume that was made. */
  restored?: string;
  /** The name of the server or volume that was made; absent for a restore in place. */
  restoredName?: string;
  /** The id of the safety snapshot. */
  safety?: string;
  /** See reasons.ts; `codes` and `lines` have the same reasons as codes and as sentences. */
  reasons: readonly Reason[];
  codes: ReasonCode[];
  lines: Sentence[];
  /** The event to invoke with next; absent when nothing is left to do, and for a plan. */
  next?: object;
  /**
   * The event that carries out the plan of a dry run: it names the image that the plan has chosen.
   */
  apply?: object;
  /** How long a restore took in the server's last drill, in seconds; absent without a drill. */
  estimateSeconds?: number;
  /** When an earlier call found the restore done, ISO; absent if this call is the first one. */
  doneAt?: string;
  /** When the queue takes the next step, ISO; absent when the caller has to invoke `next`. */
  resumesAt?: string;
}

/** The error that makes the invocation fail; undefined unless the restore has failed. */
export function restoreFailure(restoration: Restoration): RunFailed | undefined {
  if (restoration.state !== 'failed') return undefined;
  return new RunFailed(failedRestorationText(restoration), restoration.codes);
}
