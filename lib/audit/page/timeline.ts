import { copyText, counted, minuteText } from '../../reporting/sentences/format.ts';
import type { AuditedSeries } from '../model.ts';
import { escapeHtml } from './escape.ts';
import type { Scale } from './scale.ts';
import { BASE_LINE, badgeOf, drawBadge, drawCopy, drawMarks, markOf } from './timeline-mark.ts';

const HEIGHT = 44;
const TOP = 5;

/**
 * A series as an SVG that fills the available width: a mark for each snapshot, newest first, with
 * the badge of its drill above; a hatched area for missing snapshots; a dashed line for the next
 * run; the newest copy below the base line.
 */
export function timeline(series: AuditedSeries, now: string, { at }: Scale): string {
  const x = (time: string) => `${at(Date.parse(time))}%`;
  const { snapshots, copied, nextRun } = series;
  const oldest = snapshots.at(-1)?.slot;
  const drawn = [
    '<use class="grid" href="#grid"/>',
    ...gapsIn(series, now).map(([from, to]) => {
      const width = at(Date.parse(to)) - at(Date.parse(from));
      return `<rect class="gap" x="${x(from)}" y="${TOP}" width="${width.toFixed(2)}%" height="${BASE_LINE - TOP}"/>`;
    }),
    oldest
      ? `<line class="ground" x1="${x(oldest)}" x2="${x(now)}" y1="${BASE_LINE}" y2="${BASE_LINE}"/>`
      : '',
    nextRun ? `<line class="next" x1="${x(nextRun)}" x2="${x(nextRun)}" y1="${TOP}" y2="${BASE_LINE}"/>` : '',
    ...snapshots.flatMap((snapshot) =>
      badgeOf(snapshot).map((badge) => drawBadge(badge, markOf(snapshot), x(snapshot.slot))),
    ),
    copied?.newest ? drawCopy(x(copied.newest)) : '',
    drawMarks(snapshots.map((snapshot) => [markOf(snapshot), x(snapshot.slot)])),
  ];
  return `<svg class="timeline" role="img" height="${HEIGHT}" aria-label="${escapeHtml(describe(series, now))}">${drawn.join('')}</svg>`;
}

/** The times without a good snapshot. */
function gapsIn(series: AuditedSeries, now: string): [from: string, to: string][] {
  if (series.state === 'never') return [[new Date(0).toISOString(), now]];
  return (series.gaps ?? []).map(({ from, to }) => [from, to ?? now]);
}

/** A text alternative of the timeline, for screen readers. */
function describe(series: AuditedSeries, now: string): string {
  const { state, snapshots, good, pending, stuck, failed, unknown, nextRun, proof, copied } = series;
  const [newest, oldest] = [snapshots[0], snapshots.at(-1)];
  const states = Object.entries({ good, pending, stuck, failed, unknown }).filter(([, n]) => n > 0);
  const missing = gapsIn(series, now).map(
    ([from, to]) => `${minuteText(from)} to ${to === now ? 'now' : minuteText(to)}`,
  );
  return [
    newest && oldest
      ? `${counted(snapshots.length, 'snapshot')} from ${minuteText(oldest.slot)} to ${minuteText(newest.slot)}, ${states.map(([word, n]) => `${n} ${word}`).join(', ')}`
      : 'No snapshots',
    ...(missing.length > 0 && state !== 'never' ? [`missing from ${missing.join(' and from ')}`] : []),
    ...(proof?.proven ? [`passed a drill ${minuteText(proof.proven)}`] : []),
    ...(proof?.failed ? [`failed a drill ${minuteText(proof.failed)}`] : []),
    ...(copied ? [copyText(copied)] : []),
    ...(nextRun ? [`next run ${minuteText(nextRun)}`] : []),
  ].join('; ');
}
