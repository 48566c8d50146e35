import type { Bench } from './bench.ts';
import { environment } from './environment.ts';
import type { CinderSnapshot } from './openstack.ts';

/** A server, and a volume that is attached to it. */
export interface ServerWithVolume {
  server: string;
  volume: string;
  /** The snapshots of the volume that were created since the test began. */
  snapshots(): Promise<CinderSnapshot[]>;
}

/**
 * Creates a server with a new volume. Both, and the snapshots of the volume, are deleted when the
 * test ends.
 */
export async function serverWithVolume({
  cloud,
  restore,
  volumeSnapshots,
}: Bench): Promise<ServerWithVolume> {
  const [like = ''] = environment.serverIds;
  const server = await restore('with-data', (await cloud.server(like))!.image.id, like);
  const volume = await cloud.attachNewVolume(server, 'data');
  return {
    server,
    volume,
    snapshots: async () => (await volumeSnapshots()).filter((one) => one.volume_id === volume),
  };
}
