import { randomUUID } from 'node:crypto';
import type { Account } from './account.ts';
import { beginDetachment, endDetachments } from './detachments.ts';
import { Files } from './files.ts';
import { ImageStore } from './image-store.ts';
import { inheritedFromImage, inheritedFromVolume } from './inheritance.ts';
import type {
  CloudFlavor,
  CloudImage,
  CloudServer,
  CloudVolume,
  CloudVolumeBackup,
  CloudVolumeSnapshot,
  Timing,
} from './model.ts';
import { Tasks } from './tasks.ts';
import { VolumeStore } from './volume-store.ts';

export type * from './model.ts';

const BUILD_MS = 120_000;
const OLD_MS = 400 * 86_400_000;

const FLAVORS: readonly CloudFlavor[] = [
  { id: '2', name: '512MB Standard Instance', ram: 512, disk: 20, vcpus: 1 },
  { id: 'general1-1', name: '1 GB General Purpose v1', ram: 1024, disk: 20, vcpus: 1 },
  { id: 'general1-2', name: '2 GB General Purpose v1', ram: 2048, disk: 40, vcpus: 2 },
  { id: 'compute1-4', name: '3.75 GB Compute v1', ram: 3840, disk: 0, vcpus: 2 },
  {
    ...{ id: 'performance2-15', name: '15 GB Performance', ram: 15_360, disk: 40, vcpus: 4, ephemeral: 150 },
    extraSpecs: { class: 'performance2', number_of_data_disks: '1', disk_io_index: '40' },
  },
];

/**
 * Rackspace's two built-in networks, PublicNet and ServiceNet, under the ids that requests for new
 * servers use.
 */
const NETWORKS = [
  { id: '00000000-0000-0000-0000-000000000000', label: 'public' },
  { id: '11111111-1111-1111-1111-111111111111', label: 'private' },
];

/** The server status for a vm_state, where it is not the same word in capitals. */
const STATUSES: Record<string, string> = {
  stopped: 'SHUTOFF',
  resized: 'VERIFY_RESIZE',
  rescued: 'RESCUE',
  'soft-delete': 'SOFT_DELETED',
};

/**
 * The state of one region: its servers, images, volumes and files, and the flavors, networks, key
 * pairs and security groups for new servers.
 */
