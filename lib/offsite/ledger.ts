import { createHash } from 'node:crypto';
import { isBucketError } from './bucket-error.ts';
import { type Place, prefixOf, type Stored, type Upload } from './copies.ts';
import type { CopyStore } from './copy-store.ts';

const DAY_MS = 86_400_000;
const KEPT_MS = 60 * DAY_MS;

/**
 * What is remembered beside the copies, as small objects whose names say it all: which data were begun to be copied this
 * month, which server had its turn when, and what was said once and need not be said again. No deletion of a copy depends
 * on it.
 */
export interface Ledger {
  /**
   * Bytes that were begun in the month of `now`: an upload counts whole from its beginning, whatever becomes of it.
   * Undefined when that can't be read.
   */
  usedBytes(): number | undefined;
  /** How often the data with a key were begun in this month, and when last. */
  begun(key: string): { times: number; last: Date | undefined };
  /** Counts an upload; the same one counts once. */
  count(upload: Upload, bytes: number): Promise<void>;
  /** When a server last had its turn to be copied. */
  lastTurn(series: string): Date | undefined;
  /** Remembers that a server has its turn now. */
  takeTurn(series: string): Promise<void>;
  /** Those of some texts that were never said before; from now on they were. */
  unsaid(texts: readonly string[], options: { remember: boolean }): Promise<string[]>;
}

/** Reads what is remembered of a policy, and unless it is a dry run forgets the months that are over. */
export async function openLedger(
  store: CopyStore,
  place: Place,
  { now, dryRun }: { now: Date; dryRun: boolean },
): Promise<Ledger> {
  const folder = `${prefixOf(place).slice('copies/'.length)}${place.policy}/`;
  const [usage, turns, said] = [`usage/${folder}`, `usage/${folder}turns/`, `said/${folder}`];
  const monthOf = (at: Date) => `${usage}${at.toISOString().slice(0, 7)}/`;
  const counted = new Map<string, Stored>();
  const turnOf = new Map<string, Stored>();
  for (const object of await store.list(usage)) {
    const { key, at } = object;
    if (key.startsWith(monthOf(now))) counted.set(key, object);
    else if (key.startsWith(turns)) turnOf.set(key, object);
    const isOver = now.getTime() - at.getTime() > KEPT_MS && isOurs(key.slice(usage.length));
    if (isOver && !dryRun) await forget(store, key);
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
      // One that was begun last month and goes on now has been counted then.
      if (counted.has(name) || !name.startsWith(monthOf(now))) return;
      counted.set(name, { key: name, bytes: 0, etag: '', at: now });
      await store.put(name, String(bytes));
    },
    lastTurn: (series) => turnOf.get(turns + hash(series))?.at,
    takeTurn: (series) => store.put(turns + hash(series), series),
    async unsaid(texts, { remember }) {
      if (texts.length === 0) return [];
      const known = new Set((await store.list(said)).map(({ key }) => key));
      const fresh = [...new Set(texts)].filter((text) => !known.has(said + hash(text)));
      if (remember) for (const text of fresh) await store.put(said + hash(text), text);
      return fresh;
    },
  };
}

/** Where nothing can be read: then nothing is known to be within a limit, and everything is said. */
export const BLANK: Ledger = {
  usedBytes: () => undefined,
  begun: () => ({ times: 0, last: undefined }),
  count: async () => {},
  lastTurn: () => undefined,
  takeTurn: async () => {},
  unsaid: async (texts) => [...texts],
};

/** Whether the rest of a name is one that is written here; anything else in the folder is left alone. */
function isOurs(name: string): boolean {
  return /^(\d{4}-\d\d\/\d+ [0-9a-f]{24}( [0-9a-f]{24})?|turns\/[0-9a-f]{24})$/.test(name);
}

/** What can't be deleted counts for nothing, and is tried again by the next run. */
async function forget(store: CopyStore, key: string): Promise<void> {
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
