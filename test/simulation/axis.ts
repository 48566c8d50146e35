import { DAY_MS } from './world.ts';

/** A period of time with its place across the picture. */
export interface Panel {
  fromMs: number;
  toMs: number;
  left: number;
  width: number;
}

interface Tick {
  ms: number;
  label: string;
}

/** Lines down a panel, with their labels above `top`. */
export function drawAxis(panel: Panel, top: number, bottom: number, ticks: Tick[]): string {
  const lines = ticks.map(({ ms }) => `M${at(panel, ms)} ${top - 6}V${bottom}`).join('');
  const labels = ticks
    .filter(({ label }) => label)
    .map(
      ({ ms, label }) =>
        `<text class="tick" x="${Number(at(panel, ms)) + 3}" y="${top - 10}">${label}</text>`,
    );
  return `<path class="grid" d="${lines}"/>${labels.join('')}`;
}

/** The first day of each year. */
export function yearTicks({ fromMs, toMs }: Panel): Tick[] {
  const first = new Date(fromMs).getUTCFullYear();
  const last = new Date(toMs).getUTCFullYear();
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    ms: Date.UTC(first + i),
    label: Date.UTC(first + i) < toMs ? String(first + i) : '',
  }));
}

/** Every seventh day. */
export function weekTicks({ fromMs, toMs }: Panel): Tick[] {
  const ticks: Tick[] = [];
  for (let ms = fromMs; ms <= toMs; ms += 7 * DAY_MS)
    ticks.push({ ms, label: ms < toMs ? day(ms).slice(5) : '' });
  return ticks;
}

/** The place of a time (epoch milliseconds) across a panel. */
export function at({ fromMs, toMs, left, width }: Panel, ms: number): string {
  return fixed(left + ((ms - fromMs) / (toMs - fromMs)) * width);
}

/** A coordinate with one decimal of a pixel. */
export function fixed(n: number): string {
  return String(Math.round(n * 10) / 10);
}

/** "2028-02-29" */
export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