export class Region {
  readonly #servers: CloudServer[] = [];
  /** The flavors that new servers can have; a test may change them. */
  readonly flavors: CloudFlavor[] = FLAVORS.map((flavor) => ({ ...flavor }));
  readonly networks = NETWORKS.map((network) => ({ ...network }));
  readonly keyPairs: string[] = [];
  readonly securityGroups: string[] = ['default'];
  /** Fields that override those of every server created by a request from now on; set by tests. */
  newServers: Partial<CloudServer> = {};
  /** The quota of servers. */
  maxServers = 100;
  /** The quotas of images: their number, and their total size in MiB; -1 for no limit. */
  readonly imageQuota = { count: -1, sizeMib: -1 };
  /** The quota of volume snapshots. Cinder's default is 10. */
  maxVolumeSnapshots = 100;
  /** Whether volume snapshots get the metadata that a request has; Cinder v1 may lose them. */
  keepsVolumeMetadata = true;
  /** The quota of volumes. */
  maxVolumes = 1000;
  /** The quota of the total size of volumes and volume snapshots, in GB. */
  maxVolumeGigabytes = 100_000;
  /** The quotas of volume backups: their number, and their total size in GB. */
  maxVolumeBackups = 100;
  maxVolumeBackupGigabytes = 100_000;
  /** Without the backup service, backups stay `creating`, as in a Cinder without cinder-backup. */
  hasBackupService = true;
  /** How the backups end that are requested from now on. */
  backupOutcome: CloudVolumeBackup['outcome'] = 'available';
  /**
   * The ids of servers, images, volumes, volume snapshots, backups and tasks that listings omit
   * although GET returns them. Real clouds do so when a Nova cell is down or a listing lags
   * behind. An object of Cloud Files is named `container/name`, see files.ts.
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
  readonly #detachMs: number | undefined;
  readonly #bornAt: Date;

  constructor(
    name: string,
    now: () => Date,
    { timing, account, imageBytes }: { timing: Timing; account: Account; imageBytes: number },
  ) {
    this.name = name;
    this.now = now;
    this.account = account;
    this.#bornAt = now();
    this.#buildMs = timing.buildMs ?? BUILD_MS;
    this.#detachMs = timing.detachMs;
    this.#images = new ImageStore(now, timing, imageBytes);
    this.#volumes = new VolumeStore(now, timing);
    this.files = new Files(now, this.unlisted);
    this.tasks = new Tasks(this, timing);
  }

  /**
   * Adds a server that was built long ago. It inherits the properties of its image if that image
   * exists. By default each server is created one second before the previously added one, so that
   * listings, which begin with the newest, keep the order of the calls.
   */
  addServer(server: Partial<CloudServer> & { name: string }): CloudServer {
    const added: CloudServer = {
      id: randomUUID(),
      metadata: {},
      image: randomUUID(),
      vmState: 'active',
      taskState: null,
      snapshotOutcome: 'active',
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
    if (!added.inherits) this.recordInheritance(added);
    return added;
  }

  /** Removes a server, and the volumes that end with it. */
  removeServer(server: CloudServer): void {
    this.#images.abandon(server.id);
    this.servers.splice(this.servers.indexOf(server), 1);
    for (const id of server.endingVolumes ?? []) {
      // Nova only logs that Cinder refuses the deletion of a volume.
      if (server.volumeIds.includes(id) && this.isVolumeDeletable(id)) this.removeVolume(id);
    }
  }

  /** Whether no volume snapshot and no server needs a volume. */
  isVolumeDeletable(id: string): boolean {
    return (
      !this.volumeSnapshots.some(({ volumeId }) => volumeId === id) &&
      !this.servers.some(({ volumeIds }) => volumeIds.includes(id))
    );
  }

  /** All servers, with the volumes that are attached to them at the cloud's current time. */
  get servers(): CloudServer[] {
    endDetachments(this.#servers, this.now());
    return this.#servers;
  }

  /** Begins to detach a volume, which takes some time. */
  detach(server: CloudServer, volume: string): void {
    beginDetachment(server, volume, { now: this.now(), detachMs: this.#detachMs });
  }

  addImage(image: Partial<CloudImage> & { name: string }): CloudImage {
    return this.#images.add(image);
  }

  removeImage(id: string): void {
    this.#images.remove(id);
  }

  /** All images in their state at the cloud's current time, the newest first. */
  get images(): CloudImage[] {
    return this.#images.all;
  }

  /** One image in its state at the cloud's current time. */
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

  /** When a volume or a volume snapshot that is requested now becomes available. */
  get volumeReadyAt(): Date {
    return this.#volumes.readyAt;
  }

  /**
   * The device of an attached volume. The root volume is the first disk of its server, and every
   * volume keeps its device.
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

  /** In the order of their creation. */
  get volumeSnapshots(): CloudVolumeSnapshot[] {
    return this.#volumes.snapshots;
  }

  addVolumeBackup(backup: Partial<CloudVolumeBackup> & { volumeId: string }): CloudVolumeBackup {
    return this.#volumes.addBackup(backup);
  }

  /** In the order of their creation. */
  get volumeBackups(): CloudVolumeBackup[] {
    return this.#volumes.backups;
  }

  /** Begins to build or rebuild a server, which takes some time. */
  build(server: CloudServer, status: 'BUILD' | 'REBUILD'): void {
    this.recordInheritance(server, status === 'REBUILD');
    server.updatedAt = this.now();
    server.building = {
      status,
      endsAt: new Date(this.now().getTime() + this.#buildMs),
      vmState: status === 'REBUILD' && server.vmState === 'stopped' ? 'stopped' : 'active',
    };
  }

  /**
   * Records on a server the image properties that its snapshots inherit. `base_image_ref` is taken
   * over from the server's image if that has one; only a rebuild sets it to the image itself.
   */
  recordInheritance(server: CloudServer, rebuilt = false): void {
    const flavor = this.flavors.find(({ id }) => id === server.flavor);
    const image = this.image(server.image);
    const root = server.rootVolume ? this.#volumes.get(server.rootVolume) : undefined;
    if (image) Object.assign(server, inheritedFromImage(image, flavor));
    else if (root) Object.assign(server, inheritedFromVolume(root, flavor));
    else server.inherits = {};
    server.inherits = { base_image_ref: server.image, ...server.inherits };
    if (rebuilt) server.inherits.base_image_ref = server.image;
  }

  /** The status of a server at the cloud's current time. */
  status(server: CloudServer): string {
    const { building, buildFault } = server;
    if (building && this.now() < building.endsAt) return building.status;
    if (building) {
      delete server.building;
      if (!buildFault) server.launchedAt = building.endsAt;
      server.vmState = buildFault ? 'error' : (building.vmState ?? 'active');
    }
    // Looking up the task state also applies the due changes of images, which may change the
    // server's vm_state.
    this.#images.taskStateOf(server.id);
    return STATUSES[server.vmState] ?? server.vmState.toUpperCase();
  }

  /** The server's task_state; null if Nova is not working on it. */
  taskState(server: CloudServer): string | null {
    if (server.taskState === 'deleting') return 'deleting';
    const status = this.status(server);
    if (status === 'BUILD') return 'spawning';
    if (status === 'REBUILD') return 'rebuild_spawning';
    return server.taskState ?? this.#images.taskStateOf(server.id);
  }
}
