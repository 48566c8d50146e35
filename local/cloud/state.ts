import { randomUUID } from 'node:crypto';
import type { Account } from './account.ts';
import { Files } from './files.ts';
import { ImageStore } from './image-store.ts';
import { inheritedBy, rememberedOfVolume } from './inheritance.ts';
import type {
  CloudFlavor,
  CloudImage,
  CloudServer,
  CloudVolume,
  CloudVolumeSnapshot,
  Timing,
} from './model.ts';
import { Tasks } from './tasks.ts';
import { VolumeStore } from './volume-store.ts';

export type * from './model.ts';

const BUILD_MS = 120_000;
const OLD_MS = 400 * 86_400_000;

const FLAVORS = [
  { id: '2', name: '512MB Standard Instance', ram: 512, disk: 20, vcpus: 1 },
  { id: 'general1-1', name: '1 GB General Purpose v1', ram: 1024, disk: 20, vcpus: 1 },
  { id: 'general1-2', name: '2 GB General Purpose v1', ram: 2048, disk: 40, vcpus: 2 },
  { id: 'compute1-4', name: '3.75 GB Compute v1', ram: 3840, disk: 0, vcpus: 2 },
];

/** Rackspace's own two, as a server's interfaces show them and as a new server is given them. */
const NETWORKS = [
  { id: '00000000-0000-0000-0000-000000000000', label: 'public' },
  { id: '11111111-1111-1111-1111-111111111111', label: 'private' },
];

/** How Nova shows a vm_state, where it is not the same word. */
const STATUSES: Record<string, string> = {
  stopped: 'SHUTOFF',
  resized: 'VERIFY_RESIZE',
  rescued: 'RESCUE',
};

/** What there is in one region: servers, images, volumes, and what servers can be made with. */
export class Region {
  readonly servers: CloudServer[] = [];
  /** What servers can be made with; a test may change them. */
  readonly flavors: CloudFlavor[] = FLAVORS.map((flavor) => ({ ...flavor }));
  readonly networks = NETWORKS.map((network) => ({ ...network }));
  readonly keyPairs: string[] = [];
  readonly securityGroups: string[] = ['default'];
  /** What a test wants of the servers that are made from now on. */
  newServers: Partial<CloudServer> = {};
  /** How many servers there may be. */
  maxServers = 100;
  /** How many images there may be, and how large all of them together, in MiB; -1 for no limit. */
  readonly imageQuota = { count: -1, sizeMib: -1 };
  /** How many volume snapshots there may be; Cinder's own default is 10. */
  maxVolumeSnapshots = 100;
  /** How large volumes and volume snapshots may be together. */
  maxVolumeGigabytes = 100_000;
  /**
   * The ids of servers, images, volumes, volume snapshots and tasks that listings leave out,
   * although GET answers: the cell of a server is down, a listing lags behind. Of Cloud Files,
   * `container/name`, see files.ts.
   */
  readonly unlisted = new Set<string>();
  readonly files: Files;
  readonly tasks: Tasks;
  readonly name: string;
  readonly now: () => Date;
  readonly account: Account;
  readonly #images: ImageStore;
  readonly #volumes: VolumeStore;
  readonly #buildMs: number;
  readonly #bornAt: Date;

  constructor(name: string, now: () => Date, { timing, account }: { timing: Timing; account: Account }) {
    this.name = name;
    this.now = now;
    this.account = account;
    this.#bornAt = now();
    this.#buildMs = timing.buildMs ?? BUILD_MS;
    this.#images = new ImageStore(now, timing);
    this.#volumes = new VolumeStore(now, timing);
    this.files = new Files(now, this.unlisted);
    this.tasks = new Tasks(this);
  }

