import type { Policy } from '../config/policy.ts';
import type { Schedule } from '../config/schedule.ts';
import type { Leases } from './lease.ts';
import type { RequestLog } from './request-log.ts';

/** What a run knows besides its event. */
export interface Run {
  /** Whose snapshots are ours; see ownerOf in environment.ts. */
  owner: string;
  /** What people call the deployment, where it is known: `<service>-<stage>`. */
  deployment?: string;
  /** Whose they would be, had no owner been set by hand. */
  defaultOwner?: string;
  now: Date;
  /** When the work was first asked for: `now`, unless this run goes on with it. The slot is that of this moment. */
  since?: Date;
  /** The id of the invocation that was asked for it: the same when Lambda tries it again. */
  requestId: string;
  /** How many accounts the event was of, where there are several: this run is for one of them. */
  accounts?: number;
  /** What is remembered beside the cloud: who does something, or has asked for it. */
  leases?: Leases;
  /** Since when ad-hoc requests are known, and which servers they have taken. */
  requests?: RequestLog;
  /** All policies of the deployment, where they are known. */
  policies?:
    | readonly {
        policy: string;
        schedule?: Schedule;
        adopt?: Policy['adopt'];
        servers?: Policy['servers'];
        account?: string;
        regions?: readonly string[] | undefined;
      }[]
    | undefined;
}
