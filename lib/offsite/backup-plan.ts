import { DAY_MS, HOUR_MS, isoSeconds } from '../config/dates.ts';
import type { VolumeBackup } from '../openstack/volume-backups.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type Decision, retain } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { BackupSource } from './backup-sources.ts';
import type { OwnBackup } from './backups.ts';
import { newestGood, type OffsitePolicy } from './plan.ts';

/** A backup that is still `creating` after this time will hardly be finished. */
const STUCK_AFTER_MS = 72 * HOUR_MS;
/** The wait after a failed backup, by the number of backups that have failed one after another. */
const WAITS_MS = [0, DAY_MS, 4 * DAY_MS, 16 * DAY_MS];

/** The volume snapshots and the backups of one volume under one policy in one region. */
export interface BackupSeries {
  volume: string;
  sources: readonly BackupSource[];
  own: readonly OwnBackup[];
  /** All backups of the volume, also those of other policies and of other tools. */
  all: readonly VolumeBackup[];
  /** Whether the policy no longer selects the server of the volume. */
  isDeselected: boolean;
  /** Whether the volume is attached to a listed server. Otherwise all of its backups stay. */
  isAttached: boolean;
}

/** A series with the names for the report. */
export interface NamedSeries extends BackupSeries {
  server: string;
  /** Undefined if the server is not listed. */
  serverName: string | undefined;
  volumeName: string;
}

/** A backup that is to be kept or deleted. */
export interface BackupAction extends OwnBackup {
  action: 'keep' | 'delete';
  reasons: Reason[];
}

/** What a run does with the backups of one volume. */
export interface BackupPlan {
  /**
   * The volume snapshot to back up, or why it has to wait; undefined if the newest one has a
   * backup.
   */
  make?: { source: BackupSource; incremental: boolean; waits?: Reason };
  /** All backups of the series. Those to be deleted are in the order of their deletion. */
  actions: BackupAction[];
}

/**
 * Decides which backups of one volume to keep, by the same function as for snapshots.
 *
 * @returns the decisions, for the newest backup first.
 */
export function retainBackups(
  { own }: Pick<BackupSeries, 'own'>,
  { offsite, timezone }: Pick<OffsitePolicy, 'offsite' | 'timezone'>,
  now: Date,
): Decision[] {
  return retain(
    own.map(({ copy }) => copy),
    offsite.keep,
    { now, timezone },
  );
}

/**
 * Plans the backups of one volume.
 *
 * - The newest good volume snapshot gets a backup, one at a time. A backup that fails again and
 *   again is made again after longer and longer waits.
 * - Which backups stay is decided by {@link retainBackups} and by the sets; see whole-copies.ts. A
 *   backup that others depend on stays until these can be deleted.
 * - A backup is incremental if the latest earlier backup is available, the last one has not
 *   failed, and the rules keep every backup that it would depend on. Otherwise a chain of backups
 *   would grow for ever, because none of them could be deleted.
 */
export function planBackups(
  { sources, own, all, isDeselected, isAttached }: BackupSeries,
  now: Date,
  decisions: readonly Decision[],
): BackupPlan {
  const released = new Set(decisions.filter(({ keep }) => !keep).map(({ snapshot }) => snapshot.id));
  const newest = newestGood(
    sources.map(({ snapshot }) => snapshot),
    now,
  );
  const source = isDeselected ? undefined : sources.find(({ snapshot }) => snapshot === newest);
  const isDone = own.some(({ copy: { slot, state }, backup: { status } }) => {
    return source && slot >= source.snapshot.slot && state !== 'failed' && !/delet/.test(status);
  });
  const actions = actionsOf(decisions, { own, all, isAttached }, now);
  if (!source || isDone) return { actions };
  const waits = waitOf(own, all, now);
  const incremental = mayBeIncremental(source.snapshot, all, released);
  return { make: { source, incremental, ...(waits ? { waits } : {}) }, actions };
}

/** Whether a backup has been `creating` for so long that it will hardly be finished. */
export function isStuckBackup({ status, createdAt }: VolumeBackup, now: Date): boolean {
  return status === 'creating' && now.getTime() - createdAt.getTime() > STUCK_AFTER_MS;
}

