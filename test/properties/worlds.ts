import fc from 'fast-check';
import type { State } from '../../lib/marker.ts';
import type { CloudImage, CloudServer, CloudVolumeSnapshot } from '../../local/state.ts';
import { policy } from '../harness.ts';

/** The clock of every world. */
export const NOW = new Date('2026-11-23T06:00:00Z');
export const OWNER = 'autosnap-test';
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
  /** Of its policy and server; ad-hoc images have no series. */
  adhoc: boolean;
  state: State;
  held: boolean;
  future: boolean;
  /** Its server is. */
  gone: boolean;
}

/** A cloud at one moment, and the policy that is to be applied to it. */
export interface World {
  event: Record<string, unknown> & { keep: { atLeast: number } };
  servers: (CloudServer & { region: string })[];
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
  hourly: upTo(4),
  daily: upTo(4),
  weekly: upTo(4),
  monthly: upTo(4),
  yearly: upTo(4),
  within: upTo(90).map((days) => `${days}d`),
};

/** The numbers of a policy, as an event has them: few rules and low numbers, so that there is much to delete. */
export const keepEvents = fc
  .tuple(
    fc
      .subarray(Object.keys(rules) as (keyof typeof rules)[], { minLength: 1, maxLength: 3 })
      .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, rules[name]])))),
    upTo(3),
  )
  .map(([asked, atLeast]) => ({ ...asked, atLeast }));

export const timezones = fc.constantFrom('UTC', 'America/Chicago', 'Asia/Kathmandu', 'Australia/Lord_Howe');

const events = fc
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

/** Ways in which an image is not ours although it looks much like it. */
const DISGUISES: Record<string, (image: CloudImage) => unknown> = {
  unmarked: ({ properties }) => {
    for (const key of Object.keys(properties).filter((k) => k.startsWith('autosnap_')))
      delete properties[key];
  },
  'another deployment': ({ properties }) => Object.assign(properties, { autosnap_owner: 'autosnap-prod' }),
  'another project': (image) => Object.assign(image, { owner: '999', visibility: 'shared' }),
  renamed: (image) => Object.assign(image, { name: 'golden' }),
  'created too early': (image) =>
    Object.assign(image, { createdAt: new Date(image.createdAt.getTime() - 3 * HOUR_MS) }),
  'created after the next slot': (image) =>
    Object.assign(image, { createdAt: new Date(image.createdAt.getTime() + 25 * HOUR_MS) }),
  "of Rackspace's schedule": ({ properties }) =>
    Object.assign(properties, { 'org.openstack__1__created_by': 'scheduled_images_service' }),
  'a path for a server': ({ properties }) =>
    Object.assign(properties, { autosnap_server: '../..', instance_uuid: '../..' }),
  'another server': ({ properties }) => Object.assign(properties, { instance_uuid: 'another' }),
  'no server': ({ properties }) => delete properties.autosnap_server,
  'no slot': ({ properties }) => Object.assign(properties, { autosnap_slot: 'yesterday' }),
  'no date of a hold': ({ properties }) => Object.assign(properties, { autosnap_hold: '2026-02-30' }),
};

