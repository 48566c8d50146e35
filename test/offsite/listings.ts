import type { Harness } from '../harness.ts';

type PlanItem = { id?: string; name?: string };

/** A listing, and the place of its items in an answer. */
const LISTINGS = {
  objects: { service: 'object-store', path: /\/v1\/[^/]+\/[^/]+$/, key: undefined },
  images: { service: 'image', path: /\/images$/, key: 'images' },
  servers: { service: 'compute', path: /\/servers\/detail$/, key: 'servers' },
  tasks: { service: 'image', path: /\/tasks$/, key: 'tasks' },
} as const;

export type Listing = keyof typeof LISTINGS;

/** Removes items from listings, as if these lagged; each item can still be requested by its id. */
export function leaveOut(
  { cloud }: Pick<Harness, 'cloud'>,
  listing: Listing,
  isLeftOut: (item: PlanItem) => boolean,
  { times = 999, skip = 0 } = {},
): void {
  const { service, path, key } = LISTINGS[listing];
  const edit = async (answer: Response) => {
    if (!answer.ok) return answer;
    const body = (await answer.json()) as PlanItem[] & Record<string, PlanItem[]>;
    const left = (items: PlanItem[]) => items.filter((item) => !isLeftOut(item));
    return Response.json(key === undefined ? left(body) : { ...body, [key]: left(body[key]!) });
  };
  cloud.faults.push({ service, method: 'GET', path, times, skip, answer: { edit } });
}