  /**
   * Adds a server as it is long after it was built; it remembers the image that it names, if there
   * is one. Unless told, it is older than those that were added before, so that lists have them in
   * this order.
   */
  addServer(server: Partial<CloudServer> & { name: string }): CloudServer {
    const added: CloudServer = {
      id: randomUUID(),
      metadata: {},
      image: randomUUID(),
      vmState: 'active',
      taskState: null,
      fate: 'active',
      createdAt: new Date(this.#bornAt.getTime() - OLD_MS - this.servers.length * 1000),
      volumeIds: server.image === '' ? [randomUUID()] : [],
      flavor: 'general1-2',
      keyName: null,
      securityGroups: [],
      networks: NETWORKS.map(({ id }) => id),
      addresses: [`203.0.113.${this.servers.length + 1}`, `10.180.0.${this.servers.length + 1}`],
      ...server,
    };
    if (added.image === '' && added.volumeIds[0]) added.rootVolume ??= added.volumeIds[0];
    this.servers.push(added);
    if (!added.inherits) this.remember(added);
    return added;
  }

  removeServer(server: CloudServer): void {
    this.#images.abandon(server.id);
    this.servers.splice(this.servers.indexOf(server), 1);
  }

  addImage(image: Partial<CloudImage> & { name: string }): CloudImage {
    return this.#images.add(image);
  }

  removeImage(id: string): void {
    this.#images.remove(id);
  }

  /** All images as the clock has them, the newest first. */
  get images(): CloudImage[] {
    return this.#images.all;
  }

  /** One image as the clock has it. */
  image(id: string): CloudImage | undefined {
    return this.#images.get(id);
  }

  addVolume(volume: Partial<CloudVolume> = {}): CloudVolume {
    return this.#volumes.add(volume);
  }

  removeVolume(id: string): void {
    this.#volumes.remove(id);
  }

  /** All volumes, the newest first. */
  get volumes(): CloudVolume[] {
    return this.#volumes.all(this.servers);
  }

  volume(id: string): CloudVolume | undefined {
    return this.#volumes.get(id) ?? this.volumes.find((volume) => volume.id === id);
  }

  /** The moment in which a volume or a volume snapshot that is asked for now is there. */
  get volumeReadyAt(): Date {
    return this.#volumes.soon;
  }

  /**
   * Where a volume is attached: the root is the first disk of its server, and every volume keeps
   * its place.
   */
  deviceOf(server: CloudServer, volumeId: string): string {
    server.devices ??= {};
    const taken = new Set(Object.values(server.devices));
    const free = [...'abcdefghijklmnopqrstuvwxyz'].map((letter) => `/dev/vd${letter}`);
    const isRoot = volumeId === server.rootVolume;
    server.devices[volumeId] ??= free.find((device, i) => (isRoot || i > 0) && !taken.has(device)) ?? '';
    return server.devices[volumeId];
  }

  addVolumeSnapshot(snapshot: Partial<CloudVolumeSnapshot> & { volumeId: string }): CloudVolumeSnapshot {
    return this.#volumes.addSnapshot(snapshot);
  }

  /** In the order in which they were made. */
  get volumeSnapshots(): CloudVolumeSnapshot[] {
    return this.#volumes.snapshots;
  }

  /** Begins to build a server, or to build it anew; a build takes its time. */
  build(server: CloudServer, status: 'BUILD' | 'REBUILD'): void {
    this.remember(server, status === 'REBUILD');
    server.updatedAt = this.now();
    server.building = {
      status,
      endsAt: new Date(this.now().getTime() + this.#buildMs),
      vmState: status === 'REBUILD' && server.vmState === 'stopped' ? 'stopped' : 'active',
    };
  }

  /**
   * Writes down what the snapshots of a server inherit. `base_image_ref` is that of its image where
   * the image has one: only a rebuild makes it the image itself.
   */
  remember(server: CloudServer, rebuilt = false): void {
    const flavor = this.flavors.find(({ id }) => id === server.flavor);
    const image = this.image(server.image);
    const root = server.rootVolume ? this.#volumes.get(server.rootVolume) : undefined;
    if (image) Object.assign(server, inheritedBy(image, flavor));
    else if (root) Object.assign(server, rememberedOfVolume(root, flavor));
    else server.inherits = {};
    server.inherits = { base_image_ref: server.image, ...server.inherits };
    if (rebuilt) server.inherits.base_image_ref = server.image;
  }

  /** The status of a server by the clock. */
  status(server: CloudServer): string {
    const { building, buildFault } = server;
    if (building && this.now() < building.endsAt) return building.status;
    if (building) {
      delete server.building;
      server.vmState = buildFault ? 'error' : (building.vmState ?? 'active');
    }
    // An image that is in the making may have an effect on its server.
    this.#images.taskStateOf(server.id);
    return STATUSES[server.vmState] ?? server.vmState.toUpperCase();
  }

  /** What Nova is doing with a server, null when nothing. */
  taskState(server: CloudServer): string | null {
    if (server.taskState === 'deleting') return 'deleting';
    const status = this.status(server);
    if (status === 'BUILD') return 'spawning';
    if (status === 'REBUILD') return 'rebuild_spawning';
    return server.taskState ?? this.#images.taskStateOf(server.id);
  }
}
