import { seriesNameText } from '../../reporting/sentences/headline.ts';
import { holdingText, NOTES, standingText } from '../../reporting/sentences/page.ts';
import type { AuditedSeries, SeriesState } from '../model.ts';
import type { Naming } from '../naming.ts';
import { SERIES_STATES, type StateTraits } from '../series-states.ts';
import type { ServerSet } from '../server-sets.ts';
import { SERIES_TROUBLES } from '../troubles.ts';
import { escapeHtml } from './escape.ts';
import type { Scale } from './scale.ts';
import { timeline } from './timeline.ts';

/** The icon of a state. */
export function stateIcon(state: SeriesState): string {
  return `<svg class="icon ${state}" viewBox="0 0 16 16" aria-hidden="true"><use href="#is-${SERIES_STATES[state].icon}"/></svg>`;
}

/** The colors of the browser's tab, which has no style sheet. Waiting is no trouble. */
const TAB_COLORS: Record<StateTraits['color'], string> = {
  never: '#d64541',
  late: '#e08a2e',
  good: '#2a9d8f',
  soft: '#2a9d8f',
};

/** The icon of the browser's tab. */
export function tabIcon(state: SeriesState): string {
  const color = TAB_COLORS[SERIES_STATES[state].color];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${color}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/** The values that all rows of a page share. */
export interface RowContext {
  now: string;
  scale: Scale;
  naming: Naming;
}

/** A row of the page. */
export interface PageRow {
  series: AuditedSeries;
  /** The state of the whole server in this policy, by which the page groups and filters. */
  state: SeriesState;
  /** The parts of the server; only in the first row of a server, which shows the whole set. */
  set?: ServerSet;
}

/**
 * A series as an item of the page's list. The first row of a server has the state and the age of
 * the whole set. The script adds the table of its snapshots on demand; `number` is the row's index
 * in the page's data.
 */
export function row({ series, state, set }: PageRow, number: number, context: RowContext): string {
  const { now, scale, naming } = context;
  const { account, region, policy, server } = series;
  const data = Object.entries({ account, region, policy, state, server })
    .map(([key, value]) => `data-${key}="${escapeHtml(value)}"`)
    .join(' ');
  const shown = set?.worst ?? series;
  const { label } = SERIES_STATES[shown.state];
  return `<li class="row" id="row-${number}" ${data}>
<button type="button" aria-expanded="false">${stateIcon(shown.state)}<bdi class="name">${escapeHtml(series.name ? naming.nameOf(series) : seriesNameText(series, `server ${server}`))}</bdi><span class="place">${escapeHtml(naming.placeOf(series))} · ${escapeHtml(policy)}<span class="unseen">, ${label}</span></span></button>
${timeline(series, now, scale)}
<p class="standing ${shown.state}"><b>${standingText(shown, label)}</b><span>${holdingText(series)}</span>${behindNote(set)}${proofNote(series)}${obstacleNote(series)}${troubleNotes(series)}</p>
</li>`;
}

/** A note about the parts without a snapshot of the newest slot. */
function behindNote(set: ServerSet | undefined): string {
  return set && set.behind.length > 0 ? `<span>${escapeHtml(NOTES.partsBehind(set))}</span>` : '';
}

function proofNote(series: AuditedSeries): string {
  const { proof } = series;
  if (proof?.unprovenSeconds === undefined || proof.failed) return '';
  const note = proof.recoverySeconds === undefined ? NOTES.proven(proof) : NOTES.recovery(series);
  return `<span>${note}</span>`;
}

/** A note about a snapshot that can't be copied. The timeline shows the copies. */
function obstacleNote({ copied }: AuditedSeries): string {
  return copied?.obstacle ? `<span>${NOTES.obstacle()}</span>` : '';
}

function troubleNotes(series: AuditedSeries): string {
  return SERIES_TROUBLES.map(({ name, isIn, noteOf }) =>
    noteOf && isIn(series) ? `<span class="${name}">${noteOf(series)}</span>` : '',
  ).join('');
}
