import { isoSeconds, parseDate } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';

/** The property of an image that names the drills of it, and the metadatum of a server that names its drill. */
export const DRILL_KEY = 'autosnap_drill';

/** What stands between the name of the original and the moment in the name of a throw-away server. */
export const DRILL_NAME = 'drill';

/**
 * A drill, as its image records it. Whoever may set the metadata of a server can't write it, so it is what permits a
 * drill to delete a server.
 */
export interface DrillRecord {
  /** Unguessable, and written before the server is requested, whose metadata repeat it. */
  nonce: string;
  /** When the nonce was written: by our own clock at first, by the cloud's once the server is known. */
  at: Date;
  /** The id of the server; undefined until the cloud has answered the request for it. */
  server: string | undefined;
}

/** Two runs at the same time may both begin a drill of an image. More would make the property longer than Nova passes on. */
const MOST_RECORDS = 2;

/**
 * The drills that an image records. The property names the image, because every image that is made of a server inherits
 * the properties of the image that the server was made from: inherited records say nothing.
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

/** The value of the image's property with `record` in it, which replaces an earlier one of the same drill. */
export function withRecord(image: Pick<Image, 'id' | 'properties'>, record: DrillRecord): string {
  const others = readRecords(image).filter(({ nonce }) => nonce !== record.nonce);
  const kept = [...others, record].slice(-MOST_RECORDS);
  return [image.id, ...kept.map(({ nonce, at, server = '' }) => `${nonce}/${isoSeconds(at)}/${server}`)].join(
    ' ',
  );
}
