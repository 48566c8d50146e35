import { parsePolicy } from '../../lib/config/policy.ts';
import { parseSecret } from '../../lib/credentials/parse-secret.ts';
import { connect } from '../../lib/openstack/session.ts';
import { planCleanup } from '../../lib/snapshots/cleanup-plan.ts';
import { listInventory } from '../../lib/snapshots/inventory.ts';
import { readerOf } from '../../lib/snapshots/ownership.ts';
import { OWNER } from './conditions.ts';

/** The processor time of a cleanup's plan, in milliseconds: the best of some measurements. */
export interface Planning {
  planMs: number;
}

const TIMES = 5;
// Fewer images are planned more often, so that the code is equally warm for each size.
const IMAGES = 30_000;

/** Lists and plans like a cleanup, with the secret and the event in the arguments. */
async function main([secret, event]: string[]): Promise<void> {
  const policy = parsePolicy(JSON.parse(event!));
  const session = await connect(async () => parseSecret('bench', secret!), {
    remainingMs: () => 600_000,
  });
  const { regions } = await listInventory(session, undefined, { owner: OWNER });
  const often = Math.ceil(IMAGES / regions.reduce((sum, { images }) => sum + images.length, 0));
  const planning = Array.from({ length: TIMES }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < often; i++) {
      for (const surveyed of regions) {
        const read = readerOf(surveyed, policy, { owner: OWNER, projectId: session.projectId });
        planCleanup(surveyed, policy, read, { now: new Date() });
      }
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / often;
  });
  const result: Planning = { planMs: Math.min(...planning) };
  process.send?.(result);
}

await main(process.argv.slice(2));
