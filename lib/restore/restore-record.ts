import { MINUTE_MS } from '../config/dates.ts';
import { printable } from '../openstack/printable.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { reported } from '../reporting/sentences.ts';
import type { Restoration, RestoreState } from './restoration.ts';

/** A restore ends as failed after this many failed tries in a row. */
const MOST_TRIES = 3;
/** The number of steps that a record keeps, the newest ones. */
const MOST_STEPS = 200;

const SHORTEST_WAIT_MS = 15_000;
const LONGEST_WAIT_MS = 5 * MINUTE_MS;

/** Reasons, and the same reasons as codes and as sentences. */
type Reported = Pick<Restoration, 'reasons' | 'codes' | 'lines'>;

/**
 * The reasons in the report of a call that the previous call had not reported, also as codes and as
 * sentences. Times are ISO.
 */
export interface RestoreStep {
  at: string;
  state: RestoreState;
  reasons: readonly Reason[];
  codes: readonly ReasonCode[];
  lines: readonly Sentence[];
}

/** The progress of a self-driven restore. Times are ISO, in UTC. */
export interface RestoreRecord {
  account: string;
  request: string;
  /** When the restore was requested, or requested again after its end. */
  since: string;
  /** When the last call ended, or `since`. */
  at: string;
  /** The event of the next call. */
  event: Record<string, unknown>;
  steps: readonly RestoreStep[];
  /** The report of the last call. */
  last?: Restoration;
  /** How many calls in a row have failed. */
  failedTries: number;
  /** When the restore ended; the state of `last` says how. */
  endedAt?: string;
  /** When people were notified of its end. */
  notifiedAt?: string;
}

/** Identifies a restore. */
export type RestoreKey = Pick<RestoreRecord, 'account' | 'request'>;

/** The record of a restore that begins, or of one that begins again after its end. */
export function newRecord(
  key: RestoreKey,
  event: Record<string, unknown>,
  since: Date,
  steps: readonly RestoreStep[] = [],
): RestoreRecord {
  const at = since.toISOString();
  return { ...key, since: at, at, event, steps, failedTries: 0 };
}

/**
 * Adds the report of a call to the record. The restore has ended when it is done, when it failed
 * and a further call can't change that, or when its last tries have all failed.
 *
 * @param isTemporary whether the cause of a failure is expected to end by itself, so that the
 *   failure does not count as a try.
 */
export function withCall(
  record: RestoreRecord,
  last: Restoration,
  now: Date,
  { isTemporary = false } = {},
): RestoreRecord {
  const at = now.toISOString();
  const next = last.next as Record<string, unknown> | undefined;
  const hasNextCall = next?.request === record.request;
  const hasFailed = last.state === 'failed' && !isTemporary;
  const failedTries = hasFailed ? record.failedTries + 1 : isTemporary ? record.failedTries : 0;
  const isEnd = last.state === 'done' || (hasFailed && (!hasNextCall || failedTries >= MOST_TRIES));
  return {
    ...record,
    at,
    event: hasNextCall ? next : record.event,
    steps: withStep(record, last, at),
    last,
    failedTries,
    ...(isEnd ? { endedAt: at } : {}),
  };
}

function withStep({ steps, last }: RestoreRecord, call: Restoration, at: string): RestoreStep[] {
  const { state } = call;
  const added = withoutCodes(call, last?.codes ?? []);
  const isNews = added.codes.length > 0 || state !== last?.state;
  return [...steps, ...(isNews ? [{ at, state, ...added }] : [])].slice(-MOST_STEPS);
}

/**
 * The reasons with other codes than `codes`. If a code occurs n times in `codes`, only its first n
 * reasons are left out.
 */
function withoutCodes({ reasons, codes, lines }: Reported, known: readonly ReasonCode[]): Reported {
  const left = Map.groupBy(known, (code) => code);
  const others = codes.flatMap((code, i) => (left.get(code)?.pop() === undefined ? [i] : []));
  const picked = <T>(all: readonly T[]) => others.map((i) => all[i]!);
  return { reasons: picked(reasons), codes: picked(codes), lines: picked(lines) };
}

/** The record of a restore that ends because it has taken too long. */
export function givenUp(record: RestoreRecord, owner: string, now: Date): RestoreRecord {
  const hours = Math.floor((now.getTime() - Date.parse(record.since)) / (60 * MINUTE_MS));
  const last = failedCall(record, [{ code: 'RESTORE_GIVEN_UP', hours }], owner);
  return { ...withCall(record, last, now), endedAt: now.toISOString() };
}

/**
 * The report of a call that threw an error, or of one that is no longer made: the reasons, followed
 * by the lines of the previous call, which name what the restore has made.
 */
export function failedCall(record: RestoreRecord, reasons: readonly Reason[], owner: string): Restoration {
  const { account, request, event, last } = record;
  const { codes, reasons: lines } = reported(reasons);
  const before = withoutCodes(last ?? { reasons: [], codes: [], lines: [] }, codes);
  const name = event.server ?? event.volume;
  return {
    job: 'restore',
    owner,
    account,
    request,
    server: '',
    name: typeof name === 'string' ? printable(name) : '',
    region: typeof event.region === 'string' ? printable(event.region) : '',
    image: '',
    ...last,
    dryRun: false,
    state: 'failed',
    reasons: [...reasons, ...before.reasons],
    codes: [...codes, ...before.codes],
    lines: [...lines, ...before.lines],
    next: event,
  };
}

/**
 * If a record has not changed for this time, the message of its restore may be lost. The time is
 * longer than a function runs, and longer than the queue holds a message back.
 */
const SILENT_MS = 40 * MINUTE_MS;

/** Whether a restore has not ended, and was called not too long ago. */
export function isUnderWay({ at, endedAt }: Pick<RestoreRecord, 'at' | 'endedAt'>, now: Date): boolean {
  return endedAt === undefined && now.getTime() - Date.parse(at) < SILENT_MS;
}

/** The time until the next call of a restore, in milliseconds. It grows with the restore's age. */
export function waitMs({ since }: Pick<RestoreRecord, 'since'>, now: Date): number {
  const tookMs = now.getTime() - Date.parse(since);
  return Math.min(Math.max(tookMs / 20, SHORTEST_WAIT_MS), LONGEST_WAIT_MS);
}
