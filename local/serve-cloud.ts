import { once } from 'node:events';
import { readDeployment } from '../deploy/configuration.ts';
import { startCloud } from './cloud/cloud.ts';
import { settingsOf } from './environment.ts';
import { addFleet, DEMO } from './fleet.ts';
import { accountsFor } from './policies.ts';

const OWNER = 'autosnap-local';

/** `npm run cloud`: the embedded cloud alone, with the demo fleet, until Ctrl-C. */
async function main(): Promise<void> {
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const cloud = await startCloud(DEMO);
  addFleet(cloud, OWNER, 0);
  const { service } = await readDeployment({ stage: 'local' });
  const deployed = { service: service.service, stage: 'local', accounts: accountsFor(service) };
  for (const [name, value] of Object.entries(settingsOf(cloud, deployed)))
    process.stdout.write(`${name}=${value}\n`);
  process.stderr.write('The embedded cloud is up, until Ctrl-C.\n');
  await stopped;
  await cloud.close();
}

await main();
