import { DAY_MS } from '../../config/dates.ts';

const TICKS: [label: string, days: number][] = [
  ['1 h', 1 / 24],
  ['6 h', 1 / 4],
  ['1 day', 1],
  ['1 week', 7],
  ['1 month', 30.44],
  ['3 months', 91.3],
  ['6 months', 182.6],
  ['1 year', 365.25],
  ['2 years', 730.5],
  ['5 years', 1826],
  ['10 years', 3652],
];
/** The minimum distance of two labels, in percent of the width. */
const ROOM = 8;

/** The horizontal scale of the timelines, in percent of the width. */
export interface Scale {
  /** The position of a time, from 0 (left) to 100. */
  at(ms: number): number;
  /** Ticks such as "1 week" before now, the latest first. */
  ticks: { label: string; at: number }[];
  now: number;
}

/**
 * Creates a scale on which the distance from now is proportional to the square root of the time, so
 * that it separates the days of the last week and still shows the last year.
 */
export function scaleOf(now: string, times: readonly string[]): Scale {
  const nowMs = Date.parse(now);
  const [oldestMs, latestMs] = times
    .map((time) => Date.parse(time))
    .reduce(
      ([least, most], ms) => [Math.min(least, ms), Math.max(most, ms)],
      [nowMs - 8 * DAY_MS, nowMs + DAY_MS / 2],
    );
  const past = Math.sqrt(nowMs - oldestMs) * 1.02;
  const future = Math.min(Math.sqrt(latestMs - nowMs) * 1.3, past);
  const at = (ms: number) => {
    const distance = Math.sign(ms - nowMs) * Math.sqrt(Math.abs(ms - nowMs));
    const percent = (100 * (past + distance)) / (past + future);
    return Math.round(100 * Math.min(Math.max(percent, 0), 100)) / 100;
  };
  const zero = at(nowMs);
  const ticks: Scale['ticks'] = [];
  for (const [label, days] of TICKS) {
    const tick = { label, at: at(nowMs - days * DAY_MS) };
    if (tick.at >= ROOM / 2 && (ticks.at(-1)?.at ?? zero) - tick.at >= ROOM) ticks.push(tick);
  }
  return { at, ticks, now: zero };
}

/** The labels of the scale, above the list. */
export function axis({ ticks, now }: Scale): string {
  const labels = [{ label: 'now', at: now }, ...ticks].map(
    ({ label, at }) => `<text x="${at}%" y="14">${label}</text>`,
  );
  return `<div class="axis" aria-hidden="true"><svg class="labels" height="20">${labels.join('')}</svg></div>`;
}
