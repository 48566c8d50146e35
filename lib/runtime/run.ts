import type { Policy } from '../config/policy.ts';
import type { Schedule } from '../config/schedule.ts';
import type { DrillLog } from '../drill/volume-record.ts';
import type { Leases } from './lease.ts';
import type { RequestLog } from './request-log.ts';
import type { RestoreLog } from './restore-log.ts';

/** The context of a run besides its event. */
export interface Run {
  /**
   * The owner id: the run works on the snapshots of this owner only; see ownerOf in environment.ts.
   */
  owner: string;
  /** The name of the deployment, if known: `<service>-<stage>`. */
  deployment?: string;
  /** The owner id that applies without an `owner` setting. */
  defaultOwner?: string;
  now: Date;
  /**
   * When the work was requested first: `now`, unless this run resumes work. This time determines
   * the slot.
   */
  since?: Date;
  /** The id of the invocation that started the work. A retry by Lambda has the same id. */
  requestId: string;
  /** The number of failed tries before this run, if it is a retry by the queue. */
  tries?: number;
  /** The number of accounts of the event, if there are several; this run is for one of them. */
  accounts?: number;
  /** Leases among concurrent runs. */
  leases?: Leases;
  /** The record of ad-hoc requests: when each was made first, and which images it has made. */
  requests?: RequestLog;
  /** The records of restores. */
  restores?: RestoreLog;
  /** The records of drills that make volumes. */
  drills?: DrillLog;
  /** All policies of the deployment, if known. */
  policies?:
    | readonly {
        policy: string;
        schedule?: Schedule;
        adopt?: Policy['adopt'];
        servers?: Policy['servers'];
        account?: string;
        regions?: readonly string[] | undefined;
        volumes?: Policy['volumes'];
      }[]
    | undefined;
}
