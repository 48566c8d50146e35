import { createHash } from 'node:crypto';
import { DAY_MS } from '../config/dates.ts';
import { type Finding, keyOf, unique } from '../reporting/reasons.ts';
import { isBucketError } from './bucket-error.ts';
import { type CopyScope, prefixOf, type Stored, type Upload } from './copies.ts';
import type { CopyStore } from './copy-store.ts';

const KEPT_MS = 60 * DAY_MS;

/**
 * The records beside the copies, as small objects whose names contain all facts: the copies that
 * were begun this month, the last attempt of each series, and the findings that were already
 * reported. No deletion of a copy depends on the ledger.
 */
export interface Ledger {
  /**
   * The bytes of the copies that were begun in the month of `now`. An upload counts with its full
   * size when it begins, whatever its outcome. Undefined when the ledger can't be read.
   */
  usedBytes(): number | undefined;
  /** How often the copy with this key was begun in this month, and when it was last begun. */
  begun(key: string): { times: number; last: Date | undefined };
  /** Counts an upload; counting the same upload again changes nothing. */
  count(upload: Upload, bytes: number): Promise<void>;
  /** When a copy of this series was last attempted. */
  lastAttempt(series: string): Date | undefined;
  /** Records that a copy of this series is attempted now. */
  recordAttempt(series: string): Promise<void>;
  /**
   * The findings that were never reported before. With `remember`, they count as reported from now
   * on.
   */
  unreported(findings: readonly Finding[], options: { remember: boolean }): Promise<Finding[]>;
}

/**
 * Reads the ledger of a policy and, unless this is a dry run, deletes the entries of past months.
 */
export async function openLedger(
  store: CopyStore,
  scope: CopyScope,
  { now, dryRun }: { now: Date; dryRun: boolean },
): Promise<Ledger> {
  const folder = `${prefixOf(scope).slice('copies/'.length)}${scope.policy}/`;
  const [usage, attempts, reported] = [`usage/${folder}`, `usage/${folder}attempts/`, `reported/${folder}`];
  const monthOf = (at: Date) => `${usage}${at.toISOString().slice(0, 7)}/`;
  const counted = new Map<string, Stored>();
  const attemptOf = new Map<string, Stored>();
  for (const object of await store.list(usage)) {
    const { key, at } = object;
    if (key.startsWith(monthOf(now))) counted.set(key, object);
    else if (key.startsWith(attempts)) attemptOf.set(key, object);
    const isOver = now.getTime() - at.getTime() > KEPT_MS && isLedgerEntry(key.slice(usage.length));
    if (isOver && !dryRun) await deleteEntry(store, key);
  }
  return {
    usedBytes: () => [...counted.keys()].reduce((sum, key) => sum + bytesIn(key), 0),
    begun(key) {
      const its = [...counted].filter(([name]) => name.split(' ').at(-2) === hash(key));
      const lastMs = Math.max(...its.map(([, { at }]) => at.getTime()));
      return { times: its.length, last: its.length > 0 ? new Date(lastMs) : undefined };
    },
    async count({ key, id, at }, bytes) {
      const name = `${monthOf(at)}${bytes} ${hash(key)} ${hash(`${key} ${id}`)}`;
      // An upload that was begun in another month counts in that month.
      if (counted.has(name) || !name.startsWith(monthOf(now))) return;
      counted.set(name, { key: name, bytes: 0, etag: '', at: now });
      await store.put(name, String(bytes));
    },
    lastAttempt: (series) => attemptOf.get(attempts + hash(series))?.at,
    recordAttempt: (series) => store.put(attempts + hash(series), series),
    async unreported(findings, { remember }) {
      if (findings.length === 0) return [];
      const known = new Set((await store.list(reported)).map(({ key }) => key));
      const markOf = (finding: Finding) => reported + hash(keyOf(finding));
      const fresh = unique(findings).filter((finding) => !known.has(markOf(finding)));
      if (remember) for (const finding of fresh) await store.put(markOf(finding), JSON.stringify(finding));
      return fresh;
    },
  };
}

/**
 * The ledger to use when the real ledger can't be read: it permits no copy under a monthly limit,
 * and has no reported findings.
 */
export const EMPTY_LEDGER: Ledger = {
  usedBytes: () => undefined,
  begun: () => ({ times: 0, last: undefined }),
  count: async () => {},
  lastAttempt: () => undefined,
  recordAttempt: async () => {},
  unreported: async (findings) => [...findings],
};

/** Whether a name has the format of a ledger entry; other objects in the folder are left alone. */
function isLedgerEntry(name: string): boolean {
  return /^(\d{4}-\d\d\/\d+ [0-9a-f]{24}( [0-9a-f]{24})?|attempts\/[0-9a-f]{24})$/.test(name);
}

/**
 * Deletes an old entry. An entry that can't be deleted causes no problem, and the next run tries
 * again.
 */
async function deleteEntry(store: CopyStore, key: string): Promise<void> {
  try {
    await store.delete(key);
  } catch (error) {
    if (!isBucketError(error)) throw error;
  }
}

function bytesIn(key: string): number {
  return Number(key.split('/').at(-1)?.split(' ')[0]) || 0;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}
