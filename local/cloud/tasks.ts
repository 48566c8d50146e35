import { randomUUID } from 'node:crypto';
import { exportOf, segmentsOf } from './exports.ts';
import type { Files } from './files.ts';
import type { CloudImage, Timing } from './model.ts';

/** A task of the image service. */
export interface CloudTask {
  id: string;
  type: 'export' | 'import';
  status: 'pending' | 'processing' | 'success' | 'failure';
  input: Record<string, unknown>;
  message: string;
  createdAt: Date;
  updatedAt: Date;
  expiresAt?: Date;
  result?: Record<string, string>;
}

const TASK_MS = 960_000;
/** The part of that time in which a task is only pending. */
const PENDING_PART = 1 / 16;
const KEPT_MS = 48 * 3_600_000;

/** What tasks need of their region: its clock, images and files. */
interface TaskRegion {
  now(): Date;
  readonly files: Files;
  readonly images: readonly CloudImage[];
  addImage(image: Partial<CloudImage> & { name: string }): CloudImage;
}

/**
 * The tasks of a region. They proceed with the cloud's clock and disappear two days after their
 * end.
 */
export class Tasks {
  /** The size of the segments of an exported image; the last segment may be smaller. */
  segmentBytes = 1_048_576_000;
  /** Error messages with which the next tasks fail, one each. */
  readonly failures: string[] = [];
  readonly #region: TaskRegion;
  readonly #taskMs: number;
  readonly #owners = new Map<string, string>();
  #tasks: CloudTask[] = [];

  constructor(region: TaskRegion, { taskMs = TASK_MS }: Pick<Timing, 'taskMs'>) {
    this.#region = region;
    this.#taskMs = taskMs;
  }

  add(type: CloudTask['type'], input: CloudTask['input'], owner: string): CloudTask {
    const now = this.#region.now();
    const id = randomUUID();
    const task: CloudTask = {
      id,
      type,
      status: 'pending',
      input,
      message: 'None',
      createdAt: now,
      updatedAt: now,
    };
    this.#tasks.push(task);
    this.#owners.set(id, owner);
    return task;
  }

  /** All tasks that have not expired, the newest first. */
  get all(): CloudTask[] {
    this.settle();
    return this.#tasks.toReversed();
  }

  /** Applies all changes that are due by now. */
  settle(): void {
    const now = this.#region.now();
    for (const task of this.#tasks) {
      if (task.expiresAt) continue;
      const startsAt = new Date(task.createdAt.getTime() + this.#taskMs * PENDING_PART);
      const endsAt = new Date(task.createdAt.getTime() + this.#taskMs);
      if (now < startsAt) continue;
      Object.assign(task, { status: 'processing', updatedAt: startsAt });
      if (now < endsAt) continue;
      const problem =
        this.failures.shift() ?? (task.type === 'export' ? this.#export(task) : this.#import(task));
      Object.assign(task, {
        status: problem ? 'failure' : 'success',
        message: problem ?? 'None',
        updatedAt: endsAt,
        expiresAt: new Date(endsAt.getTime() + KEPT_MS),
      });
    }
    this.#tasks = this.#tasks.filter(({ expiresAt }) => !expiresAt || expiresAt > now);
  }

  /** @returns the error message; undefined after success. */
  #export(task: CloudTask): string | undefined {
    const { image_uuid: id, receiving_swift_container: container } = task.input as Record<string, string>;
    const { files } = this.#region;
    const image = this.#region.images.find((one) => one.id === id);
    if (!id || !container || !image || image.owner !== this.#owners.get(task.id)) {
      return `Image ${id} could not be found, or is not yours to export`;
    }
    if (['queued', 'saving'].includes(image.status)) return `Image ${id} is not active`;
    if (!isExportable(image)) return 'An image with a license of the provider cannot be exported';
    const name = `${id}.vhd`;
    if (!files.containers.has(container)) return `Swift has no container '${container}'`;
    if (files.get(container, name)) {
      return `Swift already has an object with id '${name}' in container '${container}'`;
    }
    let n = 0;
    for (const segment of segmentsOf(exportOf(image), this.segmentBytes)) {
      files.put(container, `${name}-${String(++n).padStart(5, '0')}`, segment);
    }
    files.put(container, name, Buffer.alloc(0), { manifest: `${container}/${name}-` });
    task.result = { export_location: `${container}/${name}` };
    return undefined;
  }

  /** @returns the error message; undefined after success. */
  #import(task: CloudTask): string | undefined {
    const { import_from: from, image_properties: properties } = task.input as {
      import_from: string;
      image_properties: { name: string };
    };
    const [container = '', ...name] = from.split('/');
    const object = this.#region.files.get(container, name.join('/'));
    if (!object) return 'Error: Image not found for import. Possible invalid location';
    const data = object.read(0, object.bytes);
    const owner = this.#owners.get(task.id) ?? '';
    const { id } = this.#region.addImage({ name: properties.name, owner, size: data.length, data });
    task.result = { image_id: id };
    return undefined;
  }
}

/**
 * Whether the license of an image's operating system allows an export. Images of Windows and Red
 * Hat have an option that forbids it.
 */
function isExportable({ properties }: CloudImage): boolean {
  return (properties['com.rackspace__1__options'] ?? '0') === '0';
}
