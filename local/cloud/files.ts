import { createHash } from 'node:crypto';

/** An object of Cloud Files. */
export interface CloudObject {
  name: string;
  bytes: number;
  /** The MD5 of its bytes. */
  hash: string;
  at: Date;
  contentType: string;
  /** What makes it large: `<container>/<prefix>` of its segments. */
  manifest?: string;
  read(from: number, to: number): Buffer;
}

/** Whose bytes follow, such as those of an exported image, so that no memory has to hold them. */
export type Contents = Pick<CloudObject, 'bytes' | 'hash' | 'read'>;

/** The containers of a region, and what is in them. */
export class Files {
  readonly containers = new Map<string, Map<string, CloudObject>>();
  readonly #now: () => Date;
  readonly #unlisted: ReadonlySet<string>;

  /** @param unlisted `container/name` of the objects that no listing shows yet, although GET and HEAD answer. */
  constructor(now: () => Date, unlisted: ReadonlySet<string> = new Set()) {
    this.#now = now;
    this.#unlisted = unlisted;
  }

  /** Writes an object; undefined when there is no such container. */
  put(
    container: string,
    name: string,
    contents: Buffer | Contents,
    more: { contentType?: string; manifest?: string } = {},
  ): CloudObject | undefined {
    const objects = this.containers.get(container);
    if (!objects) return undefined;
    const object = {
      name,
      at: this.#now(),
      contentType: 'application/octet-stream',
      ...more,
      ...(Buffer.isBuffer(contents) ? held(contents) : contents),
    };
    objects.set(name, object);
    return object;
  }

  /** The objects of a container whose names start with `prefix`, by name; undefined when there is no such container. */
  list(container: string, prefix = ''): CloudObject[] | undefined {
    const objects = this.containers.get(container);
    const isListed = ({ name }: CloudObject) =>
      name.startsWith(prefix) && !this.#unlisted.has(`${container}/${name}`);
    return objects && [...objects.values()].filter(isListed).sort(byName);
  }

  /**
   * An object as it is given out: a large one has the bytes of all its segments, and an ETag of theirs. Swift finds the
   * segments by a listing, so one that is not listed yet is not in it.
   */
  get(container: string, name: string): CloudObject | undefined {
    const object = this.containers.get(container)?.get(name);
    if (!object?.manifest) return object;
    const [its = '', ...prefix] = object.manifest.split('/');
    const segments = this.list(its, prefix.join('/')) ?? [];
    return {
      ...object,
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

  delete(container: string, name: string): boolean {
    return this.containers.get(container)?.delete(name) ?? false;
  }
}

function held(data: Buffer): Contents {
  return { bytes: data.length, hash: md5(data), read: (from, to) => data.subarray(from, to) };
}

function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

function byName(a: CloudObject, b: CloudObject): number {
  return a.name < b.name ? -1 : 1;
}
