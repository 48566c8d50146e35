import { randomUUID } from 'node:crypto';

/** How a snapshot ends: as it should, or in one of the ways that real clouds have shown. */
export type Fate = 'active' | 'vanishes' | 'killed' | 'stuck';

export interface CloudServer {
  id: string;
  name: string;
  metadata: Record<string, string>;
  /** "" for a server that was booted from a volume. */
  image: string;
  vmState: string;
  /** Set by a test: what Nova is doing with it. A snapshot in progress shows by itself. */
  taskState: string | null;
  /** How its snapshots end. */
  fate: Fate;
  createdAt: Date;
  /** The volumes that are attached to it. */
  volumeIds: string[];
  /** Rackspace's own schedule of images, where one was made. */
  imageSchedule?: { retention: number; day_of_week?: string };
}

export interface CloudVolumeSnapshot {
  id: string;
  name: string;
  status: string;
  volumeId: string;
  /** Its deletion takes its time: it stays, as "deleting". */
  slowToGo: boolean;
}

export interface CloudImage {
  id: string;
  name: string;
  status: string;
  visibility: string;
  protected: boolean;
  owner: string;
  size: number | null;
  createdAt: Date;
  updatedAt: Date;
  properties: Record<string, string>;
  /** Present while a snapshot is in progress. */
  making?: { server: string; fate: Fate; tokenExpiresAt: Date };
}

export interface Timing {
  /** From the request to the beginning of the upload. */
  queuedMs: number;
  savingMs: number;
}

/** The servers and images of one region, and the progress of snapshots by the clock. */
export class Region {
  readonly servers: CloudServer[] = [];
  readonly volumeSnapshots: CloudVolumeSnapshot[] = [];
  #images: CloudImage[] = [];
  readonly name: string;
  readonly #now: () => Date;
  readonly #timing: Timing;

  constructor(name: string, now: () => Date, timing: Timing) {
    this.name = name;
    this.#now = now;
    this.#timing = timing;
  }

  addServer(server: Partial<CloudServer> & { name: string }): CloudServer {
    const added: CloudServer = {
      id: randomUUID(),
      metadata: {},
      image: randomUUID(),
      vmState: 'active',
      taskState: null,
      fate: 'active',
      createdAt: new Date(this.#now().getTime() - 400 * 86_400_000),
      volumeIds: server.image === '' ? [randomUUID()] : [],
      ...server,
    };
    this.servers.push(added);
    return added;
  }

  addImage(image: Partial<CloudImage> & { name: string }): CloudImage {
    const createdAt = image.createdAt ?? this.#now();
    const added: CloudImage = {
      id: randomUUID(),
      status: 'active',
      visibility: 'private',
      protected: false,
      owner: '',
      size: 2_000_000_000,
      createdAt,
      updatedAt: createdAt,
      properties: {},
      ...image,
    };
    this.#images.push(added);
    return added;
  }

  addVolumeSnapshot(snapshot: Partial<CloudVolumeSnapshot> & { volumeId: string }): CloudVolumeSnapshot {
    const added = { id: randomUUID(), name: '', status: 'available', slowToGo: false, ...snapshot };
    this.volumeSnapshots.push(added);
    return added;
  }

  removeImage(id: string): void {
    this.#images = this.#images.filter((image) => image.id !== id);
  }

  /** All images as the clock has them, the newest first. */
  get images(): CloudImage[] {
    this.#settle();
    return [...this.#images].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  /** What Nova is doing with a server, null when nothing. */
  taskState(server: CloudServer): string | null {
    if (server.taskState) return server.taskState;
    const image = this.images.find(({ making }) => making?.server === server.id);
    if (!image) return null;
    const ageMs = this.#now().getTime() - image.createdAt.getTime();
    if (ageMs < this.#timing.queuedMs / 2) return 'image_snapshot';
    return ageMs < this.#timing.queuedMs ? 'image_pending_upload' : 'image_uploading';
  }

  #settle(): void {
    const { queuedMs, savingMs } = this.#timing;
    const now = this.#now();
    for (const image of [...this.#images]) {
      if (!image.making) continue;
      const { fate, tokenExpiresAt } = image.making;
      const uploadAt = new Date(image.createdAt.getTime() + queuedMs);
      if (now < uploadAt) continue;
      // Nova uploads with the user's token: without it, it can't even say that it has failed.
      if (fate === 'stuck' || tokenExpiresAt < uploadAt) {
        delete image.making;
        continue;
      }
      image.status = 'saving';
      const endsAt = new Date(uploadAt.getTime() + savingMs);
      if (now < endsAt) continue;
      delete image.making;
      if (fate === 'vanishes') this.removeImage(image.id);
      else if (fate === 'killed') image.status = 'killed';
      else Object.assign(image, { status: 'active', size: 2_000_000_000 });
      image.updatedAt = endsAt;
    }
  }
}
