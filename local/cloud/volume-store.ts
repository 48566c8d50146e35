import { randomUUID } from 'node:crypto';
import type { CloudServer, CloudVolume, CloudVolumeBackup, CloudVolumeSnapshot, Timing } from './model.ts';

const CREATED_MS = 5_000;

/**
 * The volumes, volume snapshots and volume backups of one region, which become available as the
 * cloud's clock proceeds.
 */
export class VolumeStore {
  readonly #volumes = new Map<string, CloudVolume>();
  readonly #snapshots: CloudVolumeSnapshot[] = [];
  readonly #backups: CloudVolumeBackup[] = [];
  readonly #now: () => Date;
  readonly #createdMs: number;

  constructor(now: () => Date, { volumeMs = CREATED_MS }: Timing) {
    this.#now = now;
    this.#createdMs = volumeMs;
  }

  /** When a volume or snapshot that is requested now becomes available. */
  get readyAt(): Date {
    return new Date(this.#now().getTime() + this.#createdMs);
  }

  add(volume: Partial<CloudVolume>): CloudVolume {
    const now = this.#now();
    const added: CloudVolume = {
      id: randomUUID(),
      name: '',
      status: 'available',
      size: 1,
      metadata: {},
      imageMetadata: {},
      description: null,
      type: '__DEFAULT__',
      snapshotId: null,
      createdAt: now,
      availableAt: volume.createdAt ?? now,
      ...volume,
    };
    this.#volumes.set(added.id, added);
    return added;
  }

  remove(id: string): void {
    this.#volumes.delete(id);
  }

  get(id: string): CloudVolume | undefined {
    return this.#volumes.get(id);
  }

  /**
   * All volumes. Volume ids that a test gave to a server without adding a volume are added here.
   */
  all(servers: readonly CloudServer[]): CloudVolume[] {
    for (const { volumeIds, createdAt, name } of servers) {
      for (const id of volumeIds) if (!this.#volumes.has(id)) this.add({ id, name, createdAt });
    }
    return [...this.#volumes.values()].sort(byCreationDescending);
  }

  addSnapshot(snapshot: Partial<CloudVolumeSnapshot> & { volumeId: string }): CloudVolumeSnapshot {
    const volume = this.#volumes.get(snapshot.volumeId);
    const added: CloudVolumeSnapshot = {
      id: randomUUID(),
      name: '',
      status: 'available',
      deletesSlowly: false,
      description: null,
      size: volume?.size ?? 1,
      ...(volume ? { volumeType: volume.type, multiattach: volume.multiattach ?? false } : {}),
      metadata: {},
      imageMetadata: { ...volume?.imageMetadata },
      createdAt: this.#now(),
      updatedAt: null,
      ...snapshot,
    };
    this.#snapshots.push(added);
    return added;
  }

  addBackup(backup: Partial<CloudVolumeBackup> & { volumeId: string }): CloudVolumeBackup {
    const createdAt = backup.createdAt ?? this.#now();
    const added: CloudVolumeBackup = {
      ...{ id: randomUUID(), name: null, description: null, status: 'available', snapshotId: null },
      ...{ metadata: {}, parentId: null, outcome: 'available', deletesSlowly: false },
      size: this.#volumes.get(backup.volumeId)?.size ?? 1,
      createdAt,
      dataAt: createdAt,
      ...backup,
    };
    this.#backups.push(added);
    return added;
  }

  /**
   * In the order of their creation. While a snapshot is being backed up, its status is
   * `backing-up`. Tests may remove items from this array.
   */
  get backups(): CloudVolumeBackup[] {
    const now = this.#now();
    for (const backup of this.#backups) {
      const { availableAt } = backup;
      if (!availableAt || now < availableAt) continue;
      delete backup.availableAt;
      if (backup.status === 'creating') backup.status = backup.outcome;
      if (backup.status === 'restoring') backup.status = 'available';
      const source = this.#snapshots.find(({ id }) => id === backup.snapshotId);
      if (source?.status === 'backing-up') source.status = 'available';
    }
    return this.#backups;
  }

  /** In the order of their creation. Tests may remove items from this array. */
  get snapshots(): CloudVolumeSnapshot[] {
    const now = this.#now();
    // A backup that is finished by now changes the status of its snapshot.
    void this.backups;
    for (const snapshot of this.#snapshots) {
      const { availableAt } = snapshot;
      if (!availableAt || now < availableAt) continue;
      delete snapshot.availableAt;
      if (snapshot.status === 'creating')
        Object.assign(snapshot, { status: 'available', updatedAt: availableAt });
    }
    return this.#snapshots;
  }
}

export function byCreationDescending(a: { createdAt?: Date }, b: { createdAt?: Date }): number {
  return (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0);
}
