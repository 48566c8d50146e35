import fc from 'fast-check';
import { eachPeriod } from '../../lib/config/keep-rules.ts';
import type { SnapshotState } from '../../lib/snapshots/marker.ts';
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

/** An image of a world, and what this generator knows about it without reading it. */
export interface Known {
  region: string;
  /** "daily 2": the policy and the server. */
  series: string;
  image: CloudImage;
  volumeSnapshot: CloudVolumeSnapshot | undefined;
  ours: boolean;
  /** The policy and the slot that it was made for. */
  policy: string;
  slot: Date;
  /** Of its policy and server; ad-hoc images have no series. */
  adhoc: boolean;
  state: SnapshotState;
  held: boolean;
  /** Others can see it, or it is hidden. */
  exposed: boolean;
  future: boolean;
  /** Its server is, or is at least not in this region. */
  gone: boolean;
  /** Its server is in another region. */
  elsewhere: boolean;
  /** What a server that was rebuilt from it right after it was made passes on. */
  made: Record<string, string>;
}

/** A cloud at one moment, and the policy that is to be applied to it. */
export interface World {
  event: Record<string, unknown> & { keep: { atLeast: number } };
  servers: (CloudServer & { region: string })[];
  /** Servers whose images are in another region than they. */
  elsewhere: (CloudServer & { region: string })[];
  images: Known[];
  pageSize: number;
}

const mostly = <T>(usual: T, others: T[]) =>
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
 * The numbers of a policy, as an event has them: few rules and low numbers, so that there is much
 * to delete.
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
/** What a volume snapshot makes of its image. */
const VOLUME_STATES: Record<string, SnapshotState> = {
  available: 'good',
  creating: 'pending',
  error: 'failed',
  gone: 'failed',
  'backing-up': 'unknown',
};

// Some of the same hour, some of long ago, some of the future.
const ages = fc.oneof(fc.integer({ min: -4, max: 80 }), fc.integer({ min: 0, max: 9_000 }));
const disguises = [...Object.keys(DISGUISES), ...Object.keys(DATA_DISGUISES), 'with the data of another'];

const imageSpecs = fc.record({
  server: mostly(0, [1, 2, 3]),
  policy: mostly('daily', ['weekly', 'adhoc']),
  hoursAgo: ages,
  /** Of the same slot as the one before it. */
  twin: mostly(false, [true]),
  /**
   * Its server was rebuilt, or its root volume made, from this one of the images of before, if
   * there is one.
   */
  source: fc.option(fc.nat(99), { freq: 2 }),
  /** And from the image as it was made, before anybody held it or gave it anything. */
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
  /** The server had another name. */
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
   * Where the first server is, of which the images mostly are: nowhere, or only in a region that
   * has none of them.
   */
  firstIs?: 'everywhere' | 'elsewhere';
  /** Whether about half of the images are of the same slot as the one before. */
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
 * @param before the images that were made before, of which one may become somebody else's for what
 *   this one names.
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
  // On the same day the time of its creation does not tell it from a snapshot.
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
    // Without the server nobody knows what its volumes were.
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
 * Whether autosnap.py has made it, and another deployment has snapshots of its server: that may
 * have adopted it, too.
 */
function isClaimed({ image, region }: Known, images: readonly Known[]): boolean {
  const [, server] = /-autosnap-(.*)$/.exec(image.name) ?? [];
  return images.some(({ image: { owner, properties }, region: its }) => {
    const { autosnap_owner: whose = OWNER, autosnap_server: of } = properties;
    return owner === PROJECT && its === region && whose !== OWNER && of === server;
  });
}

/** The volume snapshot that was made with an image, or is only said to have been. */
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

/** Makes a snapshot of ours something else, if the disguise changes anything about it. */
function disguise(known: Known, how: string, mapped: boolean, before: readonly Known[]): void {
  const { image } = known;
  if (how === 'with the data of another') {
    const other = before.findLast((one) => one.series === known.series && one.volumeSnapshot);
    if (!other || !mapped) return;
    // Nobody can tell whose they are.
    other.ours = false;
    known.ours = false;
    known.volumeSnapshot = undefined;
    image.properties.block_device_mapping = mappingOf(other.volumeSnapshot!.id);
    return;
  }
  const change = DISGUISES[how] ?? (mapped ? undefined : DATA_DISGUISES[how]);
  // Where Glance protects the image, nobody reads when its hold ends.
  if (!change || (how === 'no date of a hold' && image.protected)) return;
  change(image);
  known.ours = false;
}

/**
 * Whether any run may ever delete it: it is ours, it is finished, nobody holds it, and its server
 * is there.
 */
export function mayGo(known: Known, { event }: World): boolean {
  const { ours, state, held, exposed, future, adhoc, series, image, gone, elsewhere } = known;
  if (!ours || held || exposed || !['good', 'failed'].includes(state)) return false;
  if (elsewhere || (gone && (adhoc || !event.orphans || image.properties.block_device_mapping))) return false;
  if (adhoc) return image.properties.autosnap_expires?.startsWith('2026-11-22T00:00:00Z') ?? false;
  return series.startsWith('daily') && !future;
}
