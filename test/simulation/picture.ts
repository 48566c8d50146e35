import { at, day, drawAxis, fixed, type Panel, weekTicks, yearTicks } from './axis.ts';
import type { Decade } from './decade.ts';
import { clip, escapeXml, STYLE } from './svg.ts';
import { DAY_MS, type Life, type OutageKind, type Taken } from './world.ts';

const WIDTH = 1360;
const LEFT = 132;
const HEADER = 118;
const LANE = 11;
const ROW_TOP = 15;
const ROW_GAP = 9;

const OUTAGES: Record<OutageKind, string> = {
  silent: 'no snapshot run',
  dark: 'nothing runs, no cleanup either',
  failing: 'every snapshot fails',
  stuck: 'every snapshot gets stuck',
};

/**
 * Draws a decade as the text of an SVG file: time across, the servers down with a lane for each
 * policy; ten years on the left, and their last five weeks, magnified, on the right.
 */
export function drawDecade(decade: Pick<Decade, 'seed' | 'start' | 'end' | 'policies' | 'world'>): string {
  const { world, policies, seed } = decade;
  const [startMs, endMs] = [decade.start.getTime(), decade.end.getTime()];
  const long: Panel = { fromMs: startMs, toMs: endMs, left: LEFT, width: 850 };
  const short: Panel = { fromMs: endMs - 35 * DAY_MS, toMs: endMs, left: 1010, width: 290 };
  const bySeries = Map.groupBy(world.taken, (taken) => `${taken.server} ${taken.policy}`);

  let y = HEADER;
  const rows = world.lives.map((life) => {
    const lanes = policies.flatMap((policy, i) => {
      const taken = bySeries.get(`${life.id} ${policy}`);
      return taken ? [{ taken, color: `p${i}` }] : [];
    });
    const height = ROW_TOP + Math.max(lanes.length, life.goneMs ? 2 : 1) * LANE + ROW_GAP;
    const row = drawRow(life, lanes, { y, height, long, short });
    y += height;
    return row;
  });
  const years = Math.round((endMs - startMs) / (365.25 * DAY_MS));
  const kept = world.taken.filter(({ exists }) => exists).length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 66}" role="img" aria-labelledby="title">
