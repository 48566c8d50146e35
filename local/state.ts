import { randomUUID } from 'node:crypto';
import { Files } from './files.ts';
import { Tasks } from './tasks.ts';

/** How a snapshot ends: as it should, or in one of the ways that real clouds have shown. */
export type Fate = 'active' | 'vanishes' | 'killed' | 'stuck';

export interface CloudServer {
  id: string;
  name: string;
  metadata: Record<string, string>;
  /** "" for a server that was booted from a volume. */
  image: string;
  vmState: string;
  /** Set by a test: what Nova is doing with it. A snapshot in progress shows by itself. */
  taskState: string | null;
  /** How its snapshots end. */
  fate: Fate;
  createdAt: Date;
  /** The volumes that are attached to it. */
  volumeIds: string[];
  /** The first of its volumes is its root, although it shows an image: it was made from a volume-backed server's. */
  rootOnVolume?: boolean;
  flavor: string;
  keyName: string | null;
  securityGroups: string[];
  /** Ids. */
  networks: string[];
  addresses: string[];
  /** What its snapshots inherit: the properties that its image had when it was built. */
  inherits?: Record<string, string>;
  /** How its building ends: well, or in ERROR with this message. */
  buildFault?: string;
  /** Its deletion takes its time: it stays, and is being deleted. */
  slowToGo?: boolean;
  /** Present while it is built, or built anew. */
  building?: { status: 'BUILD' | 'REBUILD'; endsAt: Date };
  /** Rackspace's own schedule of images, where one was made. */
  imageSchedule?: { retention: number; day_of_week?: string };
}

export interface CloudFlavor {
  id: string;
  name: string;
  ram: number;
  disk: number;
}

export interface CloudVolumeSnapshot {
  id: string;
  name: string;
  status: string;
  volumeId: string;
  /** Its deletion takes its time: it stays, as "deleting". */
  slowToGo: boolean;
}

export interface CloudImage {
  id: string;
  name: string;
  status: string;
  visibility: string;
  protected: boolean;
  owner: string;
  size: number | null;
  /** In GB and MB: what a server made from it needs. */
  minDisk: number;
  minRam: number;
  createdAt: Date;
  updatedAt: Date;
  properties: Record<string, string>;
  /** As Glance calls them; unless told, those of Rackspace. */
  diskFormat?: string;
  containerFormat?: string;
  /** What was uploaded; of every other image the data follow from its id, see image-data.ts. */
  data?: Buffer;
  /** Present while a snapshot is in progress. */
  making?: { server: string; fate: Fate; tokenExpiresAt: Date };
}

export interface Timing {
  /** From the request to the beginning of the upload. */
  queuedMs: number;
  savingMs: number;
  /** Of a server. */
  buildMs?: number;
}

const FLAVORS = [
  { id: '2', name: '512MB Standard Instance', ram: 512, disk: 20 },
  { id: 'general1-1', name: '1 GB General Purpose v1', ram: 1024, disk: 20 },
  { id: 'general1-2', name: '2 GB General Purpose v1', ram: 2048, disk: 40 },
  { id: 'compute1-4', name: '3.75 GB Compute v1', ram: 3840, disk: 0 },
];

/** Rackspace's own two, as a server's interfaces show them and as a new server is given them. */
const NETWORKS = [
  { id: '00000000-0000-0000-0000-000000000000', label: 'public' },
  { id: '11111111-1111-1111-1111-111111111111', label: 'private' },
];

/** The servers and images of one region, and the progress of snapshots by the clock. */
export class Region {
  readonly servers: CloudServer[] = [];
  readonly volumeSnapshots: CloudVolumeSnapshot[] = [];
  /** What servers can be made with; a test may change them. */
  readonly flavors: CloudFlavor[] = FLAVORS.map((flavor) => ({ ...flavor }));
  readonly networks = NETWORKS.map((network) => ({ ...network }));
  readonly keyPairs: string[] = [];
  readonly securityGroups: string[] = ['default'];
  /** What a test wants of the servers that are made from now on. */
  newServers: Partial<CloudServer> = {};
  /** How many servers there may be. */
  maxServers = 100;
  readonly #images = new Map<string, CloudImage>();
  /** Those in progress, and the server that is busy with each. */
  readonly #making = new Set<CloudImage>();
  readonly #busyWith = new Map<string, CloudImage>();
  /** Before this moment none of them changes. */
  #nextChangeMs = Number.POSITIVE_INFINITY;
  readonly files: Files;
  readonly tasks: Tasks;
  readonly name: string;
  readonly now: () => Date;
  readonly #timing: Timing;

  constructor(name: string, now: () => Date, timing: Timing) {
    this.name = name;
    this.now = now;
    this.#timing = timing;
    this.files = new Files(now);
    this.tasks = new Tasks(this);
  }

