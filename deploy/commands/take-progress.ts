import type { ListedSnapshot } from '../../lib/audit/listing.ts';
import type { Report } from '../../lib/reporting/report.ts';

/** How far the snapshots of a request are: an image of each server, a snapshot of each volume. */
export interface Progress {
  /** Whether all are good; some may still become good; or one has failed. */
  state: 'good' | 'pending' | 'failed';
  good: number;
  pending: number;
  failed: number;
  /** The number of servers whose snapshot is not requested yet, because the cloud is busy. */
  notRequested: number;
}

/**
 * How far the snapshots are that a report names.
 *
 * @param listed the snapshots that the cloud has now.
 */
export function progressOf(
  { entries }: Pick<Report, 'entries'>,
  listed: readonly Pick<ListedSnapshot, 'image' | 'kind'>[],
): Progress {
  const kindOf = new Map(listed.map(({ image, kind }) => [image, kind]));
  const ids = entries.flatMap(({ image, volumes = [] }) =>
    [image, ...volumes.map(({ snapshot }) => snapshot)].filter((id) => id !== undefined),
  );
  const kinds = ids.map((id) => kindOf.get(id) ?? 'pending');
  const count = (...wanted: string[]) => kinds.filter((kind) => wanted.includes(kind)).length;
  const good = count('good');
  const pending = count('pending');
  const failed =
    count('failed', 'stuck', 'unknown') + entries.filter(({ outcome }) => outcome === 'failed').length;
  const notRequested = entries.filter(
    ({ outcome, image, volumes = [] }) =>
      outcome !== 'failed' && image === undefined && !volumes.some(({ snapshot }) => snapshot),
  ).length;
  const state = failed > 0 ? 'failed' : pending + notRequested > 0 ? 'pending' : 'good';
  return { state, good, pending, failed, notRequested };
}

/** "2 of 3 snapshots are good, 1 is pending" */
export function progressText({ good, pending, failed, notRequested }: Progress): string {
  const all = good + pending + failed + notRequested;
  const others = Object.entries({ pending, failed, 'not requested yet': notRequested }).filter(
    ([, n]) => n > 0,
  );
  return [`${good} of ${all} snapshots are good`, ...others.map(([what, n]) => `${n} ${what}`)].join(', ');
}
