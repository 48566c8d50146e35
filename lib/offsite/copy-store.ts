import type { Copy, Stored, Upload } from './copies.ts';

/** What holds copies: an S3 bucket, or a container of Cloud Files. Every function throws `BucketError` alone. */
export interface CopyStore {
  /** All objects whose keys begin so, every page of them. */
  list(prefix: string): Promise<Stored[]>;
  /** All that is unfinished whose keys begin so, the oldest first. */
  uploads(prefix: string): Promise<Upload[]>;
  /** One that is no longer there counts as aborted. */
  abort(upload: Upload): Promise<void>;
  /** The object itself, not a listing: undefined only when the store answers that there is none. */
  head(key: string): Promise<Stored | undefined>;
  /** A small object as text; undefined only when the store answers that there is none. */
  readText(key: string): Promise<string | undefined>;
  put(key: string, text: string): Promise<void>;
  /** One that is no longer there counts as deleted. */
  delete(key: string): Promise<void>;
  /** Deletes the data of a copy as its manifest names them, or what is left of them. */
  deleteData(copy: Copy): Promise<void>;
}
