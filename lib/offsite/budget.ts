import type { SnapshotLine } from '../report.ts';
import type { Upload } from './copy-store.ts';
import type { Ledger } from './ledger.ts';

const DAY_MS = 86_400_000;
/**
 * How long to wait before data that were begun once, twice and so on are begun again. A failure that passes is over by
 * the second or third attempt; an image that fails each time takes up no more than five times its size in a month.
 */
const WAITS_MS = [0, DAY_MS, 4 * DAY_MS, 16 * DAY_MS];

/** How many bytes may still be begun this month, and whether it is the turn of some data to be begun again. */
export interface Budget {
  /** Why the data with this key are not begun now; undefined when nothing speaks against it. */
  refuse(key: string, bytes: number): Pick<SnapshotLine, 'outcome' | 'reasons'> | undefined;
  count(upload: Upload, bytes: number): Promise<void>;
}

/** @param maxBytesPerMonth the most bytes to begin in a month; undefined for no limit. */
export function budgetOf(ledger: Ledger, maxBytesPerMonth: number | undefined, now: Date): Budget {
  /** What speaks against that many more bytes. */
  const limitFor = (bytes: number): string | undefined => {
    if (maxBytesPerMonth === undefined) return undefined;
    const limit = `offsite.maxBytesPerMonth (${gigabytes(maxBytesPerMonth)})`;
    if (bytes > maxBytesPerMonth) {
      return `${gigabytes(bytes)} are more than ${limit} allows at all: raise it`;
    }
    const used = ledger.usedBytes();
    if (used === undefined) return `how much of ${limit} is used up can't be read`;
    return used + bytes > maxBytesPerMonth
      ? `${gigabytes(bytes)} more than the ${gigabytes(used)} of this month would be over ${limit}: it waits for the next month, or for a higher limit`
      : undefined;
  };
  return {
    refuse(key, bytes) {
      const { times, last } = ledger.begun(key);
      const waitMs = WAITS_MS[Math.min(times, WAITS_MS.length) - 1] ?? 0;
      const again = new Date((last?.getTime() ?? 0) + waitMs);
      // Without a wait the clocks of the cloud and of the functions need not agree.
      if (waitMs > 0 && now < again) {
        const reason = `it was begun ${times} times this month, and failed each time: it is begun again from ${again.toISOString().slice(0, 16)}Z on`;
        return { outcome: 'failed', reasons: [reason] };
      }
      const limit = limitFor(bytes);
      return limit ? { outcome: 'skipped', reasons: [limit] } : undefined;
    },
    count: ledger.count,
  };
}

/** "2.0 GB" */
export function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
