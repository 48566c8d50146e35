import { blueprintText } from '../blueprint.ts';
import { isStuck, markerOf, type Snapshot } from '../marker.ts';
import { createImage } from '../openstack/compute.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { type Image, listImages } from '../openstack/images.ts';
import { getServer, rebuildServer, type ServerDetail } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import { Refusal } from '../refusal.ts';
import { imageName } from '../snapshot.ts';
import { answer, type Case, eventToDo, eventToGoOn } from './case.ts';
import type { RebuildEvent } from './event.ts';
import { planInPlace } from './in-place.ts';
import { REQUEST_KEY } from './new-server.ts';
import type { Restoration, State } from './restoration.ts';
import { send } from './sending.ts';
import { findImage, restoredAfter, safetyMark } from './source.ts';

/** One server, the image for its disk, and the safety snapshot if there is one yet. */
interface Step extends Case<RebuildEvent> {
  server: ServerDetail;
  image: Image;
}

/** The next step of an in-place restore that has not come to its rebuild yet: the safety snapshot, or the rebuild. */
export async function rebuild(session: Session, its: Case<RebuildEvent>): Promise<Restoration> {
  const { event, origin, request, stock } = its;
  const server = origin.server && (await getServer(session, origin.region, origin.id));
  if (!server) {
    throw new Refusal('The restore is refused', [
      `server: ${origin.name || origin.id} is gone: use "to": "new"`,
    ]);
  }
  const safety = stock.snapshots.find((s) => s.server === origin.id && s.request === request);
  const image = safety ? imageAfter(safety, its) : findImage(stock, origin, event, session.projectId);
  const flavors = await listFlavors(session, origin.region);
  const lines = planInPlace(event, server, image, { flavors, resuming: safety !== undefined });
  const step = { ...its, server, image };
  if (event.dryRun) return answer(its, image.id, { state: 'planned', lines, next: eventToDo(its, image.id) });
  return safety ? afterSafety(session, step, safety) : takeSafety(session, step, lines);
}

/** The image that was chosen when the safety snapshot was asked for: by now another one may be the latest. */
function imageAfter(safety: Snapshot, { stock, origin }: Case): Image {
  const marked = stock.images.find(({ id }) => id === safety.id);
  const chosen = marked && restoredAfter(marked);
  const image = stock.images.find(({ id, region }) => id === chosen && region === origin.region);
  if (image) return image;
  throw new Refusal('The restore is refused', [
    `at: image ${chosen ?? 'to restore'} has been deleted since: begin anew, without "request"; ${origin.name} is as it was`,
  ]);
}

async function takeSafety(session: Session, step: Step, lines: string[]): Promise<Restoration> {
  const { server, image, request, run, origin } = step;
  const { owner, now } = run;
  const blueprint = blueprintText(server);
  const marker = markerOf({ owner, server: server.id, slot: now, expires: undefined, request, blueprint });
  const metadata = { ...marker, ...safetyMark(request, image.id) };
  const name = imageName(server, 'before-restore-adhoc', now);
  const look = async () => (await listImages(session, origin.region, name)).find((i) => i.name === name)?.id;
  const sent = await send(
    async () => (await createImage(session, server, { name, metadata })) ?? (await look()),
    look,
  );
  const next = eventToGoOn(step, image.id);
  if ('unsure' in sent) return answer(step, image.id, { state: 'failed', lines: [sent.unsure], next });
  return answer(step, image.id, {
    state: 'waiting',
    ...(sent.done ? { safety: sent.done } : {}),
    lines: [
      ...lines,
      `the safety snapshot is asked for: ${name}; call again in a while, and again until it is good`,
    ],
    next,
  });
}

async function afterSafety(session: Session, step: Step, safety: Snapshot): Promise<Restoration> {
  const { server, image, run, event } = step;
  const next = eventToGoOn(step, image.id);
  const say = (state: State, lines: string[], more: object = {}) =>
    answer(step, image.id, { state, lines, safety: safety.id, next, ...more });

  if (safety.state === 'pending' && !isStuck(safety, server.taskState, run.now)) {
    return say('waiting', [
      `the safety snapshot ${safety.id} is still ${safety.status}: call again in a while`,
    ]);
  }
  if (safety.state !== 'good') {
    const { request: _, ...anew } = next;
    const why = `the safety snapshot ${safety.id} has failed (${safety.status}), so ${server.name} is left as it was`;
    return say('failed', [why, 'begin anew, without "request"'], { next: anew });
  }
  if (server.taskState !== null) {
    return say('waiting', [`${server.name} is busy (${server.taskState}): call again in a while`]);
  }
  const sent = await rebuildFrom(session, step);
  if ('unsure' in sent) return say('failed', [sent.unsure]);
  const back = { server: server.id, to: 'in-place', at: safety.id, confirm: event.confirm };
  const lines = [
    `the safety snapshot ${safety.id} is good`,
    `${server.name} is being rebuilt from image ${image.name} (${image.id})`,
    `to go back: ${JSON.stringify(back)}`,
  ];
  return say('building', lines, { restored: server.id });
}

function rebuildFrom(session: Session, { server, image, request }: Step) {
  const metadata = { ...server.metadata, [REQUEST_KEY]: request };
  return send(
    async () => {
      await rebuildServer(session, server, { image: image.id, metadata });
      return true;
    },
    async () => {
      const now = await getServer(session, server.region, server.id);
      return now?.metadata[REQUEST_KEY] === request ? true : undefined;
    },
  );
}
