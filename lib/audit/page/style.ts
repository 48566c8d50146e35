import { SERIES_STATES } from '../series-states.ts';
import { BARS } from './timeline-symbol.ts';

/**
 * The style sheet of the page: light or dark as the reader prefers, and for small screens and
 * print.
 */
export const STYLE = `
:root{
  color-scheme:light dark;
  --page:light-dark(#fcfcfa,#10141a);
  --raised:light-dark(#fff,#171c24);
  --ink:light-dark(#1b212b,#e9edf3);
  --soft:light-dark(#596273,#9ca7b8);
  --line:light-dark(#e4e6ea,#262e3a);
  --good:light-dark(#17786b,#4cc0ab);
  --late:light-dark(#a84d05,#f3a54a);
  --never:light-dark(#b3261e,#ff8a80);
  --held:light-dark(#5b4bc4,#a99bff);
  --now:light-dark(#9aa3b2,#5b6778);
  --focus:light-dark(#2458d3,#86aaff);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  font-variant-numeric:tabular-nums;
}
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;background:var(--page);color:var(--ink)}
header,main{max-width:76rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}
ul{list-style:none;margin:0;padding:0}
p{margin:0}
h2{font-size:1rem;font-weight:650;margin:1.75rem 0 .25rem}
.count{color:var(--soft);font-weight:400;margin-left:.25rem}
code,kbd{font:.8125rem/1 ui-monospace,"SF Mono",Menlo,Consolas,monospace}
kbd{border:1px solid var(--line);border-radius:4px;padding:.1rem .35rem;color:var(--soft)}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px;border-radius:4px}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.drawings{position:absolute}

header{padding-top:clamp(1.25rem,3vw,2rem)}
.origin{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1.5rem;color:var(--soft)}
h1{display:flex;gap:1rem;margin:1rem 0 0;font-size:clamp(1.5rem,1.1rem + 1.8vw,2.125rem);line-height:1.2;font-weight:650;letter-spacing:-.02em;overflow-wrap:anywhere}
h1 span span{display:inline-block}
h1 .icon{flex:none;width:1.05em;height:1.05em;margin-top:.06em}
.figures{display:flex;flex-wrap:wrap;gap:1rem 1.875rem;margin:1.5rem 0 0}
.figures dt{color:var(--soft);font-size:.8125rem}
.figures dd{margin:0;font-size:1.375rem;line-height:1.3;font-weight:600;letter-spacing:-.01em}
.figures small{font-size:.8125rem;white-space:nowrap;font-weight:400;letter-spacing:0;color:var(--soft)}
.figures .trouble dd{color:var(--late)}
.stale,.notices{margin-top:1.5rem;padding:.75rem 1.25rem;border-left:3px solid var(--late);background:var(--raised);border-radius:0 6px 6px 0;overflow-wrap:anywhere}
.notices h2{margin:0 0 .25rem}
.notices li{padding:.15rem 0}
.notices summary{cursor:pointer;color:var(--soft)}

.icon{width:1rem;height:1rem;fill:none;stroke:currentColor;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round;overflow:visible}
${Object.entries(SERIES_STATES)
  .map(([state, { color }]) => `.${state}{color:var(--${color})}`)
  .join('\n')}

.filters{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .625rem;margin-top:1.5rem}
.filters input[type=search],select{font:inherit;color:inherit;background:var(--raised);border:1px solid light-dark(#8a93a1,#657083);border-radius:6px;height:2.25rem;max-width:100%;padding:0 .625rem}
.filters label{min-width:0;max-width:100%}
.search{position:relative;flex:1 1 10rem;max-width:16rem}
.search input{width:100%;padding-right:2rem!important}
.search kbd{position:absolute;right:.6rem;top:.6rem;pointer-events:none}
.search input:focus+kbd{display:none}
fieldset{display:flex;flex-wrap:wrap;gap:.25rem;margin:0;padding:0;border:0}
.chip{position:relative;display:flex;align-items:center;gap:.35rem;height:2.25rem;padding:0 .6rem;border-radius:6px;color:var(--soft);cursor:pointer}
.chip b{font-weight:600;color:var(--ink)}
.chip input{position:absolute;inset:0;opacity:0;margin:0;cursor:pointer}
.chip:hover{background:var(--raised)}
.chip:has(:checked){background:var(--raised);box-shadow:inset 0 0 0 1px light-dark(#8a93a1,#657083);color:var(--ink)}
.chip:has(:focus-visible){outline:2px solid var(--focus)}
.shown{margin-left:auto;color:var(--soft)}
.nothing{padding:3rem 0;text-align:center;color:var(--soft)}
button{font:inherit;color:inherit}
.nothing button{background:none;border:0;padding:0;text-decoration:underline;cursor:pointer}

.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin-top:1rem;font-size:.8125rem;color:var(--soft)}
.legend li{display:flex;align-items:center;gap:.4rem}
.axis{position:sticky;top:0;z-index:1;display:grid;padding:.5rem 0 .25rem;background:var(--page);border-bottom:1px solid var(--line)}
.axis,.row{grid-template-columns:minmax(11rem,15rem) minmax(0,1fr) 12.5rem;gap:0 1.25rem}
.labels{grid-column:2;width:100%;overflow:visible;font-size:.75rem;fill:var(--soft);text-anchor:middle}

.row{position:relative;display:grid;align-items:center;min-height:3.75rem;padding:.5rem 0;border-bottom:1px solid var(--line);cursor:pointer;content-visibility:auto;contain-intrinsic-block-size:auto 3.25rem}
.row:hover{background:var(--raised)}
.row button{display:grid;grid-template-columns:1.625rem minmax(0,1fr);align-items:center;padding:.25rem 0;background:none;border:0;text-align:left;cursor:pointer}
.name{font-weight:600;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.place{grid-column:2;font-size:.8125rem;color:var(--soft)}
.standing{text-align:right;line-height:1.35}
.standing b{display:block;font-weight:600}
.standing span{display:block;font-size:.8125rem;color:var(--soft)}
.standing .unproven{color:var(--never)}
.standing .behind{color:var(--late)}
.standing.protected{color:inherit}
.timeline{width:100%;overflow:visible}
.grid{stroke:var(--line)}
.now{stroke:var(--now);stroke-width:1.5}
.timeline rect{rx:1.5px}
${BARS.map((bar) => `.${bar}`).join()}{fill:var(--good)}
.expiring,.pending,.stuck,.failed,.unknown{fill:none;stroke:var(--soft);stroke-width:1.5}
.pending{stroke:var(--good)}
.failed,.stuck{stroke:var(--never);stroke-width:2}
.proven,.unproven{fill:none;stroke:var(--good);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}
.unproven{stroke:var(--never)}
.copy{fill:var(--soft)}
.held{fill:var(--held)}
.gap{fill:url(#hatch);stroke:var(--late);stroke-width:.75}
.hatch{stroke:var(--late);stroke-width:1.5;opacity:.65}
.ground{stroke:var(--now)}
.next{stroke:var(--good);stroke-width:1.5;stroke-dasharray:3 3}

.details{grid-column:1/-1;padding:.75rem 0 1.25rem 1.625rem;cursor:auto}
.details .command{user-select:all}
.details p{color:var(--soft);font-size:.8125rem;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;margin-top:.75rem;font-size:.875rem}
th{font-weight:400;color:var(--soft);font-size:.8125rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-top:1px solid var(--line)}
th.slot,td.slot{position:relative;padding-left:1.75rem}
.slot svg{position:absolute;left:0;top:.375rem;width:.8rem;height:2.25rem;overflow:visible}
.slot code{display:block;margin-top:.25rem;color:var(--soft);font-size:.75rem;white-space:nowrap}
.state{min-width:7.5rem}
.size{text-align:right;padding-right:1.5rem;white-space:nowrap}
.tip{position:fixed;z-index:2;max-width:22rem;padding:.4rem .6rem;border-radius:6px;background:var(--ink);color:var(--page);font-size:.8125rem;pointer-events:none}

.names{columns:14rem;column-gap:2rem}
.names li{overflow-wrap:anywhere}
.names span,.policies span{color:var(--soft)}
footer{margin:3rem 0;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.8125rem}
.keys{margin-top:.5rem}
.keys kbd:not(:first-child){margin-left:.75rem}
.keys kbd+kbd{margin-left:0!important}

@media (max-width:46rem){
  .axis,.row{grid-template-columns:minmax(45%,1fr) auto}
  .row{row-gap:.25rem;padding:.75rem 0;contain-intrinsic-block-size:auto 6.5rem}
  .row .timeline{grid-area:2/1/3/-1}
  .labels{grid-column:1/-1}
  .figures{display:grid;grid-template-columns:1fr 1fr;gap:.75rem 1rem}
  .search{flex-basis:100%;max-width:none}
  .shown{margin-left:0}
  .details{padding-left:0}
  thead{position:absolute;clip-path:inset(50%)}
  tr{display:grid;grid-template-columns:1fr auto auto;padding:.5rem 0;border-top:1px solid var(--line)}
  td{border:0;padding:.1rem 0 .1rem .75rem}
  td.why,td.until{padding-left:1.75rem}
  .slot code{white-space:normal;overflow-wrap:anywhere}
  .why,.until{grid-column:1/-1}
  .until::before{content:"until ";color:var(--soft)}
}
@media (forced-colors:active){.timeline,.legend{forced-color-adjust:none}}
@media print{
  :root{color-scheme:light;font-size:11px}
  *{print-color-adjust:exact}
  .filters,.tip,.keys,.nothing{display:none!important}
  .axis{position:static}
  .row{content-visibility:visible;min-height:0}
  .row:not(:has(.details)),tr{break-inside:avoid}
  h2{break-after:avoid}
}
`;
