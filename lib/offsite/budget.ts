import type { Reason } from '../reporting/reasons.ts';
import type { Upload } from './copies.ts';
import type { CopyResult } from './copy-result.ts';
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
  refuse(key: string, bytes: number): CopyResult | undefined;
  count(upload: Upload, bytes: number): Promise<void>;
}

/** @param maxBytesPerMonth the most bytes to begin in a month; undefined for no limit. */
export function budgetOf(ledger: Ledger, maxBytesPerMonth: number | undefined, now: Date): Budget {
  /** What speaks against that many more bytes. */
  const limitFor = (bytes: number): Reason | undefined => {
    if (maxBytesPerMonth === undefined) return undefined;
    const limit = maxBytesPerMonth;
    if (bytes > limit) return { code: 'COPY_LARGER_THAN_LIMIT', bytes, limit };
    const used = ledger.usedBytes();
    if (used === undefined) return { code: 'COPY_LIMIT_UNREADABLE', limit };
    return used + bytes > limit ? { code: 'COPY_OVER_LIMIT', bytes, used, limit } : undefined;
  };
  return {
    refuse(key, bytes) {
      const { times, last } = ledger.begun(key);
      const waitMs = WAITS_MS[Math.min(times, WAITS_MS.length) - 1] ?? 0;
      const again = new Date((last?.getTime() ?? 0) + waitMs);
      // Without a wait the clocks of the cloud and of the functions need not agree.
      if (waitMs > 0 && now < again) {
        const from = `${again.toISOString().slice(0, 16)}Z`;
        return { outcome: 'failed', reasons: [{ code: 'COPY_RETRIED_LATER', times, from }] };
      }
      const limit = limitFor(bytes);
      return limit ? { outcome: 'skipped', reasons: [limit] } : undefined;
    },
    count: ledger.count,
  };
}
