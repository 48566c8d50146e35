import * as v from 'valibot';
import { KnownReason } from '../../reporting/known-reason.ts';
import { DAMAGED_RECORD } from '../../reporting/sentences/audit.ts';
import { type Audit, DROPPED_CODES, type Dropped } from '../model.ts';
import { isExpected } from '../series-states.ts';

// The record of the servers that policies cover. Audits compare it with the current coverage to
// find dropped items. The record affects only reports: no snapshot is kept or deleted because of
// it.

const RecordedServer = v.object({
  server: v.string(),
  name: v.string(),
  region: v.string(),
  /** The policies that selected the server. */
  policies: v.array(v.string()),
  /** Since when each policy has selected the server. */
  since: v.record(v.string(), v.string()),
  seen: v.string(),
  /** The policies that have lost it, though others still select it: when each last selected it. */
  lost: v.exactOptional(v.record(v.string(), v.string())),
  /** Whether an audit has reported that no policy covers the server any more. */
  uncovered: v.exactOptional(v.literal(true)),
});

const RecordedPolicy = v.object({
  policy: v.string(),
  servers: v.number(),
  seen: v.string(),
  /** A hash of what it selects. */
  selection: v.exactOptional(v.string()),
  cleanups: v.exactOptional(v.object({ rules: v.string(), since: v.string(), runs: v.array(v.string()) })),
  schedules: v.exactOptional(v.record(v.string(), v.object({ expression: v.string(), since: v.string() }))),
});

const AccountCoverage = v.object({
  account: v.string(),
  /** The id of the cloud project of the account's credentials. */
  project: v.string(),
  /** The policies that were deployed for the account. */
  policies: v.array(RecordedPolicy),
  servers: v.array(RecordedServer),
});

const VERSION = 1;

const KnownDrop = v.custom<Dropped>(
  (input) => v.is(KnownReason, input) && DROPPED_CODES.some((code) => code === input.code),
);

const Recorded = v.object({
  version: v.literal(VERSION),
  accounts: v.array(AccountCoverage),
  carried: v.exactOptional(v.array(KnownDrop)),
});
const OtherVersion = v.object({ version: v.pipe(v.number(), v.notValue(VERSION)) });

/** A server that policies covered when an audit last saw it. */
export type CoveredServer = v.InferOutput<typeof RecordedServer>;

/**
 * A policy of an account, and the number of servers that it selected when an audit last listed all
 * of them.
 */
export type CoveringPolicy = v.InferOutput<typeof RecordedPolicy>;

/**
 * The recorded coverage of a project of an account. `seen` is when an audit last saw the item
 * covered: ISO, in UTC.
 */
export type AccountCoverage = v.InferOutput<typeof AccountCoverage>;

/** What the policies cover, as the audits record it. */
export interface Coverage {
  accounts: readonly AccountCoverage[];
  /** What dropped out of coverage by an earlier record, which is lost; see carried-items.ts. */
  carried: readonly Dropped[];
}

/** The coverage as JSON, for its record in the report bucket; {@link parseCoverage} reads it. */
export function coverageText({ accounts, carried }: Coverage): string {
  return JSON.stringify({ version: VERSION, accounts, ...(carried.length > 0 ? { carried } : {}) });
}

/**
 * Parses a record.
 *
 * @returns undefined for a record of another version of the code.
 * @throws if the record is damaged.
 */
export function parseCoverage(text: string): Coverage | undefined {
  const json = v.safeParse(v.pipe(v.string(), v.parseJson()), text);
  const parsed = v.safeParse(Recorded, json.output);
  if (json.success && parsed.success) {
    const { accounts, carried = [] } = parsed.output;
    return { accounts, carried };
  }
  if (json.success && v.is(OtherVersion, json.output)) return undefined;
  throw new Error(DAMAGED_RECORD);
}

/**
 * The servers of an account that its policies select in an audit, by their ids.
 *
 * @param isFirst whether earlier audits have recorded nothing of the account: its servers with
 *   snapshots were selected before.
 */
export function coveredServers(
  { at, series }: Pick<Audit, 'at' | 'series'>,
  account: string,
  isFirst = false,
): Map<string, CoveredServer> {
  const selected = series.filter(
    (one) => one.account === account && isExpected(one) && one.cause?.code !== 'SERIES_SERVER_UNCERTAIN',
  );
  const servers = Map.groupBy(selected, ({ server }) => server);
  return new Map(
    [...servers].map(([server, its]) => {
      const { name, region } = its[0]!;
      const names = its.map(({ policy }) => policy);
      const sinceOf = ({ snapshots }: (typeof its)[number]) => {
        const oldest = snapshots.at(-1)?.slot;
        return isFirst && oldest !== undefined && oldest < at ? oldest : at;
      };
      const since = Object.fromEntries(its.map((one) => [one.policy, sinceOf(one)]));
      return [server, { server, name, region, policies: names, since, seen: at }];
    }),
  );
}
