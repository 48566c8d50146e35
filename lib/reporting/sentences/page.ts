import type {
  Audit,
  AuditedPolicy,
  AuditedSeries,
  AuditedSnapshot,
  Copied,
  ExpiryCondition,
  Proof,
} from '../../audit/model.ts';
import type { ServerCount } from '../../audit/server-count.ts';
import type { ServerSet } from '../../audit/server-sets.ts';
import { sentenceOf } from '../sentences.ts';
import {
  copyText,
  counted,
  durationText,
  firstNames,
  minuteText,
  shortName,
  sizeText,
  timeText,
} from './format.ts';
import { lateText } from './headline.ts';
import type { Sentence } from './sentence.ts';

// The texts of the report page, besides the headline and the sentences of reasons.

/** The state of a series in its row; `state` is the title of the state. */
export function standingText(series: AuditedSeries, state: string): Sentence {
  const { ageSeconds, cause } = series;
  if (series.state === 'late' || cause) return lateText(series);
  if (series.state === 'waiting') return 'none yet';
  if (series.state !== 'protected' || ageSeconds === undefined) return state.toLowerCase();
  return `${durationText(ageSeconds * 1000)} old`;
}

/** The state of a server without series. */
export const STANDINGS = { uncovered: (): Sentence => 'in no policy' };

/** What the snapshots of a series are, and their size. */
export function holdingText({ good, pending, stuck, failed, unknown, bytes }: AuditedSeries): Sentence {
  const others = Object.entries({ pending, stuck, failed, unknown }).filter(([, n]) => n > 0);
  return [
    good > 0 ? `${good} good` : '',
    ...others.map(([state, n]) => `${n} ${state}`),
    bytes > 0 ? sizeText(bytes) : '',
  ]
    .filter(Boolean)
    .join(', ');
}

/** Whether the data volumes of a server were booted in a drill; empty if it has none. */
function withVolumes(volumes: Proof['provenVolumes']): string {
  return volumes ? ` ${volumes} volumes` : '';
}

/** The notes in a row. */
export const NOTES = {
  proven: ({ proven, provenVolumes, unprovenSeconds = 0 }: Proof) =>
    proven
      ? `proven ${durationText(unprovenSeconds * 1000)} ago${withVolumes(provenVolumes)}`
      : 'not proven yet',
  /** "restorable to 9 hours ago, in about 4 minutes (drilled 3 days ago with volumes)" */
  recovery: ({ ageSeconds = 0, proof }: AuditedSeries) =>
    `restorable to ${durationText(1000 * ageSeconds)} ago, in about ${timeText(proof?.recoverySeconds ?? 0)} (drilled ${durationText(1000 * (proof?.unprovenSeconds ?? 0))} ago${withVolumes(proof?.provenVolumes)})`,
  /** "without volume db-data since 2026-11-23 00:00" */
  partsBehind: ({ behind }: Pick<ServerSet, 'behind'>) => {
    const volumes = behind.flatMap(({ volume }) => (volume ? [shortName(volume.name)] : []));
    const names = volumes.length > 0 ? [`volume${volumes.length > 1 ? 's' : ''} ${firstNames(volumes)}`] : [];
    const parts = behind.length > volumes.length ? ['its image', ...names] : names;
    const since = behind[0]?.newestGood;
    return `without ${parts.join(' and ')}${since === undefined ? '' : ` since ${minuteText(since)}`}`;
  },
  obstacle: () => "can't be copied",
  drillFailed: () => 'its last drill failed',
  /** "copy 3 days old" */
  behind: ({ newest, ageSeconds = 0 }: Copied) =>
    newest ? `copy ${durationText(1000 * ageSeconds)} old` : 'no copy',
};

/** The copies of a row, behind its server and account; empty without copies. */
export function copiesText({ copied }: AuditedSeries): Sentence {
  if (!copied) return '';
  const obstacle = copied.obstacle
    ? `; its newest snapshot can't be copied: ${sentenceOf(copied.obstacle)}`
    : '';
  return `; ${copyText(copied)}${obstacle}`;
}