<title id="title">${years} simulated years of snapshots, seed ${seed}</title>
<style>${STYLE}</style>
<rect class="page" width="${WIDTH}" height="${y + 66}"/>
<text class="head" x="24" y="42">${years === 1 ? 'A year' : `${years} years`} of snapshots, and what rotation kept of them</text>
<text class="sub" x="24" y="64">${world.taken.length.toLocaleString('en-US')} taken of ${world.lives.length} servers, ${kept} there at the end, none lost · simulated, seed ${seed}</text>
${[long, short].map((panel) => drawOutages(decade, panel, y)).join('\n')}
${drawAxis(long, HEADER, y, yearTicks(long))}
${drawAxis(short, HEADER, y, weekTicks(short))}
<text class="note" x="${short.left}" y="${HEADER - 26}">the last five weeks</text>
<text class="note end" x="${WIDTH - 16}" y="${HEADER - 10}">kept</text>
${rows.join('\n')}
${drawLegend(policies, y + 44)}
</svg>
`;
}

interface Place {
  y: number;
  height: number;
  long: Panel;
  short: Panel;
}

function drawRow(life: Life, lanes: { taken: Taken[]; color: string }[], place: Place): string {
  const { y, long, short } = place;
  const name = life.names.at(-1)?.name ?? life.id;
  const parts = [
    `<path class="rule" d="M24 ${y}H${WIDTH - 16}"/>`,
    `<text class="name${life.goneMs ? ' gone' : ''}" x="24" y="${y + ROW_TOP + 9}">${escapeXml(clip(name))}</text>`,
  ];
  if (life.goneMs) {
    parts.push(`<text class="note" x="24" y="${y + ROW_TOP + 22}">its series stays</text>`);
  }
  for (const [i, { taken, color }] of lanes.entries()) {
    const top = y + ROW_TOP + i * LANE;
    const kept = taken.filter(({ exists, ending }) => exists && ending === 'active');
    parts.push(`<g class="${color}">`);
    for (const panel of [long, short]) {
      parts.push(path('once', drawOnce(taken, panel, top + 4)), path('kept', drawKept(kept, panel, top)));
    }
    parts.push(`</g><text class="count end" x="${WIDTH - 16}" y="${top + 8}">${kept.length}</text>`);
  }
  parts.push(...drawEvents(life, place));
  return parts.join('\n');
}

/** The events of a server: a line across its lanes for each, with a label if there is room. */
function drawEvents({ names, goneMs }: Life, { y, height, long }: Place): string[] {
  const right = long.left + long.width;
  const events = names.map(({ name, sinceMs }, i) => ({
    ms: sinceMs,
    what: `${i ? 'now' : 'new:'} ${clip(name)}`,
  }));
  if (goneMs) events.push({ ms: goneMs, what: 'deleted' });
  let free = long.left;
  const drawn = events
    .filter(({ ms }) => ms > long.fromMs)
    .map(({ ms, what }) => {
      const x = Number(at(long, ms));
      const room = what.length * 6;
      const left = x + room > right ? x - room - 4 : x + 4;
      // A line without a label must not cross the labels of others.
      const top = left < free ? y + ROW_TOP - 2 : y + 4;
      const line = `<path class="event" d="M${x} ${top}V${y + height - 5}"><title>${escapeXml(what)}, ${day(ms)}</title></path>`;
      if (left < free) return line;
      free = left + room;
      const label =
        left < x ? `<text class="note end" x="${fixed(x - 4)}"` : `<text class="note" x="${fixed(left)}"`;
      return `${line}${label} y="${y + 11}">${escapeXml(what)}</text>`;
    });
  if (goneMs) {
    const x = Number(at(long, goneMs));
    drawn.push(
      `<rect class="after" x="${x}" y="${y + ROW_TOP - 2}" width="${fixed(right - x)}" height="${height - ROW_TOP - 4}"/>`,
    );
  }
  return drawn;
}

/**
 * A faint line wherever there once was a snapshot, pixel by pixel, because thousands of single
 * marks would not fit.
 */
function drawOnce(taken: Taken[], panel: Panel, y: number): string {
  const columns = new Set<number>();
  for (const { slotMs, ending } of taken) {
    if (ending !== 'active' || slotMs < panel.fromMs) continue;
    columns.add(Math.floor(2 * Number(at(panel, slotMs))));
  }
  let d = '';
  for (const first of [...columns].filter((column) => !columns.has(column - 1))) {
    let last = first;
    while (columns.has(last + 1)) last += 1;
    d += `M${first / 2} ${y}H${(last + 2) / 2}`;
  }
  return d;
}

function drawKept(kept: Taken[], panel: Panel, top: number): string {
  const inside = kept.filter(({ slotMs }) => slotMs >= panel.fromMs);
  return [...new Set(inside.map(({ slotMs }) => at(panel, slotMs)))].map((x) => `M${x} ${top}v8`).join('');
}

function path(style: string, d: string): string {
  return d && `<path class="${style}" d="${d}"/>`;
}

function drawOutages({ world }: Pick<Decade, 'world'>, panel: Panel, bottom: number): string {
  return world.outages
    .filter(({ fromMs, toMs }) => toMs > panel.fromMs && fromMs < panel.toMs)
    .map(({ kind, fromMs, toMs }) => {
      const x = at(panel, Math.max(fromMs, panel.fromMs));
      const width = fixed(Number(at(panel, Math.min(toMs, panel.toMs))) - Number(x));
      return `<rect class="${kind}" x="${x}" y="${HEADER}" width="${width}" height="${bottom - HEADER}"><title>${OUTAGES[kind]}, ${day(fromMs)} to ${day(toMs)}</title></rect>`;
    })
    .join('\n');
}

function drawLegend(policies: readonly string[], y: number): string {
  let x = 24;
  const next = (width: number) => {
    x += width;
    return x - width;
  };
  const lanes = policies.map((policy, i) => {
    const left = next(36 + policy.length * 7);
    return `<g class="p${i}"><path class="once" d="M${left} ${y - 4}h20"/><path class="kept" d="M${left + 4} ${y - 8}v8m6 -8v8m6 -8v8"/></g><text class="key" x="${left + 26}" y="${y}">${escapeXml(policy)}</text>`;
  });
  x += 4;
  const meaning = `<text class="key faint" x="${next(262)}" y="${y}">a mark: kept to the end; faint: taken once</text>`;
  const outages = Object.entries(OUTAGES).map(([kind, what]) => {
    const left = next(42 + what.length * 6.4);
    return `<rect class="${kind} sample" x="${left}" y="${y - 10}" width="18" height="12"/><text class="key" x="${left + 24}" y="${y}">${what}</text>`;
  });
  return [...lanes, meaning, ...outages].join('\n');
}
