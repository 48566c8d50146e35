import type { StateTraits } from '../series-states.ts';
import type { Scale } from './scale.ts';

const STATE_ICONS: Record<StateTraits['icon'], string> = {
  protected: '<circle cx="8" cy="8" r="7"/><path d="M4.8 8.3 7.2 10.6 11.4 5.6"/>',
  late: '<path d="M8 1.4 15.2 14.2H.8Z"/><path d="M8 6V9.6M8 11.7V11.9"/>',
  never: '<path d="M5 1H11L15 5V11L11 15H5L1 11V5Z"/><path d="M5.4 5.4 10.6 10.6M10.6 5.4 5.4 10.6"/>',
  waiting: '<circle cx="8" cy="8" r="7"/><path d="M8 4V8.2L10.8 10"/>',
  kept: '<path d="M1.5 2H14.5V5.5H1.5ZM2.5 5.5H13.5V14H2.5ZM6 8.5H10"/>',
};

/**
 * The definitions of the page's SVG drawings, which `<use href="#…">` shows. The point 0,0 of a
 * symbol is on its base line. The grid is as wide as the SVG that uses it.
 */
export function drawings({ ticks, now }: Scale): string {
  const lines = ticks.map(({ at }) => `<line x1="${at}%" x2="${at}%" y2="44"/>`);
  return `<svg width="0" height="0" aria-hidden="true" class="drawings"><defs>
<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern>
<path id="expiring" d="M.25 -.75V-8.25H2.75V-.75Z"/>
<path id="held" d="M1.5 -13 6 -7.5 1.5 -2 -3 -7.5Z"/>
<circle id="pending" cx="1.5" cy="-6" r="3.5"/>
<path id="stuck" d="M-2.5 -10.5H5.5L-2.5 -1.5H5.5Z"/>
<path id="failed" d="M-2 -9.5 5 -2.5M5 -9.5 -2 -2.5"/>
<path id="unknown" d="M-1.5 -8.5A3 3 0 1 1 2.6 -6Q1.5 -5.4 1.5 -3.8M1.5 -1.8V-.6"/>
<path id="proven" d="M-3 0 -1 2.2 3 -2.2"/>
<path id="unproven" d="M-2.2 -2.2 2.2 2.2M2.2 -2.2 -2.2 2.2"/>
${Object.entries(STATE_ICONS)
  .map(([icon, drawing]) => `<g id="is-${icon}">${drawing}</g>`)
  .join('\n')}
<g id="grid">${lines.join('')}<line class="now" x1="${now}%" x2="${now}%" y2="44"/></g>
</defs></svg>`;
}
