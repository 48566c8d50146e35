import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../config/dates.ts';
import { printable } from '../../openstack/printable.ts';
import { statusOfVolumeSnapshot } from '../../snapshots/volume-snapshot-status.ts';
import type { BusyCode, BusyServer } from '../reasons.ts';
import type { Sentence } from './sentence.ts';

/** How many names {@link firstNames} has. */
const MOST_NAMES = 10;
/** Longer names are truncated; Nova allows names of 255 characters. */
const LONGEST_NAME = 40;

/** A duration in one rounded-down unit: "45 minutes", "9 hours", "3 days", "4 months". */
export function durationText(ms: number): string {
  const [unit, unitMs] =
    ms < 2 * HOUR_MS
      ? (['minute', MINUTE_MS] as const)
      : ms < 2 * DAY_MS
        ? (['hour', HOUR_MS] as const)
        : ms < 90 * DAY_MS
          ? (['day', DAY_MS] as const)
          : ms < 730 * DAY_MS
            ? (['month', 30.44 * DAY_MS] as const)
            : (['year', 365.25 * DAY_MS] as const);
  return counted(Math.floor(Math.max(0, ms) / unitMs), unit);
}

/** A short time: "45 seconds", or as {@link durationText} from two minutes on. */
export function timeText(seconds: number): string {
  return seconds < 120 ? counted(seconds, 'second') : durationText(seconds * 1000);
}

/** "1 server", "2 servers" */
export function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** "12.3 GB" of 10^9 bytes, as clouds count and bill; "20.5 MB", "1.20 TB" */
export function sizeText(bytes: number): string {
  if (bytes > 0 && bytes < 1e8) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes < 1e12 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e12).toFixed(2)} TB`;
}

/** "2026-11-23 00:00", in UTC */
export function minuteText(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}

/** SNS limits a subject to ASCII and to fewer than 100 characters. */
const LONGEST_SUBJECT = 99;

/** A longer word of a subject, such as a name, is cut before the end of the text is. */
const LONGEST_WORD = 24;
const ELLIPSIS = '...';

/**
 * The subject of an e-mail: `text`, followed by `rest`. In a text that is too long, long words are
 * cut, because these are names. If it is still too long, it is cut at the end of a word.
 */
export function subjectText(text: Sentence, rest = ''): Sentence {
  const line = printable(text).replace(/[^\x20-\x7e]/g, '?');
  const room = LONGEST_SUBJECT - rest.length;
  if (line.length <= room) return line + rest;
  const shorter = line.replace(/[^ ]+/g, (word) => shortWord(word));
  if (shorter.length <= room) return shorter + rest;
  const cut = shorter.slice(0, room - ELLIPSIS.length);
  return `${cut.slice(0, cut.lastIndexOf(' ')).replace(/[.:;,]+$/, '')}${ELLIPSIS}${rest}`;
}

/** A word of a subject, with the colon or comma that ends it. */
function shortWord(word: string): string {
  const [end = ''] = /[:;,)]*$/.exec(word) ?? [];
  return shortName(word.slice(0, word.length - end.length), LONGEST_WORD) + end;
}

/** "newest copy of 2026-11-24 00:00, 9 hours old" */
export function copyText({ newest, ageSeconds = 0 }: { newest?: string; ageSeconds?: number }): string {
  return newest
    ? `newest copy of ${minuteText(newest)}, ${durationText(ageSeconds * 1000)} old`
    : 'no copy yet';
}

/** A name for a sentence: printable, and of at most `longest` characters. */
export function shortName(name: string, longest = LONGEST_NAME): string {
  const characters = [...printable(name)];
  return characters.length > longest
    ? `${characters.slice(0, longest - ELLIPSIS.length).join('')}${ELLIPSIS}`
    : characters.join('');
}

/** "30d", "6h", as a policy has it */
export function policyDuration(ms: number): string {
  const hours = ms / HOUR_MS;
  if (!Number.isInteger(hours)) return `${ms / MINUTE_MS}m`;
  return hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`;
}

/** How many more days of snapshots a quota has room for. */
export function quotaRoom(days: number): string {
  return days === 0 ? 'no room for the next day' : `room for ${counted(days, 'more day')}`;
}

/** The names, separated by commas; of many names the first ones and the number of the others. */
export function firstNames(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** "DFW", "DFW and ORD", "DFW, LON and ORD" */
export function joinedByAnd(things: readonly string[]): string {
  return joinedBy('and', things);
}

/** {@link joinedByAnd} with "and" or "or". */
export function joinedBy(conjunction: 'and' | 'or', things: readonly string[]): string {
  return things.length < 2
    ? things.join()
    : `${things.slice(0, -1).join(', ')} ${conjunction} ${things.at(-1)}`;
}

/** "active", or "volume snapshot gone" for a status that {@link volumeSnapshotStatus} has made. */
export function statusText(status: string): string {
  const ofVolumeSnapshot = statusOfVolumeSnapshot(status);
  return ofVolumeSnapshot === undefined ? status : `volume snapshot ${ofVolumeSnapshot}`;
}

const BUSY_WITH: Partial<Record<BusyCode, string>> = { SERVER_BUSY: 'task ', SNAPSHOT_PENDING: 'image ' };

/** "busy for 12 hours (task migrating)" */
export function busyText({ seconds, by, state }: BusyServer): string {
  const why = state === undefined ? '' : ` (${BUSY_WITH[by] ?? ''}${state})`;
  return `busy for ${durationText(1000 * seconds)}${why}`;
}

/** "3 snapshots of web do not count: deactivated" */
export function uncountedText(count: number, of: string, statuses: readonly string[]): string {
  const states = statuses.map((status) => (status === 'active' ? 'active without data' : status));
  return `${counted(count, 'snapshot')}${of} ${count === 1 ? 'does' : 'do'} not count: ${states.join(', ')}`;
}

/** How what is stuck can be deleted: Cinder deletes nothing that is `creating`. */
export function resetText(): string {
  return 'the cloud does not delete it in this status: have an administrator reset it to "error"';
}
