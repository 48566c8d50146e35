import { counted } from '../reporting/sentences/format.ts';
import {
  CLAUSES,
  firstOf,
  headlineText,
  serverNameText,
  UNREADABLE_PLACES,
} from '../reporting/sentences/headline.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import type { Audit, AuditedSeries, SeriesState } from './model.ts';
import { namingOf } from './naming.ts';
import { missingRunsIn, POLICY_TROUBLES } from './policy-troubles.ts';
import { worstFirst } from './series-states.ts';
import { serverKey, setsOf } from './server-sets.ts';
import { SERIES_TROUBLES } from './troubles.ts';

/**
 * A deployment's state in one sentence: `41 of 42 servers protected; web-7 is 3 days late`, or `33
 * of 42 servers protected; 9 servers have no fresh snapshot, the worst is app-1, 3 days late`. The
 * sentence starts with the regions that can't be read, and ends with the other troubles of servers,
 * with what keeps policies from doing what they are configured for, with quotas that are almost
 * used up, and with the items that dropped out of coverage. A server counts as the worst of its
 * parts: it is protected if its image and each of its volumes are. A new server or volume without a
 * snapshot is waiting, not protected.
 */
export function headline(audit: Audit): Sentence {
  return headlineText(clausesOf(audit));
}

/** The clauses of the {@link headline}. */
export function clausesOf(audit: Audit): Sentence[] {
  const ofPolicies = (last: boolean) =>
    POLICY_TROUBLES.flatMap(({ isLast, clausesOf: its }) => (isLast === last ? its(audit) : []));
  return [
    ...protectionClauses(audit),
    ...troubleClauses(audit),
    ...ofPolicies(false),
    ...policyClauses(audit),
    ...quotaClauses(audit),
    ...ofPolicies(true),
  ];
}

/**
 * The troubles of servers that a snapshot may still protect; see troubles.ts. Late servers are in
 * the clauses about protection.
 */
function troubleClauses({ policies, series }: Audit): Sentence[] {
  const { suffixOf } = namingOf({ policies, series, uncovered: [] });
  return SERIES_TROUBLES.flatMap(({ isIn, clauseOf }) => {
    const its = series.filter(isIn);
    const servers = new Map(its.map((one) => [serverKey(one), one] as const));
    const [one] = servers.values();
    if (one === undefined || clauseOf === null) return [];
    const { size } = servers;
    return [clauseOf(size === 1 ? serverNameText(one, suffixOf(one)) : counted(size, 'server'), its)];
  });
}

/** How soon a quota keeps the policies from taking snapshots: the one with the least room. */
function quotaClauses({ warnings }: Audit): Sentence[] {
  const ahead = warnings.filter((one) => one.code === 'QUOTA_AHEAD').sort((a, b) => a.days - b.days);
  return firstOf(ahead, CLAUSES.quotaAhead);
}

function protectionClauses(audit: Audit): Sentence[] {
  const unreadable = unreadableIn(audit);
  const isElsewhere = unreadable.length > 0;
  const servers = worstSeriesOfServers(audit);
  if (servers.length === 0) {
    return [isElsewhere ? CLAUSES.nothingKnown(unreadable) : CLAUSES.nothingProtected()];
  }
  const having = (state: SeriesState) => servers.filter((s) => s.state === state);
  const waiting = having('waiting').length;
  const troubled = [...having('never'), ...having('late')];
  const [worst] = troubled;
  return [
    ...(isElsewhere ? [CLAUSES.unreadable(unreadable)] : []),
    CLAUSES.protected(having('protected').length, servers.length, isElsewhere),
    ...(worst ? [CLAUSES.late(worst, troubled.length, namingOf(audit).suffixOf(worst))] : []),
    ...(waiting > 0 ? [CLAUSES.waiting(waiting)] : []),
  ];
}

/**
 * What else keeps policies from doing what they are configured for: regions that the account does
 * not have, and snapshots that cleanups do not delete.
 */
function policyClauses({ policies, series }: Audit): Sentence[] {
  const naming = namingOf({ policies, series, uncovered: [] });
  const unknownRegions = policies.flatMap((one) =>
    one.problems.flatMap((problem) =>
      problem.code === 'POLICY_REGION_UNKNOWN' ? { policy: naming.policyOf(one), where: problem.where } : [],
    ),
  );
  const missing = missingRunsIn(policies);
  // Without cleanups no snapshot is deleted, which the clause about the missing runs implies.
  const isCleanupMissing = ({ policy, account }: AuditedSeries) =>
    missing.some(({ job, of }) => job === 'cleanup' && of.policy === policy && of.account === account);
  const notRotating = new Set(
    series.flatMap((one) => ((one.notRotating ?? 0) > 0 && !isCleanupMissing(one) ? serverKey(one) : [])),
  );
  return [
    ...firstOf(unknownRegions, CLAUSES.regionUnknown),
    ...(notRotating.size > 0 ? [CLAUSES.notRotating(notRotating.size)] : []),
  ];
}

/**
 * The series that decides the state of each server that is expected to have snapshots; the most
 * overdue first.
 */
export function worstSeriesOfServers({ series }: Pick<Audit, 'series'>): AuditedSeries[] {
  const worstOf = new Map<string, AuditedSeries>();
  for (const one of setsOf(series)
    .map(({ worst }) => worst)
    .sort(worstFirst)) {
    const server = serverKey(one);
    if (!worstOf.has(server)) worstOf.set(server, one);
  }
  return [...worstOf.values()];
}

/**
 * The regions and accounts that can't be read, each once. A region has its account's name if there
 * are several accounts.
 */
function unreadableIn({ policies }: Audit): Sentence[] {
  const accounts = new Set(policies.map(({ account }) => account));
  const places = policies.flatMap(({ account, unreadable = [] }) =>
    unreadable === 'account' ? [[account]] : unreadable.map((region) => [account, region]),
  );
  const each = new Map(places.map((place) => [JSON.stringify(place), place]));
  return [...each.values()].map(([account = '', region]) =>
    region === undefined
      ? UNREADABLE_PLACES.account(account)
      : UNREADABLE_PLACES.region(region, accounts.size > 1 ? account : undefined),
  );
}
