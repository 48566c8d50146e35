/** The sum of several counts, by key. */
export function sumOfCounts<K extends string>(
  all: readonly Partial<Record<K, number>>[],
): Partial<Record<K, number>> {
  const sum: Partial<Record<K, number>> = {};
  for (const [key, n] of all.flatMap((counts) => Object.entries(counts) as [K, number][])) {
    sum[key] = (sum[key] ?? 0) + n;
  }
  return sum;
}

/** How often each key occurs. */
export function countsBy(keys: readonly string[]): Record<string, number> {
  return sumOfCounts(keys.map((key) => ({ [key]: 1 }))) as Record<string, number>;
}

/** The counts that are not zero. */
export function positive<K extends string>(counts: Record<K, number>): Partial<Record<K, number>> {
  const entries = Object.entries<number>(counts).filter(([, n]) => n > 0);
  return Object.fromEntries(entries) as Partial<Record<K, number>>;
}
