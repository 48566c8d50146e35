import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { pause } from '../openstack/pause.ts';
import type { Session } from '../openstack/session.ts';
import { deleteVolumeBackup, getVolumeBackup, listVolumeBackups } from '../openstack/volume-backups.ts';
import type { Reason } from '../reporting/reasons.ts';
import { REFUSALS } from '../snapshots/delete-snapshot.ts';
import { counts, staysBecause } from '../snapshots/retention.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import type { BackupAction } from './backup-plan.ts';
import type { BackupReader, OwnBackup } from './backups.ts';
import type { CopyResult } from './copy-result.ts';
import type { SetStays } from './whole-copies.ts';

// Cinder deletes asynchronously.
const CHECKS = 4;
const CHECK_MS = 500;

interface BackupRotation {
  session: Session;
  read: BackupReader;
  now: Date;
  dryRun: boolean;
  maxDeletes: number;
  /** The minimum number of slots of a series that keep a good backup. */
  floor: number;
  /** Why the set of a backup has to stay, read again right before the deletion. */
  setStays: SetStays;
}

/** An action for a backup, and what became of it. */
export interface BackupResult extends OwnBackup, CopyResult {}

/**
 * Deletes the backups of one volume that the plan deletes, in its order. Right before each
 * deletion, reads the backup again, and enough of the backups that must remain. A backup whose
 * deletion was refused does not count towards `maxDeletes`, and is never deleted by force.
 *
 * @throws {CloudError | BucketError} if a read fails: then nothing more may be deleted in the
 *   region.
 */
export async function rotateBackups(
  rotation: BackupRotation,
  actions: readonly BackupAction[],
): Promise<BackupResult[]> {
  const remaining = new Set(actions.filter(({ copy }) => copy.state === 'good').map(({ copy }) => copy));
  const results: BackupResult[] = [];
  let deleted = 0;
  for (const { backup, copy, action, reasons } of actions) {
    const result = async (): Promise<CopyResult> => {
      if (action === 'keep') return { outcome: 'kept', reasons };
      if (deleted >= rotation.maxDeletes) {
        const limit: Reason = { code: 'MAX_DELETES', most: rotation.maxDeletes };
        return { outcome: 'deferred', reasons: [...reasons, limit] };
      }
      if (rotation.dryRun) return { outcome: 'planned', reasons };
      remaining.delete(copy);
      return deleteBackup(rotation, copy, { others: [...remaining], reasons });
    };
    const done = await result();
    if (done.outcome === 'deleted' || done.outcome === 'planned') deleted++;
    else if (copy.state === 'good') remaining.add(copy);
    results.push({ backup, copy, ...done });
  }
  return results;
}

async function deleteBackup(
  rotation: BackupRotation,
  copy: Snapshot,
  { others, reasons }: { others: readonly Snapshot[]; reasons: Reason[] },
): Promise<CopyResult> {
  const { session, now } = rotation;
  if (session.deadline.remainingMs() <= 0) return { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] };
  const found = await getVolumeBackup(session, copy.region, copy.id);
  if (!found) return goneOrListed(session, copy, reasons);
  const current = rotation.read(found);
  const changed = changeOf(copy, current, now);
  if (changed) return { outcome: 'kept', reasons: [{ code: 'CHANGED', reason: changed }] };
  if (found.hasDependents) return { outcome: 'kept', reasons: [{ code: 'BACKUP_HAS_DEPENDENTS' }] };
  // Deleting a failed backup loses no data, so one good backup must remain.
  const needed = copy.state === 'failed' ? 1 : rotation.floor;
  if (!(await enoughRemain(rotation, copy, others, needed))) {
    return { outcome: 'kept', reasons: [{ code: 'TOO_FEW_COPIES_LEFT', needed }] };
  }
  const setStays = copy.state === 'good' && (await rotation.setStays(copy, rotation.floor));
  if (setStays) return { outcome: 'kept', reasons: [{ code: 'CHANGED', reason: setStays }] };
  try {
    await deleteVolumeBackup(session, copy.region, copy.id);
  } catch (error) {
    if (!isCloudError(error, ...REFUSALS)) throw error;
    const refused: Reason = { code: 'CLOUD', ...errorFactsOf(error), isLeft: true };
    // The backup is in use, or others depend on it: a later run tries again.
    const isLater = isCloudError(error, 'BAD_REQUEST', 'CONFLICT');
    return { outcome: isLater ? 'kept' : 'failed', reasons: [refused] };
  }
  for (let check = 0; ; check++) {
    const left = await getVolumeBackup(session, copy.region, copy.id);
    if (!left) return { outcome: 'deleted', reasons };
    if (check < CHECKS) await pause(CHECK_MS);
    else if (left.status === 'deleting') return { outcome: 'deferred', reasons: [{ code: 'BACKUP_GOING' }] };
    else return { outcome: 'failed', reasons: [{ code: 'BACKUP_STILL_THERE', status: left.status }] };
  }
}

/** The result for a backup that GET does not find: it is gone, unless the cloud still lists it. */
async function goneOrListed(
  session: Session,
  { region, id }: Snapshot,
  reasons: Reason[],
): Promise<CopyResult> {
  const listed = (await listVolumeBackups(session, region)).find((one) => one.id === id);
  return listed
    ? { outcome: 'failed', reasons: [{ code: 'BACKUP_STILL_THERE', status: listed.status }] }
    : { outcome: 'deleted', reasons: [...reasons, { code: 'ALREADY_GONE' }] };
}

/** Why a backup is not what the plan was made for; undefined if it is. */
function changeOf(planned: Snapshot, current: ReturnType<BackupReader>, now: Date): Reason | undefined {
  if (!isSnapshot(current)) return current?.problem ?? { code: 'OTHER_MARKER' };
  if (!isSameSeries(current, planned) || current.slot.getTime() !== planned.slot.getTime()) {
    return { code: 'OTHER_MARKER' };
  }
  if (current.state !== planned.state) return { code: 'OTHER_STATUS', status: current.status };
  return staysBecause(current, now);
}

function isSameSeries(a: Snapshot, b: Snapshot): boolean {
  return a.policy === b.policy && a.volume === b.volume;
}

/** Whether so many other slots of the series still have a good backup; reads the backups again. */
async function enoughRemain(
  { session, read, now }: BackupRotation,
  copy: Snapshot,
  others: readonly Snapshot[],
  needed: number,
): Promise<boolean> {
  const slots = new Set<number>();
  for (const { region, id, slot } of others.toSorted((a, b) => b.slot.getTime() - a.slot.getTime())) {
    if (slots.size >= needed) break;
    // Backups of the same slot are deleted together, so they do not count.
    if (slot.getTime() === copy.slot.getTime() || slots.has(slot.getTime())) continue;
    const found = await getVolumeBackup(session, region, id);
    const current = found && read(found);
    if (isSnapshot(current) && isSameSeries(current, copy) && counts(current, now)) slots.add(slot.getTime());
  }
  return slots.size >= needed;
}

/**
 * The kept good backups that no longer exist, although no run has deleted them. A backup that the
 * new listing lacks is requested by its id.
 */
export async function vanishedBackups(
  session: Session,
  region: string,
  results: readonly BackupResult[],
): Promise<BackupResult[]> {
  const listed = new Set((await listVolumeBackups(session, region)).map(({ id }) => id));
  const vanished: BackupResult[] = [];
  for (const result of results) {
    const { backup, copy, outcome } = result;
    if (outcome === 'deleted' || copy.state !== 'good' || listed.has(backup.id)) continue;
    if (!(await getVolumeBackup(session, region, backup.id))) vanished.push(result);
  }
  return vanished;
}
