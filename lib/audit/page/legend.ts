import {
  BASE_LINE,
  type Badge,
  drawBadge,
  drawCopy,
  drawSymbols,
  RULER,
  type TimelineSymbol,
} from './timeline-symbol.ts';

const OTHERS: Partial<Record<TimelineSymbol, string>> = {
  held: 'held',
  expiring: 'a cleanup will delete it',
  pending: 'being made',
  failed: 'failed',
  stuck: 'stuck',
  unknown: 'not understood',
};

const BADGES: Record<Badge, string> = { proven: 'booted in a drill', unproven: 'failed in a drill' };

/** The legend of the symbols that the page shows. */
export function legend(shown: ReadonlySet<TimelineSymbol | Badge | 'copy'>): string {
  const others = Object.entries(OTHERS).filter(([symbol]) => shown.has(symbol as TimelineSymbol));
  const badges = Object.entries(BADGES).filter(([badge]) => shown.has(badge as Badge));
  // Moved up, because the drawing would cut off what is below the base line.
  const raised = `<g transform="translate(0 -7)">${drawSymbols([['recent', '4']])}${drawCopy('4')}</g>`;
  return `<ul class="legend" aria-label="Legend">
${item(34, 34, drawSymbols(RULER.map((symbol, i) => [symbol, `${5 + 8 * i}`])), 'the higher, the longer it stays')}
${others.map(([symbol, what]) => item(14, 14, drawSymbols([[symbol as TimelineSymbol, '7']]), what)).join('\n')}
${badges.map(([badge, what]) => item(14, 20, `${drawSymbols([['recent', '7']])}${drawBadge(badge as Badge, 'recent', '7')}`, what)).join('\n')}
${shown.has('copy') ? item(8, 17, raised, 'newest copy') : ''}
${item(22, 14, `<rect class="gap" x="1" y="${BASE_LINE - 12}" width="20" height="12"/>`, 'one is missing')}
${item(4, 18, `<line class="next" x1="2" x2="2" y1="${BASE_LINE - 18}" y2="${BASE_LINE}"/>`, 'next run')}
</ul>`;
}

function item(width: number, height: number, drawn: string, what: string): string {
  const box = `0 ${BASE_LINE - height + 1} ${width} ${height}`;
  return `<li><svg width="${width}" height="${height}" viewBox="${box}" aria-hidden="true">${drawn}</svg>${what}</li>`;
}
