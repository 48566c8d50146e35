import { randomUUID } from 'node:crypto';
import type { CloudImage, Timing } from './model.ts';

/** How long Nova takes to notice that the server of a snapshot was deleted. */
const NOTICED_MS = 2_000;

/** The images of one region. Snapshots proceed with the cloud's clock. */
export class ImageStore {
  readonly #images = new Map<string, CloudImage>();
  /** The snapshots in progress, and the one of each busy server by the server's id. */
  readonly #inProgress = new Set<CloudImage>();
  readonly #busyWith = new Map<string, CloudImage>();
  /** When the next snapshot in progress changes, in milliseconds. */
  #nextChangeMs = Number.POSITIVE_INFINITY;
  readonly #now: () => Date;
  readonly #timing: Timing;
  readonly #imageBytes: number;

  constructor(now: () => Date, timing: Timing, imageBytes: number) {
    this.#now = now;
    this.#timing = timing;
    this.#imageBytes = imageBytes;
  }

  add(image: Partial<CloudImage> & { name: string }): CloudImage {
    const createdAt = image.createdAt ?? this.#now();
    const added: CloudImage = {
      id: randomUUID(),
      status: 'active',
      visibility: 'private',
      protected: false,
      owner: '',
      size: this.#imageBytes,
      minDisk: 20,
      minRam: 512,
      createdAt,
      updatedAt: createdAt,
      properties: {},
      ...image,
    };
    this.#images.set(added.id, added);
    if (added.inProgress) {
      this.#inProgress.add(added);
      this.#busyWith.set(added.inProgress.server, added);
      this.#changesAt(new Date(createdAt.getTime() + this.#timing.queuedMs));
    }
    return added;
  }

  remove(id: string): void {
    const image = this.#images.get(id);
    if (image?.inProgress) this.#finish(image);
    this.#images.delete(id);
  }

  /** All images in their current state, the newest first. */
  get all(): CloudImage[] {
    this.#settle();
    return [...this.#images.values()].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  get(id: string): CloudImage | undefined {
    this.#settle();
    return this.#images.get(id);
  }

  /** The task_state of a server while an image of it is being created; null otherwise. */
  taskStateOf(server: string): string | null {
    this.#settle();
    const image = this.#busyWith.get(server);
    if (!image) return null;
    const ageMs = this.#now().getTime() - image.createdAt.getTime();
    const { queuedMs } = this.#timing;
    const isUploading = ageMs >= queuedMs;
    const isPending = ageMs >= queuedMs / 2;
    const by = image.inProgress?.by;
    if (!isUploading && !isPending) {
      return by === 'shelve' ? 'shelving' : by === 'createBackup' ? 'image_backup' : 'image_snapshot';
    }
    const prefix = by === 'shelve' ? 'shelving_' : '';
    return `${prefix}${isUploading ? 'image_uploading' : 'image_pending_upload'}`;
  }

  /** Called when a server is deleted: its snapshot in progress soon disappears. */
  abandon(server: string): void {
    this.#settle();
    const image = this.#busyWith.get(server);
    if (!image?.inProgress) return;
    image.inProgress.goneAt = new Date(this.#now().getTime() + NOTICED_MS);
    this.#changesAt(image.inProgress.goneAt);
  }

  #changesAt(at: Date): void {
    this.#nextChangeMs = Math.min(this.#nextChangeMs, at.getTime());
  }

  #settle(): void {
    if (this.#now().getTime() < this.#nextChangeMs) return;
    this.#nextChangeMs = Number.POSITIVE_INFINITY;
    for (const image of [...this.#inProgress]) this.#proceed(image);
  }

  #proceed(image: CloudImage): void {
    if (!image.inProgress) return;
    const { queuedMs, savingMs } = this.#timing;
    const now = this.#now();
    const { outcome, tokenExpiresAt, goneAt, whenActive } = image.inProgress;
    const uploadAt = new Date(image.createdAt.getTime() + queuedMs);
    const endsAt = new Date(uploadAt.getTime() + savingMs);
    if (goneAt) {
      if (now < goneAt) this.#changesAt(goneAt);
      else this.remove(image.id);
    } else if (now < uploadAt) {
      this.#changesAt(uploadAt);
    } else if (outcome === 'stuck' || tokenExpiresAt < uploadAt) {
      // Nova uploads the image with the user's token. Once the token has expired, Nova cannot even
      // report the failure, so the image stays queued.
      this.#finish(image);
    } else if (now < endsAt) {
      image.status = 'saving';
      this.#changesAt(endsAt);
    } else {
      this.#finish(image);
      image.updatedAt = endsAt;
      if (outcome === 'vanishes') this.remove(image.id);
      else if (outcome === 'killed') image.status = 'killed';
      else {
        Object.assign(image, { status: 'active', size: this.#imageBytes });
        whenActive?.();
      }
    }
  }

  #finish(image: CloudImage): void {
    const server = image.inProgress?.server ?? '';
    if (this.#busyWith.get(server) === image) this.#busyWith.delete(server);
    delete image.inProgress;
    this.#inProgress.delete(image);
  }
}
