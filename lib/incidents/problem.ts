import * as v from 'valibot';

/** One problem, as one audit sees it. */
export const Problem = v.object({
  /**
   * - unreadable: an account or a region can't be read, so its state is unknown.
   * - run: a job's last run failed as a whole.
   * - missing: a job had no good run for too long.
   * - server: snapshots of a server are late, failed or stuck, or its drill failed.
   * - policy: a policy protects less than it claims.
   * - dropped: something dropped out of coverage.
   */
  kind: v.picklist(['unreadable', 'run', 'missing', 'server', 'policy', 'dropped']),
  /** Identifies the problem in every audit that sees it. */
  key: v.string(),
  account: v.string(),
  /** The id of the server; only of kind server. */
  server: v.exactOptional(v.string()),
  /** Absent for a problem that is not of one region. */
  region: v.exactOptional(v.string()),
  /** Empty for a problem of the whole account or region. */
  policies: v.array(v.string()),
  job: v.exactOptional(v.string()),
  /** Problems of one kind and cause that begin in the same audit are one incident. */
  cause: v.string(),
  /** Whether such problems often resolve without action, within the hour. */
  isTransient: v.boolean(),
  /** Of a run: whether it did nothing for any server, because it crashed or is missing. */
  isTotal: v.exactOptional(v.boolean()),
  /** The problem and its place, for the subject of a mail. */
  title: v.string(),
  /** The title with the cause. */
  text: v.string(),
});

export type Problem = v.InferOutput<typeof Problem>;
