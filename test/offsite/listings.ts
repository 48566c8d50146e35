import type { Harness } from '../harness.ts';

type Item = { id?: string; name?: string };

/** Which listing, and where its items are in an answer. */
const LISTINGS = {
  objects: { service: 'object-store', path: /\/v1\/[^/]+\/[^/]+$/, key: undefined },
  images: { service: 'image', path: /\/images$/, key: 'images' },
  servers: { service: 'compute', path: /\/servers\/detail$/, key: 'servers' },
  tasks: { service: 'image', path: /\/tasks$/, key: 'tasks' },
} as const;

export type Listing = keyof typeof LISTINGS;

/**
 * Leaves items out of listings, as one that lags does; each of them is there when it is asked for
 * by itself.
 */
export function leaveOut(
  { cloud }: Pick<Harness, 'cloud'>,
  listing: Listing,
  isLeftOut: (item: Item) => boolean,
  { times = 999, skip = 0 } = {},
): void {
  const { service, path, key } = LISTINGS[listing];
  const edit = async (answer: Response) => {
    if (!answer.ok) return answer;
    const body = (await answer.json()) as Item[] & Record<string, Item[]>;
    const left = (items: Item[]) => items.filter((item) => !isLeftOut(item));
    return Response.json(key === undefined ? left(body) : { ...body, [key]: left(body[key]!) });
  };
  cloud.faults.push({ service, method: 'GET', path, times, skip, answer: { edit } });
}