const HOLDS = { none: false, '2026-11-23T05:59:59Z': false, forever: true, '2026-12-24': true };
const STATES: Record<string, State> = {
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
const VOLUME_STATES: Record<string, State> = {
  available: 'good',
  creating: 'pending',
  error: 'failed',
  gone: 'failed',
  'backing-up': 'unknown',
};

// Some of the same hour, some of long ago, some of the future.
const ages = fc.oneof(fc.integer({ min: -4, max: 80 }), fc.integer({ min: 0, max: 9_000 }));

const imageSpecs = fc.record({
  server: mostly(0, [1, 2, 3]),
  policy: mostly('daily', ['weekly', 'adhoc']),
  hoursAgo: ages,
  status: mostly('active', ['empty', ...Object.keys(STATES)]),
  volume: mostly('available', Object.keys(VOLUME_STATES)),
  hold: mostly('none', Object.keys(HOLDS)),
  protected: mostly(false, [true]),
  disguise: fc.oneof(mostly('', ['autosnap.py']), fc.constantFrom('', '', ...Object.keys(DISGUISES))),
  expires: fc.constantFrom('never', '2026-11-22T00:00:00Z', '2026-12-24T00:00:00Z'),
});
type ImageSpec = typeof imageSpecs extends fc.Arbitrary<infer T> ? T : never;

const serverSpecs = fc.record({
  region: mostly('DFW', ['ORD']),
  gone: mostly(false, [true]),
  fromVolume: fc.constantFrom(false, false, true),
});
type ServerSpec = typeof serverSpecs extends fc.Arbitrary<infer T> ? T : never;

/** Random worlds of up to four servers and `maxImages` images. */
export const worlds = (maxImages = 18): fc.Arbitrary<World> =>
  fc
    .tuple(
      events,
      fc.array(serverSpecs, { minLength: 1, maxLength: 4 }),
      fc.array(imageSpecs, { maxLength: maxImages, size: 'max' }),
      fc.constantFrom(2, 5, 100),
    )
    .map(([event, servers, images, pageSize]) => {
      const made = servers.map((spec, i) => makeServer(spec, i));
      return {
        event,
        pageSize,
        servers: made.filter((_, i) => !servers[i]?.gone),
        images: images.map((spec, i) => {
          const at = spec.server % servers.length;
          return makeImage(spec, i, { ...servers[at]!, server: made[at]!, adopts: 'adopt' in event });
        }),
      };
    });

function makeServer({ region, fromVolume }: ServerSpec, i: number): World['servers'][number] {
  return {
    id: `00000000-0000-4000-8000-00000000000${i}`,
    name: `web-${i}`,
    region,
    metadata: {},
    image: fromVolume ? '' : 'base',
    vmState: 'active',
    taskState: null,
    fate: 'active',
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

function makeImage(spec: ImageSpec, i: number, { server, adopts, ...origin }: Origin): Known {
  const slot = new Date(NOW.getTime() - spec.hoursAgo * HOUR_MS);
  const createdAt = new Date(slot.getTime() + 20_000);
  const legacy = spec.disguise === 'autosnap.py';
  const adhoc = spec.policy === 'adhoc' && !legacy;
  const inVolume = origin.fromVolume && !legacy;
  const empty = spec.status === 'empty';
  // Where the data lie in volume snapshots, the image may have inherited it.
  const tellsNothing = spec.disguise === 'another server' && inVolume && !empty;
  const image: CloudImage = {
    id: `image-${i}`,
    name: legacy
      ? `${server.name}-autosnap-${server.id}`
      : `${server.name}-${spec.policy}-${slot.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`,
    status: empty ? 'active' : spec.status,
    visibility: 'private',
    protected: spec.protected,
    owner: PROJECT,
    size: empty || inVolume ? 0 : 2e9,
    minDisk: 20,
    minRam: 512,
    createdAt,
    updatedAt: createdAt,
    properties: {
      autosnap_hold: spec.hold,
      ...(legacy ? {} : markerOf(server.id, spec, slot)),
      ...(inVolume && !empty
        ? { block_device_mapping: JSON.stringify([{ snapshot_id: `snapshot-${i}` }]) }
        : { image_type: 'snapshot', instance_uuid: server.id }),
    },
  };
  DISGUISES[spec.disguise]?.(image);
  const volumeSnapshot = inVolume && !empty && spec.volume !== 'gone';
  const state = empty ? 'unknown' : (STATES[spec.status] ?? 'unknown');
  return {
    region: origin.region,
    series: `${legacy ? 'daily' : spec.policy} ${server.id}`,
    image,
    volumeSnapshot: volumeSnapshot
      ? {
          id: `snapshot-${i}`,
          name: `snapshot for ${image.name}`,
          status: spec.volume,
          createdAt,
          volumeId: server.volumeIds[0]!,
          slowToGo: false,
        }
      : undefined,
    ours: legacy ? adopts && !origin.gone : spec.disguise === '' || tellsNothing,
    adhoc,
    state: state === 'good' && inVolume ? (VOLUME_STATES[spec.volume] ?? 'unknown') : state,
    held: spec.protected || HOLDS[spec.hold as keyof typeof HOLDS],
    future: (legacy ? createdAt : slot) > NOW,
    gone: origin.gone,
  };
}

/** Written out here, so that the job is not tested against its own idea of a marker. */
function markerOf(server: string, { policy: name, expires }: ImageSpec, slot: Date): Record<string, string> {
  return {
    autosnap_owner: OWNER,
    autosnap_policy: name,
    autosnap_server: server,
    autosnap_slot: slot.toISOString(),
    ...(name === 'adhoc' ? { autosnap_expires: expires } : {}),
  };
}

/** Whether any run may ever delete it: it is ours, it is finished, nobody holds it, and its server is there. */
export function mayGo(known: Known, { event }: World): boolean {
  const { ours, state, held, future, adhoc, series, image, gone } = known;
  if (!ours || held || !['good', 'failed'].includes(state)) return false;
  if (gone && (adhoc || !event.orphans || image.properties.block_device_mapping)) return false;
  if (adhoc) return image.properties.autosnap_expires === '2026-11-22T00:00:00Z';
  return series.startsWith('daily') && !future;
}
