import { isoSeconds, parseDate } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';

/**
 * The image property that holds the drill records, and the metadata key of a throw-away server that
 * names its drill.
 */
export const DRILL_KEY = 'autosnap_drill';

/**
 * The label in the name of a throw-away server, between the name of the original server and the
 * time.
 */
export const DRILL_NAME = 'drill';

/**
 * The record of a drill on the image that it boots. Users who may set the metadata of servers can't
 * write image properties, so only this record permits a drill to delete a server.
 */
export interface DrillRecord {
  /**
   * A random UUID. The record is written before the server is requested, and the server's metadata
   * repeat the nonce.
   */
  nonce: string;
  /**
   * When the nonce was written: by the function's clock until the id of the server is known, then
   * by the cloud's clock.
   */
  at: Date;
  /** The id of the server; undefined until the cloud has answered the request for the server. */
  server: string | undefined;
}

/**
 * Two simultaneous runs may both begin a drill of an image. With more than two records the property
 * would exceed the length that Nova copies to other images.
 */
const MOST_RECORDS = 2;

/**
 * Reads the drill records of an image. The property starts with the id of its image, because an
 * image of a server inherits the properties of the image that the server was made from. Inherited
 * records are ignored.
 */
export function readRecords({ id, properties }: Pick<Image, 'id' | 'properties'>): DrillRecord[] {
  const [of, ...records] = properties[DRILL_KEY]?.split(' ') ?? [];
  if (of !== id) return [];
  return records.flatMap((record) => {
    const [, nonce, time, server] = /^([0-9a-f-]{36})\/([^/]+)\/([\w-]*)$/.exec(record) ?? [];
    const at = parseDate(time);
    return nonce && at ? [{ nonce, at, server: server || undefined }] : [];
  });
}

/**
 * The new value of the property, with `record` added. An earlier record of the same drill is
 * replaced.
 */
export function withRecord(image: Pick<Image, 'id' | 'properties'>, record: DrillRecord): string {
  const others = readRecords(image).filter(({ nonce }) => nonce !== record.nonce);
  const kept = [...others, record].slice(-MOST_RECORDS);
  return [image.id, ...kept.map(({ nonce, at, server = '' }) => `${nonce}/${isoSeconds(at)}/${server}`)].join(
    ' ',
  );
}
