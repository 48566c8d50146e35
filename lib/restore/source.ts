import type { Blueprint } from '../blueprint.ts';
import { isoSeconds, parseDate } from '../dates.ts';
import { blueprintIn, readRequest, type Snapshot } from '../marker.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import { ADHOC } from '../policy.ts';
import { Refusal } from '../refusal.ts';
import type { RestoreEvent } from './event.ts';

const DAY_MS = 86_400_000;

/** What there is to restore from, in the regions that were looked at. */
export interface Stock {
  regions: readonly string[];
  servers: readonly Server[];
  images: readonly Image[];
  /** Those of the images that are ours. */
  snapshots: readonly Snapshot[];
}

/** The server that a restore is of, whether it is still there or not. */
export interface Origin extends Pick<Server, 'id' | 'name' | 'region'> {
  /** Undefined when it is gone. */
  server: Server | undefined;
  /** The ids of servers of the same name that are gone and of which there are snapshots. */
  namesakes: string[];
}

/**
 * The server that an event names, by its id or its name. One that is gone is known by its snapshots.
 *
 * @throws {Refusal} when there is none, or more than one of that name.
 */
export function findOrigin({ regions, servers, images, snapshots }: Stock, wanted: string): Origin {
  const gone = goneServers(servers, images, snapshots);
  const known = [
    ...servers.map((server) => ({ id: server.id, name: server.name, region: server.region, server })),
    ...gone.map((server) => ({ ...server, server: undefined })),
  ];
  const byId = known.filter(({ id }) => id === wanted);
  const named = known.filter(({ name }) => name === wanted);
  const there = named.filter(({ server }) => server);
  const found = byId.length > 0 ? byId : there.length > 0 ? there : named;
  const [only, ...others] = found;
  if (!only) {
    refuse(`server: there is no "${wanted}" in ${regions.join(', ')}, nor a snapshot of one: give its id`);
  }
  if (others.length > 0) {
    const list = found.map(({ id, region }) => `${id} in ${region}`).join(', ');
    refuse(`server: there are several "${wanted}": give the id, or the "region", of one of ${list}`);
  }
  const namesakes = named.filter((other) => !other.server && other.id !== only.id);
  return { ...only, namesakes: namesakes.map(({ id }) => id) };
}

/** The servers that are gone, each with the name that its newest image had of it. */
function goneServers(
  servers: readonly Server[],
  images: readonly Image[],
  snapshots: readonly Snapshot[],
): Pick<Origin, 'id' | 'name' | 'region'>[] {
  const there = new Set(servers.map(({ id }) => id));
  const made = images.flatMap(({ region, properties: { instance_uuid: id } }) =>
    id ? [{ id, region, name: '' }] : [],
  );
  const ours = [...snapshots]
    .sort((a, b) => a.slot.getTime() - b.slot.getTime())
    .map((snapshot) => ({ id: snapshot.server, region: snapshot.region, name: serverIn(snapshot) }));
  // Of several the last counts.
  const all = [...made, ...ours.filter(({ name }) => !name), ...ours.filter(({ name }) => name)];
  const gone = all.filter(({ id }) => !there.has(id));
  return [...new Map(gone.map((server) => [`${server.region} ${server.id}`, server])).values()];
}

/** What the server was called when a snapshot of it was named; "" where the name is not one of ours. */
function serverIn({ name, policy }: Snapshot): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(`-${policy}-`)));
}

/** Safety snapshots name the restore that they were taken for, and the image that it restores: see {@link safetyMark}. */
const SAFETY = 'autosnap_restore';

/** The metadatum that makes an ad-hoc snapshot the safety snapshot of a restore from `image`. */
export function safetyMark(request: string, image: string): Record<string, string> {
  return { [SAFETY]: `${request} ${image}` };
}

/**
 * The image that a safety snapshot was taken before the restore of; undefined for any other image. An ad-hoc snapshot
 * of a server that was itself restored from a safety snapshot inherits the mark, but not the request.
 */
export function restoredAfter(image: Image): string | undefined {
  const { autosnap_policy: policy, [SAFETY]: mark = '' } = image.properties;
  const [request, chosen] = mark.split(' ');
  return policy === ADHOC && request === readRequest(image).request ? chosen : undefined;
}

/**
 * What a server was made with, by the image that it is to be restored from, or else by the newest snapshot that tells.
 * Of an image that is not ours it may be inherited, and is not believed.
 */
