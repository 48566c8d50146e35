import * as v from 'valibot';
import { CloudError, isCloudError } from './errors.ts';
import type { CloudRequest, Session } from './session.ts';

/** A time, as Nova and Glance write it. */
export const date = v.pipe(
  v.string(),
  v.transform((text) => new Date(text)),
  v.date(),
);

// Both Nova and Glance cut this down to their own maximum; nothing here assumes a page size.
const PAGE_SIZE = '1000';

interface Listing<T> {
  request: Pick<CloudRequest, 'service' | 'region' | 'path'> & { query?: Record<string, string> };
  /** The key of the items in each page's body. */
  key: string;
  item: v.GenericSchema<unknown, T>;
}

/**
 * Every item of every page, or an error: never a part of a listing.
 *
 * Nova names the next page in `<key>_links` as an absolute URL, sometimes of another scheme or host; Glance in
 * `next`, relative to its origin. Only the query of either is used, so that the token goes nowhere else. Both name
 * a next page after a full last one, which is then empty.
 *
 * A page begins after an item of the one before. Where that has been deleted meanwhile, the cloud answers 400 or
 * 404, and the listing begins anew, once.
 *
 * @throws {CloudError} BAD_ANSWER when a page or an item of it can't be read, or when pages go round in a circle.
 */
export async function listAll<T extends { id: string }>(session: Session, listing: Listing<T>): Promise<T[]> {
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
  { request, key, item }: Listing<T>,
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
    if (!page.success) throw unreadable(request, v.getDotPath(page.issues[0]) ?? key);
    progress.pages += 1;
    // What moved between two pages is listed twice: the later reading stands.
    for (const entry of page.output[key] as T[]) found.set(entry.id, entry);

    const links = page.output[`${key}_links`] as { rel: string; href: string }[] | undefined;
    const next = (page.output.next as string | undefined) ?? links?.find(({ rel }) => rel === 'next')?.href;
    if (!next) return [...found.values()];
    const url = URL.parse(next, 'http://origin.invalid');
    if (!url) throw unreadable(request, 'the link to the next page is no URL');
    query = url.search.slice(1);
    if (seen.has(query)) throw unreadable(request, 'the link to the next page leads back');
  }
}

/** What to throw when an answer is not of the form that the API documents; `what` names the part. */
export function unreadable({ service, region, path }: Listing<unknown>['request'], what: string): CloudError {
  return new CloudError(
    'BAD_ANSWER',
    `The ${service} answer of ${region} to ${path} can't be read: ${what}.`,
  );
}
