import { printableIn } from '../openstack/printable.ts';
import { positive } from './counts.ts';
import type { Finding } from './reasons.ts';
import {
  type Entry,
  NOWHERE,
  OUTCOMES,
  type Report,
  type ReportedFinding,
  rank,
  type SnapshotLine,
} from './report.ts';

// An event in CloudWatch Logs has at most 256 KiB, of which the logger uses some.
const LARGEST_BYTES = 240_000;

/** The limit for one server, so that a long series does not displace all others. */
const LARGEST_ENTRY_BYTES = 60_000;

/** The limits for all failures, and for all warnings: a single sentence can be long. */
const MOST_FINDINGS = 50;

const LARGEST_FINDINGS_BYTES = 60_000;

/** A report before its entries are counted, sorted and shortened. */
export type Draft<F = Finding> = Omit<
  Report,
  'totals' | 'codes' | 'failureCodes' | 'omitted' | 'failedIn' | 'failures' | 'warnings'
> & {
  failures: readonly F[];
  warnings: readonly F[];
  /** The regions that could not be read. */
  unreadable?: readonly { region: string }[];
};

/**
 * Counts and sorts the entries of a report, and leaves out entries until it fits into a log line.
 */
export function bounded(draft: Draft<ReportedFinding> & Pick<Report, 'codes' | 'failureCodes'>): Report {
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
  const shownFailures = fittingFindings(failures);
  const shownWarnings = fittingFindings(warnings);
  const omittedFailures = failures.length - shownFailures.length;
  const omittedWarnings = warnings.length - shownWarnings.length;
  const report: Report = {
    ...head,
    totals,
    failures: shownFailures,
    ...(failedIn ? { failedIn } : {}),
    warnings: shownWarnings,
    ...positive({ omittedFailures, omittedWarnings }),
    nothingSelected,
    omitted: 0,
    entries: [],
  };
  let bytes = jsonBytes(report);
  for (const entry of sorted) {
    const part = shortenedEntry(entry, LARGEST_BYTES - bytes);
    if (!part) continue;
    bytes += jsonBytes(part) + 1;
    report.entries.push(printableIn(part));
  }
  report.omitted = sorted.length - report.entries.length;
  const omittedFailed = countFailed(sorted) - countFailed(report.entries);
  return { ...report, ...positive({ omittedFailed }) };
}

function countFailed(entries: readonly Entry[]): number {
  return entries.filter(({ outcome }) => outcome === 'failed').length;
}

/**
 * Shortens an entry to `roomBytes`, and to the limit for one server. Of a long series, kept
 * snapshots are left out first. Undefined if the entry does not fit at all.
 */
function shortenedEntry(entry: Entry, roomBytes: number): Entry | undefined {
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

/** The first findings that fit into the limits. */
function fittingFindings(findings: readonly ReportedFinding[]): ReportedFinding[] {
  const shown: ReportedFinding[] = [];
  let bytes = 0;
  for (const finding of findings.slice(0, MOST_FINDINGS)) {
    bytes += jsonBytes(finding) + 1;
    if (bytes > LARGEST_FINDINGS_BYTES) break;
    shown.push(finding);
  }
  return shown;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