export function findBlueprint(
  { images, snapshots }: Stock,
  { id, region }: Pick<Origin, 'id' | 'region'>,
  image: Image,
): Blueprint | undefined {
  const imageOf = new Map(images.filter((i) => i.region === region).map((one) => [one.id, one]));
  return snapshots
    .filter((s) => s.region === region && s.server === id)
    .sort(
      (a, b) => Number(b.id === image.id) - Number(a.id === image.id) || b.slot.getTime() - a.slot.getTime(),
    )
    .map((snapshot) => blueprintIn(imageOf.get(snapshot.id)!))
    .find((found) => found !== undefined);
}

/**
 * The image that an event asks for: the newest good snapshot of the server, the newest at or before a moment (of a
 * bare date, the end of that day in UTC), or one by its id. Safety snapshots, which hold what a restore was to undo,
 * are taken by their id only.
 *
 * @throws {Refusal} that says what there is instead.
 */
export function findImage(
  { images, snapshots }: Stock,
  { id, name, region }: Origin,
  { at, policy }: Pick<RestoreEvent, 'at' | 'policy'>,
  projectId: string,
): Image {
  const imageOf = new Map(images.filter((i) => i.region === region).map((image) => [image.id, image]));
  const its = snapshots.filter((s) => s.region === region && s.server === id);
  const untilMs = at === 'latest' ? Infinity : momentMs(at);
  if (untilMs === undefined) return checked(imageOf.get(at), its, { at, id, name, region, projectId });

  const candidates = its
    .filter((s) => (policy === undefined || s.policy === policy) && s.slot.getTime() <= untilMs)
    .filter((s) => !restoredAfter(imageOf.get(s.id)!))
    .sort((a, b) => b.slot.getTime() - a.slot.getTime() || (a.id < b.id ? -1 : 1));
  const best = candidates.find(({ state }) => state === 'good');
  if (best) return imageOf.get(best.id)!;
  const scope = `of ${name || id}${policy ? ` by the policy "${policy}"` : ''}`;
  const when = at === 'latest' ? '' : ` at or before ${isoSeconds(new Date(untilMs))}`;
  const others = candidates.map((s) => `${s.id} of ${isoSeconds(s.slot)} is ${s.status}`).slice(0, 5);
  const instead =
    others.length > 0
      ? `: ${others.join(', ')}. One that is still being made can be restored when it is active`
      : at === 'latest'
        ? ': take one, or give the id of an image'
        : oldestOf(its);
  refuse(`at: there is no good snapshot ${scope}${when}${instead}`);
}

function momentMs(at: string): number | undefined {
  const date = parseDate(at);
  return date && date.getTime() + (at.includes('T') ? 0 : DAY_MS - 1);
}

function oldestOf(its: readonly Snapshot[]): string {
  const slots = its.filter(({ state }) => state === 'good').map(({ slot }) => slot.getTime());
  return slots.length > 0
    ? `: the oldest good one is of ${isoSeconds(new Date(Math.min(...slots)))}`
    : ': take one, or give the id of an image';
}

interface ById extends Pick<Origin, 'id' | 'name' | 'region'> {
  at: string;
  projectId: string;
}

/** An image by its id: provably of that server, and whole. It need not be ours. */
function checked(
  image: Image | undefined,
  its: readonly Snapshot[],
  { at, id, name, region, projectId }: ById,
): Image {
  const server = `${name || 'the server'} (${id})`;
  if (image?.owner !== projectId)
    refuse(`at: this project has no private image ${at} in ${region}, where ${server} is`);
  const snapshot = its.find((s) => s.id === at);
  if (!snapshot && image.properties.instance_uuid !== id) {
    refuse(`at: image ${at} was not made from ${server}: give that server, or another image`);
  }
  const whole = (image.sizeBytes ?? 0) > 0 || image.volumeSnapshotIds.length > 0;
  const good = snapshot ? snapshot.state === 'good' : image.status === 'active' && whole;
  if (good) return image;
  const status = snapshot?.status ?? image.status;
  refuse(
    /^(queued|saving|uploading|importing)$/.test(status)
      ? `at: image ${at} is still ${status}: wait until it is active`
      : `at: image ${at} can't be restored: it is ${status}${whole ? '' : ' and has no data'}: give another`,
  );
}

function refuse(problem: string): never {
  throw new Refusal('The restore is refused', [problem]);
}
