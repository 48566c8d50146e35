import { ADHOC } from '../../lib/config/adhoc-event.ts';
import { bareServer, type NewImage, type Server } from '../../lib/openstack/compute.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { type MarkerFields, markerOf } from '../../lib/snapshots/marker.ts';
import { Agenda } from './agenda.ts';
import { Chance } from './chance.ts';

export const OWNER = 'autosnap-simulation';
export const PROJECT = 'project';
export const REGION = 'DFW';
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** How a snapshot ends. A stuck one stays queued for ever, while its server is idle. */
export type Ending = 'active' | 'killed' | 'vanished' | 'stuck';

/** The truth about a snapshot, whatever its image says. */
export interface Taken {
  server: string;
  policy: string;
  slotMs: number;
  ending: Ending;
  /** When an ad-hoc snapshot expires. */
  expiresMs?: number;
  /** While the image exists. */
  exists: boolean;
}

/**
 * An image as the cloud lists it, with the truth about it; images that are not ours have no truth.
 */
export interface Stored {
  /** Never changed, only replaced, so that results of reading it can be cached. */
  image: Image;
  taken: Taken | undefined;
}

/** A server during its whole life; its present name is the last of `names`. */
export interface Life {
  id: string;
  names: { name: string; sinceMs: number }[];
  goneMs?: number;
}

/**
 * silent: no snapshot is requested. dark: neither snapshots nor cleanups run. failing: every
 * snapshot fails. stuck: none ever finishes.
 */
export type OutageKind = 'silent' | 'dark' | 'failing' | 'stuck';

export interface Outage {
  kind: OutageKind;
  fromMs: number;
  toMs: number;
}

/** One region of a cloud, without the network: servers, images, and snapshots that take time. */
export class World {
  readonly agenda: Agenda;
  readonly chance: Chance;
  readonly servers: Server[] = [];
  readonly images = new Map<string, Stored>();
  /** Everything that ever existed, for the picture. */
  readonly lives: Life[] = [];
  readonly taken: Taken[] = [];
  readonly outages: Outage[] = [];
  outage: OutageKind | undefined;
  #ids = 0;

  constructor(start: Date, seed: number) {
    this.agenda = new Agenda(start);
    this.chance = new Chance(seed);
  }

  get now(): Date {
    return this.agenda.now;
  }

  /** Schedules `happen` in that many milliseconds. */
  after(ms: number, happen: () => void): void {
    this.agenda.at(this.now.getTime() + ms, happen);
  }

  addServer(name: string, tags: string): void {
    const id = this.#nextId();
    this.servers.push({ ...bareServer({ id, name, region: REGION }), metadata: { autosnap: tags } });
    this.lives.push({ id, names: [{ name, sinceMs: this.now.getTime() }] });
  }

  rename(server: Server, name: string): void {
    server.name = name;
    this.#lifeOf(server).names.push({ name, sinceMs: this.now.getTime() });
  }

  deleteServer(server: Server): void {
    this.servers.splice(this.servers.indexOf(server), 1);
    this.#lifeOf(server).goneMs = this.now.getTime();
  }

  /** Keeps a server busy with something else, unless it is busy already. */
  occupy(server: Server, taskState: string, forMs: number): void {
    if (server.taskState !== null) return;
    server.taskState = taskState;
    this.after(forMs, () => {
      server.taskState = null;
    });
  }

  addImage(image: Partial<Image>, taken?: Taken): Image {
    const added: Image = {
      id: this.#nextId(),
      name: '',
      region: REGION,
      status: 'active',
      visibility: 'private',
      hidden: false,
      protected: false,
      owner: PROJECT,
      sizeBytes: 2e9,
      createdAt: this.now,
      properties: {},
      volumeSnapshotIds: [],
      ...image,
    };
    this.images.set(added.id, { image: added, taken });
    return added;
  }

  change(id: string, changes: Partial<Image>): void {
    const stored = this.images.get(id);
    if (stored) stored.image = { ...stored.image, ...changes };
  }

  removeImage(id: string): void {
    const stored = this.images.get(id);
    if (stored?.taken) stored.taken.exists = false;
    this.images.delete(id);
  }

  /** An ad-hoc snapshot that expires after that many milliseconds. */
  takeByHand(server: Server, forMs: number): void {
    const slot = this.now;
    const expires = new Date(slot.getTime() + forMs);
    const fields: MarkerFields = { owner: OWNER, server: server.id, slot, expires, request: `r${this.#ids}` };
    this.take(
      server,
      { name: imageName(server, ADHOC, slot), metadata: markerOf(fields) },
      { policy: ADHOC, slotMs: slot.getTime(), expiresMs: expires.getTime() },
    );
  }

  /** Like createImage: the image exists at once, and finishes later. */
  take(
    server: Server,
    image: NewImage,
    truth: Pick<Taken, 'policy' | 'slotMs'> & { expiresMs?: number },
  ): Taken {
    const taken: Taken = { ...truth, server: server.id, ending: this.#ending(), exists: true };
    const properties = { ...image.metadata, image_type: 'snapshot', instance_uuid: server.id };
    const { id } = this.addImage({ name: image.name, status: 'queued', properties, sizeBytes: 0 }, taken);
    this.taken.push(taken);
    const long = this.chance.number() < 0.02;
    const takesMs = this.chance.between(4 * MINUTE_MS, long ? 9 * HOUR_MS : 25 * MINUTE_MS);
    server.taskState = 'image_snapshot';
    this.after(takesMs, () => {
      server.taskState = null;
      if (taken.ending === 'active') this.change(id, { status: 'active', sizeBytes: 2e9 });
      else if (taken.ending === 'killed') this.change(id, { status: 'killed' });
      else if (taken.ending === 'vanished') this.removeImage(id);
    });
    return taken;
  }

  #ending(): Ending {
    if (this.outage === 'failing') return this.chance.pick(['killed', 'vanished']);
    if (this.outage === 'stuck') return 'stuck';
    const n = this.chance.number();
    return n < 0.01 ? 'killed' : n < 0.015 ? 'vanished' : n < 0.017 ? 'stuck' : 'active';
  }

  #lifeOf({ id }: Server): Life {
    return this.lives.find((life) => life.id === id)!;
  }

  #nextId(): string {
    this.#ids += 1;
    return `00000000-0000-4000-8000-${String(this.#ids).padStart(12, '0')}`;
  }
}
