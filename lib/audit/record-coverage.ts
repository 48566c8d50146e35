import { invalidEvent } from '../config/validation-error.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { Acceptance } from './acceptance.ts';
import { type AccountCoverage, coverageText } from './coverage.ts';
import type { CoverageStore, RecordedCoverage } from './coverage-store.ts';
import { compareCoverage } from './dropped.ts';
import type { Audit, Dropped } from './model.ts';

/**
 * The number of tries to write the record, which fail while other audits write it at the same time.
 */
const MOST_TRIES = 5;

/** An audit, compared with the recorded coverage. */
export interface ComparedAudit {
  /** The audit, with the items that dropped out of coverage. */
  audit: Audit;
  accepted: Dropped[];
  /** Why items were not accepted, although the event accepts them. */
  failures: Reason[];
}

/**
 * Makes an audit, compares it with the coverage that earlier audits recorded, and records its own
 * coverage. Without a store, only makes the audit.
 *
 * @param auditOf makes the audit; it gets the recorded coverage, if that can be read, and whether
 *   no audit has recorded any. `knownDrops` returns the items that dropped out of coverage by the
 *   last audit that could read the record, for as long as the record can't be read.
 * @throws {ValidationError} if the event accepts items without a store.
 */
export async function withCoverage(
  store: CoverageStore | undefined,
  acceptance: Acceptance | undefined,
  {
    auditOf,
    knownDrops,
  }: {
    auditOf: (recorded: readonly AccountCoverage[] | undefined, isFirst: boolean) => Promise<Audit>;
    knownDrops: () => Promise<Dropped[]>;
  },
): Promise<ComparedAudit> {
  if (store) {
    const recorded = await readCoverage(store);
    const isFirst = 'etag' in recorded && recorded.etag === undefined;
    const audit = await auditOf(recorded.accounts, isFirst);
    return 'problem' in recorded
      ? withoutRecord(audit, await knownDrops(), recorded.problem, acceptance)
      : recordCoverage(audit, recorded, { store, acceptance });
  }
  if (acceptance === undefined) return { audit: await auditOf(undefined, true), accepted: [], failures: [] };
  throw invalidEvent(
    'acceptDropped: without a bucket for reports no audit knows what earlier ones saw covered',
  );
}

/**
 * Reads the recorded coverage, or returns the reason why it can't be read, so that the audit
 * continues.
 */
async function readCoverage(
  store: CoverageStore,
): Promise<RecordedCoverage | { accounts: undefined; problem: Finding }> {
  try {
    const { accounts, etag } = await store.read();
    // Without a record, no server was covered.
    return { accounts: accounts ?? (etag === undefined ? [] : undefined), etag };
  } catch (error) {
    const { message } = error as Error;
    return { accounts: undefined, problem: { code: 'COVERAGE_UNREADABLE', message } };
  }
}

/**
 * Compares and records. If another audit has changed the record meanwhile, compares with the new
 * record.
 */
async function recordCoverage(
  audit: Audit,
  recorded: RecordedCoverage,
  { store, acceptance }: { store: CoverageStore; acceptance: Acceptance | undefined },
): Promise<ComparedAudit> {
  let found: Dropped[] = [];
  try {
    let { accounts, etag } = recorded;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const change = compareCoverage(accounts ?? [], audit, acceptance);
      found = [...change.dropped, ...change.accepted];
      const isOfOtherVersion = etag !== undefined && accounts === undefined;
      if (!(await store.replace(etag, change.coverage))) {
        ({ accounts, etag } = await store.read());
        // The record may be this one: if the first response was lost, the SDK's retry fails.
        const isRecorded = accounts && coverageText(accounts) === coverageText(change.coverage);
        if (!isRecorded) continue;
      }
      const { dropped, accepted } = change;
      const warnings: Finding[] = isOfOtherVersion ? [{ code: 'COVERAGE_OF_OTHER_VERSION' }] : [];
      warnings.unshift(...audit.warnings, ...change.warnings);
      return { audit: { ...audit, dropped, warnings }, accepted, failures: [] };
    }
    return withoutRecord(audit, found, { code: 'COVERAGE_NOT_RECORDED' }, acceptance);
  } catch (error) {
    const problem: Finding = { code: 'COVERAGE_NOT_RECORDED', message: (error as Error).message };
    return withoutRecord(audit, found, problem, acceptance);
  }
}

/**
 * The result of an audit whose coverage could not be recorded: a warning, and a failure as well if
 * the event accepts items.
 */
function withoutRecord(
  audit: Audit,
  dropped: Dropped[],
  problem: Finding,
  acceptance: Acceptance | undefined,
): ComparedAudit {
  return {
    audit: { ...audit, dropped, warnings: [...audit.warnings, problem] },
    accepted: [],
    failures: acceptance === undefined ? [] : [problem],
  };
}
