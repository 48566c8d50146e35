import { SERIES_STATES } from '../series-states.ts';
import { serverCount } from '../server-sets.ts';
import { escapeHtml } from './escape.ts';
import type { PageRow } from './row.ts';

const FIELDS = { policy: 'policies', region: 'regions', account: 'accounts' } as const;

/**
 * The search field and the filters; hidden until the script has started. A field with only one
 * value has no filter. The numbers are of servers.
 */
export function filters(rows: readonly PageRow[]): string {
  const series = rows.map((one) => one.series);
  const chips = Object.entries(SERIES_STATES).flatMap(([state, { label }]) => {
    const count = serverCount(rows.filter((one) => one.state === state).map((one) => one.series));
    return count ? [chip(state, label, count)] : [];
  });
  return `<form class="filters" role="search" hidden>
<label class="search"><span class="unseen">Search</span><input type="search" name="search" placeholder="Search" autocomplete="off" spellcheck="false" aria-keyshortcuts="/"><kbd aria-hidden="true">/</kbd></label>
<fieldset><legend class="unseen">State</legend>${chip('', 'All', serverCount(series), ' checked')}${chips.join('')}</fieldset>
${Object.entries(FIELDS)
  .map(([key, plural]) =>
    selectElement(
      key,
      plural,
      series.map((one) => one[key as keyof typeof FIELDS]),
    ),
  )
  .join('')}
<p class="shown" role="status"></p>
</form>`;
}

function chip(value: string, words: string, count: number, checked = ''): string {
  return `<label class="chip"><input type="radio" name="state" value="${value}"${checked}>${words} <b>${count}</b></label>`;
}

function selectElement(key: string, plural: string, values: string[]): string {
  const options = [...new Set(values)].sort();
  if (options.length < 2) return '';
  return `<label><span class="unseen">${key}</span><select name="${key}"><option value="">All ${plural}</option>${options
    .map((value) => `<option value="${escapeHtml(value)}">${escapeHtml(value)}</option>`)
    .join('')}</select></label>`;
}
