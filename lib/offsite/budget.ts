import { DAY_MS } from '../config/dates.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Upload } from './copies.ts';
import type { CopyResult } from './copy-result.ts';
import type { Ledger } from './ledger.ts';

/**
 * The wait before a retry of a copy, by the number of attempts in this month. A temporary failure
 * has usually ended by the second or third attempt. An image whose copy always fails uses at most
 * five times its size of the monthly limit.
 */
const WAITS_MS = [0, DAY_MS, 4 * DAY_MS, 16 * DAY_MS];

/** The limit on bytes to copy in a month, and the waits between retries. */
export interface Budget {
  /**
   * The result to report if the copy with this key may not begin now; undefined when it may begin.
   */
  refuse(key: string, bytes: number): CopyResult | undefined;
  count(upload: Upload, bytes: number): Promise<void>;
}

/**
 * @param maxBytesPerMonth the maximum number of bytes of the copies that are begun in a month;
 *   undefined for no limit.
 */
export function budgetOf(ledger: Ledger, maxBytesPerMonth: number | undefined, now: Date): Budget {
  /** Why a copy of `bytes` exceeds the limit; undefined when it does not. */
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
      const retryAt = new Date((last?.getTime() ?? 0) + waitMs);
      // The first retry has no wait, so a difference between the clocks of the store and of the
      // functions can't delay it.
      if (waitMs > 0 && now < retryAt) {
        const from = `${retryAt.toISOString().slice(0, 16)}Z`;
        return { outcome: 'failed', reasons: [{ code: 'COPY_RETRIED_LATER', times, from }] };
      }
      const limit = limitFor(bytes);
      return limit ? { outcome: 'skipped', reasons: [limit] } : undefined;
    },
    count: ledger.count,
  };
}
