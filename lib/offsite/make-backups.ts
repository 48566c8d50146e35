import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { backupQuotas, type Quota } from '../openstack/quota.ts';
import { sendOnce } from '../openstack/send-once.ts';
import type { Session } from '../openstack/session.ts';
import {
  createVolumeBackup,
  getVolumeBackup,
  listVolumeBackups,
  type VolumeBackup,
} from '../openstack/volume-backups.ts';
import { setVolumeSnapshotMetadata } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import { type BackupPlan, isStuckBackup } from './backup-plan.ts';
import { BACKUP_KEY, type BackupSource } from './backup-sources.ts';
import type { BackupReader } from './backups.ts';
import type { CopyResult } from './copy-result.ts';
import type { OffsitePolicy } from './plan.ts';

/**
 * The backup that has to be finished before any other begins in the region; undefined if none has.
 * Without a backup service, a backup stays `creating` and its volume snapshot `backing-up` for
 * ever, and only an administrator can change that. So the first backup of a region is made alone,
 * and a stuck one stops all others until one has been finished after it.
 */
function blockingBackup(all: readonly VolumeBackup[], now: Date): VolumeBackup | undefined {
  const finished = all.filter(({ status }) => status === 'available');
  return all.find(
    (one) =>
      one.status === 'creating' &&
      (finished.length === 0 ||
        (isStuckBackup(one, now) && finished.every(({ createdAt }) => createdAt < one.createdAt))),
  );
}

/** What became of the request for a backup, and the id of the backup. */
export type Made = CopyResult & { id?: string };

/** Requests the backups of one region, one after another, within the quotas. */
export class BackupMaker {
  readonly #session: Session;
  readonly #policy: OffsitePolicy;
  readonly #region: string;
  readonly #read: BackupReader;
  /** Whether the region has no finished backup yet. */
  readonly #isFirst: boolean;
  #blockedBy: string | undefined;
  #quotas: Quota<'backups' | 'backupGigabytes'>[] | undefined;
  #listedAgain: readonly VolumeBackup[] | undefined;

  constructor(
    session: Session,
    policy: OffsitePolicy,
    {
      region,
      read,
      all,
      now,
    }: { region: string; read: BackupReader; all: readonly VolumeBackup[]; now: Date },
  ) {
    this.#session = session;
    this.#policy = policy;
    this.#region = region;
    this.#read = read;
    this.#isFirst = all.every(({ status }) => status !== 'available');
    this.#blockedBy = blockingBackup(all, now)?.id;
  }

  /**
   * Requests a backup, unless it has to wait.
   *
   * @returns undefined if no backup is wanted, or if it exists although the listing lacks it.
   */
  async make(wanted: BackupPlan['make']): Promise<Made | undefined> {
    if (!wanted) return undefined;
    const { source, incremental } = wanted;
    const backup = this.#blockedBy;
    const waits = wanted.waits ?? (backup ? ({ code: 'BACKUP_WAITS', backup } as const) : undefined);
    if (waits) {
      const hasFailed = waits.code === 'BACKUP_RETRIED_LATER';
      return { outcome: hasFailed ? 'failed' : 'skipped', reasons: [waits] };
    }
    if (await this.#exists(source)) return undefined;
    const sizeGb = Math.ceil((source.snapshot.sizeBytes ?? 0) / 2 ** 30);
    const overQuota = await this.#overQuota(sizeGb);
    if (overQuota) return { outcome: 'failed', reasons: [overQuota] };
    const made: Made = this.#policy.dryRun
      ? { outcome: 'planned', reasons: [{ code: 'BACKUP_PLANNED', sizeGb, incremental }] }
      : await this.#request(source, incremental);
    if (this.#isFirst) this.#blockedBy = made.id;
    return made;
  }

  /**
   * Whether a volume snapshot has a backup that has not failed: the one that its metadata name, or
   * one in a second listing.
   */
  async #exists({ snapshot, backup }: BackupSource): Promise<boolean> {
    const [session, region] = [this.#session, this.#region];
    const isAlive = (one: VolumeBackup) => this.#isOf(one, snapshot) && !/error|delet/.test(one.status);
    const named = backup === undefined ? undefined : await getVolumeBackup(session, region, backup);
    if (named && isAlive(named)) return true;
    this.#listedAgain ??= await listVolumeBackups(session, region);
    return this.#listedAgain.some(isAlive);
  }

  async #overQuota(sizeGb: number): Promise<Reason | undefined> {
    this.#quotas ??= await backupQuotas(this.#session, this.#region);
    const neededOf = { backups: 1, backupGigabytes: sizeGb };
    for (const { kind, limit, used } of this.#quotas) {
      const [needed, left] = [neededOf[kind], Math.max(0, limit - used)];
      if (needed > left) return { code: 'BACKUP_OVER_QUOTA', kind, needed, left };
    }
    for (const quota of this.#quotas) quota.used += neededOf[quota.kind];
    return undefined;
  }

  /**
   * Requests a backup. If the answer is lost, looks for the backup, and never sends the request
   * again.
   */
  async #request({ snapshot, marker }: BackupSource, incremental: boolean): Promise<Made> {
    const [session, region] = [this.#session, this.#region];
    const wanted = { ...marker, volumeId: snapshot.volume, snapshotId: snapshot.id, incremental };
    const isIt = (backup: VolumeBackup) => backup.snapshotId === snapshot.id && this.#isOf(backup, snapshot);
    try {
      const sent = await sendOnce(
        () => createVolumeBackup(session, region, wanted),
        async () => (await listVolumeBackups(session, region)).find(isIt)?.id,
      );
      if ('unsure' in sent) return { outcome: 'failed', reasons: [refusalOf(sent.unsure)] };
      const id = sent.done;
      const made = await getVolumeBackup(session, region, id);
      if (made && !this.#isOf(made, snapshot)) {
        return { outcome: 'failed', reasons: [{ code: 'BACKUP_MARKER_LOST', backup: id }], id };
      }
      await this.#recordBackup(snapshot, id);
      return { outcome: 'copying', reasons: [{ code: 'BACKUP_REQUESTED', incremental }], id };
    } catch (error) {
      if (!isCloudError(error)) throw error;
      if (error.code === 'OUT_OF_TIME') return { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] };
      return { outcome: 'failed', reasons: [refusalOf(error)] };
    }
  }

  /** Without the record, a later run still has two listings. */
  async #recordBackup({ id }: Snapshot, backup: string): Promise<void> {
    try {
      const which = { region: this.#region, id };
      await setVolumeSnapshotMetadata(this.#session, which, { [BACKUP_KEY]: backup });
    } catch (error) {
      if (!isCloudError(error)) throw error;
    }
  }

  #isOf(backup: VolumeBackup, { policy, volume, slot }: Snapshot): boolean {
    const copy = this.#read(backup);
    return (
      isSnapshot(copy) &&
      copy.policy === policy &&
      copy.volume === volume &&
      copy.slot.getTime() === slot.getTime()
    );
  }
}

function refusalOf(error: CloudError): Reason {
  return { code: 'CLOUD', ...errorFactsOf(error) };
}
