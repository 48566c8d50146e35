import { printableIn } from '../openstack/printable.ts';
import {
  type BusyCode,
  type BusyServer,
  type BusyServers,
  codesIn,
  countsOf,
  type Finding,
  keyOf,
  type Reason,
  type ReasonCode,
} from './reasons.ts';
import type { Sentence } from './sentences/sentence.ts';
import { findingText, sentenceOf } from './sentences.ts';

/**
 * The outcome for a server (snapshot, drill), for a snapshot (cleanup, hold) or for a copy
 * (offsite), the worst first.
 */
const OUTCOMES = [
  'failed',
  'deferred',
  'deleted',
  'taken',
  'copied',
  'copying',
  'exporting',
  'proven',
  'held',
  'released',
  'planned',
  'skipped',
  'kept',
] as const;
/** The outcome of an entry in a report. */
export type Outcome = (typeof OUTCOMES)[number];

/**
 * One snapshot of a series in a report of cleanup, or one copy in a report of an offsite run: of an
 * image, or of a volume snapshot.
 */
export interface SnapshotLine {
  image: string;
  /** The id of the backup that was made of this volume snapshot. */
  backup?: string;
  slot: string;
  /** The status of the image, or of a bad volume snapshot of it: `volume_snapshot:gone`. */
  status: string;
  /** Absent while the image is being made. */
  sizeBytes?: number;
  outcome: Outcome;
  /** The codes of the reasons; see reasons.ts. */
  codes: ReasonCode[];
  /** The code of the cloud's error, with the code CLOUD; see lib/openstack/errors.ts. */
  error?: string;
  /** The same reasons as sentences. */
  reasons: Sentence[];
}

/** The result for one volume of a server in the report of a snapshot run. */
export interface VolumeLine {
  volume: string;
  /** The name of the volume, or its id. */
  name: string;
  outcome: Outcome;
  code: ReasonCode;
  /** The code of the cloud's error, with the code CLOUD; see lib/openstack/errors.ts. */
  error?: string;
  reason: Sentence;
  /** The id of the volume snapshot that was requested, or that was already there. */
  snapshot?: string;
  /** The id of the backup that was held or released, instead of `snapshot`. */
  backup?: string;
}

/** The result for one server. */
export interface Entry {
  /** Absent if the report is for one account. */
  account?: string;
  server: string;
  name: string;
  region: string;
  /** In the report of a cleanup, the worst outcome of the server's snapshots. */
  outcome: Outcome;
  /** The code of the first reason; see reasons.ts. */
  code?: ReasonCode;
  /** With the code WITHOUT_VOLUMES: why the first of the volumes has no snapshot. */
  cause?: ReasonCode;
  /** The code of the cloud's error, with the code or cause CLOUD; see lib/openstack/errors.ts. */
  error?: string;
  /** All reasons as sentences. */
  reason?: Sentence;
  /**
   * Of a busy server: the state of its task or its pending image, or else its status. With the code
   * SERVER_IN_STATE: the status.
   */
  state?: string;
  /** With the code BUSY_TOO_LONG. */
  busy?: BusyServer;
  /** The id of the image that was requested, that was already there, or that the drill boots. */
  image?: string;
  /** The time from the slot until the cloud accepted the first request. */
  delaySeconds?: number;
  /** The results for the volumes of the server that get snapshots of their own. */
  volumes?: VolumeLine[];
  /** Of a passed drill: the time until its server was ACTIVE, and until the check answered. */
  activeSeconds?: number;
  answeredSeconds?: number | undefined;
  /**
   * The time between the first and the last request for a part of the server, also if earlier runs
   * took some parts. The parts are not from one moment.
   */
  spreadSeconds?: number;
  /** In the report of a cleanup, the volume of the snapshots; absent for images. */
  volume?: { id: string; name: string };
  /** In the report of a cleanup, the policy of the snapshots. */
  policy?: string;
  snapshots?: SnapshotLine[];
  /**
   * The number of snapshots that were left out to keep the report small enough for a log line. Kept
   * snapshots are left out first.
   */
  omittedSnapshots?: number;
}

/** A failure or a warning that concerns more than a single entry. */
export interface ReportedFinding {
  code: ReasonCode;
  /** The facts of the code, see reasons.ts, without the texts of errors; absent without any. */
  facts?: object;
  /** The sentence, which names the region and the account. */
  text: Sentence;
  region?: string;
  /** Absent if the report is for one account. */
  account?: string;
}