/** Why no backup of the volume may begin now: another one is being made, or several have failed. */
function waitOf(own: readonly OwnBackup[], all: readonly VolumeBackup[], now: Date): Reason | undefined {
  const running = all.find(({ status }) => status === 'creating');
  if (running) return { code: 'BACKUP_WAITS', backup: running.id };
  const times = (state: Snapshot['state']) =>
    own.filter(({ copy }) => copy.state === state).map(({ backup }) => backup.createdAt.getTime());
  const lastGoodMs = Math.max(...times('good'));
  const failedMs = times('failed').filter((ms) => ms > lastGoodMs);
  const waitMs = WAITS_MS[Math.min(failedMs.length, WAITS_MS.length) - 1] ?? 0;
  const retryAt = new Date(Math.max(...failedMs) + waitMs);
  if (waitMs === 0 || now >= retryAt) return undefined;
  return { code: 'BACKUP_RETRIED_LATER', times: failedMs.length, from: isoSeconds(retryAt) };
}

/**
 * The time of the data of a backup. Backups of the same volume depend on each other in this order.
 */
function dataMs({ dataAt, createdAt }: VolumeBackup): number {
  return (dataAt ?? createdAt).getTime();
}

/** The latest backup with older data; failed ones are never depended on. */
function latestBefore(ms: number, all: readonly VolumeBackup[]): VolumeBackup | undefined {
  return all
    .filter((one) => one.status !== 'error' && dataMs(one) < ms)
    .reduce<VolumeBackup | undefined>(
      (latest, one) => (latest && dataMs(latest) >= dataMs(one) ? latest : one),
      undefined,
    );
}

function mayBeIncremental(
  source: Snapshot,
  all: readonly VolumeBackup[],
  released: ReadonlySet<string>,
): boolean {
  // Where incremental backups fail, the next one is in full.
  const [last] = all.toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  if (last?.status === 'error') return false;
  let needed = latestBefore(source.createdAt.getTime(), all);
  if (needed?.status !== 'available') return false;
  while (needed) {
    if (released.has(needed.id)) return false;
    if (!needed.isIncremental) return true;
    needed = latestBefore(dataMs(needed), all);
  }
  return false;
}

/**
 * The actions for the backups of a series. Cinder does not say on which backup an incremental one
 * depends; it is the latest one with older data.
 */
function actionsOf(
  decisions: readonly Decision[],
  { own, all, isAttached }: Pick<BackupSeries, 'own' | 'all' | 'isAttached'>,
  now: Date,
): BackupAction[] {
  const ownOf = new Map(own.map((one) => [one.copy.id, one]));
  const released = new Set(decisions.filter(({ keep }) => !keep).map(({ snapshot }) => snapshot.id));
  const dependents = Map.groupBy(
    all.filter((one) => one.isIncremental),
    (one) => latestBefore(dataMs(one), all)?.id,
  );
  const deletable = new Map<string, boolean>();
  const isDeletable = ({ id, hasDependents }: VolumeBackup): boolean => {
    const known = deletable.get(id);
    if (known !== undefined) return known;
    const its = dependents.get(id) ?? [];
    const free = released.has(id) && (!hasDependents || (its.length > 0 && its.every(isDeletable)));
    deletable.set(id, free);
    return free;
  };
  const action = ({ snapshot, keep, reasons }: Decision): BackupAction => {
    const one = ownOf.get(snapshot.id)!;
    const kept = (...why: Reason[]): BackupAction => ({ ...one, action: 'keep', reasons: why });
    if (snapshot.state === 'pending') {
      const since = isoSeconds(one.backup.createdAt);
      return kept({ code: isStuckBackup(one.backup, now) ? 'BACKUP_STUCK' : 'BACKUP_RUNNING', since });
    }
    if (keep) return kept(...reasons);
    if (!isAttached) return kept({ code: 'BACKUP_VOLUME_UNATTACHED' });
    if (!isDeletable(one.backup)) return kept({ code: 'BACKUP_HAS_DEPENDENTS' });
    return { ...one, action: 'delete', reasons };
  };
  return inOrderOfDeletion(decisions.map(action), dependents);
}

/** The oldest first, but a backup after those that depend on it. */
function inOrderOfDeletion(
  actions: readonly BackupAction[],
  dependents: ReadonlyMap<string | undefined, readonly VolumeBackup[]>,
): BackupAction[] {
  const actionOf = new Map(actions.map((one) => [one.backup.id, one]));
  const ordered = new Set<BackupAction>();
  const add = (one: BackupAction) => {
    if (ordered.has(one)) return;
    for (const { id } of dependents.get(one.backup.id) ?? []) {
      const dependent = actionOf.get(id);
      if (dependent && dependent !== one) add(dependent);
    }
    ordered.add(one);
  };
  for (const one of actions.toReversed()) add(one);
  return [...ordered];
}
