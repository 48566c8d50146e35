import * as v from 'valibot';
import { CloudError, isCloudError } from './errors.ts';
import type { CloudRequest, Session } from './session.ts';

/** An ISO 8601 time of Nova or Glance. */
export const date = v.pipe(
  v.string(),
  v.transform((text) => new Date(text)),
  v.date(),
);

// Nova and Glance reduce this to their own maximum, so the code assumes no page size.
const PAGE_SIZE = '1000';

interface PagedListing<T> {
  request: Pick<CloudRequest, 'service' | 'region' | 'path' | 'microversion'> & {
    query?: Record<string, string>;
  };
  /** The key of the items in each page's body. */
  key: string;
  item: v.GenericSchema<unknown, T>;
}

/**
 * Lists all items of all pages. The function never returns a partial listing.
 *
 * Nova names the next page in `<key>_links` as an absolute URL, sometimes of another scheme or
 * host; Glance in `next`, relative to its origin. Only the query of the link is used, so that the
 * token never goes to another host. Both services name a next page after a full last page; that
 * next page is empty.
 *
 * A page starts after the last item of the previous page. If that item was deleted in the meantime,
 * the cloud answers 400 or 404, and the listing restarts once.
 *
 * Pagination: https://docs.openstack.org/api-ref/compute/#list-servers-detailed and
 * https://docs.openstack.org/api-ref/image/v2/#list-images
 *
 * @throws {CloudError} BAD_ANSWER if a page or an item can't be read, or if the links form a loop.
 */
export async function listAll<T extends { id: string }>(
  session: Session,
  listing: PagedListing<T>,
): Promise<T[]> {
  const progress = { pages: 0 };
  try {
    return await readPages(session, listing, progress);
  } catch (error) {
    if (progress.pages === 0 || !isCloudError(error, 'BAD_REQUEST', 'NOT_FOUND')) throw error;
    return readPages(session, listing, { pages: 0 });
  }
}

async function readPages<T extends { id: string }>(
  session: Session,
  { request, key, item }: PagedListing<T>,
  progress: { pages: number },
): Promise<T[]> {
  const Page = v.looseObject({
    [key]: v.array(item),
    next: v.optional(v.string()),
    [`${key}_links`]: v.optional(v.array(v.object({ rel: v.string(), href: v.string() }))),
  });
  const found = new Map<string, T>();
  const seen = new Set<string>();
  let query: string = new URLSearchParams({ ...request.query, limit: PAGE_SIZE }).toString();
  for (;;) {
    seen.add(query);
    const { body } = await session.request({ ...request, method: 'GET', query, expect: [200, 203] });
    const page = v.safeParse(Page, body);
    if (!page.success) throw unreadableAnswer(request, v.getDotPath(page.issues[0]) ?? key);
    progress.pages += 1;
    // An item that moved between two pages is listed twice. The later one is used.
    for (const entry of page.output[key] as T[]) found.set(entry.id, entry);

    const links = page.output[`${key}_links`] as { rel: string; href: string }[] | undefined;
    const next = (page.output.next as string | undefined) ?? links?.find(({ rel }) => rel === 'next')?.href;
    if (!next) return [...found.values()];
    const url = URL.parse(next, 'http://origin.invalid');
    if (!url) throw unreadableAnswer(request, 'the link to the next page is no URL');
    query = url.search.slice(1);
    if (seen.has(query)) throw unreadableAnswer(request, 'the link to the next page leads back');
  }
}

/**
 * The error for a response that does not have the documented form; `what` names the invalid part.
 */
export function unreadableAnswer(
  { service, region, path }: PagedListing<unknown>['request'],
  what: string,
): CloudError {
  return new CloudError(
    'BAD_ANSWER',
    `The ${service} answer of ${region} to ${path} can't be read: ${what}.`,
  );
}
