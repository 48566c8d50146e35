import { isoSeconds, parseDate } from '../config/dates.ts';
import { percentDecoded } from '../config/percent-encoding.ts';
import type { Image } from '../openstack/images.ts';
import type { Volume } from '../openstack/volumes.ts';
import { isSafety } from '../snapshots/adhoc-snapshot.ts';
import type { RestoreEvent } from './event.ts';

/**
 * The parameters that a restore began with. The cloud stores them in a mark, so that a later call
 * can't resume the restore with other parameters.
 */
export interface RestoreParameters {
  request: string;
  to: RestoreEvent['to'];
  region: string;
  /** The id of the original server. */
  server: string;
  /** The id of the image, or of the volume snapshot instead of an image, that is restored. */
  image: string;
}

/** The metadata key of a server or a volume that a restore has made, or of one it has rebuilt. */
export const RESTORED_KEY = 'autosnap_restore';

/** The mark of a server or a volume: by which restore, and when, it was made or changed. */
export interface RestoredMark extends RestoreParameters {
  /** The moment of the request by the cloud's clock. */
  at: Date;
  /** Whether the restore has stopped the server, and has not started it again yet. */
  isStopped?: true;
}

/** The last word in the mark of a server that the restore has stopped. */
const STOPPED = 'stopped';

/** The value of {@link RESTORED_KEY}. At most 255 characters. */
export function restoredMark({ request, to, region, server, image, at, isStopped }: RestoredMark): string {
  const words = [request, to, encodeURIComponent(region), server, image, isoSeconds(at)];
  return [...words, ...(isStopped ? [STOPPED] : [])].join(' ');
}

/** Reads the value of {@link restoredMark}; undefined when it is missing or invalid. */
export function readRestoredMark(metadata: Record<string, string>): RestoredMark | undefined {
  const [, request, to, region, server, image, time, stopped] =
    /^([\w-]+) (new|in-place|volume) (\S+) (\S+) (\S+) (\S+)( stopped)?$/.exec(
      metadata[RESTORED_KEY] ?? '',
    ) ?? [];
  const at = parseDate(time);
  if (!request || !region || !server || !image || !at) return undefined;
  return {
    request,
    to: to as RestoreParameters['to'],
    region: percentDecoded(region),
    server,
    image,
    at,
    ...(stopped === undefined ? {} : { isStopped: true }),
  };
}

/** The mark of a volume that a restore has made. */
export interface VolumeMark extends RestoredMark {
  /** The volume snapshot that the volume was made from. */
  snapshot: string;
  /** The order in which the volumes are attached: 0 for the root volume, the others from 1 on. */
  position: number;
}

/** The maximum length of a name in Cinder. */
const LONGEST_NAME = 255;
/** The first word of the mark in the description of a volume. */
const SIGNATURE = 'autosnap';

/**
 * The metadata and the description that mark a volume. Cinder v1 may lose metadata, so either is
 * enough. Both are at most 255 characters.
 */
export function volumeMark(mark: VolumeMark): Pick<Volume, 'metadata' | 'description'> {
  const text = [restoredMark(mark), mark.snapshot, mark.position].join(' ');
  return { metadata: { [RESTORED_KEY]: text }, description: `${SIGNATURE} ${text}` };
}

/** Reads the mark of a volume; undefined when it is missing or invalid. */
export function readVolumeMark({
  metadata,
  description,
}: Pick<Volume, 'metadata' | 'description'>): VolumeMark | undefined {
  const inDescription = description.startsWith(`${SIGNATURE} `)
    ? description.slice(SIGNATURE.length + 1)
    : '';
  const [, begun = '', snapshot, position] =
    /^(.+) (\S+) (\d+)$/.exec(metadata[RESTORED_KEY] ?? inDescription) ?? [];
  const parameters = readRestoredMark({ [RESTORED_KEY]: begun });
  if (!parameters || !snapshot) return undefined;
  return { ...parameters, snapshot, position: Number(position) };
}

const REPLACED = / \(replaced (\S+) by restore ([\w-]+)\)$/;

/**
 * The name of a volume that an in-place restore has replaced: the original name, when, and by which
 * request. At most 255 characters, as Cinder allows.
 */
export function replacedName(name: string, { request, at }: Pick<RestoredMark, 'request' | 'at'>): string {
  const ending = ` (replaced ${isoSeconds(at)} by restore ${request})`;
  return (
    originalName(name)
      .slice(0, LONGEST_NAME - ending.length)
      .toWellFormed() + ending
  );
}

/** The name that a volume had before a restore replaced it; the name itself if none has. */
export function originalName(name: string): string {
  return name.replace(REPLACED, '');
}

/** When a restore replaced the volume with this name, ISO; undefined if none has. */
export function replacedAt(name: string): string | undefined {
  return REPLACED.exec(name)?.[1];
}

/**
 * Whether the name of a volume says that a restore has replaced it: the one with this request, if
 * `request` is given.
 */
export function isReplaced({ name }: Pick<Volume, 'name'>, request?: string): boolean {
  const by = REPLACED.exec(name)?.[2];
  return by !== undefined && (request === undefined || by === request);
}

/** Whether the metadata of a server name a request, even if the rest of the mark is invalid. */
export function namesRequest({ metadata }: { metadata: Record<string, string> }, request: string): boolean {
  return metadata[RESTORED_KEY]?.split(' ')[0] === request;
}

/**
 * Whether an in-place restore with this request has rebuilt the server. Copied metadata name
 * another server.
 */
export function isRebuiltBy(
  { id, metadata }: { id: string; metadata: Record<string, string> },
  request: string,
): boolean {
  const mark = readRestoredMark(metadata);
  return mark?.request === request && mark.to === 'in-place' && mark.server === id;
}

/** The mark on a safety snapshot: the restore that it was taken for. */
export interface SafetyMark {
  request: string;
  /** The image that is restored. */
  image: string;
  /**
   * The id of the image that the server was made from when the safety snapshot was taken. A server
   * that was rebuilt since then has another image.
   */
  disk: string;
  /** Whether the server was running then, or has been stopped by the restore. */
  wasRunning: boolean;
}

/** The last word in the mark of a safety snapshot of a running server. */
const RUNNING = 'running';
const SAFETY_KEY = 'autosnap_restore';

/** The metadata that mark an ad-hoc snapshot as the safety snapshot of a restore. */
export function safetyMark({ request, image, disk, wasRunning }: SafetyMark): Record<string, string> {
  return { [SAFETY_KEY]: [request, image, disk, ...(wasRunning ? [RUNNING] : [])].join(' ') };
}

/** The mark of a safety snapshot; undefined for any other image. */
export function readSafetyMark(image: Image): SafetyMark | undefined {
  const [request, chosen, disk, state] = image.properties[SAFETY_KEY]?.split(' ') ?? [];
  if (!isSafety(image) || !request || !chosen || !disk) return undefined;
  return { request, image: chosen, disk, wasRunning: state === RUNNING };
}