/** The state of a snapshot, and the result of its last drill. */
export function snapshotText(
  { state, proven, provenVolumes, unproven }: AuditedSnapshot,
  { at, isHeld }: { at: string; isHeld: boolean },
): Sentence {
  const verdict = proven ?? unproven;
  const own = isHeld ? 'good, held' : state;
  if (!verdict) return own;
  const ago = `${durationText(Date.parse(at) - Date.parse(verdict))} ago`;
  return `${own}, ${proven ? `proven ${ago}${withVolumes(provenVolumes)}` : `failed a drill ${ago}`}`;
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

/** Until when a snapshot stays. `policy` is that of its series, if it is deployed. */
export function untilText(
  { action, expiresAt, condition }: AuditedSnapshot,
  policy: Pick<AuditedPolicy, 'nextCleanup' | 'cleansAtRate'> | undefined,
  { at, isHeld }: { at: string; isHeld: boolean },
): Sentence {
  if (action === 'delete') return `the next cleanup${policy ? nextCleanupText(policy) : ''}`;
  if (action === 'defer') return 'a later cleanup';
  if (!expiresAt) return isHeld ? 'its hold is released' : 'longer than the forecast covers';
  if (expiresAt > at) {
    const inTime = durationText(Date.parse(expiresAt) - Date.parse(at));
    return `${minuteText(expiresAt)}, in ${inTime}${condition ? IF[condition] : ''}`;
  }
  return condition ? UNTIL[condition] : 'the drill or restore that uses it has ended';
}

/** The next cleanup of a policy: ", by 2026-11-24 12:00". */
function nextCleanupText({
  nextCleanup,
  cleansAtRate,
}: Pick<AuditedPolicy, 'nextCleanup' | 'cleansAtRate'>): string {
  return nextCleanup ? `, ${cleansAtRate ? 'by ' : ''}${minuteText(nextCleanup)}` : '';
}

/** The next runs of a policy. */
export function scheduleText(audited: AuditedPolicy): Sentence {
  const { nextRun, nextCleanup, runsAtRate, cleansAtRate } = audited;
  return [
    nextRun
      ? `next snapshots ${runsAtRate ? 'about ' : ''}${minuteText(nextRun)}`
      : 'no more snapshots are scheduled',
    ...(nextCleanup ? [`next cleanup ${cleansAtRate ? 'by ' : ''}${minuteText(nextCleanup)}`] : []),
  ].join('; ');
}

/** The text alternative of a timeline, for screen readers. */
export function timelineText(
  { state, snapshots, good, pending, stuck, failed, unknown, nextRun, proof, copied }: AuditedSeries,
  gaps: readonly (readonly [from: string, to: string])[],
  now: string,
): Sentence {
  const [newest, oldest] = [snapshots[0], snapshots.at(-1)];
  const states = Object.entries({ good, pending, stuck, failed, unknown }).filter(([, n]) => n > 0);
  const missing = gaps.map(([from, to]) => `${minuteText(from)} to ${to === now ? 'now' : minuteText(to)}`);
  return [
    newest && oldest
      ? `${counted(snapshots.length, 'snapshot')} from ${minuteText(oldest.slot)} to ${minuteText(newest.slot)}, ${states.map(([word, n]) => `${n} ${word}`).join(', ')}`
      : 'No snapshots',
    ...(missing.length > 0 && state !== 'never' ? [`missing from ${missing.join(' and from ')}`] : []),
    ...(proof?.proven
      ? [`passed a drill ${minuteText(proof.proven)}${withVolumes(proof.provenVolumes)}`]
      : []),
    ...(proof?.failed ? [`failed a drill ${minuteText(proof.failed)}`] : []),
    ...(copied ? [copyText(copied)] : []),
    ...(nextRun ? [`next run ${minuteText(nextRun)}`] : []),
  ].join('; ');
}

/** The notes in small print at the key figures. */
export const FIGURES = {
  protected: (servers: number) => `of ${servers}`,
  late: (never: number) => (never > 0 ? `and ${never} without a snapshot` : ''),
  waiting: () => 'for the first',
  aged: ({ count, oldest }: ServerCount, at: string) =>
    `of ${count}${oldest ? `, oldest ${durationText(Date.parse(at) - Date.parse(oldest.since))}` : ''}`,
  ago: (seconds: number) => `${durationText(1000 * seconds)} ago`,
  /** At the oldest recovery point of all servers. */
  restorable: (time: number | undefined) =>
    `at worst${time === undefined ? '' : `, in about ${timeText(time)}`}`,
  snapshots: (notGood: number) => (notGood > 0 ? `and ${notGood} not good` : 'all good'),
  stored: ({ unlisted, unmanagedBytes, monthlyCost }: Audit) =>
    [
      unlisted.length > 0 ? 'at least' : '',
      unmanagedBytes > 0 ? `${sizeText(unmanagedBytes)} of no policy` : '',
      monthlyCost === undefined ? '' : `${monthlyCost.toFixed(2)} a month`,
    ]
      .filter(Boolean)
      .join(', '),
  inTime: (time: string, at: string) => `in ${durationText(Date.parse(time) - Date.parse(at))}`,
  /** "11-24 12:00 UTC" */
  runsAt: (time: string) => `${minuteText(time).slice(5)} UTC`,
};
