import { copyText, durationText, minuteText, sizeText } from '../../reporting/sentences/format.ts';
import { sentenceOf, sentencesOf } from '../../reporting/sentences.ts';
import type { Audit, AuditedPolicy, AuditedSeries, AuditedSnapshot, ExpiryCondition } from '../model.ts';
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
  const cleanups = new Map(policies.map((p) => [`${p.account} ${p.policy}`, cleanupText(p)]));
  const lines = rows.map(({ account, policy, snapshots }) =>
    snapshots.map((s): Line => {
      const until = untilText(s, at, cleanups.get(`${account} ${policy}`));
      const size = s.sizeBytes === undefined ? '–' : sizeText(s.sizeBytes);
      const state = [markOf(s) === 'held' ? 'good, held' : s.state, verdictText(s, at)]
        .filter(Boolean)
        .join(', ');
      const why = sentencesOf(s.reasons);
      return [s.image, index(minuteText(s.slot)), index(state), index(size), index(why), index(until)];
    }),
  );
  return { text: [...text.keys()], rows: lines, notes: rows.map(noteOf) };
}

function noteOf({ copied }: AuditedSeries): string {
  if (!copied) return '';
  const obstacle = copied.obstacle
    ? `; its newest snapshot can't be copied: ${sentenceOf(copied.obstacle)}`
    : '';
  return `; ${copyText(copied)}${obstacle}`;
}

/** The result of a snapshot's last drill as text. */
function verdictText({ proven, unproven }: AuditedSnapshot, at: string): string {
  const verdict = proven ?? unproven;
  if (!verdict) return '';
  const ago = `${durationText(Date.parse(at) - Date.parse(verdict))} ago`;
  return proven ? `proven ${ago}` : `failed a drill ${ago}`;
}

/** The next cleanup of a policy: ", by 2026-11-24 12:00". */
function cleanupText({ nextCleanup, cleansAtRate }: AuditedPolicy): string {
  return nextCleanup ? `, ${cleansAtRate ? 'by ' : ''}${minuteText(nextCleanup)}` : '';
}

/**
 * Until when a snapshot stays if its earliest deletion time has passed, by the condition of its
 * deletion.
 */
const UNTIL: Record<ExpiryCondition, string> = {
  DRILL: 'a newer one has passed a drill',
  PENDING: 'the one in progress is good',
  FAILS: 'it has failed',
  RATE: 'the next run',
};

/** The condition under which a snapshot is deleted at the earliest time. */
const IF: Record<ExpiryCondition, string> = {
  DRILL: ' at the earliest, once a newer one has passed a drill',
  PENDING: ' at the earliest, if the one in progress succeeds',
  FAILS: ' at the earliest, if it fails',
  RATE: ' at the earliest',
};

/** Until when a snapshot stays, as text. */
function untilText(snapshot: AuditedSnapshot, at: string, nextCleanup = ''): string {
  const { action, goes, condition } = snapshot;
  if (action === 'delete') return `the next cleanup${nextCleanup}`;
  if (action === 'defer') return 'a later cleanup';
  if (!goes) return markOf(snapshot) === 'held' ? 'its hold is released' : 'after the end of the forecast';
  if (goes > at) {
    const inTime = durationText(Date.parse(goes) - Date.parse(at));
    return `${minuteText(goes)}, in ${inTime}${condition ? IF[condition] : ''}`;
  }
  return condition ? UNTIL[condition] : 'its reason no longer applies';
}
