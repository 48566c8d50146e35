/** How a snapshot ends: as it should, or in one of the ways that real clouds have shown. */
export type SnapshotOutcome = 'active' | 'vanishes' | 'killed' | 'stuck';

/** Rackspace's own schedule of images of one server. */
export interface ImageSchedule {
  /** How many of its images stay. */
  retention: number;
  day_of_week?: string;
}

export interface CloudServer {
  id: string;
  name: string;
  metadata: Record<string, string>;
  /**
   * "" for a server that was booted from a volume. One made from the image of a volume-backed
   * server has an image and a root volume.
   */
  image: string;
  vmState: string;
  /** Set by a test: what Nova is doing with it. A snapshot in progress shows by itself. */
  taskState: string | null;
  /** How its snapshots end. */
  fate: SnapshotOutcome;
  createdAt: Date;
  /** When it was changed; createdAt unless told. */
  updatedAt?: Date;
  /** The volumes that are attached to it. */
  volumeIds: string[];
  /** The one of them that holds its system, where one does. */
  rootVolume?: string;
  /**
   * Where each volume is attached: volume to "/dev/vdb". Given at the first look, where a test sets
   * none.
   */
  devices?: Record<string, string>;
  flavor: string;
  keyName: string | null;
  securityGroups: string[];
  /** Ids. */
  networks: string[];
  addresses: string[];
  /**
   * What its snapshots inherit: the properties that its image had when the server was built, see
   * inheritance.ts.
   */
  inherits?: Record<string, string>;
  /** In GB and MB: what a server made from one of its snapshots needs. */
  snapshotNeeds?: { minDisk: number; minRam: number };
  /** How its building ends: well, or in ERROR with this message. */
  buildFault?: string;
  /** Its deletion takes its time: it stays, and is being deleted. */
  slowToGo?: boolean;
  locked?: boolean;
  /**
   * Present while it is built, or built anew; afterwards it is in this vm_state, active unless
   * told.
   */
  building?: { status: 'BUILD' | 'REBUILD'; endsAt: Date; vmState?: string };
  /** Rackspace's own schedule of images, where one was made. */
  imageSchedule?: ImageSchedule;
}

export interface CloudFlavor {
  id: string;
  name: string;
  ram: number;
  disk: number;
  /** 1 unless told. */
  vcpus?: number;
  /** Gigabytes of local data disks; none unless told. */
  ephemeral?: number;
  /** Shown at Rackspace; the values are texts. */
  extraSpecs?: Record<string, string>;
}

/** A Cinder volume. Whether it is in use follows from the servers. */
export interface CloudVolume {
  id: string;
  name: string;
  status: string;
  /** In GB. */
  size: number;
  metadata: Record<string, string>;
  /** What it has of the image that it was made from; an empty volume has none. */
  imageMetadata: Record<string, string>;
  snapshotId: string | null;
  createdAt: Date;
  /** Until then it is "creating". */
  availableAt: Date;
}

export interface CloudVolumeSnapshot {
  id: string;
  name: string;
  status: string;
  volumeId: string;
  /** Its deletion takes its time: it stays, as "deleting". */
  slowToGo: boolean;
  description?: string | null;
  /** In GB. */
  size?: number;
  metadata?: Record<string, string>;
  /** Of its volume, when the snapshot was made. */
  imageMetadata?: Record<string, string>;
  createdAt?: Date;
  updatedAt?: Date | null;
  /** Present while it is "creating": when it becomes available. */
  availableAt?: Date;
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
  tags?: string[];
  /** Lists leave it out unless they are asked for hidden ones. */
  hidden?: boolean;
  /**
   * Whom an image is shared with: project to "pending", "accepted" or "rejected". Until Ocata, and
   * so at Rackspace, its visibility is private all the same.
   */
  members?: Record<string, string>;
  /** What every DELETE answers instead of deleting it. */
  refusesDelete?: 403 | 409;
  /** As Glance calls them; unless told, those of Rackspace. */
  diskFormat?: string;
  containerFormat?: string;
  /** What was uploaded; of every other image the data follow from its id, see image-data.ts. */
  data?: Buffer;
  /** Present while a snapshot is in progress. */
  making?: Making;
}

/** A snapshot in progress. */
export interface Making {
  server: string;
  fate: SnapshotOutcome;
  tokenExpiresAt: Date;
  /** What makes it; createImage unless told. */
  by?: 'createImage' | 'createBackup' | 'shelve';
  /** Its server was deleted: it is gone at this moment. */
  goneAt?: Date;
  /** What follows once the image is active. */
  whenActive?: () => void;
}

export interface Timing {
  /** From the request to the beginning of the upload. */
  queuedMs: number;
  savingMs: number;
  /** Of a server. */
  buildMs?: number;
  /** Of a volume snapshot, and of a volume. */
  volumeMs?: number;
}