/** The result of a run, which is returned, and logged as JSON. */
export interface Report {
  job: 'snapshot' | 'cleanup' | 'hold' | 'offsite' | 'drill';
  policy: string;
  owner: string;
  account: string;
  /** The number of accounts of the event, if there are several; this report is for one of them. */
  accounts?: number;
  dryRun: boolean;
  /** Set for a manual run for only some servers or regions of the policy. */
  isPart?: true;
  /** The scheduled time, and how much later this run started. */
  slot?: string;
  lateSeconds?: number;
  nextRun?: string;
  /** The number of each outcome: of servers for a snapshot, of snapshots for a cleanup. */
  totals: Partial<Record<Outcome, number>>;
  /**
   * The number of each code in entries, snapshots, failures and warnings, including those that were
   * left out.
   */
  codes: Partial<Record<ReasonCode, number>>;
  /**
   * Failures that concern more than a single entry, such as regions that can't be read, and
   * deletions that were not planned.
   */
  failures: ReportedFinding[];
  /** The number of each code in failed entries, failed snapshots, and failures. */
  failureCodes: Partial<Record<ReasonCode, number>>;
  /** The number of failures in each region that has any. An unreadable region counts as one. */
  failedIn?: Record<string, number>;
  warnings: ReportedFinding[];
  /** Failures and warnings that were left out to keep the report small enough for a log line. */
  omittedFailures?: number;
  omittedWarnings?: number;
  /**
   * The work that was not done: the number of items after the deadline, and the busy servers. If
   * another run of the same job is in progress, only the latest time at which that run ends.
   */
  left?: { outOfTime?: number; busy?: BusyServers; otherRunUntil?: string };
  /** When that work is resumed automatically; absent if it is not. See work-item.ts. */
  resumesAt?: string;
  /** Whether a selector matched nothing, so that the policy protects less than configured. */
  nothingSelected: boolean;
  /** The worst first. */
  entries: Entry[];
  /** The number of entries that were left out to keep the report small enough for a log line. */
  omitted: number;
  /** How many of these failed, if any did. */
  omittedFailed?: number;
}

/** The region of a server that was found in no region, as people read it after "in". */
export const NOWHERE = 'no region';

// An event in CloudWatch Logs has at most 256 KiB, of which the logger uses some.
const LARGEST_BYTES = 240_000;
/** The limit for one server, so that a long series does not displace all others. */
const LARGEST_ENTRY_BYTES = 60_000;
/** The limits for all failures, and for all warnings: a single sentence can be long. */
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
 * Completes a report: counts and sorts its entries, and leaves out entries until the report fits
 * into a log line, even with 10,000 servers. Failures come first.
 */
