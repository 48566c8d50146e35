import * as v from 'valibot';
import { isoDate } from '../config/schema.ts';

const RecordedVolume = v.object({
  /** The volume snapshot that the volume is made from. */
  snapshot: v.string(),
  /** The name of the original. */
  name: v.string(),
  /** 0 for the root volume, the others from 1 on, in the order of the devices. */
  position: v.number(),
  sizeGb: v.exactOptional(v.number()),
  /** The type that the volume is requested with. */
  type: v.exactOptional(v.string()),
  /** The id of the volume; absent until the drill knows it. */
  id: v.exactOptional(v.string()),
});

const Schema = v.object({
  nonce: v.string(),
  account: v.string(),
  policy: v.string(),
  region: v.string(),
  /** The id of the source that the drill boots. */
  image: v.string(),
  /** When the record was written, by the cloud's clock: before the first volume was requested. */
  at: isoDate,
  volumes: v.array(RecordedVolume),
  /** When the throw-away server was requested. */
  requestedAt: v.exactOptional(isoDate),
  /** The id of the throw-away server. */
  server: v.exactOptional(v.string()),
  /** Whether the drill is over, and its volumes only have to be deleted. */
  isOver: v.exactOptional(v.boolean()),
});

/**
 * The record of a drill that makes volumes. It is stored in the deployment's bucket before the
 * first volume is requested, and names the volumes that the drill makes. Whoever may write metadata
 * of volumes can't write there. The record is removed when none of its volumes exists any more.
 */
export type VolumeRecord = v.InferOutput<typeof Schema>;

/** A volume in the record of a drill. */
export type RecordedVolume = v.InferOutput<typeof RecordedVolume>;

/** Parses a record; undefined when it is invalid. */
export function parseVolumeRecord(text: string | undefined): VolumeRecord | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Schema), text);
  return parsed.success ? parsed.output : undefined;
}

/** Where the records of drills that make volumes are stored. */
export interface DrillLog {
  /**
   * The records of all policies of an account.
   *
   * @throws the storage's errors.
   */
  list(account: string): Promise<VolumeRecord[]>;
  /** @throws the storage's errors: then it is unknown whether the record is stored. */
  put(record: VolumeRecord): Promise<void>;
  /** @throws the storage's errors. */
  remove(record: Pick<VolumeRecord, 'account' | 'policy' | 'nonce'>): Promise<void>;
}
