import type { Restoration } from '../../lib/restore/restoration.ts';
import type { Fault } from '../../local/cloud/faults.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import type { Harness } from '../harness.ts';
import { history } from '../history.ts';

export const PUBLIC = '00000000-0000-0000-0000-000000000000';
export const PRIVATE = '11111111-1111-1111-1111-111111111111';

export interface World extends Awaited<ReturnType<typeof history>> {
  /** The ids of the servers whose disk the cloud has replaced, one for each time. */
  rebuilt: string[];
}

export const TO_NEW = { server: 'web', to: 'new' };
export const IN_PLACE = { server: 'web', to: 'in-place', confirm: 'web' };

/** The requests to the cloud other than reads and logins. */
export const changes = ({ cloud }: Harness) =>
  cloud.received.filter(
    ({ service, method }) => method !== 'GET' && (service === 'compute' || service === 'image'),
  );
export const serversIn = ({ cloud }: Harness, region = 'DFW') => cloud.region(region).servers;
export const restoredIn = (h: World, region = 'DFW') =>
  serversIn(h, region).filter(({ id }) => id !== h.web.id);
export const safetySnapshotsIn = ({ cloud }: Harness) =>
  cloud.region('DFW').images.filter(({ name }) => name.startsWith('web-before-restore-adhoc-'));
export const later = (h: Harness, minutes: number) => h.cloud.advance(minutes * 60_000);
export const again = (report: Restoration) => report.next as Record<string, unknown>;

/** The server "web" with two days of snapshots, and every setting that a restore copies. */
export async function world(regions?: string[]): Promise<World> {
  const h = { ...(await history(2, regions)), rebuilt: [] as string[] };
  const isolated = { id: '5b9c0c4e-0000-4000-8000-000000000001', label: 'backend' };
  h.cloud.region('DFW').networks.push(isolated);
  h.cloud.region('DFW').keyPairs.push('ops');
  h.cloud.region('DFW').securityGroups.push('web');
  Object.assign(h.web, {
    metadata: { autosnap: 'daily', role: 'front' },
    keyName: 'ops',
    securityGroups: ['web'],
    networks: [PUBLIC, PRIVATE, isolated.id],
  } satisfies Partial<CloudServer>);
  const dfw = h.cloud.region('DFW');
  const build = dfw.build.bind(dfw);
  dfw.build = (server, status) => {
    if (status === 'REBUILD') h.rebuilt.push(server.id);
    build(server, status);
  };
  return h;
}

/** A secret of an OpenStack instead of Rackspace. */
export function useKeystone({ cloud }: Harness): void {
  cloud.secrets.set('autosnap/test/rackspace', cloud.secret('password'));
}

/** Calls the function from the first request until the restore is done. */
export async function inPlace(h: World, event: object = IN_PLACE) {
  const first = await h.run('restore', event);
  later(h, 30);
  const second = await h.run('restore', again(first));
  later(h, 60);
  return { first, second, third: await h.run('restore', again(second)) };
}

/**
 * Removes items from every listing of servers and images, until the returned function is called.
 */
export function leaveOut({ cloud }: Harness, isLeftOut: (id: string) => boolean): () => void {
  const edit = async (answer: Response) => {
    const body = (await answer.json()) as Record<string, unknown>;
    for (const key of ['servers', 'images']) {
      const listed = body[key] as { id: string }[] | undefined;
      if (listed) body[key] = listed.filter(({ id }) => !isLeftOut(id));
    }
    return new Response(JSON.stringify(body), answer);
  };
  const path = /\/(servers\/detail|images)$/;
  const faults = (['compute', 'image'] as const).map(
    (service): Fault => ({ service, method: 'GET', path, times: Infinity, answer: { edit } }),
  );
  cloud.faults.push(...faults);
  return () => {
    for (const fault of faults) cloud.faults.splice(cloud.faults.indexOf(fault), 1);
  };
}

/**
 * An image of the server that a person makes: it inherits the properties that the server's image
 * had at the build.
 */
export function imageByHand({ cloud, web }: World, name: string): CloudImage {
  return cloud.region('DFW').addImage({
    name,
    owner: cloud.account.projectId,
    properties: { ...web.inherits, instance_uuid: web.id, image_type: 'snapshot' },
  });
}
