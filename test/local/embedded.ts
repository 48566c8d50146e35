import { test as base } from 'vitest';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import type { Region } from '../../local/cloud/state.ts';
import { CloudClient } from './client.ts';

const MINUTE_MS = 60_000;

/**
 * The only region of an embedded cloud, with a small flavor and image like those of a real test
 * cloud.
 */
function furnish(dfw: Region): Region {
  dfw.flavors.unshift({ id: 'nano', name: 'nano', ram: 64, disk: 1 });
  dfw.maxVolumeSnapshots = 10;
  dfw.addImage({
    name: 'tiny',
    visibility: 'public',
    owner: 'somebody',
    ...{ minDisk: 0, minRam: 0, diskFormat: 'raw', containerFormat: 'bare' },
  });
  return dfw;
}

async function loggedIn(cloud: Cloud): Promise<CloudClient> {
  const { username, password, projectName, domainName } = cloud.account;
  const client = new CloudClient({
    ...{ authUrl: cloud.keystoneUrl, username, password, projectName, region: 'DFW' },
    ...{ userDomainName: domainName, projectDomainName: domainName },
    now: () => cloud.now(),
    async pass() {
      cloud.advance(MINUTE_MS);
    },
  });
  await client.logIn();
  return client;
}

/** A test with an embedded cloud, and a user who is logged in with Keystone. */
export const test = base
  .extend('cloud', async ({ onTestFinished }) => {
    const cloud = await startCloud({ regions: ['DFW'] });
    onTestFinished(() => cloud.close());
    return cloud;
  })
  .extend('dfw', async ({ cloud }) => furnish(cloud.region('DFW')))
  .extend('client', async ({ cloud, dfw }) => {
    if (dfw) return loggedIn(cloud);
    throw new Error('no region');
  });
