import { invalidEvent } from '../../config/validation-error.ts';
import type { Finding, Reason } from '../../reporting/reasons.ts';
import type { Audit, Dropped } from '../model.ts';
import type { Acceptance } from './acceptance.ts';
import { compareCoverage } from './compare.ts';
import { type AccountCoverage, type Coverage, coverageText } from './record.ts';
import type { CoverageStore, RecordedCoverage } from './store.ts';

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
 * @param isReadOnly compares, and records nothing.
 * @param auditOf makes the audit; it gets the recorded coverage, if that can be read, and whether
 *   no audit has recorded any. `knownDrops` returns the items that dropped out of coverage by the
 *   last audit that could read the record, if the record can't be read or was lost.
 * @throws {ValidationError} if the event accepts items without a store.
 */
export async function withCoverage(
  store: CoverageStore | undefined,
  acceptance: Acceptance | undefined,
  {
    isReadOnly = false,
    auditOf,
    knownDrops,
  }: {
    isReadOnly?: boolean;
    auditOf: (recorded: readonly AccountCoverage[] | undefined, isFirst: boolean) => Promise<Audit>;
    knownDrops: () => Promise<Dropped[]>;
  },
): Promise<ComparedAudit> {
  if (store) {
    const recorded = await readCoverage(store);
    const isFirst = 'etag' in recorded && recorded.etag === undefined;
    // Without a record, no server was covered.
    const accounts = isFirst ? [] : recorded.coverage?.accounts;
    const audit = await auditOf(accounts, isFirst);
    if ('problem' in recorded) return withoutRecord(audit, await knownDrops(), recorded.problem, acceptance);
    if (!isReadOnly) return recordCoverage(audit, recorded, { store, acceptance, knownDrops });
    const { dropped, warnings } = await compared(audit, recorded.coverage, { acceptance, knownDrops });
    const all = [...audit.warnings, ...warnings];
    return { audit: { ...audit, dropped, warnings: all }, accepted: [], failures: [] };
  }
  if (acceptance === undefined) return { audit: await auditOf(undefined, true), accepted: [], failures: [] };
  throw invalidEvent({
    field: 'acceptDropped',
    text: 'without a bucket for reports no audit knows what earlier ones saw covered',
  });
}

/**
 * Reads the recorded coverage, or returns the reason why it can't be read, so that the audit
 * continues.
 */
async function readCoverage(
  store: CoverageStore,
): Promise<RecordedCoverage | { coverage: undefined; problem: Finding }> {
  try {
    return await store.read();
  } catch (error) {
    const { message } = error as Error;
    return { coverage: undefined, problem: { code: 'COVERAGE_UNREADABLE', message } };
  }
}

/** The change since the recorded coverage. */
async function compared(
  audit: Audit,
  coverage: Coverage | undefined,
  { acceptance, knownDrops }: { acceptance: Acceptance | undefined; knownDrops: () => Promise<Dropped[]> },
) {
  const before = coverage ?? { accounts: [], carried: await knownDrops() };
  return compareCoverage(before.accounts, audit, acceptance, before.carried);
}

/**
 * Compares and records. If another audit has changed the record meanwhile, compares with the new
 * record.
 */
async function recordCoverage(
  audit: Audit,
  recorded: RecordedCoverage,
  {
    store,
    acceptance,
    knownDrops,
  }: {
    store: CoverageStore;
    acceptance: Acceptance | undefined;
    knownDrops: () => Promise<Dropped[]>;
  },
): Promise<ComparedAudit> {
  let found: Dropped[] = [];
  try {
    let { coverage, etag } = recorded;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const change = await compared(audit, coverage, { acceptance, knownDrops });
      const next = { accounts: change.coverage, carried: change.carried };
      found = [...change.dropped, ...change.accepted];
      const isOfOtherVersion = etag !== undefined && coverage === undefined;
      if (!(await store.replace(etag, next))) {
        ({ coverage, etag } = await store.read());
        // The record may be this one: if the first response was lost, the SDK's retry fails.
        const isRecorded = coverage && coverageText(coverage) === coverageText(next);
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
