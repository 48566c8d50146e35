import { sentenceOf, sentencesOf } from '../../reporting/sentences.ts';
import { copyText, durationText, minuteText, sizeText } from '../format.ts';
import type { Audit, AuditedPolicy, AuditedSeries, AuditedSnapshot, ExpiryCondition } from '../model.ts';
import { markOf } from './mark.ts';

/**
 * A snapshot in a row's table: the id of its image, and where in {@link PageData.text} its slot,
 * state and size are, why it is kept, and until when.
 */
export type Line = [image: string, slot: number, state: number, size: number, why: number, until: number];

/** What the page's script needs to show the snapshots of a row. Most texts occur many times. */
export interface PageData {
  text: string[];
  /** By the row's number; newest first, as the timeline has its marks. */
  rows: Line[][];
  /** What else is to be said of a row: of its copies. */
  notes: string[];
}

/** Gathers the texts of all snapshots, so that a thousand servers' fit into a few megabytes. */
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

/** What a drill has shown of a snapshot. */
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

/** What has to happen first to a snapshot that could go now. */
const UNTIL: Record<ExpiryCondition, string> = {
  DRILL: 'a newer one has passed a drill',
  PENDING: 'the one in progress is good',
  FAILS: 'it has failed',
  RATE: 'the next run',
};

/** What has to come true for a snapshot to go that early. */
const IF: Record<ExpiryCondition, string> = {
  DRILL: ' at the earliest, once a newer one has passed a drill',
  PENDING: ' at the earliest, if the one in progress succeeds',
  FAILS: ' at the earliest, if it fails',
  RATE: ' at the earliest',
};

/** When a snapshot will go. */
function untilText(snapshot: AuditedSnapshot, at: string, nextCleanup = ''): string {
  const { action, goes, condition } = snapshot;
  if (action === 'delete') return `the next cleanup${nextCleanup}`;
  if (action === 'defer') return 'a later cleanup';
  if (!goes) return markOf(snapshot) === 'held' ? 'as long as it is held' : 'further than can be foreseen';
  if (goes > at) {
    const inTime = durationText(Date.parse(goes) - Date.parse(at));
    return `${minuteText(goes)}, in ${inTime}${condition ? IF[condition] : ''}`;
  }
  return condition ? UNTIL[condition] : 'as long as that holds';
}
