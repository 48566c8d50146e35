import type { Upload } from './copy-store.ts';
import type { Ledger } from './ledger.ts';

/** How many bytes may still be begun this month. */
export interface Budget {
  /** What speaks against that many more; undefined when nothing does. */
  limitFor(bytes: number): string | undefined;
  count(upload: Upload, bytes: number): Promise<void>;
}

/** @param maxBytesPerMonth the most bytes to begin in a month; undefined for no limit. */
export function budgetOf(ledger: Ledger, maxBytesPerMonth: number | undefined): Budget {
  return {
    limitFor(bytes) {
      if (maxBytesPerMonth === undefined) return undefined;
      const limit = `offsite.maxBytesPerMonth (${gigabytes(maxBytesPerMonth)})`;
      if (bytes > maxBytesPerMonth) {
        return `${gigabytes(bytes)} are more than ${limit} allows at all: raise it`;
      }
      const used = ledger.usedBytes();
      return used + bytes > maxBytesPerMonth
        ? `${gigabytes(bytes)} more than the ${gigabytes(used)} of this month would be over ${limit}: it waits for the next month, or for a higher limit`
        : undefined;
    },
    count: ledger.count,
  };
}

/** "2.0 GB" */
export function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
