import { minuteText, sizeText } from '../../reporting/sentences/format.ts';
import { copiesText } from '../../reporting/sentences/page.ts';
import { restoreCommand } from '../../reporting/sentences/restore-command.ts';
import type { Sentence } from '../../reporting/sentences/sentence.ts';
import { textIndex } from '../../reporting/sentences/text-index.ts';
import type { Audit, AuditedSeries } from '../model.ts';
import { snapshotTexts } from '../snapshot-texts.ts';

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
  text: Sentence[];
  /**
   * The snapshots of each row, by the row's number; newest first, in the same order as the marks of
   * the timeline.
   */
  rows: Line[][];
  /** A text about the copies of each row; empty without copies. */
  notes: Sentence[];
  /** The command that restores the server of each row; empty without a good snapshot. */
  restores: Sentence[];
}

/** Creates the data of the page's script. A thousand servers need a few megabytes. */
export function pageData(rows: readonly AuditedSeries[], audit: Audit, stage: string): PageData {
  const serversNamed = Map.groupBy(audit.series, ({ account, name }) => JSON.stringify([account, name]));
  const isOnly = ({ account, name, server }: AuditedSeries) =>
    serversNamed.get(JSON.stringify([account, name]))?.every((one) => one.server === server) ?? false;
  const { indexOf, texts } = textIndex();
  const textsOf = snapshotTexts(audit);
  const lines = rows.map((series) =>
    series.snapshots.map((s): Line => {
      const { state, why, until } = textsOf(series, s);
      const size = s.sizeBytes === undefined ? '–' : sizeText(s.sizeBytes);
      return [
        s.image,
        indexOf(minuteText(s.slot)),
        indexOf(state),
        indexOf(size),
        indexOf(why),
        indexOf(until),
      ];
    }),
  );
  return {
    text: texts(),
    rows: lines,
    notes: rows.map(copiesText),
    restores: rows.map((series) => {
      const { account, server, name, good } = series;
      return good > 0
        ? restoreCommand(stage, { account, server, name: isOnly(series) ? name : undefined })
        : '';
    }),
  };
}
