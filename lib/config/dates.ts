/** A minute in milliseconds. */
export const MINUTE_MS = 60_000;
/** An hour in milliseconds. */
export const HOUR_MS = 60 * MINUTE_MS;
/** A day in milliseconds. */
export const DAY_MS = 24 * HOUR_MS;

/** "2026-11-23T00:00:00Z" */
export function isoSeconds(date: Date): string {
  return `${date.toISOString().slice(0, -'.000Z'.length)}Z`;
}

/** Compares two dates, for sorting: the earlier date is first. */
export function byTime(a: Date, b: Date): number {
  return a.getTime() - b.getTime();
}

/**
 * Parses an end time, such as that of a hold. A bare date ends when the day has ended in every time
 * zone.
 */
export function parseEnd(text: string | undefined): Date | undefined {
  const date = parseDate(text);
  return date && !text?.includes('T') ? new Date(date.getTime() + 36 * HOUR_MS) : date;
}

/**
 * "2026-11-23" or "2026-11-23T00:00:00Z"; undefined for anything else, such as the 30th of
 * February.
 */
export function parseDate(text: string | undefined): Date | undefined {
  if (!text || !/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z)?$/.test(text)) return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) || !date.toISOString().startsWith(text.slice(0, 10)) ? undefined : date;
}
