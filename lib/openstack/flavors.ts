import * as v from 'valibot';
import { listAll } from './pages.ts';
import type { Session } from './session.ts';

/** A size of server. */
export interface Flavor {
  id: string;
  name: string;
  ramMb: number;
  /** 0: as large as the image asks for. */
  diskGb: number;
}

const NovaFlavor = v.looseObject({ id: v.string(), name: v.string(), ram: v.number(), disk: v.number() });

/**
 * All flavors of which the project can have servers in a region.
 *
 * `GET /flavors/detail`: Rackspace docs-cloud-servers; Nova compute API 2.1.
 *
 * @throws {CloudError} when any page fails or any flavor can't be read.
 */
export async function listFlavors(session: Session, region: string): Promise<Flavor[]> {
  const request = { service: 'compute', region, path: '/flavors/detail' } as const;
  const flavors = await listAll(session, { request, key: 'flavors', item: NovaFlavor });
  return flavors.map(({ id, name, ram, disk }) => ({ id, name, ramMb: ram, diskGb: disk }));
}
