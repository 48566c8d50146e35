import { printableIn } from '../openstack/printable.ts';
import {
  type BusyServers,
  codesIn,
  countsOf,
  type Finding,
  type Reason,
  type ReasonCode,
} from './reasons.ts';
import { findingText } from './sentences.ts';

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

/** Something that went wrong, or is odd, beyond single entries. */
export interface ReportedFinding {
  code: ReasonCode;
  /** The sentence, which names the region and the account. */
  text: string;
  region?: string;
  /** Where a report is of several. */
  account?: string;
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
  failures: ReportedFinding[];
  /** How many of each code, of what failed: of entries, snapshots and failures. */
  failureCodes: Partial<Record<ReasonCode, number>>;
  /** How much failed in each region where something did; one that can't be read is one more. */
  failedIn?: Record<string, number>;
  warnings: ReportedFinding[];
  /** Failures and warnings that were left out to keep the report small enough for a log line. */
  omittedFailures?: number;
  omittedWarnings?: number;
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
  /** How many of these failed, if any did. */
  omittedFailed?: number;
}

/** The region of a server that is in none. */
export const NOWHERE = '-';

// CloudWatch Logs takes 256 KiB an event; the logger adds some.
const LARGEST_BYTES = 240_000;
/** Of one server, so that a long series does not take the place of all others. */
const LARGEST_ENTRY_BYTES = 60_000;
/** Of all failures, and of all warnings, how many and how large: a sentence may name many things. */
const MOST_FINDINGS = 50;
const LARGEST_FINDINGS_BYTES = 60_000;

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
    failures: failures.map(reportedFinding),
    warnings: warnings.map(reportedFinding),
  });
}

/** A finding as a report has it: the code to filter by, and the sentence to read. */
export function reportedFinding(finding: Finding): ReportedFinding {
  const { code, region = 'where' in finding ? finding.where : undefined, ofAccount } = finding;
  return {
    code,
    text: findingText(finding),
    ...(region === undefined ? {} : { region }),
    ...(ofAccount === undefined ? {} : { account: ofAccount }),
  };
}

/** {@link finishReport} of what is in words already. */
function bounded(draft: Draft<ReportedFinding> & Pick<Report, 'codes' | 'failureCodes'>): Report {
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
  const shownFailures = fitting(failures);
  const shownWarnings = fitting(warnings);
  const omittedFailures = failures.length - shownFailures.length;
  const omittedWarnings = warnings.length - shownWarnings.length;
  const report: Report = {
    ...head,
    totals,
    failures: shownFailures,
    ...(omittedFailures > 0 ? { omittedFailures } : {}),
    ...(failedIn ? { failedIn } : {}),
    warnings: shownWarnings,
    ...(omittedWarnings > 0 ? { omittedWarnings } : {}),
    nothingSelected,
    omitted: 0,
    entries: [],
  };
  let bytes = jsonBytes(report);
  for (const entry of sorted) {
    const part = shortened(entry, LARGEST_BYTES - bytes);
    if (!part) continue;
    bytes += jsonBytes(part) + 1;
    report.entries.push(printableIn(part));
  }
  report.omitted = sorted.length - report.entries.length;
  const omittedFailed = failedEntries(sorted) - failedEntries(report.entries);
  return omittedFailed > 0 ? { ...report, omittedFailed } : report;
}

function failedEntries(entries: readonly Entry[]): number {
  return entries.filter(({ outcome }) => outcome === 'failed').length;
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
  const findingsOf = (kind: 'failures' | 'warnings') =>
    parts.flatMap((part): ReportedFinding[] => {
      const { account } = part;
      if ('failure' in part) {
        return kind === 'failures' ? [reportedFinding({ ...part.failure, ofAccount: account })] : [];
      }
      return part.report[kind].map((one) => ({ ...one, text: `${account}: ${one.text}`, account }));
    });
  const failed = countsOf(
    parts.flatMap((part) => ('report' in part ? [] : codesIn(part.failure).map((code) => ({ code })))),
  );
  const failedIn = sumOf(reports.map((report) => report.failedIn ?? {})) as Record<string, number>;
  const all = bounded({
    ...head,
    codes: sumOf([...reports.map(({ codes }) => codes), failed]),
    failureCodes: sumOf([...reports.map(({ failureCodes }) => failureCodes), failed]),
    failures: findingsOf('failures'),
    warnings: findingsOf('warnings'),
    nothingSelected: reports.some(({ nothingSelected }) => nothingSelected),
    entries: parts.flatMap((part) =>
      'report' in part ? part.report.entries.map((entry) => ({ account: part.account, ...entry })) : [],
    ),
  });
  // What the single reports have left out counts, too.
  const omitted = (key: 'omitted' | 'omittedFailed' | 'omittedFailures' | 'omittedWarnings') =>
    reports.reduce((sum, report) => sum + (report[key] ?? 0), all[key] ?? 0);
  const [omittedFailures, omittedWarnings] = [omitted('omittedFailures'), omitted('omittedWarnings')];
  const omittedFailed = omitted('omittedFailed');
  return {
    ...all,
    ...(omittedFailures > 0 ? { omittedFailures } : {}),
    ...(omittedWarnings > 0 ? { omittedWarnings } : {}),
    totals: sumOf(reports.map(({ totals }) => totals)),
    ...(Object.keys(failedIn).length > 0 ? { failedIn } : {}),
    omitted: omitted('omitted'),
    ...(omittedFailed > 0 ? { omittedFailed } : {}),
  };
}

/** A report with some more failures. */
export function withFailures(report: Report, failures: readonly Finding[]): Report {
  return {
    ...report,
    codes: sumOf([report.codes, countsOf(failures)]),
    failureCodes: sumOf([report.failureCodes, countsOf(failures)]),
    failures: [...report.failures, ...failures.map(reportedFinding)],
  };
}

/** The worst of several outcomes; "kept" for none. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  return OUTCOMES[Math.min(...outcomes.map(rank), OUTCOMES.length - 1)] ?? 'kept';
}

/** The first of some findings, as far as there is room for them. */
function fitting(findings: readonly ReportedFinding[]): ReportedFinding[] {
  const shown: ReportedFinding[] = [];
  let bytes = 0;
  for (const finding of findings.slice(0, MOST_FINDINGS)) {
    bytes += jsonBytes(finding) + 1;
    if (bytes > LARGEST_FINDINGS_BYTES) break;
    shown.push(finding);
  }
  return shown;
}

function rank(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
