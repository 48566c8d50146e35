import * as v from 'valibot';

/** One thing that is wrong, as one audit sees it. */
export const Problem = v.object({
  /**
   * - unreadable: an account or a region can't be read, so nothing is known of it.
   * - run: a job's last run failed as a whole. missing: a job had no good run for too long.
   * - server: snapshots of a server are late, failed or stuck, or its drill failed.
   * - policy: a policy protects less than it says. dropped: what was covered is no longer.
   */
  kind: v.picklist(['unreadable', 'run', 'missing', 'server', 'policy', 'dropped']),
  /** Identifies the problem in every audit that sees it. */
  key: v.string(),
  account: v.string(),
  /** The id of the server, of kind server. */
  server: v.exactOptional(v.string()),
  /** Absent for what is not about one region. */
  region: v.exactOptional(v.string()),
  /** Empty for what is about the whole account or region. */
  policies: v.array(v.string()),
  job: v.exactOptional(v.string()),
  /** Problems of one kind and cause that begin together are one incident. */
  cause: v.string(),
  /** Whether it often ends by itself within the hour. */
  isTransient: v.boolean(),
  /** Of a run: whether it did nothing for any server, because it crashed or is missing. */
  isTotal: v.exactOptional(v.boolean()),
  /** What is wrong and where, for the subject of a mail. */
  title: v.string(),
  /** The same with the cause. */
  text: v.string(),
});

export type Problem = v.InferOutput<typeof Problem>;
