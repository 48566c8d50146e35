import fc from 'fast-check';
import { eachPeriod } from '../../lib/config/keep-rules.ts';
import type { SnapshotState } from '../../lib/snapshots/snapshot.ts';
import type { CloudImage, CloudServer, CloudVolumeSnapshot } from '../../local/cloud/state.ts';
import { policy } from '../harness.ts';
import {
  DATA_DISGUISES,
  DISGUISES,
  FOREIGN_DATA,
  inherited,
  isPlain,
  MAKERS,
  makerOf,
  markerOf,
  OWNER,
  snapshotName,
} from './makers.ts';

export { OWNER };

/** The clock of every world. */
export const NOW = new Date('2026-11-23T06:00:00Z');
export const PROJECT = '123456';
const HOUR_MS = 3_600_000;

/** An image of a world, with what the generator knows about it. */
export interface Known {
  region: string;
  /** The policy and the server, such as "daily 2". */
  series: string;
  image: CloudImage;
  volumeSnapshot: CloudVolumeSnapshot | undefined;
  ours: boolean;
  /** The policy and slot of the image. */
  policy: string;
  slot: Date;
  /** The series of the image; ad-hoc images have none. */
  adhoc: boolean;
  state: SnapshotState;
  held: boolean;
  /** Whether others can see the image, or it is hidden. */
  exposed: boolean;
  future: boolean;
  /** Whether the server was deleted, or at least is not in this region. */
  gone: boolean;
  /** Whether the server is in another region. */
  elsewhere: boolean;
  /**
   * The properties that a server passes on if it is rebuilt from the image right after its
   * creation.
   */
  made: Record<string, string>;
}

/** The state of a cloud, and the policy to apply to it. */
export interface World {
  event: Record<string, unknown> & { keep: { atLeast: number } };
  servers: (CloudServer & { region: string })[];
  /** The servers whose images are in another region. */
  elsewhere: (CloudServer & { region: string })[];
  images: Known[];
  pageSize: number;
}

/** Nine times out of ten `usual`. */
export const mostly = <T>(usual: T, others: T[]) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
const upTo = (max: number) => fc.integer({ min: 1, max });

const rules = {
  last: upTo(4),
  ...eachPeriod(() => upTo(4)),
  within: upTo(90).map((days) => `${days}d`),
};

/**
 * The numbers of a policy as in an event: few rules and low numbers, so that there is much to
 * delete.
 */
export const keepEvents = fc
  .tuple(
    fc
      .subarray(Object.keys(rules) as (keyof typeof rules)[], { minLength: 1, maxLength: 3 })
      .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, rules[name]])))),
    upTo(3),
  )
  .map(([asked, atLeast]) => ({ ...asked, atLeast }));

export const timezones = fc.constantFrom('UTC', 'America/Chicago', 'Asia/Kathmandu', 'Australia/Lord_Howe');

