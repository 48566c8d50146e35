import { createHash } from 'node:crypto';
import type { Place } from './copies.ts';
import type { CopyStore, Upload } from './copy-store.ts';

/**
 * What is remembered beside the copies, as small objects whose names say it all: how many bytes were begun to be copied
 * this month, and what was said once and need not be said again.
 */
export interface Ledger {
  /** Bytes that were begun in the month of `now`: an upload counts whole from its beginning, whatever becomes of it. */
  usedBytes(): number;
  /** Counts an upload; the same one counts once. */
  count(upload: Upload, bytes: number): Promise<void>;
  /** Those of some texts that were never said before; from now on they were. */
  unsaid(texts: readonly string[], options: { remember: boolean }): Promise<string[]>;
}

/** Reads what is remembered of a policy, and forgets the months that are over. */
export async function openLedger(store: CopyStore, place: Place, now: Date): Promise<Ledger> {
  const folder = `${place.owner}/${place.account}/${place.policy}/`;
  const [usage, said] = [`usage/${folder}`, `said/${folder}`];
  const monthOf = (at: Date) => `${usage}${at.toISOString().slice(0, 7)}/`;
  const counted = new Set<string>();
  for (const { key } of await store.list(usage)) {
    if (key.startsWith(monthOf(now))) counted.add(key);
    else await store.delete(key);
  }
  return {
    usedBytes: () => [...counted].reduce((sum, key) => sum + bytesIn(key), 0),
    async count({ key, id, at }, bytes) {
      const name = `${monthOf(at)}${bytes} ${hash(`${key} ${id}`)}`;
      // One that was begun last month and goes on now has been counted then.
      if (counted.has(name) || !name.startsWith(monthOf(now))) return;
      counted.add(name);
      await store.put(name, String(bytes));
    },
    async unsaid(texts, { remember }) {
      if (texts.length === 0) return [];
      const known = new Set((await store.list(said)).map(({ key }) => key));
      const fresh = [...new Set(texts)].filter((text) => !known.has(said + hash(text)));
      if (remember) for (const text of fresh) await store.put(said + hash(text), text);
      return fresh;
    },
  };
}

function bytesIn(key: string): number {
  return Number(key.split('/').at(-1)?.split(' ')[0]) || 0;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}
