import { fixed } from '../simulation/axis.ts';
import { STYLE } from '../simulation/svg.ts';
import { ofLimitOf, type Results, whenAndWhere } from './results.ts';

const WIDTH = 860;
const HEIGHT = 300;
const TOP = 96;
const BOTTOM = 236;

/**
 * The text of an SVG file: the speed of sweeps compared with their limit, and the times of the
 * requests of one.
 */
export function drawBench(results: Results): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title">
<title id="title">Sweeps under Rackspace's limit of 100 requests a minute</title>
<style>${STYLE}.bar{fill:#2563eb}.goal{stroke:#d97706}</style>
<rect class="page" width="${WIDTH}" height="${HEIGHT}"/>
<text class="head" x="24" y="36">Sweeps under a limit of 100 requests a minute</text>
<text class="sub" x="24" y="58">${whenAndWhere()}</text>
${drawLimits(results, 24)}
${drawDelays(results, 460)}
</svg>
`;
}

function drawLimits({ sweeps }: Results, left: number): string {
  const y = (share: number) => fixed(BOTTOM - Math.min(share, 1.1) * ((BOTTOM - TOP) / 1.1));
  const bars = sweeps.map((sweep, i) => {
    const x = left + 24 + i * 84;
    const share = ofLimitOf(sweep);
    return `<rect class="bar" x="${x}" y="${y(share)}" width="44" height="${fixed(BOTTOM - Number(y(share)))}"/>
<text class="key" x="${x}" y="${Number(y(share)) - 6}">${share.toFixed(2)}</text>
<text class="tick" x="${x}" y="${BOTTOM + 18}">${sweep.servers.toLocaleString('en-US')}</text>`;
  });
  return `<text class="name" x="${left}" y="84">Speed, of what the limits allow</text>
${bars.join('\n')}
<path class="rule" d="M${left} ${BOTTOM}h360"/>
<path class="goal" d="M${left} ${y(0.9)}h360"/>
<text class="tick" x="${left}" y="${BOTTOM + 40}">servers; the line is the goal, 0.90</text>`;
}

function drawDelays({ delayed: { delays, servers } }: Results, left: number): string {
  const longest = 120;
  const x = (seconds: number) => fixed(left + (Math.min(seconds, longest) / longest) * 360);
  const y = (done: number) => fixed(BOTTOM - (done / servers) * (BOTTOM - TOP));
  const line = delays.map((seconds, i) => `L${x(seconds)} ${y(i + 1)}`).join('');
  const ticks = [0, 30, 60, 90, 120].map(
    (s) => `<text class="tick" x="${x(s)}" y="${BOTTOM + 18}">${s} s</text>`,
  );
  return `<text class="name" x="${left}" y="84">Of ${servers} requests, sent after the start</text>
<g class="p0"><path d="M${left} ${BOTTOM}${line}"/></g>
<path class="rule" d="M${left} ${BOTTOM}h360"/>
${ticks.join('\n')}
<text class="tick" x="${left}" y="${BOTTOM + 40}">the goal for 99 of them: two minutes</text>`;
}
