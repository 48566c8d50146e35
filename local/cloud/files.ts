import { createHash } from 'node:crypto';

/** An object of Cloud Files. */
export interface CloudObject {
  name: string;
  bytes: number;
  /** The MD5 of its bytes. */
  hash: string;
  at: Date;
  contentType: string;
  /** The custom metadata: the headers X-Object-Meta-* in lower case, without the prefix. */
  metadata?: Record<string, string>;
  /** When the object expires: from then on GET answers 404. */
  expiresAt?: Date;
  /**
   * Set for a large object: `manifest` is `<container>/<prefix>` of the segments of a dynamic one,
   * `segments` lists those of a static one in their order.
   */
  manifest?: string;
  segments?: StoredSegment[];
  read(from: number, to: number): Buffer;
}

/** A part of a static large object. */
export interface StoredSegment {
  container: string;
  name: string;
}

/**
 * The contents of an object. `read` computes the bytes on demand, so that those of an exported
 * image need not be held in memory.
 */
export type Contents = Pick<CloudObject, 'bytes' | 'hash' | 'read'>;

/** The properties of an object other than its contents. */
export type Traits = Partial<
  Pick<CloudObject, 'contentType' | 'manifest' | 'metadata' | 'expiresAt' | 'segments'>
>;

/** How long listings still show an expired object. */
const LISTED_AFTER_MS = 300_000;

/** The containers and objects of a region. */
export class Files {
  readonly containers = new Map<string, Map<string, CloudObject>>();
  /** The custom metadata of containers: the headers X-Container-Meta-*, without the prefix. */
  readonly containerMetadata = new Map<string, Record<string, string>>();
  readonly #now: () => Date;
  readonly #unlisted: ReadonlySet<string>;

  /**
   * @param unlisted `container/name` of the objects that listings omit although GET and HEAD return
   *   them.
   */
  constructor(now: () => Date, unlisted: ReadonlySet<string> = new Set()) {
    this.#now = now;
    this.#unlisted = unlisted;
  }

  get now(): Date {
    return this.#now();
  }

  /**
   * Creates or replaces an object.
   *
   * @returns undefined if the container does not exist.
   */
  put(
    container: string,
    name: string,
    contents: Buffer | Contents,
    traits: Traits = {},
  ): CloudObject | undefined {
    const objects = this.containers.get(container);
    if (!objects) return undefined;
    const object = {
      name,
      at: this.#now(),
      contentType: 'application/octet-stream',
      ...traits,
      ...(Buffer.isBuffer(contents) ? contentsOf(contents) : contents),
    };
    objects.set(name, object);
    return object;
  }

  /**
   * The objects of a container whose names start with `prefix`, by name; undefined if the container
   * does not exist.
   */
  list(container: string, prefix = ''): CloudObject[] | undefined {
    const objects = this.containers.get(container);
    const now = this.#now().getTime();
    const isListed = ({ name, expiresAt }: CloudObject) =>
      name.startsWith(prefix) &&
      !this.#unlisted.has(`${container}/${name}`) &&
      (!expiresAt || now < expiresAt.getTime() + LISTED_AFTER_MS);
    return objects && [...objects.values()].filter(isListed).sort((a, b) => byUtf8(a.name, b.name));
  }

  /** An object as it is stored; a large object has no bytes of its own. */
  stored(container: string, name: string): CloudObject | undefined {
    const object = this.containers.get(container)?.get(name);
    return object?.expiresAt && this.#now() >= object.expiresAt ? undefined : object;
  }

  /**
   * An object as GET returns it: a large object has the bytes of all its segments, and an ETag
   * computed from theirs. Swift finds the segments of a dynamic large object by a listing, so a
   * segment that is not listed yet is missing from it.
   */
  get(container: string, name: string): CloudObject | undefined {
    const object = this.stored(container, name);
    if (object?.segments) {
      const segments = object.segments.flatMap((one) => this.get(one.container, one.name) ?? []);
      return { ...object, ...joinedContents(segments) };
    }
    if (!object?.manifest) return object;
    const [source = '', ...prefix] = object.manifest.split('/');
    return { ...object, ...joinedContents(this.list(source, prefix.join('/')) ?? []) };
  }

  delete(container: string, name: string): boolean {
    return this.containers.get(container)?.delete(name) ?? false;
  }
}

/** Compares names by their UTF-8 bytes, as Swift sorts them. JavaScript's own order differs. */
export function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

function contentsOf(data: Buffer): Contents {
  return { bytes: data.length, hash: md5(data), read: (from, to) => data.subarray(from, to) };
}

function joinedContents(segments: readonly CloudObject[]): Contents {
  return {
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    hash: md5(segments.map(({ hash }) => hash).join('')),
    read(from, to) {
      let start = 0;
      const pieces = segments.map((segment) => {
        const [first, last] = [Math.max(0, from - start), Math.min(segment.bytes, to - start)];
        start += segment.bytes;
        return first < last ? segment.read(first, last) : Buffer.alloc(0);
      });
      return Buffer.concat(pieces);
    },
  };
}
