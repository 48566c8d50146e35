import { printableIn } from '../openstack/printable.ts';
import { RunFailed } from './failure.ts';
import {
  type BusyServers,
  codesIn,
  countsOf,
  type Finding,
  type Reason,
  type ReasonCode,
} from './reasons.ts';
import { findingText, sentenceOf } from './sentences.ts';

/**
 * What became of a server (snapshot, drill), a snapshot (cleanup, hold) or a copy (offsite), the
 * worst first.
 */
const OUTCOMES = [
  'failed',
  'deferred',
  'deleted',
  'taken',
  'copied',
  'exporting',
  'proven',
  'held',
  'released',
  'planned',
  'skipped',
  'kept',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** One snapshot of a series, in a cleanup's report; in that of an offsite run, one copy. */
export interface SnapshotLine {
  image: string;
  slot: string;
  status: string;
  /** Absent while the image is being made. */
  sizeBytes?: number;
  outcome: Outcome;
  /** Why, by code; see reasons.ts. */
  codes: ReasonCode[];
  /** The same in words. */
  reasons: string[];
}

/** One server. */
export interface Entry {
  /** Where a report is of several. */
  account?: string;
  server: string;
  name: string;
  region: string;
  /** For a cleanup, the worst of its snapshots'. */
  outcome: Outcome;
  /** Why, by code; see reasons.ts. */
  code?: ReasonCode;
  /** The same in words. */
  reason?: string;
  /** The id of the image that was asked for, or that a drill is of. */
  image?: string;
  /** From the slot to the moment when the cloud has accepted the request. */
  delaySeconds?: number;
  /** Of which policy a cleanup's snapshots are. */
  policy?: string;
  snapshots?: SnapshotLine[];
  /**
   * How many of them were left out to keep the report small enough for a log line: those that were
   * kept, mostly.
   */
  omittedSnapshots?: number;
}

/** What a run did, for people and for programs: returned, and logged as JSON. */
export interface Report {
  job: 'snapshot' | 'cleanup' | 'hold' | 'offsite' | 'drill';
  policy: string;
  owner: string;
  account: string;
  /** How many accounts the event was of, where there are several: this report is of one of them. */
  accounts?: number;
  dryRun: boolean;
  /** A run by hand, for some servers or regions of the policy. */
  isPart?: true;
  /** The moment the schedule asked for, and how late this run began after it. */
  slot?: string;
  lateSeconds?: number;
  nextRun?: string;
  /** How many of each outcome: servers for a snapshot, snapshots for a cleanup. */
  totals: Partial<Record<Outcome, number>>;
  /**
   * How many of each code: of entries, snapshots, failures and warnings, those that were left out
   * as well.
   */
  codes: Partial<Record<ReasonCode, number>>;
  /**
   * What went wrong beyond single entries: regions that can't be read, deletions that nobody
   * planned.
   */
  failures: string[];
  /** How many of each code, of what failed: of entries, snapshots and failures. */
  failureCodes: Partial<Record<ReasonCode, number>>;
  /** How much failed in each region where something did; one that can't be read is one more. */
  failedIn?: Record<string, number>;
  warnings: string[];
  /**
   * What was not got to: how much for want of time, and which servers because they were busy; and
   * when another run of the same job has ended at the latest, for which this one has not begun.
   */
  left?: { outOfTime?: number; busy?: BusyServers; otherRunUntil?: string };
  /** When that is gone on with by itself; absent where nobody does. See work-item.ts. */
  resumesAt?: string;
  /** A selector that matched nothing: the policy protects less than it says. */
  nothingSelected: boolean;
  /** The worst first. */
  entries: Entry[];
  /** Entries left out to keep the report small enough for a log line. */
  omitted: number;
}

/** The region of a server that is in none. */
export const NOWHERE = '-';

// CloudWatch Logs takes 256 KiB an event; the logger adds some.
const LARGEST_BYTES = 240_000;
/** Of one server, so that a long series does not take the place of all others. */
const LARGEST_ENTRY_BYTES = 60_000;
/** Of all failures, and of all warnings: a sentence may name many things. */
const LARGEST_TEXTS_BYTES = 60_000;

type Draft<F = Finding> = Omit<
  Report,
  'totals' | 'codes' | 'failureCodes' | 'omitted' | 'failedIn' | 'failures' | 'warnings'
> & {
  failures: readonly F[];
  warnings: readonly F[];
  /** The regions that could not be read. */
  unreadable?: readonly { region: string }[];
};

/**
 * Counts, sorts and bounds: a report of 10,000 servers still fits into a log line, failures first.
 */
export function finishReport({ failures, warnings, ...draft }: Draft): Report {
  const results = draft.entries.flatMap(({ code, outcome, snapshots = [] }) => [
    { outcome, codes: code ? [code] : [] },
    ...snapshots,
  ]);
  const codesOf = (some: typeof results) => some.flatMap(({ codes }) => codes.map((code) => ({ code })));
  return bounded({
    ...draft,
    codes: countsOf([...codesOf(results), ...failures, ...warnings]),
    failureCodes: countsOf([...codesOf(results.filter(({ outcome }) => outcome === 'failed')), ...failures]),
    failures: failures.map(findingText),
    warnings: warnings.map(findingText),
  });
}

/** {@link finishReport} of what is in words already. */
function bounded(draft: Draft<string> & Pick<Report, 'codes' | 'failureCodes'>): Report {
  const outcomes = draft.entries.flatMap((e) => e.snapshots?.map(({ outcome }) => outcome) ?? [e.outcome]);
  const totals: Report['totals'] = {};
  for (const outcome of OUTCOMES) {
    const n = outcomes.filter((o) => o === outcome).length;
    if (n > 0) totals[outcome] = n;
  }
  const sorted = [...draft.entries].sort(
    (a, b) => rank(a.outcome) - rank(b.outcome) || a.name.localeCompare(b.name),
  );
  const { failures, warnings, nothingSelected, entries: _, unreadable = [], ...head } = draft;
  const failedIn = regionsOfFailures(draft.entries, unreadable);
  const report: Report = {
    ...head,
    totals,
    failures: firstOf(failures, 50, LARGEST_TEXTS_BYTES),
    ...(failedIn ? { failedIn } : {}),
    warnings: firstOf(warnings, 50, LARGEST_TEXTS_BYTES),
    nothingSelected,
    omitted: 0,
    entries: [],
  };
  let bytes = jsonBytes(report);
  for (const entry of sorted) {
    const fitting = shortened(entry, LARGEST_BYTES - bytes);
    if (!fitting) continue;
    bytes += jsonBytes(fitting) + 1;
    report.entries.push(printableIn(fitting));
  }
  report.omitted = sorted.length - report.entries.length;
  return report;
}

/** The sum of several counts, by key. */
function sumOf<K extends string>(all: readonly Partial<Record<K, number>>[]): Partial<Record<K, number>> {
  const sum: Partial<Record<K, number>> = {};
  for (const [key, n] of all.flatMap((counts) => Object.entries(counts) as [K, number][])) {
    sum[key] = (sum[key] ?? 0) + n;
  }
  return sum;
}

/**
 * An entry that takes up no more than so many bytes, and no more than its share: of a long series
 * what was done comes before what was kept. Undefined when there is no room for it at all.
 */
function shortened(entry: Entry, roomBytes: number): Entry | undefined {
  const limit = Math.min(roomBytes, LARGEST_ENTRY_BYTES) - 1;
  if (jsonBytes(entry) <= (entry.snapshots ? limit : roomBytes - 1)) return entry;
  if (!entry.snapshots) return undefined;
  const wanted = entry.snapshots.toSorted((a, b) => rank(a.outcome) - rank(b.outcome));
  const kept = new Set<SnapshotLine>();
  let bytes = jsonBytes({ ...entry, snapshots: [], omittedSnapshots: wanted.length });
  for (const line of wanted) {
    bytes += jsonBytes(line) + 1;
    if (bytes > limit) break;
    kept.add(line);
  }
  if (kept.size === 0) return undefined;
  const snapshots = entry.snapshots.filter((line) => kept.has(line));
  return { ...entry, snapshots, omittedSnapshots: wanted.length - kept.size };
}

function regionsOfFailures(
  entries: readonly Entry[],
  unreadable: readonly { region: string }[],
): Report['failedIn'] {
  const failed = entries.flatMap(({ region, outcome, snapshots = [{ outcome }] }) =>
    region === NOWHERE ? [] : snapshots.filter((s) => s.outcome === 'failed').map(() => region),
  );
  const regions = Object.groupBy([...failed, ...unreadable.map(({ region }) => region)], (region) => region);
  const counted = Object.entries(regions).map(([region, all = []]) => [region, all.length] as const);
  return counted.length > 0 ? Object.fromEntries(counted) : undefined;
}

/**
 * The report of several accounts: `head` with what the reports of each say, or why there is none.
 */
export function joined(
  head: Report,
  parts: readonly ({ account: string } & ({ report: Report } | { failure: Reason }))[],
): Report {
  const reports = parts.flatMap((part) => ('report' in part ? [part.report] : []));
  const linesOf = (kind: 'failures' | 'warnings') =>
    parts.flatMap((part) => {
      const lines =
        'report' in part ? part.report[kind] : kind === 'failures' ? [sentenceOf(part.failure)] : [];
      return lines.map((line) => `${part.account}: ${line}`);
    });
  const failed = countsOf(
    parts.flatMap((part) => ('report' in part ? [] : codesIn(part.failure).map((code) => ({ code })))),
  );
  const failedIn = sumOf(reports.map((report) => report.failedIn ?? {})) as Record<string, number>;
  const all = bounded({
    ...head,
    codes: sumOf([...reports.map(({ codes }) => codes), failed]),
    failureCodes: sumOf([...reports.map(({ failureCodes }) => failureCodes), failed]),
    failures: linesOf('failures'),
    warnings: linesOf('warnings'),
    nothingSelected: reports.some(({ nothingSelected }) => nothingSelected),
    entries: parts.flatMap((part) =>
      'report' in part ? part.report.entries.map((entry) => ({ account: part.account, ...entry })) : [],
    ),
  });
  // The reports have left out entries themselves, which count all the same.
  return {
    ...all,
    totals: sumOf(reports.map(({ totals }) => totals)),
    ...(Object.keys(failedIn).length > 0 ? { failedIn } : {}),
    omitted: reports.reduce((sum, { omitted }) => sum + omitted, all.omitted),
  };
}

/** A report with some more failures. */
export function withFailures(report: Report, failures: readonly Finding[]): Report {
  return {
    ...report,
    codes: sumOf([report.codes, countsOf(failures)]),
    failureCodes: sumOf([report.failureCodes, countsOf(failures)]),
    failures: [...report.failures, ...failures.map(findingText)],
  };
}

/** The worst of several outcomes; "kept" for none. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  return OUTCOMES[Math.min(...outcomes.map(rank), OUTCOMES.length - 1)] ?? 'kept';
}

/** Of what each outcome is, see {@link OUTCOMES}; a copy is named by its snapshot. */
const COUNTED: Record<Report['job'], string> = {
  snapshot: 'server',
  drill: 'server',
  cleanup: 'snapshot',
  hold: 'snapshot',
  offsite: 'snapshot',
};

/**
 * The error that makes the invocation itself fail, so that Lambda tries again (which is safe) and
 * alarms see it; undefined for a good run.
 */
export function failureOf({
  job,
  policy,
  account,
  accounts,
  failures,
  failureCodes,
  entries,
  totals,
  omitted,
}: Report): RunFailed | undefined {
  const failed = totals.failed ?? 0;
  if (failed === 0 && failures.length === 0) return undefined;
  const all = Object.values(totals).reduce((sum, n) => sum + n, 0);
  const lines = entries.flatMap(({ name, region, outcome, reason, snapshots }) =>
    outcome !== 'failed'
      ? []
      : (
          snapshots
            ?.filter((s) => s.outcome === 'failed')
            .map((s) => `${s.image}: ${s.reasons.join('; ')}`) ?? [reason ?? 'failed']
        ).map((why) => `${name || 'a server'} in ${region}: ${why}`),
  );
  const details = firstOf([...failures, ...lines], 10 - Math.min(omitted, 1));
  const run = `${job} ${policy}${accounts ? ` of ${account}` : ''}`;
  const list = `.\n- ${details.join('\n- ')}`;
  return new RunFailed(
    failed > 0
      ? `${run}: ${failed} of ${all} ${COUNTED[job]}${all === 1 ? '' : 's'} failed${list}`
      : `${run} failed${details.length === 1 ? `: ${details[0]}` : list}`,
    Object.keys(failureCodes) as ReasonCode[],
  );
}

/** The first of some texts, as far as there is room for them, and how many more there are. */
function firstOf(texts: readonly string[], most: number, roomBytes = Number.POSITIVE_INFINITY): string[] {
  const kept: string[] = [];
  let bytes = 0;
  for (const text of texts.slice(0, most)) {
    bytes += jsonBytes(text) + 1;
    if (bytes > roomBytes) break;
    kept.push(text);
  }
  const more = texts.length - kept.length;
  return more > 0 ? [...kept, `… and ${more} more`] : kept;
}

function rank(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
