import * as v from 'valibot';
import { isExpected } from './headline.ts';
import type { Audit } from './model.ts';
import { SeenCleanups } from './seen-cleanups.ts';

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
});

const RecordedPolicy = v.object({
  policy: v.string(),
  servers: v.number(),
  seen: v.string(),
  /** A hash of what it selects. */
  selection: v.exactOptional(v.string()),
  cleanups: v.exactOptional(SeenCleanups),
});

const AccountCoverage = v.object({
  account: v.string(),
  /** The id of the cloud project of the account's credentials. */
  project: v.string(),
  /** The policies that were deployed for the account. */
  policies: v.array(RecordedPolicy),
  servers: v.array(RecordedServer),
});

const Coverage = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ version: v.literal(1), accounts: v.array(AccountCoverage) }),
);

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

export function coverageText(accounts: readonly AccountCoverage[]): string {
  return JSON.stringify({ version: 1, accounts });
}

/** Parses a record. @returns undefined for a record of another version of the code. */
export function parseCoverage(text: string): AccountCoverage[] | undefined {
  const parsed = v.safeParse(Coverage, text);
  return parsed.success ? parsed.output.accounts : undefined;
}

/** The servers of an account that its policies select in an audit, by their ids. */
export function coveredServers(
  { at, series }: Pick<Audit, 'at' | 'series'>,
  account: string,
): Map<string, CoveredServer> {
  const selected = series.filter(
    (one) => one.account === account && isExpected(one) && one.cause?.code !== 'SERIES_SERVER_UNCERTAIN',
  );
  const servers = Map.groupBy(selected, ({ server }) => server);
  return new Map(
    [...servers].map(([server, its]) => {
      const { name, region } = its[0]!;
      const names = its.map(({ policy }) => policy);
      const since = Object.fromEntries(names.map((policy) => [policy, at]));
      return [server, { server, name, region, policies: names, since, seen: at }];
    }),
  );
}
