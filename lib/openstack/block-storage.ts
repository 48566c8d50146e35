import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import { date, listAll, unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A Cinder time: UTC without a zone. */
export const cinderDate = v.pipe(
  v.string(),
  v.transform((text) => (/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)),
  date,
);

/** The name and the description of a volume or volume snapshot. Cinder v1 has its own fields. */
export const namingFields = {
  name: v.nullish(v.string()),
  display_name: v.nullish(v.string()),
  description: v.nullish(v.string()),
  display_description: v.nullish(v.string()),
};

/**
 * The fields of {@link namingFields} for a new volume or volume snapshot: those of
 * https://docs.openstack.org/api-ref/block-storage/v3/#create-a-volume, or those of Cinder v1.
 */
export function nameFieldsOf(
  session: Pick<Session, 'provider'>,
  { name, description }: { name: string; description: string },
): Record<string, string> {
  return isCinderV1(session)
    ? { display_name: name, display_description: description }
    : { name, description };
}

/**
 * Whether block storage is Cinder v1, as at Rackspace:
 * https://docs.rackspace.com/docs/cloud-block-storage
 */
function isCinderV1({ provider }: Pick<Session, 'provider'>): boolean {
  return provider === 'rackspace';
}

interface BlockStorageListing<T> {
  region: string;
  path: string;
  key: 'volumes' | 'snapshots';
  item: v.GenericSchema<unknown, T>;
}

/**
 * Lists all volumes or volume snapshots of the project in a region. Cinder v1 has pages without
 * links and ignores `marker`, so `offset` is used there:
 * https://docs.openstack.org/api-ref/block-storage/v3/#list-accessible-volumes-with-details and
 * https://docs.rackspace.com/docs/cloud-block-storage
 *
 * @throws {CloudError} if any page fails or any item can't be read.
 */
export async function listBlockStorage<T extends { id: string }>(
  session: Session,
  { region, path, key, item }: BlockStorageListing<T>,
): Promise<T[]> {
  const request = { service: 'volume', region, path } as const;
  if (!isCinderV1(session)) return listAll(session, { request, key, item });
  const Page = v.object({ [key]: v.array(item) });
  const found = new Map<string, T>();
  for (let offset = 0; ; ) {
    const query = { limit: '1000', offset: String(offset) };
    const { body } = await session.request({ ...request, method: 'GET', query, expect: [200, 203] });
    const page = v.safeParse(Page, body);
    if (!page.success) throw unreadableAnswer(request, v.getDotPath(page.issues[0]) ?? key);
    const items = page.output[key] as T[];
    const more = items.filter(({ id }) => !found.has(id));
    // The cloud may return smaller pages than requested, so only a page without new items is the
    // last one.
    if (more.length === 0) return [...found.values()];
    for (const one of more) found.set(one.id, one);
    offset += items.length;
  }
}

/**
 * Sends the DELETE of a volume, a volume snapshot or a backup. A missing one, or one that is being
 * deleted, counts as deleted: Cinder answers 400 for the latter.
 *
 * @param current reads the current state; undefined if it does not exist.
 * @throws {CloudError} for every other refusal.
 */
export async function deleteBlockStorage(
  session: Session,
  { region, path }: { region: string; path: string },
  current: () => Promise<{ status: string } | undefined>,
): Promise<void> {
  try {
    await session.request({ service: 'volume', region, method: 'DELETE', path, expect: [202] });
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return;
    if (!isCloudError(error, 'BAD_REQUEST')) throw error;
    const left = await current();
    if (left && left.status !== 'deleting') throw error;
  }
}
