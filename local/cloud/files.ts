import { createHash } from 'node:crypto';

/** An object of Cloud Files. */
export interface CloudObject {
  name: string;
  bytes: number;
  /** The MD5 of its bytes. */
  hash: string;
  at: Date;
  contentType: string;
  /**
   * What somebody wrote about it: the headers X-Object-Meta-*, without the prefix, in small
   * letters.
   */
  metadata?: Record<string, string>;
  /** From then on, there is no such object. */
  expiresAt?: Date;
  /**
   * What makes it large: `<container>/<prefix>` of its segments, or the segments themselves, in
   * their order.
   */
  manifest?: string;
  segments?: Segment[];
  read(from: number, to: number): Buffer;
}

/** A part of a static large object. */
export interface Segment {
  container: string;
  name: string;
}

/** Whose bytes follow, such as those of an exported image, so that no memory has to hold them. */
export type Contents = Pick<CloudObject, 'bytes' | 'hash' | 'read'>;

/** What an object has besides its bytes. */
export type Traits = Partial<
  Pick<CloudObject, 'contentType' | 'manifest' | 'metadata' | 'expiresAt' | 'segments'>
>;

/** How long lists show an object that has expired. */
const LISTED_AFTER_MS = 300_000;

/** The containers of a region, and what is in them. */
export class Files {
  readonly containers = new Map<string, Map<string, CloudObject>>();
  /** What somebody wrote about a container: the headers X-Container-Meta-*. */
  readonly containerMetadata = new Map<string, Record<string, string>>();
  readonly #now: () => Date;
  readonly #unlisted: ReadonlySet<string>;

  /**
   * @param unlisted `container/name` of the objects that no listing shows yet, although GET and
   *   HEAD answer.
   */
  constructor(now: () => Date, unlisted: ReadonlySet<string> = new Set()) {
    this.#now = now;
    this.#unlisted = unlisted;
  }

  get now(): Date {
    return this.#now();
  }

  /** Writes an object; undefined when there is no such container. */
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
      ...(Buffer.isBuffer(contents) ? held(contents) : contents),
    };
    objects.set(name, object);
    return object;
  }

  /**
   * The objects of a container whose names start with `prefix`, by name; undefined when there is no
   * such container.
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

  /** An object as it is stored: a large one has no bytes of its own. */
  stored(container: string, name: string): CloudObject | undefined {
    const object = this.containers.get(container)?.get(name);
    return object?.expiresAt && this.#now() >= object.expiresAt ? undefined : object;
  }

  /**
   * An object as it is given out: a large one has the bytes of all its segments, and an ETag of
   * theirs. Swift finds the segments of a dynamic one by a listing, so one that is not listed yet
   * is not in it.
   */
  get(container: string, name: string): CloudObject | undefined {
    const object = this.stored(container, name);
    if (object?.segments) {
      const segments = object.segments.flatMap((one) => this.get(one.container, one.name) ?? []);
      return { ...object, ...joined(segments) };
    }
    if (!object?.manifest) return object;
    const [its = '', ...prefix] = object.manifest.split('/');
    return { ...object, ...joined(this.list(its, prefix.join('/')) ?? []) };
  }

  delete(container: string, name: string): boolean {
    return this.containers.get(container)?.delete(name) ?? false;
  }
}

/** As Swift sorts names, which is not as JavaScript does. */
export function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

function held(data: Buffer): Contents {
  return { bytes: data.length, hash: md5(data), read: (from, to) => data.subarray(from, to) };
}

function joined(segments: readonly CloudObject[]): Contents {
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
