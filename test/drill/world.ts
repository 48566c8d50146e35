import type { Report } from '../../lib/reporting/report.ts';
import type { CloudImage, CloudServer, Region } from '../../local/cloud/state.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';

export interface World extends Harness {
  dfw: Region;
  /** The servers that existed before. */
  fleet: CloudServer[];
  /** The newest snapshot of each server. */
  newest: CloudImage[];
}

/**
 * An OpenStack at six in the morning: some servers, each with a snapshot of last night and of the
 * nights before.
 */
export async function drillWorld(names = ['web'], nights = 2, buildMs = 0): Promise<World> {
  setTime('2026-11-23T06:00:00Z');
  const h = await harness({ timing: { queuedMs: 0, savingMs: 0, buildMs } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  const dfw = h.cloud.region('DFW');
  const fleet = names.map((name) => dfw.addServer({ name }));
  const newest = fleet.map((server) => {
    const images = Array.from({ length: nights }, (_, age) => addSnapshot(h, server, age));
    return images[0]!;
  });
  return { ...h, dfw, fleet, newest };
}

export const drillEvent = (drill: object = {}, changes: object = {}) =>
  policy({ drill: { schedule: 'rate(1 day)', ...drill }, ...changes });
export const throwAways = ({ dfw, fleet }: World) => dfw.servers.filter((server) => !fleet.includes(server));
export const sent = ({ cloud }: Harness, method: string) =>
  cloud.received.filter(
    (one) => one.method === method && (one.service === 'compute' || one.service === 'image'),
  );
export const outcomes = (report: Report | undefined) =>
  (report?.entries ?? []).map(({ name, outcome }) => `${name || '?'} ${outcome}`).sort();
export const reasons = (report: Report | undefined) =>
  report?.entries.map(({ reason }) => reason).join('\n') ?? '';

export const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
export const NONCE = '0c9b8a7d-0000-4000-8000-00000000abcd';
const BEFORE = new Date('2026-11-23T05:59:00Z');

/** The metadata of a throw-away server. */
export const markOf = (image: CloudImage, owner = 'autosnap-test', name = 'daily', nonce = NONCE) =>
  `${owner} ${name} ${image.id} ${nonce}`;

/** Records on an image that a drill of it began a minute ago, and which server it created. */
export function record(image: CloudImage, server = '', at = '2026-11-23T05:59:00Z', nonce = NONCE): void {
  image.properties.autosnap_drill = `${image.id} ${nonce}/${at}/${server}`;
  image.updatedAt = new Date(at);
}

/** A server that looks like that of a drill, except for the record on its image. */
export function addLookalike(
  h: Pick<World, 'dfw'>,
  image: CloudImage,
  changes: Partial<CloudServer> = {},
  mark = markOf(image),
) {
  return h.dfw.addServer({
    name: 'web-drill-20261123T055900Z',
    image: image.id,
    metadata: { autosnap_drill: mark },
    createdAt: BEFORE,
    ...changes,
  });
}

/** What an interrupted drill would have left behind. */
export function addThrowAway(
  h: Pick<World, 'dfw'>,
  image: CloudImage,
  changes: Partial<CloudServer> = {},
  mark = markOf(image),
) {
  const server = addLookalike(h, image, { name: 'web-drill', ...changes }, mark);
  record(image, server.id);
  return server;
}
