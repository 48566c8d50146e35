import type { Policy } from './policy.ts';

/** What a run knows besides its event. */
export interface Run {
  /** `<service>-<stage>`: whose snapshots are ours. */
  owner: string;
  now: Date;
  /** The invocation's id: the same when Lambda tries it again. */
  requestId: string;
  /** All policies of the deployment, where they are known. */
  policies?: readonly Pick<Policy, 'policy'>[];
}
