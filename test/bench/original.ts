import { parseSecret } from '../../lib/credentials/parse-secret.ts';
import { createImage, listServers } from '../../lib/openstack/compute.ts';
import { listImages } from '../../lib/openstack/images.ts';
import { getServer } from '../../lib/openstack/servers.ts';
import { connect } from '../../lib/openstack/session.ts';

/** The number of calls and the time. */
export interface Original {
  ms: number;
  calls: number;
}

/**
 * The method of the original script, which cron starts once for each server: a token, the server,
 * the complete list of images, and the new image, one after the other. Reads the secret from the
 * arguments.
 */
async function main([secret]: string[]): Promise<void> {
  const login = () => connect(async () => parseSecret('bench', secret!), { remainingMs: () => 600_000 });
  // The original has the ids of its servers in crontab; here they are listed first.
  const servers = await listServers(await login(), 'DFW');
  let calls = 0;
  const startedMs = performance.now();
  for (const { id } of servers) {
    const session = await login();
    const server = await getServer(session, 'DFW', id);
    await listImages(session, 'DFW');
    await createImage(session, server!, { name: `${server!.name}-autosnap-${id}`, metadata: {} });
    calls += session.traffic.calls;
  }
  const result: Original = { ms: performance.now() - startedMs, calls };
  process.send?.(result);
}

await main(process.argv.slice(2));
