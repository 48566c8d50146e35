import type { Cloud } from './cloud/cloud.ts';

/** Where a running `npm run cloud` keeps its secrets. */
const RUNNING = 'AUTOSNAP_LOCAL_SECRETS_URL';

/**
 * Points this process at an embedded cloud: the secret of `stage` is in its store, and the AWS SDK finds that store
 * and no other AWS.
 */
export function pointAt(cloud: Cloud, stage: string): void {
  Object.assign(process.env, environmentOf(cloud, stage));
}

/** {@link pointAt} for another process: its environment. */
export function environmentOf(cloud: Cloud, stage: string): Record<string, string> {
  cloud.secrets.set(secretOf(stage), cloud.secret('rackspace'));
  return environmentFor(cloud.secretsUrl, stage);
}

/**
 * Points this process at the `npm run cloud` that its environment names.
 *
 * @returns whether the environment names one.
 * @throws when that cloud is not there any more.
 */
export async function pointAtRunning(stage: string): Promise<boolean> {
  const url = process.env[RUNNING];
  if (!url) return false;
  await fetch(url).catch(() => {
    throw new Error(`There is no embedded cloud at ${RUNNING}=${url}: start \`npm run cloud\`, or unset it.`);
  });
  Object.assign(process.env, environmentFor(url, stage));
  return true;
}

/** What clients of others need to log in, for their environment: by Keystone v3, and by Rackspace's Identity v2.0. */
export function settingsOf(cloud: Cloud): Record<string, string> {
  const { account } = cloud;
  const region = cloud.catalogue[0]!.name;
  cloud.secrets.set(secretOf('local'), cloud.secret('rackspace'));
  return {
    OS_AUTH_URL: cloud.keystoneUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: account.username,
    // As with OpenStack Flex.
    OS_PASSWORD: account.apiKey,
    OS_PROJECT_NAME: account.projectName,
    OS_USER_DOMAIN_NAME: account.domainName,
    OS_PROJECT_DOMAIN_NAME: account.domainName,
    OS_REGION_NAME: region,
    RACKSPACE_AUTH_URL: cloud.rackspaceUrl,
    RACKSPACE_USERNAME: account.username,
    RACKSPACE_API_KEY: account.apiKey,
    RACKSPACE_TENANT_ID: account.projectId,
    RACKSPACE_REGION: region,
    [RUNNING]: cloud.secretsUrl,
  };
}

function secretOf(stage: string): string {
  return `autosnap/${stage}/rackspace`;
}

function environmentFor(secretsUrl: string, stage: string): Record<string, string> {
  return {
    AUTOSNAP_SERVICE: 'autosnap',
    AUTOSNAP_STAGE: stage,
    AUTOSNAP_OWNER: `autosnap-${stage}`,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsUrl,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
