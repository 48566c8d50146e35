import type { Context } from 'hono';
import type { Env } from './faults.ts';
import { byUtf8, type CloudObject, type Files } from './files.ts';
import { headersAfter, isJsonWanted, listedTime, swiftFault } from './swift-fault.ts';

const META = 'x-container-meta-';

/** A request for a container: https://docs.openstack.org/api-ref/object-store/, Containers. */
export function answerContainer(
  c: Context<Env>,
  files: Files,
  container: string,
  pageSize: number,
): Response {
  const isThere = files.containers.has(container);
  const { method } = c.req;
  if (method === 'PUT') {
    if (!isThere) files.containers.set(container, new Map());
    updateMetadata(c, files, container);
    return c.body(null, isThere ? 202 : 201);
  }
  if (!isThere) return swiftFault(c, 404);
  if (method === 'DELETE') {
    if (files.containers.get(container)?.size) {
      return swiftFault(c, 409, 'There was a conflict when trying to complete your request.');
    }
    files.containers.delete(container);
    files.containerMetadata.delete(container);
    return c.body(null, 204);
  }
  if (method === 'POST') {
    updateMetadata(c, files, container);
    return c.body(null, 204);
  }
  if (method !== 'GET' && method !== 'HEAD') return swiftFault(c, 405);
  const all = files.list(container) ?? [];
  const metadata = Object.entries(files.containerMetadata.get(container) ?? {});
  const headers = {
    'x-container-object-count': String(all.length),
    'x-container-bytes-used': String(all.reduce((sum, { bytes }) => sum + bytes, 0)),
    ...Object.fromEntries(metadata.map(([key, value]) => [META + key, value])),
  };
  return method === 'HEAD' ? c.body(null, 204, headers) : list(c, all, pageSize, headers);
}

/** Adds the metadata of a request to those of a container; an empty value removes a key. */
function updateMetadata(c: Context<Env>, files: Files, container: string): void {
  const metadata = { ...files.containerMetadata.get(container), ...headersAfter(c, META) };
  for (const key of Object.keys(headersAfter(c, 'x-remove-container-meta-'))) metadata[key] = '';
  const left = Object.entries(metadata).filter(([, value]) => value !== '');
  files.containerMetadata.set(container, Object.fromEntries(left));
}

/**
 * An entry of a listing: an object, or the common prefix of several objects up to the delimiter.
 */
type Listed = { name: string; object: CloudObject } | { name: string };

function list(
  c: Context<Env>,
  all: readonly CloudObject[],
  pageSize: number,
  headers: Record<string, string>,
): Response {
  const { prefix = '', delimiter = '', marker = '', end_marker: end, limit, reverse } = c.req.query();
  const listed = groupedByDelimiter(
    all.filter(({ name }) => name.startsWith(prefix)),
    prefix,
    delimiter,
  );
  const isBackwards = reverse === 'true';
  if (isBackwards) listed.reverse();
  const isAfter = (name: string, other: string) => byUtf8(name, other) * (isBackwards ? -1 : 1) > 0;
  const page = listed
    .filter(({ name }) => marker === '' || isAfter(name, marker))
    .filter(({ name }) => !end || isAfter(end, name))
    .slice(0, Math.min(Number(limit ?? Number.POSITIVE_INFINITY), pageSize));
  if (!isJsonWanted(c)) {
    return page.length === 0
      ? c.body(null, 204, headers)
      : c.text(page.map(({ name }) => `${name}\n`).join(''), 200, headers);
  }
  return c.json(
    page.map((one) => ('object' in one ? objectJson(one.object) : { subdir: one.name })),
    200,
    headers,
  );
}

function groupedByDelimiter(objects: readonly CloudObject[], prefix: string, delimiter: string): Listed[] {
  const found = new Map<string, Listed>();
  for (const object of objects) {
    const end = delimiter === '' ? -1 : object.name.indexOf(delimiter, prefix.length);
    const name = end < 0 ? object.name : object.name.slice(0, end + delimiter.length);
    found.set(name, end < 0 ? { name, object } : { name });
  }
  return [...found.values()];
}

function objectJson({ name, bytes, hash, at, contentType }: CloudObject) {
  return { name, bytes, hash, last_modified: listedTime(at), content_type: contentType };
}
