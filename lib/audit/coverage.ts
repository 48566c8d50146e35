import * as v from 'valibot';
import type { Audit } from './model.ts';
import { isExpected } from './sentence.ts';

// The record of what policies cover, by which an audit notices what has dropped out of coverage
// since. It serves reports alone: no snapshot is kept or deleted because of it.

const Server = v.object({
  server: v.string(),
  name: v.string(),
  region: v.string(),
  /** The policies that selected it. */
  policies: v.array(v.string()),
  /** Since when, by policy. */
  since: v.record(v.string(), v.string()),
  seen: v.string(),
  /** The policies that have lost it, though others still select it: when each last selected it. */
  lost: v.exactOptional(v.record(v.string(), v.string())),
});

const Policy = v.object({
  policy: v.string(),
  servers: v.number(),
  seen: v.string(),
  /** A hash of what it selects. */
  selection: v.exactOptional(v.string()),
});

const AccountCoverage = v.object({
  account: v.string(),
  /** The id of the cloud project that the account's credentials open. */
  project: v.string(),
  /** The policies that were deployed for the account. */
  policies: v.array(Policy),
  servers: v.array(Server),
});

const Coverage = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ version: v.literal(1), accounts: v.array(AccountCoverage) }),
);

/** A server that policies covered when an audit last saw it. */
export type CoveredServer = v.InferOutput<typeof Server>;

/** A policy of an account, and how many servers it selected when an audit last saw them all. */
export type CoveringPolicy = v.InferOutput<typeof Policy>;

/**
 * What was covered in a project of an account when audits last saw it. `seen` is always an ISO
 * time, in UTC.
 */
export type AccountCoverage = v.InferOutput<typeof AccountCoverage>;

export function coverageText(accounts: readonly AccountCoverage[]): string {
  return JSON.stringify({ version: 1, accounts });
}

/** @returns undefined for a text that this version of the code does not understand. */
export function parseCoverage(text: string): AccountCoverage[] | undefined {
  const parsed = v.safeParse(Coverage, text);
  return parsed.success ? parsed.output.accounts : undefined;
}

/** The servers of an account that its policies select, by their ids, as an audit has seen them. */
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
