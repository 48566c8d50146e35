/** The maximum number of cached results, which take some megabytes. */
const MAX_RESULTS = 50_000;

/**
 * Memoizes a function: it is called with the same few arguments for thousands of images.
 *
 * @param keyOf the cache key of the arguments.
 */
export function memoize<Args extends unknown[], Result>(
  compute: (...args: Args) => Result,
  keyOf: (...args: Args) => string | number,
): (...args: Args) => Result {
  const results = new Map<string | number, Result>();
  return (...args) => {
    const key = keyOf(...args);
    const cached = results.get(key);
    if (cached !== undefined || results.has(key)) return cached as Result;
    if (results.size >= MAX_RESULTS) results.clear();
    const result = compute(...args);
    results.set(key, result);
    return result;
  };
}
