import type { Volume } from '../openstack/volumes.ts';
import { DRILL_KEY } from './record.ts';
import { type DrillMark, markText, parseMark } from './throw-away.ts';

/**
 * The mark of a volume that a drill has made. The mark alone does not permit the deletion of the
 * volume; see volume-ownership.ts.
 */
export interface DrillVolumeMark extends DrillMark {
  /** The volume snapshot that the volume was made from. */
  snapshot: string;
}

/** The first words of the mark in the description of a volume. */
const SIGNATURE = 'autosnap drill ';

/**
 * The metadata and the description of a drill's volume. Cinder v1 may lose metadata, so either is
 * enough. Both are at most 255 characters.
 */
export function drillVolumeMark(mark: DrillVolumeMark): Pick<Volume, 'metadata' | 'description'> {
  const text = `${markText(mark)} ${mark.snapshot}`;
  return { metadata: { [DRILL_KEY]: text }, description: SIGNATURE + text };
}

/** Reads the mark of a volume; undefined when it is missing or invalid. */
export function readDrillVolumeMark({
  metadata,
  description,
}: Pick<Volume, 'metadata' | 'description'>): DrillVolumeMark | undefined {
  const inDescription = description.startsWith(SIGNATURE) ? description.slice(SIGNATURE.length) : '';
  const text = Object.hasOwn(metadata, DRILL_KEY) ? metadata[DRILL_KEY]! : inDescription;
  const [, own = '', snapshot] = /^(.+) ([\w-]+)$/.exec(text) ?? [];
  const mark = parseMark(own);
  return mark && snapshot ? { ...mark, snapshot } : undefined;
}