  addServer(server: Partial<CloudServer> & { name: string }): CloudServer {
    const added: CloudServer = {
      id: randomUUID(),
      metadata: {},
      image: randomUUID(),
      vmState: 'active',
      taskState: null,
      fate: 'active',
      createdAt: new Date(this.now().getTime() - 400 * 86_400_000),
      volumeIds: server.image === '' ? [randomUUID()] : [],
      flavor: 'general1-2',
      keyName: null,
      securityGroups: [],
      networks: NETWORKS.map(({ id }) => id),
      addresses: [`203.0.113.${this.servers.length + 1}`, `10.180.0.${this.servers.length + 1}`],
      ...server,
    };
    this.servers.push(added);
    return added;
  }

  addImage(image: Partial<CloudImage> & { name: string }): CloudImage {
    const createdAt = image.createdAt ?? this.now();
    const added: CloudImage = {
      id: randomUUID(),
      status: 'active',
      visibility: 'private',
      protected: false,
      owner: '',
      size: 2_000_000_000,
      minDisk: 20,
      minRam: 512,
      createdAt,
      updatedAt: createdAt,
      properties: {},
      ...image,
    };
    this.#images.set(added.id, added);
    if (added.making) {
      this.#making.add(added);
      this.#busyWith.set(added.making.server, added);
      this.#nextChangeMs = Math.min(this.#nextChangeMs, createdAt.getTime() + this.#timing.queuedMs);
    }
    return added;
  }

  addVolumeSnapshot(snapshot: Partial<CloudVolumeSnapshot> & { volumeId: string }): CloudVolumeSnapshot {
    const added = { id: randomUUID(), name: '', status: 'available', slowToGo: false, ...snapshot };
    this.volumeSnapshots.push(added);
    return added;
  }

  removeImage(id: string): void {
    const image = this.#images.get(id);
    if (image?.making) this.#finish(image);
    this.#images.delete(id);
  }

  /** All images as the clock has them, the newest first. */
  get images(): CloudImage[] {
    this.#settle();
    return [...this.#images.values()].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  /** One image as the clock has it. */
  image(id: string): CloudImage | undefined {
    this.#settle();
    return this.#images.get(id);
  }

  /** Begins to build a server, or to build it anew; a build takes its time. */
  build(server: CloudServer, status: 'BUILD' | 'REBUILD'): void {
    server.inherits = { ...this.#images.get(server.image)?.properties };
    server.building = { status, endsAt: new Date(this.now().getTime() + (this.#timing.buildMs ?? 120_000)) };
  }

  /** The status of a server by the clock. */
  status(server: CloudServer): string {
    const { building, buildFault } = server;
    if (building && this.now() < building.endsAt) return building.status;
    if (building) {
      delete server.building;
      server.vmState = buildFault ? 'error' : 'active';
    }
    return server.vmState === 'stopped' ? 'SHUTOFF' : server.vmState.toUpperCase();
  }

  /** What Nova is doing with a server, null when nothing. */
  taskState(server: CloudServer): string | null {
    if (server.taskState === 'deleting') return 'deleting';
    const status = this.status(server);
    if (status === 'BUILD') return 'spawning';
    if (status === 'REBUILD') return 'rebuild_spawning';
    if (server.taskState) return server.taskState;
    this.#settle();
    const image = this.#busyWith.get(server.id);
    if (!image) return null;
    const ageMs = this.now().getTime() - image.createdAt.getTime();
    if (ageMs < this.#timing.queuedMs / 2) return 'image_snapshot';
    return ageMs < this.#timing.queuedMs ? 'image_pending_upload' : 'image_uploading';
  }

  #settle(): void {
    const { queuedMs, savingMs } = this.#timing;
    const now = this.now();
    if (now.getTime() < this.#nextChangeMs) return;
    this.#nextChangeMs = Number.POSITIVE_INFINITY;
    const changesAt = (at: Date) => {
      this.#nextChangeMs = Math.min(this.#nextChangeMs, at.getTime());
    };
    for (const image of [...this.#making]) {
      if (!image.making) continue;
      const { fate, tokenExpiresAt } = image.making;
      const uploadAt = new Date(image.createdAt.getTime() + queuedMs);
      if (now < uploadAt) {
        changesAt(uploadAt);
        continue;
      }
      // Nova uploads with the user's token: without it, it can't even say that it has failed.
      if (fate === 'stuck' || tokenExpiresAt < uploadAt) {
        this.#finish(image);
        continue;
      }
      image.status = 'saving';
      const endsAt = new Date(uploadAt.getTime() + savingMs);
      if (now < endsAt) {
        changesAt(endsAt);
        continue;
      }
      this.#finish(image);
      if (fate === 'vanishes') this.removeImage(image.id);
      else if (fate === 'killed') image.status = 'killed';
      else Object.assign(image, { status: 'active', size: 2_000_000_000 });
      image.updatedAt = endsAt;
    }
  }

  #finish(image: CloudImage): void {
    const server = image.making?.server ?? '';
    if (this.#busyWith.get(server) === image) this.#busyWith.delete(server);
    delete image.making;
    this.#making.delete(image);
  }
}