export const events = fc
  .tuple(
    keepEvents,
    fc.record({ timezone: timezones, maxDeletes: mostly(10, [1, 2, 3]) }),
    fc.record(
      {
        adopt: fc.constant('autosnap.py'),
        orphans: fc.record({ after: upTo(400).map((days) => `${days}d`), keep: upTo(4) }),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([keep, always, sometimes]): World['event'] => ({ ...policy({ ...always, ...sometimes }), keep }));

const HOLDS = { none: false, '2026-11-23T05:59:59Z': false, forever: true, '2026-12-24': true };
const STATES: Record<string, SnapshotState> = {
  active: 'good',
  queued: 'pending',
  saving: 'pending',
  uploading: 'pending',
  importing: 'pending',
  killed: 'failed',
  error: 'failed',
  deactivated: 'unknown',
  odd: 'unknown',
};
/** The state that a volume snapshot in this status gives its image. */
const VOLUME_STATES: Record<string, SnapshotState> = {
  available: 'good',
  creating: 'pending',
  error: 'failed',
  gone: 'failed',
  'backing-up': 'unknown',
};

// Some times are in the same hour, some are long ago, some are in the future.
const ages = fc.oneof(fc.integer({ min: -4, max: 80 }), fc.integer({ min: 0, max: 9_000 }));
const disguises = [...Object.keys(DISGUISES), ...Object.keys(DATA_DISGUISES), 'with the data of another'];

const imageSpecs = fc.record({
  server: mostly(0, [1, 2, 3]),
  policy: mostly('daily', ['weekly', 'adhoc']),
  hoursAgo: ages,
  /** Whether the slot is that of the previous image. */
  twin: mostly(false, [true]),
  /**
   * Which of the earlier images the server was rebuilt from, or its root volume was created from,
   * if any.
   */
  source: fc.option(fc.nat(99), { freq: 2 }),
  /**
   * Whether the server inherited the properties of that image at its creation, before any hold or
   * other change.
   */
  early: fc.boolean(),
  maker: fc.oneof(mostly('', ['autosnap.py']), fc.constantFrom('', '', ...Object.keys(MAKERS))),
  disguise: fc.oneof(fc.constant(''), fc.constantFrom('', '', ...disguises)),
  data: mostly('', FOREIGN_DATA),
  status: mostly('active', ['empty', ...Object.keys(STATES)]),
  volume: mostly('available', Object.keys(VOLUME_STATES)),
  hold: mostly('none', Object.keys(HOLDS)),
  protected: mostly(false, [true]),
  seen: mostly('private', ['shared', 'community', 'public', 'hidden']),
  refuses: mostly<403 | 409 | undefined>(undefined, [403, 409]),
  /** Whether the server had another name. */
  formerName: mostly(false, [true]),
  expires: fc.constantFrom('never', '2026-11-22T00:00:00Z', '2026-12-24T00:00:00Z'),
});
type ImageSpec = typeof imageSpecs extends fc.Arbitrary<infer T> ? T : never;

const serverSpecs = fc.record({
  region: mostly('DFW', ['ORD']),
  gone: mostly('no', ['everywhere', 'elsewhere']),
  fromVolume: fc.constantFrom(false, false, true),
});
type ServerSpec = typeof serverSpecs extends fc.Arbitrary<infer T> ? T : never;

/** A good snapshot of ours. */
const PLAIN = { policy: 'daily', maker: '', disguise: '', data: '', status: 'active', seen: 'private' };

const orphans = fc.record({ after: upTo(40).map((days) => `${days}d`), keep: upTo(3) });

interface Kind {
  maxImages?: number;
  /**
   * The place of the first server, which most images belong to: deleted, or only in a region
   * without any of them.
   */
  firstIs?: 'everywhere' | 'elsewhere';
  /** Whether about half of the images have the slot of the previous one. */
  twins?: boolean;
}

/** Random worlds of up to four servers and `maxImages` images. */
export const worlds = ({
  maxImages = 18,
  firstIs: orphaned,
  twins = false,
}: Kind = {}): fc.Arbitrary<World> =>
  fc
    .tuple(
      orphaned ? fc.tuple(events, orphans).map(([event, its]) => ({ ...event, orphans: its })) : events,
      fc
        .array(serverSpecs, { minLength: 1, maxLength: 4 })
        .map((specs) => (orphaned ? [{ ...specs[0]!, gone: orphaned }, ...specs.slice(1)] : specs)),
      fc
        .array(imageSpecs, { maxLength: maxImages, size: 'max' })
        .map((specs) =>
          orphaned
            ? specs.slice(-6).map((spec) => ({ ...spec, ...PLAIN, hoursAgo: spec.hoursAgo * 20 }))
            : specs,
        ),
      fc.constantFrom(2, 5, 100),
    )
    .map(([event, servers, specs, pageSize]) => {
      const made = servers.map((spec, i) => makeServer(spec, i));
      const images: Known[] = [];
      for (const [i, spec] of specs.entries()) {
        const at = spec.server % servers.length;
        const origin = { ...servers[at]!, server: made[at]!, adopts: 'adopt' in event };
        const twin = twins ? spec.hoursAgo % 2 === 0 : spec.twin;
        images.push(makeImage({ ...spec, twin }, `image-${i}`, origin, images));
      }
      for (const known of images) if (isClaimed(known, images)) known.ours = false;
      const where = (wanted: string) => made.filter((_, i) => servers[i]?.gone === wanted);
      return { event, pageSize, servers: where('no'), elsewhere: where('elsewhere'), images };
    });

function makeServer({ region, fromVolume, gone }: ServerSpec, i: number): World['servers'][number] {
  return {
    id: `00000000-0000-4000-8000-00000000000${i}`,
    name: `web-${i}`,
    region: gone === 'elsewhere' ? (region === 'DFW' ? 'ORD' : 'DFW') : region,
    metadata: {},
    image: fromVolume ? '' : 'base',
    vmState: 'active',
    taskState: null,
    snapshotOutcome: 'active',
    createdAt: new Date(0),
    volumeIds: fromVolume ? [`volume-${i}`] : [],
    flavor: 'general1-2',
    keyName: null,
    securityGroups: [],
    networks: [],
    addresses: [],
  };
}

interface Origin extends ServerSpec {
  server: CloudServer;
  adopts: boolean;
}

/**
 * @param before the earlier images; one of them may become a foreign image because this one names
 *   its data.
 */
function makeImage(spec: ImageSpec, id: string, origin: Origin, before: readonly Known[]): Known {
  const { server, adopts, fromVolume } = origin;
  const { status, seen, maker } = spec;
  const legacy = maker === 'autosnap.py';
  const empty = status === 'empty';
  const mapped = fromVolume && !empty && !legacy;

  const asked = (spec.twin && before.at(-1)?.slot) || new Date(NOW.getTime() - spec.hoursAgo * HOUR_MS);
  const older = before.filter(({ image }) => image.createdAt < asked && image.owner === PROJECT);
  const source = spec.source === null ? undefined : older[spec.source % older.length];
  // On the day of the slot, the time of creation does not tell the image from a snapshot.
  const isSoon = source && maker === 'a person who adds to the name of the image';
  const slot = isSoon ? new Date(source.slot.getTime() + 3 * HOUR_MS) : asked;
  const createdAt = new Date(slot.getTime() + 20_000);
  const passedOn = inherited(spec.early ? source?.made : source?.image.properties);
  const name = spec.formerName ? `former-${server.name}` : server.name;
  const copied = source && { name: source.image.name, slot: source.slot, policy: source.policy };
  const isFromMaker = maker in MAKERS && !(fromVolume && /createBackup|shelving/.test(maker));
  const foreign = isFromMaker ? MAKERS[maker]!({ server, at: createdAt, copied }) : undefined;
  const ownName = snapshotName(name, spec.policy, slot);
  const own = {
    owner: OWNER,
    policy: spec.policy,
    server: server.id,
    slot,
    expires: spec.expires,
    name: ownName,
    region: origin.region,
  };
  const wanted =
    foreign ??
    (legacy
      ? { name: `${name}-autosnap-${server.id}` }
      : {
          name: ownName,
          metadata: { ...makerOf(passedOn), ...markerOf(own) },
        });
  const made: Record<string, string> = {
    ...passedOn,
    ...(mapped ? {} : { image_type: foreign?.imageType ?? 'snapshot', instance_uuid: server.id }),
    ...wanted.metadata,
  };
  const image: CloudImage = {
    id,
    name: wanted.name,
    status: empty ? 'active' : status,
    visibility: seen === 'hidden' ? 'private' : seen,
    hidden: seen === 'hidden',
    protected: spec.protected,
    owner: PROJECT,
    size: empty || mapped ? 0 : 2e9,
    minDisk: 20,
    minRam: 512,
    createdAt,
    updatedAt: createdAt,
    properties: {
      ...made,
      autosnap_hold: spec.hold,
      ...(mapped ? { block_device_mapping: mappingOf(`snapshot-of-${id}`) } : {}),
    },
    ...(spec.refuses ? { refusesDelete: spec.refuses } : {}),
  };

  const inRegion = origin.gone === 'no';
  const isProduct = !foreign && !legacy;
  const isOurs = isProduct || (legacy && adopts && inRegion && !spec.formerName && isPlain(passedOn));
  const known: Known = {
    region: origin.region,
    series: `${legacy ? 'daily' : spec.policy} ${server.id}`,
    image,
    volumeSnapshot: mapped && spec.volume !== 'gone' ? dataOf(spec, image, server) : undefined,
    ours: isOurs,
    policy: legacy ? 'daily' : spec.policy,
    slot: legacy ? createdAt : slot,
    adhoc: spec.policy === 'adhoc' && !legacy,
    state: stateOf(spec, mapped),
    held: spec.protected || HOLDS[spec.hold as keyof typeof HOLDS],
    exposed: seen !== 'private',
    future: (legacy ? createdAt : slot) > NOW,
    gone: !inRegion,
    elsewhere: origin.gone === 'elsewhere',
    made,
  };
  if (known.volumeSnapshot && spec.data) {
    // After the deletion of the server its volumes are unknown.
    if (spec.data !== 'of another volume' || inRegion) known.ours = false;
  }
  if (isProduct) disguise(known, spec.disguise, mapped, before);
  return known;
}

function stateOf({ status, volume }: ImageSpec, mapped: boolean): SnapshotState {
  const state = status === 'empty' ? 'unknown' : (STATES[status] ?? 'unknown');
  return mapped && (state === 'good' || state === 'failed')
    ? volume === 'available'
      ? state
      : (VOLUME_STATES[volume] ?? 'unknown')
    : state;
}

/**
 * Whether autosnap.py made the image while another deployment, which may have adopted it too, has
 * snapshots of its server.
 */
function isClaimed({ image, region }: Known, images: readonly Known[]): boolean {
  const [, server] = /-autosnap-(.*)$/.exec(image.name) ?? [];
  return images.some(({ image: { owner, properties }, region: its }) => {
    const { autosnap_owner: whose = OWNER, autosnap_server: of } = properties;
    return owner === PROJECT && its === region && whose !== OWNER && of === server;
  });
}

/** The volume snapshot that was created with an image, or that the image only names. */
function dataOf({ data, volume }: ImageSpec, image: CloudImage, server: CloudServer): CloudVolumeSnapshot {
  const hours = data === 'made long before' ? -9 : 0;
  return {
    id: `snapshot-of-${image.id}`,
    name: data === 'named otherwise' ? 'before the migration' : `snapshot for ${image.name}`,
    status: volume,
    createdAt: new Date(image.createdAt.getTime() + hours * HOUR_MS),
    volumeId: data === 'of another volume' ? 'of another server' : server.volumeIds[0]!,
    deletesSlowly: false,
  };
}

const mappingOf = (id: string) => JSON.stringify([{ snapshot_id: id }]);

/** Turns a snapshot of ours into another image, if the disguise has any effect on it. */
function disguise(known: Known, how: string, mapped: boolean, before: readonly Known[]): void {
  const { image } = known;
  if (how === 'with the data of another') {
    const other = before.findLast((one) => one.series === known.series && one.volumeSnapshot);
    if (!other || !mapped) return;
    // The ownership of these images cannot be proven.
    other.ours = false;
    known.ours = false;
    known.volumeSnapshot = undefined;
    image.properties.block_device_mapping = mappingOf(other.volumeSnapshot!.id);
    return;
  }
  const change = DISGUISES[how] ?? (mapped ? undefined : DATA_DISGUISES[how]);
  // If Glance protects the image, the end of its hold is not read.
  if (!change || (how === 'no date of a hold' && image.protected)) return;
  change(image);
  known.ours = false;
}

/**
 * Whether any run may ever delete the image: it is ours, finished, not held, and its server exists.
 */
export function mayGo(known: Known, { event }: World): boolean {
  const { ours, state, held, exposed, future, adhoc, series, image, gone, elsewhere } = known;
  if (!ours || held || exposed || !['good', 'failed'].includes(state)) return false;
  if (elsewhere || (gone && (adhoc || !event.orphans || image.properties.block_device_mapping))) return false;
  if (adhoc)
    return (
      state === 'failed' || (image.properties.autosnap_expires?.startsWith('2026-11-22T00:00:00Z') ?? false)
    );
  return series.startsWith('daily') && !future;
}
