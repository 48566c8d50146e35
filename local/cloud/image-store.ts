import { randomUUID } from 'node:crypto';
import type { CloudImage, Timing } from './model.ts';

/** How long Nova takes to notice that the server of a snapshot is gone. */
const NOTICED_MS = 2_000;

/** The images of one region, and the progress of snapshots by the clock. */
export class ImageStore {
  readonly #images = new Map<string, CloudImage>();
  /** Those in progress, and the server that is busy with each. */
  readonly #making = new Set<CloudImage>();
  readonly #busyWith = new Map<string, CloudImage>();
  /** Before this moment none of them changes. */
  #nextChangeMs = Number.POSITIVE_INFINITY;
  readonly #now: () => Date;
  readonly #timing: Timing;

  constructor(now: () => Date, timing: Timing) {
    this.#now = now;
    this.#timing = timing;
  }

  add(image: Partial<CloudImage> & { name: string }): CloudImage {
    const createdAt = image.createdAt ?? this.#now();
    const added: CloudImage = {
      id: randomUUID(),
      status: 'active',
      visibility: 'private',
      protected: false,
      owner: '',
      size: 2_000_000_000,
      minDisk: 20,
      minRam: 512,
      createdAt,
      updatedAt: createdAt,
      properties: {},
      ...image,
    };
    this.#images.set(added.id, added);
    if (added.making) {
      this.#making.add(added);
      this.#busyWith.set(added.making.server, added);
      this.#changesAt(new Date(createdAt.getTime() + this.#timing.queuedMs));
    }
    return added;
  }

  remove(id: string): void {
    const image = this.#images.get(id);
    if (image?.making) this.#finish(image);
    this.#images.delete(id);
  }

  /** All as the clock has them, the newest first. */
  get all(): CloudImage[] {
    this.#settle();
    return [...this.#images.values()].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  get(id: string): CloudImage | undefined {
    this.#settle();
    return this.#images.get(id);
  }

  /** What Nova is doing with a server of which it makes an image; null when it makes none. */
  taskStateOf(server: string): string | null {
    this.#settle();
    const image = this.#busyWith.get(server);
    if (!image) return null;
    const ageMs = this.#now().getTime() - image.createdAt.getTime();
    const { queuedMs } = this.#timing;
    const isUploading = ageMs >= queuedMs;
    const isPending = ageMs >= queuedMs / 2;
    const by = image.making?.by;
    if (!isUploading && !isPending) {
      return by === 'shelve' ? 'shelving' : by === 'createBackup' ? 'image_backup' : 'image_snapshot';
    }
    const prefix = by === 'shelve' ? 'shelving_' : '';
    return `${prefix}${isUploading ? 'image_uploading' : 'image_pending_upload'}`;
  }

  /** The server is deleted: what is being made of it will be gone in a moment. */
  abandon(server: string): void {
    this.#settle();
    const image = this.#busyWith.get(server);
    if (!image?.making) return;
    image.making.goneAt = new Date(this.#now().getTime() + NOTICED_MS);
    this.#changesAt(image.making.goneAt);
  }

  #changesAt(at: Date): void {
    this.#nextChangeMs = Math.min(this.#nextChangeMs, at.getTime());
  }

  #settle(): void {
    if (this.#now().getTime() < this.#nextChangeMs) return;
    this.#nextChangeMs = Number.POSITIVE_INFINITY;
    for (const image of [...this.#making]) this.#proceed(image);
  }

  #proceed(image: CloudImage): void {
    if (!image.making) return;
    const { queuedMs, savingMs } = this.#timing;
    const now = this.#now();
    const { fate, tokenExpiresAt, goneAt, whenActive } = image.making;
    const uploadAt = new Date(image.createdAt.getTime() + queuedMs);
    const endsAt = new Date(uploadAt.getTime() + savingMs);
    if (goneAt) {
      if (now < goneAt) this.#changesAt(goneAt);
      else this.remove(image.id);
    } else if (now < uploadAt) {
      this.#changesAt(uploadAt);
    } else if (fate === 'stuck' || tokenExpiresAt < uploadAt) {
      // Nova uploads with the user's token: without it, it can't even say that it has failed.
      this.#finish(image);
    } else if (now < endsAt) {
      image.status = 'saving';
      this.#changesAt(endsAt);
    } else {
      this.#finish(image);
      image.updatedAt = endsAt;
      if (fate === 'vanishes') this.remove(image.id);
      else if (fate === 'killed') image.status = 'killed';
      else {
        Object.assign(image, { status: 'active', size: 2_000_000_000 });
        whenActive?.();
      }
    }
  }

  #finish(image: CloudImage): void {
    const server = image.making?.server ?? '';
    if (this.#busyWith.get(server) === image) this.#busyWith.delete(server);
    delete image.making;
    this.#making.delete(image);
  }
}
