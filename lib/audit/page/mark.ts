import { PERIODS, type Period } from '../../config/keep-rules.ts';
import { codeOf, type ReasonCode } from '../../reporting/reasons.ts';
import type { AuditedSnapshot } from '../model.ts';

const HOLDS: readonly ReasonCode[] = ['HELD', 'HELD_UNTIL', 'PROTECTED'];
const LONGEST_FIRST = PERIODS.toReversed();

/**
 * How a snapshot shows. A good one by the longest period that it is kept for: "recent" for all
 * other reasons, "goes" when a cleanup is to delete it, "held" while somebody holds it. Any other
 * by its state.
 */
export type Mark = Period | 'recent' | 'goes' | 'held' | Exclude<AuditedSnapshot['state'], 'good'>;

/** A snapshot that has passed its last drill, or failed it. */
export type Badge = 'proven' | 'unproven';

/** Where the marks stand, from the top of their picture. */
export const GROUND = 36;
const WIDTH = 3;
type Bar = Period | 'recent';
/** As on a ruler: what stays longer stands higher. All other marks are in drawings.ts. */
const HEIGHTS: Record<Bar, number> & Partial<Record<Mark, number>> = {
  yearly: 29,
  monthly: 22,
  weekly: 15,
  daily: 9,
  hourly: 9,
  recent: 9,
};
const HIGHEST_OTHER = 13;

/** The marks of good snapshots, the lowest first. */
export const BARS: readonly Bar[] = ['recent', ...PERIODS];
/** One of each height. */
export const RULER = BARS.filter((bar) => bar === 'recent' || HEIGHTS[bar] > HEIGHTS.recent);

/** How a snapshot shows in its timeline and its table. */
export function markOf({ state, action, reasons }: AuditedSnapshot): Mark {
  if (state !== 'good') return state;
  if (action !== 'keep') return 'goes';
  if (reasons.some(({ code }) => HOLDS.includes(code))) return 'held';
  return LONGEST_FIRST.find((period) => reasons.some(({ code }) => code === codeOf(period))) ?? 'recent';
}

/** What a drill has shown of a snapshot, if there was one. */
export function badgeOf({ proven, unproven }: AuditedSnapshot): Badge[] {
  return proven ? ['proven'] : unproven ? ['unproven'] : [];
}

/** A badge above a mark at the same place. */
export function drawBadge(badge: Badge, mark: Mark, x: string): string {
  return `<use class="${badge}" x="${x}" y="${GROUND - (HEIGHTS[mark] ?? HIGHEST_OTHER) - 5}" href="#${badge}"/>`;
}

/** The newest copy, below the ground. */
export function drawCopy(x: string): string {
  return `<circle class="copy" cx="${x}" cy="${GROUND + 5}" r="2"/>`;
}

/** Marks at their places (lengths or percentages), for an SVG. */
export function drawMarks(marks: readonly (readonly [mark: Mark, x: string])[]): string {
  const drawn = marks.map(([mark, x]) => {
    const height = HEIGHTS[mark];
    return height
      ? `<rect class="${mark}" x="${x}" y="${GROUND - height}" width="${WIDTH}" height="${height}"/>`
      : `<use class="${mark}" x="${x}" y="${GROUND}" href="#${mark}"/>`;
  });
  return `<g transform="translate(-${WIDTH / 2})">${drawn.join('')}</g>`;
}
