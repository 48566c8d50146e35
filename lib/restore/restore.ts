import { readerOf } from '../belonging.ts';
import { listServers } from '../openstack/compute.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { networksOf } from '../openstack/networks.ts';
import { createServer, getServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import { Refusal } from '../refusal.ts';
import type { Run } from '../run.ts';
import { survey } from '../survey.ts';
import { answer, type Case, eventToDo, eventToGoOn } from './case.ts';
import type { NewServerEvent, RestoreEvent } from './event.ts';
import { planNew, REQUEST_KEY } from './new-server.ts';
import { progressOf } from './progress.ts';
import { rebuild } from './rebuild.ts';
import type { Restoration } from './restoration.ts';
import { send } from './sending.ts';
import { findBlueprint, findImage, findOrigin, type Stock } from './source.ts';

/**
 * Restores a server from a snapshot as far as it goes without waiting: a new server is asked for, or a safety snapshot,
 * or the rebuild. A call again with the same request finds in the cloud what the earlier ones have done, and goes on.
 *
 * @throws {Refusal} for whatever can't be restored as asked; nothing has been made or changed then.
 */
export async function restore(session: Session, event: RestoreEvent, run: Run): Promise<Restoration> {
  const request = event.request ?? run.requestId;
  const stock = await lookAround(session, event, run);
  const origin = findOrigin(stock, event.server);
  const restored = stock.servers.find(({ metadata }) => metadata[REQUEST_KEY] === request);
  if (restored && (restored.id === origin.id) !== (event.to === 'in-place')) {
    throw new Refusal('The restore is refused', [
      `request: is that of a restore of another kind, which made ${restored.name} (${restored.id}): leave it out`,
    ]);
  }
  const its = { origin, request, stock, run };
  if (restored) return follow(session, { ...its, event }, restored.id);
  return event.to === 'in-place' ? rebuild(session, { ...its, event }) : create(session, { ...its, event });
}

/** Reads what there is to restore from; of the other regions too, lest there be another server of the name. */
async function lookAround(session: Session, event: RestoreEvent, { owner, policies }: Run): Promise<Stock> {
  const { projectId } = session;
  if (event.region && !session.regions.includes(event.region)) {
    throw new Refusal('The event is refused', [
      `region: the account has no region "${event.region}": it has ${session.regions.join(', ')}`,
    ]);
  }
  const { regions, unreadable } = await survey(session, event.region ? [event.region] : undefined, { owner });
  const stock = {
    regions: regions.map(({ region }) => region),
    servers: regions.flatMap(({ servers }) => servers),
    images: regions.flatMap(({ images }) => images),
    snapshots: regions.flatMap((region) => {
      const read = readerOf(
        region,
        { policy: '', servers: { all: true }, adopt: undefined },
        { owner, projectId, policies },
      );
      return region.images
        .map((image) => read(image, region.volumeSnapshots))
        .filter((s) => typeof s === 'object');
    }),
  };
  // A name may be there once more where nothing can be seen; an id that is found is enough.
  const found = stock.servers.some(({ id }) => id === event.server);
  if (unreadable.length > 0 && !found) {
    throw new Refusal('The restore is refused', [
      ...unreadable.map(({ region, problem }) => `region ${region} can't be read: ${problem}`),
      `server: give the id of the server, or "region": the one that it is in`,
    ]);
  }
  return stock;
}

async function create(session: Session, its: Case<NewServerEvent>): Promise<Restoration> {
  const { event, origin, request, stock, run } = its;
  const image = findImage(stock, origin, event, session.projectId);
  const { region } = origin;
  const [flavors, detail, networks] = await Promise.all([
    listFlavors(session, region),
    origin.server ? getServer(session, region, origin.id) : undefined,
    origin.server && !event.networks ? networksOf(session, origin) : undefined,
  ]);
  const blueprint = findBlueprint(stock, origin, image);
  const plan = planNew(event, { ...origin, detail, blueprint, networks }, image, {
    request,
    now: run.now,
    flavors,
  });
  if (event.dryRun)
    return answer(its, image.id, { state: 'planned', lines: plan.lines, next: eventToDo(its, image.id) });
  const sent = await send(
    () => createServer(session, region, plan.server),
    () => findMade(session, its),
  );
  if ('unsure' in sent) {
    return answer(its, image.id, { state: 'failed', lines: [sent.unsure], next: eventToGoOn(its, image.id) });
  }
  return answer(its, image.id, {
    state: 'building',
    restored: sent.done,
    lines: [...plan.lines, `asked for: it is ${sent.done}`],
    next: eventToGoOn(its, image.id),
  });
}

async function findMade(session: Session, { origin, request }: Case): Promise<string | undefined> {
  const servers = await listServers(session, origin.region);
  return servers.find(({ metadata }) => metadata[REQUEST_KEY] === request)?.id;
}

/** How far the cloud is with what an earlier call has asked for. */
async function follow(session: Session, its: Case, restored: string): Promise<Restoration> {
  const server = await getServer(session, its.origin.region, restored);
  const image = server?.imageId ?? '';
  const progress = progressOf(server, its.event.to);
  const next = progress.state === 'building' ? { next: eventToGoOn(its, image) } : {};
  return answer(its, image, { ...progress, restored, ...next });
}
