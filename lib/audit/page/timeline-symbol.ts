import { PERIODS, type Period } from '../../config/keep-rules.ts';
import { codeOf } from '../../reporting/reasons.ts';
import { isHeld } from '../failed-snapshots.ts';
import type { AuditedSnapshot } from '../model.ts';

const LONGEST_FIRST = PERIODS.toReversed();

/**
 * The kind of symbol that shows a snapshot in a timeline. A good snapshot has the symbol of the
 * longest period for which it is kept; "recent" if it is kept for other reasons, "expiring" if a
 * cleanup will delete it, "held" while a hold keeps it. Any other snapshot has the symbol of its
 * state.
 */
export type TimelineSymbol =
  | Period
  | 'recent'
  | 'expiring'
  | 'held'
  | Exclude<AuditedSnapshot['state'], 'good'>;

/** A badge above a symbol: whether the snapshot passed or failed its last drill. */
export type Badge = 'proven' | 'unproven';

/** The distance of the symbols' base line from the top of the drawing. */
export const BASE_LINE = 36;
const WIDTH = 3;
type Bar = Period | 'recent';
/**
 * The heights of the bars: the longer a snapshot stays, the higher is its bar. The other symbols
 * are defined in drawings.ts.
 */
const HEIGHTS: Record<Bar, number> & Partial<Record<TimelineSymbol, number>> = {
  yearly: 29,
  monthly: 22,
  weekly: 15,
  daily: 9,
  hourly: 9,
  recent: 9,
};
const HIGHEST_OTHER = 13;

/** The bars of good snapshots, the lowest first. */
export const BARS: readonly Bar[] = ['recent', ...PERIODS];
/** One bar of each height, for the legend. */
export const RULER = BARS.filter((bar) => bar === 'recent' || HEIGHTS[bar] > HEIGHTS.recent);

/** The symbol of a snapshot in its timeline and its table. */
export function symbolOf({ state, action, reasons }: AuditedSnapshot): TimelineSymbol {
  if (state !== 'good') return state;
  if (action !== 'keep') return 'expiring';
  if (isHeld({ reasons })) return 'held';
  return LONGEST_FIRST.find((period) => reasons.some(({ code }) => code === codeOf(period))) ?? 'recent';
}

/** The badge of a snapshot that had a drill; empty for others. */
export function badgeOf({ proven, unproven }: AuditedSnapshot): Badge[] {
  return proven ? ['proven'] : unproven ? ['unproven'] : [];
}

/** The SVG of a badge, above the symbol at `x`. */
export function drawBadge(badge: Badge, symbol: TimelineSymbol, x: string): string {
  return `<use class="${badge}" x="${x}" y="${BASE_LINE - (HEIGHTS[symbol] ?? HIGHEST_OTHER) - 5}" href="#${badge}"/>`;
}

/** The SVG of the newest copy, below the base line. */
export function drawCopy(x: string): string {
  return `<circle class="copy" cx="${x}" cy="${BASE_LINE + 5}" r="2"/>`;
}

/** The SVG of symbols; `x` is a length or a percentage. */
export function drawSymbols(symbols: readonly (readonly [symbol: TimelineSymbol, x: string])[]): string {
  const drawn = symbols.map(([symbol, x]) => {
    const height = HEIGHTS[symbol];
    return height
      ? `<rect class="${symbol}" x="${x}" y="${BASE_LINE - height}" width="${WIDTH}" height="${height}"/>`
      : `<use class="${symbol}" x="${x}" y="${BASE_LINE}" href="#${symbol}"/>`;
  });
  return `<g transform="translate(-${WIDTH / 2})">${drawn.join('')}</g>`;
}
