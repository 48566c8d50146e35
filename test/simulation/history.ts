import type { Image } from '../../lib/openstack/images.ts';
import { CREATED_BY_KEY, markerOf, nameEnding } from '../../lib/snapshots/marker.ts';
import { DAY_MS, HOUR_MS, type OutageKind, OWNER, type Stored, type World } from './world.ts';

const FLEET: [name: string, tags: string][] = [
  ['web-1', 'daily,weekly'],
  ['web-2', 'daily,weekly'],
  ['web-3', 'weekly'],
  ['db-1', 'hourly,daily,weekly,monthly'],
  ['db-2', 'weekly,monthly'],
  ['mail-1', 'weekly,monthly'],
  ['files-1', 'daily,weekly,monthly'],
  ['build-1', 'weekly'],
];

/** Adds the fleet, and schedules random events, which depend only on the seed. */
export function addHistory(world: World): void {
  const { chance } = world;
  for (const [name, tags] of FLEET) world.addServer(name, tags);
  const often = (days: number, happen: () => void) =>
    world.after(chance.between(0.5, 1.5) * days * DAY_MS, () => {
      happen();
      often(days, happen);
    });
  often(250, () => breakDown(world));
  often(200, () => renameOne(world));
  often(800, () => replaceOne(world));
  often(14, () => holdOne(world));
  often(60, () => hideOne(world));
  often(15, () => addStray(world));
  often(10, () => world.takeByHand(chance.pick(world.servers), chance.between(2, 90) * DAY_MS));
  often(20, () =>
    world.occupy(chance.pick(world.servers), 'resize_migrating', chance.between(1, 90) * HOUR_MS),
  );
  often(10, () => tidyUp(world));
}

function breakDown(world: World): void {
  const { chance, now } = world;
  const kind = chance.pick<OutageKind>(['silent', 'dark', 'failing', 'stuck']);
  const forMs = chance.between(7, 50) * DAY_MS;
  world.outage = kind;
  world.outages.push({ kind, fromMs: now.getTime(), toMs: now.getTime() + forMs });
  world.after(forMs, () => {
    world.outage = undefined;
  });
}

function renameOne(world: World): void {
  const server = world.chance.pick(world.servers);
  // Names are reused: a later server may have the name of this one.
  const [role = '', generation = ''] = server.name.split('-');
  world.rename(server, `${role}-${Number(generation) + 10}`);
}

function replaceOne(world: World): void {
  const server = world.chance.pick(world.servers);
  world.deleteServer(server);
  world.after(world.chance.between(1, 20) * DAY_MS, () => {
    world.addServer(server.name, server.metadata.autosnap ?? '');
  });
}

function anyGood(world: World): Stored | undefined {
  const good = [...world.images.values()].filter(({ image, taken }) => taken && image.status === 'active');
  return good.length > 0 ? world.chance.pick(good) : undefined;
}

/** The operator holds a snapshot: until a day, until its release, or by Glance's own protection. */
function holdOne(world: World): void {
  const { chance } = world;
  const image = anyGood(world)?.image;
  if (!image) return;
  const forMs = chance.between(20, 500) * DAY_MS;
  const set = (changes: (now: Image) => Partial<Image>) => {
    const stored = world.images.get(image.id);
    if (stored) world.change(image.id, changes(stored.image));
  };
  const hold = (value: string) =>
    set(({ properties }) => ({ properties: { ...properties, autosnap_hold: value } }));
  const way = chance.pick(['until', 'forever', 'protected']);
  if (way === 'until') hold(new Date(world.now.getTime() + forMs).toISOString());
  else if (way === 'forever') {
    hold('forever');
    world.after(forMs, () => hold('none'));
  } else {
    set(() => ({ protected: true }));
    world.after(forMs, () => set(() => ({ protected: false })));
  }
}

/** For a while one of our snapshots cannot be recognised as good, or as ours. */
function hideOne(world: World): void {
  const { chance } = world;
  const image = anyGood(world)?.image;
  if (!image) return;
  const hidden = chance.pick<Partial<Image>>([
    { status: 'deactivated' },
    { visibility: 'shared' },
    { sizeBytes: 0 },
  ]);
  world.change(image.id, hidden);
  world.after(chance.between(1, 200) * DAY_MS, () =>
    world.change(image.id, { status: 'active', visibility: 'private', sizeBytes: 2e9 }),
  );
}

/** An image that is not ours, however similar it looks. */
function addStray(world: World): void {
  const { chance, now: slot } = world;
  const { id: server, name } = chance.pick(world.servers);
  const policy = chance.pick(['hourly', 'daily', 'weekly', 'monthly']);
  const ours = { ...markerOf({ owner: OWNER, policy, server, slot }), instance_uuid: server };
  const stray = chance.pick<Partial<Image>>([
    { name: `${name}-${policy}-20260101T000000Z` },
    { name: `${name} before the upgrade`, properties: { instance_uuid: server } },
    { properties: { ...ours, autosnap_owner: 'autosnap-production' } },
    { properties: { ...ours, instance_uuid: 'another server, restored from ours' } },
    { properties: { ...ours, autosnap_slot: 'yesterday' } },
    { properties: { ...ours, autosnap_hold: 'perhaps' } },
    { properties: ours, owner: 'another project' },
    { properties: { ...ours, [CREATED_BY_KEY]: 'scheduled_images_service' } },
    { properties: { ...ours, image_type: 'backup' } },
    { properties: ours, name: `${name} golden` },
    { properties: ours, createdAt: new Date(slot.getTime() - 400 * DAY_MS) },
  ]);
  world.addImage({ name: `${name}${nameEnding(policy, slot)}`, ...stray });
}

/** The operator deletes what only an operator can: stuck snapshots, and leftovers of others. */
function tidyUp(world: World): void {
  for (const { image, taken } of [...world.images.values()]) {
    const ageMs = world.now.getTime() - image.createdAt.getTime();
    const stuck = image.status === 'queued' && ageMs > 3 * DAY_MS;
    if (stuck || (!taken && ageMs > 1000 * DAY_MS)) world.removeImage(image.id);
  }
}
