import { timelineText } from '../../reporting/sentences/page.ts';
import type { AuditedSeries } from '../model.ts';
import { escapeHtml } from './escape.ts';
import type { Scale } from './scale.ts';
import { BASE_LINE, badgeOf, drawBadge, drawCopy, drawSymbols, symbolOf } from './timeline-symbol.ts';

const HEIGHT = 44;
const TOP = 5;

/**
 * A series as an SVG that fills the available width: a symbol for each snapshot, newest first, with
 * the badge of its drill above; a hatched area for missing snapshots; a dashed line for the next
 * run; the newest copy below the base line.
 */
export function timeline(series: AuditedSeries, now: string, { at }: Scale): string {
  const x = (time: string) => `${at(Date.parse(time))}%`;
  const { snapshots, copied, nextRun } = series;
  const oldest = snapshots.at(-1)?.slot;
  const gaps = gapsIn(series, now);
  const drawn = [
    '<use class="grid" href="#grid"/>',
    ...gaps.map(([from, to]) => {
      const width = at(Date.parse(to)) - at(Date.parse(from));
      return `<rect class="gap" x="${x(from)}" y="${TOP}" width="${width.toFixed(2)}%" height="${BASE_LINE - TOP}"/>`;
    }),
    oldest
      ? `<line class="ground" x1="${x(oldest)}" x2="${x(now)}" y1="${BASE_LINE}" y2="${BASE_LINE}"/>`
      : '',
    nextRun ? `<line class="next" x1="${x(nextRun)}" x2="${x(nextRun)}" y1="${TOP}" y2="${BASE_LINE}"/>` : '',
    ...snapshots.flatMap((snapshot) =>
      badgeOf(snapshot).map((badge) => drawBadge(badge, symbolOf(snapshot), x(snapshot.slot))),
    ),
    copied?.newest ? drawCopy(x(copied.newest)) : '',
    drawSymbols(snapshots.map((snapshot) => [symbolOf(snapshot), x(snapshot.slot)])),
  ];
  return `<svg class="timeline" role="img" height="${HEIGHT}" aria-label="${escapeHtml(timelineText(series, gaps, now))}">${drawn.join('')}</svg>`;
}

/** The times without a good snapshot. */
function gapsIn(series: AuditedSeries, now: string): [from: string, to: string][] {
  if (series.state === 'never') return [[new Date(0).toISOString(), now]];
  return (series.gaps ?? []).map(({ from, to }) => [from, to ?? now]);
}
