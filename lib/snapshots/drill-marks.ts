import { isoSeconds, parseDate } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';

/**
 * Whether a drill booted new volumes from the snapshots of the data volumes of a server: `with`
 * them, or `without` them although the server has some.
 */
export type DrilledVolumes = 'with' | 'without';

/**
 * How long a drill took, in seconds from the request for its server, or for its volumes if it makes
 * some.
 */
export interface RecoveryTime {
  /** Until the server was ACTIVE. */
  activeSeconds: number;
  /** Until the check answered; absent if the policy has none. */
  answeredSeconds?: number | undefined;
  /**
   * Whether it took this long at most: the drill was judged by a later run, and the cloud does not
   * say when the server was ready.
   */
  isAtMost?: true | undefined;
}

/** The last word in the mark of a time that is a limit. */
const AT_MOST = 'at-most';

/**
 * The properties to set on a snapshot after a drill. Their values contain the image's id, because
 * the snapshots of a server that was restored from this snapshot inherit the properties, which does
 * not prove these snapshots.
 *
 * @param volumes undefined if the server has no data volumes.
 * @param recovery how long a passed drill took; undefined if it is unknown.
 */
export function verdictMarks(
  id: string,
  passed: boolean,
  at: Date,
  volumes?: DrilledVolumes,
  recovery?: RecoveryTime,
): [key: string, value: string][] {
  const value = `${id} ${isoSeconds(at)}`;
  const { activeSeconds, answeredSeconds, isAtMost } = recovery ?? {};
  const seconds = [activeSeconds, answeredSeconds, isAtMost && AT_MOST]
    .filter((one) => one !== undefined)
    .join(' ');
  return passed
    ? [
        ...(recovery ? [['autosnap_recovery', `${value} ${seconds}`] as [string, string]] : []),
        ['autosnap_proven', volumes === undefined ? value : `${value} ${volumes}-volumes`],
        ['autosnap_drilled', value],
      ]
    : [['autosnap_drilled', value]];
}

/** The results of the drills of a snapshot. */
export interface DrillResults {
  /** When the snapshot last passed a drill: a server was booted from it and worked. */
  proven: Date | undefined;
  /** Whether that drill booted the data volumes of the server; absent if the server has none. */
  provenVolumes?: DrilledVolumes;
  /** How long that drill took; absent if it was not measured. */
  recovery?: RecoveryTime;
  /**
   * When a drill of the snapshot last had a result. If this is later than `proven`, that drill
   * failed.
   */
  drilled: Date | undefined;
}

/** The drill results in the properties of an image or the metadata of a volume snapshot. */
export function drillResultsIn(source: Pick<Image, 'id' | 'properties'>): DrillResults {
  const { at: proven, volumes } = readVerdict(source, 'autosnap_proven');
  const { at: drilled } = readVerdict(source, 'autosnap_drilled');
  const recovery = proven && readRecovery(source, proven);
  return {
    proven,
    ...(volumes && proven ? { provenVolumes: volumes } : {}),
    ...(recovery ? { recovery } : {}),
    drilled,
  };
}

/** How long the drill took that ended at `proven`; undefined if it was not measured. */
function readRecovery(
  { id, properties }: Pick<Image, 'id' | 'properties'>,
  proven: Date,
): RecoveryTime | undefined {
  const found = /^(\S+) (\S+) (\d{1,7})(?: (\d{1,7}))?( at-most)?$/.exec(properties.autosnap_recovery ?? '');
  const [, of, time, active, answered, isAtMost] = found ?? [];
  if (of !== id || parseDate(time)?.getTime() !== proven.getTime()) return undefined;
  return {
    activeSeconds: Number(active),
    ...(answered === undefined ? {} : { answeredSeconds: Number(answered) }),
    ...(isAtMost === undefined ? {} : { isAtMost: true }),
  };
}

/**
 * When a drill set this property for this image, and whether with volumes; empty if no drill did,
 * or the value can't be parsed.
 */
function readVerdict(
  { id, properties }: Pick<Image, 'id' | 'properties'>,
  key: 'autosnap_proven' | 'autosnap_drilled',
): { at: Date | undefined; volumes?: DrilledVolumes } {
  const [, of, time, volumes] = /^(\S+) (\S+)(?: (with|without)-volumes)?$/.exec(properties[key] ?? '') ?? [];
  const at = of === id ? parseDate(time) : undefined;
  return { at, ...(volumes ? { volumes: volumes as DrilledVolumes } : {}) };
}
