import { createHash } from 'node:crypto';
import { headlineText } from '../reporting/sentences/headline.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { clausesOf, worstSeriesOfServers } from './headline.ts';
import type { Audit, AuditedSeries } from './model.ts';
import { namingOf } from './naming.ts';
import { appendix } from './page/appendix.ts';
import { pageData } from './page/data.ts';
import { drawings } from './page/drawings.ts';
import { escapeHtml, escapeJson } from './page/escape.ts';
import { figures } from './page/figures.ts';
import { filters } from './page/filters.ts';
import { groupList, groupsOf } from './page/groups.ts';
import { legend } from './page/legend.ts';
import { notices } from './page/notices.ts';
import { stateIcon, tabIcon } from './page/row.ts';
import { axis, scaleOf } from './page/scale.ts';
import { pageScript } from './page/script.ts';
import { STYLE } from './page/style.ts';
import { badgeOf, symbolOf } from './page/timeline-symbol.ts';
import { hasOtherTrouble, SERIES_TROUBLES } from './troubles.ts';

const SCRIPT = `(${pageScript})()`;

/**
 * The report page: one self-contained HTML file, whose content security policy forbids all
 * requests. Without JavaScript, it lacks only the filters and the details of the rows. All text
 * from a cloud is escaped.
 *
 * @param stage the stage of the deployment, for the commands on the page.
 */
export function reportPage(audit: Audit, stage = 'prod'): string {
  const { owner, at, series } = audit;
  const groups = groupsOf(series);
  const rows = groups.flatMap((group) => group.rows);
  const shown = rows.map((one) => one.series);
  const times = shown.flatMap(({ snapshots, copied, nextRun }) => [
    ...snapshots.map(({ slot }) => slot),
    copied?.newest ?? at,
    nextRun ?? at,
  ]);
  const scale = scaleOf(at, times);
  const policy = `default-src 'none'; style-src '${contentSecurityHash(STYLE)}'; script-src '${contentSecurityHash(SCRIPT)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const clauses = clausesOf(audit);
  const worst = worstState(audit);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(`${headlineText(clauses)} (${owner})`)}</title>
<link rel="icon" href="${tabIcon(worst)}">
<style>${STYLE}</style>
</head>
<body>
${drawings(scale)}
<header>
<p class="origin"><span>Autosnap <b>${escapeHtml(owner)}</b></span><time datetime="${at}">${utcText(at)}</time></p>
<h1>${stateIcon(worst)}<span>${clauseElements(clauses)}</span></h1>
<dl class="figures">
${figures(audit)}
</dl>
<p class="stale" role="note" hidden></p>
${notices(audit)}
</header>
<main>
${filters(rows)}
${legend(shownIn(shown))}
${axis(scale)}
${groupList(groups, { now: at, scale, naming: namingOf(audit) })}
<p class="nothing" hidden>Nothing fits these filters. <button type="button">Show all</button></p>
${appendix(audit)}
</main>
<div class="tip" hidden></div>
<script type="application/json" id="data">${escapeJson(pageData(shown, audit, stage))}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

/** The symbols and badges on the page, which the legend explains. */
function shownIn(rows: readonly AuditedSeries[]) {
  return new Set([
    ...rows.flatMap(({ snapshots }) => snapshots.flatMap((s) => [symbolOf(s), ...badgeOf(s)])),
    ...(rows.some(({ copied }) => copied?.newest) ? (['copy'] as const) : []),
  ]);
}

function contentSecurityHash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/**
 * The state for the icon beside the sentence: the worst state of a server, but at least `late` if
 * there is trouble besides that of series, or a kind of trouble with notices exists.
 */
function worstState(audit: Audit) {
  const worst = worstSeriesOfServers(audit)[0]?.state ?? 'never';
  const troubled =
    hasOtherTrouble(audit) ||
    SERIES_TROUBLES.some(({ isIn, noticesOf }) => noticesOf && audit.series.some(isIn));
  return troubled && worst !== 'never' ? 'late' : worst;
}

/** The headline as HTML with one element for each clause, so that lines break between clauses. */
function clauseElements(clauses: readonly Sentence[]): string {
  const last = clauses.length - 1;
  return clauses.map((clause, i) => `<span>${escapeHtml(clause)}${i < last ? ';' : ''}</span>`).join(' ');
}

/** "Tue, 24 Nov 2026 09:00 UTC" */
function utcText(iso: string): string {
  return `${new Date(iso).toUTCString().slice(0, 22)} UTC`;
}