export function finishReport({ failures, warnings, ...draft }: Draft): Report {
  const results = draft.entries.flatMap(({ code, outcome, snapshots = [], volumes = [] }) => [
    { outcome, codes: code ? [code] : [] },
    ...snapshots,
    ...volumes.map((one) => ({ outcome: one.outcome, codes: [one.code] })),
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

/** A finding in the form of a report: with its code, to filter by, and its sentence. */
export function reportedFinding(finding: Finding): ReportedFinding {
  const { code, region = 'where' in finding ? finding.where : undefined, ofAccount } = finding;
  const facts = factsOf(finding);
  return {
    code,
    ...(Object.keys(facts).length > 0 ? { facts } : {}),
    text: findingText(finding),
    ...(region === undefined ? {} : { region }),
    ...(ofAccount === undefined ? {} : { account: ofAccount }),
  };
}

/** The facts of a finding without the texts of errors, which differ from answer to answer. */
function factsOf({ code: _, region: _region, ofAccount, ...facts }: Finding): object {
  return printableIn(JSON.parse(keyOf(facts)));
}

/** Like {@link finishReport}, for findings that already have their sentences. */
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

/** The sum of several counts, by key. */
function sumOfCounts<K extends string>(
  all: readonly Partial<Record<K, number>>[],
): Partial<Record<K, number>> {
  const sum: Partial<Record<K, number>> = {};
  for (const [key, n] of all.flatMap((counts) => Object.entries(counts) as [K, number][])) {
    sum[key] = (sum[key] ?? 0) + n;
  }
  return sum;
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

/**
 * The report of several accounts: `head` with the contents of the reports of all accounts. An
 * account without a report adds the reason as a failure.
 */
export function joinedReport(
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
  const failedIn = sumOfCounts(reports.map((report) => report.failedIn ?? {})) as Record<string, number>;
  const all = bounded({
    ...head,
    codes: sumOfCounts([...reports.map(({ codes }) => codes), failed]),
    failureCodes: sumOfCounts([...reports.map(({ failureCodes }) => failureCodes), failed]),
    failures: findingsOf('failures'),
    warnings: findingsOf('warnings'),
    nothingSelected: reports.some(({ nothingSelected }) => nothingSelected),
    entries: parts.flatMap((part) =>
      'report' in part ? part.report.entries.map((entry) => ({ account: part.account, ...entry })) : [],
    ),
  });
  // Includes what the reports of the accounts have left out.
  const omitted = (key: 'omitted' | 'omittedFailed' | 'omittedFailures' | 'omittedWarnings') =>
    reports.reduce((sum, report) => sum + (report[key] ?? 0), all[key] ?? 0);
  return {
    ...all,
    totals: sumOfCounts(reports.map(({ totals }) => totals)),
    ...(Object.keys(failedIn).length > 0 ? { failedIn } : {}),
    omitted: omitted('omitted'),
    ...positive({
      omittedFailures: omitted('omittedFailures'),
      omittedWarnings: omitted('omittedWarnings'),
      omittedFailed: omitted('omittedFailed'),
    }),
  };
}

/** Adds failures to a report. */
export function withFailures(report: Report, failures: readonly Finding[]): Report {
  return {
    ...report,
    codes: sumOfCounts([report.codes, countsOf(failures)]),
    failureCodes: sumOfCounts([report.failureCodes, countsOf(failures)]),
    failures: [...report.failures, ...failures.map(reportedFinding)],
  };
}

const BUSY: readonly (ReasonCode | undefined)[] = [
  'SERVER_BUSY',
  'SNAPSHOT_PENDING',
  'CONFLICT',
  'VOLUME_BUSY',
  'VOLUME_SNAPSHOT_IN_PROGRESS',
  'SHARED_VOLUME_WAITS',
  'WITHOUT_VOLUMES',
] satisfies BusyCode[];

/** Whether a reason skips a server or a volume only temporarily. */
export function isBusyCode(code: ReasonCode | undefined): code is BusyCode {
  return BUSY.includes(code);
}

function isBusy({ outcome, code }: Pick<Entry, 'outcome' | 'code'>): boolean {
  return outcome === 'skipped' && isBusyCode(code);
}

/** The report of a run that gives up its busy servers: they have failed. */
export function withBusyGivenUp(report: Report, busyMs: number): Report {
  const { busy: { servers, more } = { servers: [], more: 0 } } = report.left ?? {};
  const count = servers.length + more;
  const given = report.entries.filter(isBusy);
  const entries = report.entries.map((entry) => (isBusy(entry) ? givenUp(entry, busyMs) : entry));
  const { skipped = 0, failed = 0, ...totals } = report.totals;
  const codes = { BUSY_TOO_LONG: count };
  const regions = countsBy(given.map(({ region }) => region));
  return {
    ...report,
    totals: { ...totals, failed: failed + count, ...positive({ skipped: skipped - count }) },
    codes: sumOfCounts([report.codes, codes]),
    failureCodes: sumOfCounts([report.failureCodes, codes]),
    failedIn: sumOfCounts([report.failedIn ?? {}, regions]) as Record<string, number>,
    entries: entries.sort((a, b) => rank(a.outcome) - rank(b.outcome)),
    ...positive({ omittedFailed: (report.omittedFailed ?? 0) + count - given.length }),
  };
}

function givenUp({ code, cause, reason, state, ...entry }: Entry, busyMs: number): Entry {
  const busy: BusyServer = {
    seconds: Math.floor(busyMs / 1000),
    by: code as BusyCode,
    ...(state === undefined ? {} : { state }),
  };
  const because = sentenceOf({ code: 'BUSY_TOO_LONG', ...busy });
  // The state says the rest.
  const more = code !== 'SERVER_BUSY' && reason ? `; ${reason}` : '';
  return { ...entry, outcome: 'failed', code: 'BUSY_TOO_LONG', reason: because + more, busy };
}

function countsBy(keys: readonly string[]): Record<string, number> {
  return sumOfCounts(keys.map((key) => ({ [key]: 1 }))) as Record<string, number>;
}

/** The worst of several outcomes; "kept" for none. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  return OUTCOMES[Math.min(...outcomes.map(rank), OUTCOMES.length - 1)] ?? 'kept';
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

/** The counts that are not zero. */
function positive<K extends string>(counts: Record<K, number>): Partial<Record<K, number>> {
  const entries = Object.entries<number>(counts).filter(([, n]) => n > 0);
  return Object.fromEntries(entries) as Partial<Record<K, number>>;
}

function rank(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
