/** How a snapshot ends: in success, or in one of the failures that real clouds have shown. */
export type SnapshotOutcome = 'active' | 'vanishes' | 'killed' | 'stuck';

/** Rackspace's image schedule of one server. */
export interface ImageSchedule {
  /** The number of scheduled images that are kept. */
  retention: number;
  day_of_week?: string;
}

export interface CloudServer {
  id: string;
  name: string;
  metadata: Record<string, string>;
  /**
   * The image's id; "" for a server that was booted from a volume. A server created from the image
   * of a volume-backed server has both an image and a root volume.
   */
  image: string;
  vmState: string;
  /** A task_state set by a test. That of a snapshot in progress is computed. */
  taskState: string | null;
  /** How the snapshots of this server end. */
  snapshotOutcome: SnapshotOutcome;
  createdAt: Date;
  /** The time of the last change; createdAt by default. */
  updatedAt?: Date;
  /** The ids of the attached volumes. */
  volumeIds: string[];
  /** The id of the root volume, for a volume-backed server. */
  rootVolume?: string;
  /** The ids of the volumes that are deleted with the server. */
  endingVolumes?: string[];
  /**
   * The device of each attached volume, such as "/dev/vdb", by the volume's id. Devices that a test
   * does not set are assigned when first read.
   */
  devices?: Record<string, string>;
  /** The volumes that are being detached, by id, and when the cloud has done so. */
  detaching?: Record<string, Date>;
  flavor: string;
  keyName: string | null;
  securityGroups: string[];
  /** The ids of the networks. */
  networks: string[];
  addresses: string[];
  /**
   * The properties that snapshots of the server inherit: those of its image at the time of the
   * build, see inheritance.ts.
   */
  inherits?: Record<string, string>;
  /** The minimum disk (GB) and RAM (MB) of the server's snapshots. */
  snapshotNeeds?: { minDisk: number; minRam: number };
  /** If set, the build ends in ERROR with this message. */
  buildFault?: string;
  /** If set, DELETE leaves the server in the task state `deleting`. */
  deletesSlowly?: boolean;
  locked?: boolean;
  /** Present during a build or rebuild, which ends in `vmState`, active by default. */
  building?: { status: 'BUILD' | 'REBUILD'; endsAt: Date; vmState?: string };
  /** When the last build ended; by default when the server was created. */
  launchedAt?: Date;
  /** Rackspace's image schedule, if the server has one. */
  imageSchedule?: ImageSchedule;
}

export interface CloudFlavor {
  id: string;
  name: string;
  ram: number;
  disk: number;
  /** 1 by default. */
  vcpus?: number;
  /** Gigabytes of local data disks; none by default. */
  ephemeral?: number;
  /** Shown at Rackspace; the values are texts. */
  extraSpecs?: Record<string, string>;
}

/** A Cinder volume. Whether the volume is in use follows from the servers. */
export interface CloudVolume {
  id: string;
  name: string;
  status: string;
  /** In GB. */
  size: number;
  metadata: Record<string, string>;
  /** The metadata of the image that the volume was created from; empty otherwise. */
  imageMetadata: Record<string, string>;
  description?: string | null;
  /** The name of the volume type. */
  type: string;
  /** Whether several servers may have the volume. */
  multiattach?: boolean;
  snapshotId: string | null;
  createdAt: Date;
  /** Until this time the volume is "creating". */
  availableAt: Date;
  /** If set, DELETE leaves the volume in the status `deleting`. */
  deletesSlowly?: boolean;
}

export interface CloudVolumeSnapshot {
  id: string;
  name: string;
  status: string;
  volumeId: string;
  /** If set, DELETE leaves the snapshot in the status `deleting`. */
  deletesSlowly: boolean;
  description?: string | null;
  /** In GB. */
  size?: number;
  metadata?: Record<string, string>;
  /** The type of the volume, and whether several servers may have it. */
  volumeType?: string;
  multiattach?: boolean;
  /** The image metadata of the volume at the time of the snapshot. */
  imageMetadata?: Record<string, string>;
  createdAt?: Date;
  updatedAt?: Date | null;
  /** Present while the snapshot is "creating": the time at which it becomes available. */
  availableAt?: Date;
}

/** A Cinder backup of a volume, in another store than the volume. */
export interface CloudVolumeBackup {
  id: string;
  name: string | null;
  description: string | null;
  status: string;
  volumeId: string;
  snapshotId: string | null;
  /** In GB: the size of the volume. */
  size: number;
  metadata: Record<string, string>;
  createdAt: Date;
  /** The time of the data: when the snapshot was created. */
  dataAt: Date;
  /** The backup that this incremental one depends on. */
  parentId: string | null;
  /** The status after `creating`. */
  outcome: 'available' | 'error';
  /** Present while the backup is "creating" and the service works on it. */
  availableAt?: Date;
  /** If set, DELETE leaves the backup in the status `deleting`. */
  deletesSlowly: boolean;
}

export interface CloudImage {
  id: string;
  name: string;
  status: string;
  visibility: string;
  protected: boolean;
  owner: string;
  size: number | null;
  /** The minimum disk (GB) and RAM (MB) of a server created from the image. */
  minDisk: number;
  minRam: number;
  createdAt: Date;
  updatedAt: Date;
  properties: Record<string, string>;
  tags?: string[];
  /** Listings omit hidden images, unless the query asks for them. */
  hidden?: boolean;
  /**
   * The members of the image: project id to "pending", "accepted" or "rejected". Before Ocata, and
   * so at Rackspace, the visibility of a shared image is private.
   */
  members?: Record<string, string>;
  /** The status with which every DELETE is refused. */
  refusesDelete?: 403 | 409;
  /** Glance's disk_format and container_format; Rackspace's by default. */
  diskFormat?: string;
  containerFormat?: string;
  /** The uploaded data. Those of every other image are computed from its id, see image-data.ts. */
  data?: Buffer;
  /** Present while a snapshot is in progress. */
  inProgress?: SnapshotInProgress;
}

/** A snapshot in progress. */
export interface SnapshotInProgress {
  server: string;
  outcome: SnapshotOutcome;
  tokenExpiresAt: Date;
  /** The action that creates the snapshot; createImage by default. */
  by?: 'createImage' | 'createBackup' | 'shelve';
  /** When the image disappears because its server was deleted. */
  goneAt?: Date;
  /** Runs when the image becomes active. */
  whenActive?: () => void;
}

export interface Timing {
  /** The time from the request to the beginning of the upload. */
  queuedMs: number;
  savingMs: number;
  /** How long the build of a server takes. */
  buildMs?: number;
  /** How long the creation of a volume or volume snapshot takes. */
  volumeMs?: number;
  /** How long an export or an import of an image takes. */
  taskMs?: number;
  /** How long the cloud takes to detach a volume. */
  detachMs?: number;
}
