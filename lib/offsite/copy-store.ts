import type { Copy, Stored, Upload } from './copies.ts';

/**
 * A store of copies: an S3 bucket or a container of Cloud Files. Every function throws only
 * `BucketError`.
 */
export interface CopyStore {
  /** All objects with keys that start with `prefix`, from all pages. */
  list(prefix: string): Promise<Stored[]>;
  /** All unfinished uploads or exports with keys that start with `prefix`, the oldest first. */
  uploads(prefix: string): Promise<Upload[]>;
  /** Aborts an upload; an upload that no longer exists counts as aborted. */
  abort(upload: Upload): Promise<void>;
  /** Requests the object itself; undefined only when the store answers that it does not exist. */
  head(key: string): Promise<Stored | undefined>;
  /** A small object as text; undefined only when the store answers that it does not exist. */
  readText(key: string): Promise<string | undefined>;
  put(key: string, text: string): Promise<void>;
  /** Deletes an object; an object that no longer exists counts as deleted. */
  delete(key: string): Promise<void>;
  /** Deletes the data that the manifest of a copy names, as far as they still exist. */
  deleteData(copy: Copy): Promise<void>;
}
