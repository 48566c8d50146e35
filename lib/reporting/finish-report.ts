import { printableIn } from '../openstack/printable.ts';
import { bounded, type Draft } from './bounded-report.ts';
import { positive, sumOfCounts } from './counts.ts';
import { codesIn, countsOf, type Finding, keyOf, type Reason } from './reasons.ts';
import type { Report, ReportedFinding } from './report.ts';
import { findingText } from './sentences.ts';

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
