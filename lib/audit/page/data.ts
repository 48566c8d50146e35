import { minuteText, sizeText } from '../../reporting/sentences/format.ts';
import { copiesText, snapshotText, untilText } from '../../reporting/sentences/page.ts';
import { sentencesOf } from '../../reporting/sentences.ts';
import type { Audit, AuditedSeries } from '../model.ts';
import { markOf } from './timeline-mark.ts';

/**
 * A snapshot in a row's table: the id of its image, and the indexes in {@link PageData.text} of its
 * slot, state and size, of why it is kept, and of until when.
 */
export type Line = [image: string, slot: number, state: number, size: number, why: number, until: number];

/**
 * The data from which the page's script shows the snapshots of a row. Most texts occur many times,
 * so each is stored once.
 */
export interface PageData {
  text: string[];
  /**
   * The snapshots of each row, by the row's number; newest first, in the same order as the marks of
   * the timeline.
   */
  rows: Line[][];
  /** A text about the copies of each row; empty without copies. */
  notes: string[];
}

/** Creates the data of the page's script. A thousand servers need a few megabytes. */
export function pageData(rows: readonly AuditedSeries[], { at, policies }: Audit): PageData {
  const text = new Map<string, number>();
  const index = (words: string) => {
    const known = text.get(words) ?? text.size;
    text.set(words, known);
    return known;
  };
  const policyOf = new Map(policies.map((one) => [`${one.account} ${one.policy}`, one]));
  const lines = rows.map(({ account, policy, snapshots }) =>
    snapshots.map((s): Line => {
      const held = { at, isHeld: markOf(s) === 'held' };
      const until = untilText(s, policyOf.get(`${account} ${policy}`), held);
      const size = s.sizeBytes === undefined ? '–' : sizeText(s.sizeBytes);
      const state = snapshotText(s, held);
      const why = sentencesOf(s.reasons);
      return [s.image, index(minuteText(s.slot)), index(state), index(size), index(why), index(until)];
    }),
  );
  return { text: [...text.keys()], rows: lines, notes: rows.map(copiesText) };
}
