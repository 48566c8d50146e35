import { type Harness, setTime } from '../harness.ts';
import { CloudClient } from '../local/client.ts';

const MINUTE_MS = 60_000;

/**
 * A person who uses the cloud of the harness by its API, without the product. Time passes while
 * they wait.
 */
export async function person({ cloud }: Pick<Harness, 'cloud'>): Promise<CloudClient> {
  const { username, password, projectName, domainName } = cloud.account;
  cloud
    .region('DFW')
    .addImage({ name: 'base', visibility: 'public', owner: 'rackspace', minDisk: 0, minRam: 0 });
  const client = new CloudClient({
    ...{ authUrl: cloud.keystoneUrl, username, password, projectName, region: 'DFW' },
    ...{ userDomainName: domainName, projectDomainName: domainName },
    now: () => cloud.now(),
    pass: async () => setTime(new Date(Date.now() + MINUTE_MS)),
  });
  await client.logIn();
  return client;
}
