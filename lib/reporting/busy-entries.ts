import { countsBy, positive, sumOfCounts } from './counts.ts';
import type { BusyCode, BusyServer, ReasonCode } from './reasons.ts';
import { type Entry, type Report, rank } from './report.ts';
import { sentenceOf } from './sentences.ts';

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
