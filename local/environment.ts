import type { Cloud } from './cloud/cloud.ts';

/** Whose secrets are in the store of an embedded cloud. */
interface Deployed {
  service?: string;
  stage: string;
  /** The embedded cloud has one account: it is each of these. */
  accounts?: readonly string[];
}

/** Where a running `npm run cloud` keeps its secrets. */
const RUNNING = 'AUTOSNAP_LOCAL_SECRETS_URL';

/**
 * Points this process at an embedded cloud: the secrets of a deployment are in its store, and the
 * AWS SDK finds that store and no other AWS.
 */
export function pointAt(cloud: Cloud, deployed: Deployed): void {
  Object.assign(process.env, environmentOf(cloud, deployed));
}

/** {@link pointAt} for another process: its environment. */
export function environmentOf(cloud: Cloud, deployed: Deployed): Record<string, string> {
  addSecrets(cloud, deployed);
  return environmentFor(cloud.secretsUrl, deployed);
}

function addSecrets(cloud: Cloud, { service = 'autosnap', stage, accounts = ['rackspace'] }: Deployed): void {
  for (const account of accounts) {
    cloud.secrets.set(`${service}/${stage}/${account}`, cloud.secret('rackspace'));
  }
}

/**
 * Points this process at the `npm run cloud` that its environment names.
 *
 * @returns whether the environment names one.
 * @throws when that cloud is not there any more.
 */
export async function pointAtRunning(deployed: Deployed): Promise<boolean> {
  const url = process.env[RUNNING];
  if (!url) return false;
  await fetch(url).catch(() => {
    throw new Error(`There is no embedded cloud at ${RUNNING}=${url}: start \`npm run cloud\`, or unset it.`);
  });
  Object.assign(process.env, environmentFor(url, deployed));
  return true;
}

/**
 * What clients of others need to log in, for their environment: by Keystone v3, and by Rackspace's
 * Identity v2.0.
 */
export function settingsOf(cloud: Cloud, deployed: Deployed): Record<string, string> {
  const { account } = cloud;
  const region = cloud.catalogue[0]!.name;
  addSecrets(cloud, deployed);
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

function environmentFor(
  secretsUrl: string,
  { service = 'autosnap', stage }: Deployed,
): Record<string, string> {
  return {
    AUTOSNAP_SERVICE: service,
    AUTOSNAP_STAGE: stage,
    AUTOSNAP_OWNER: `autosnap-${stage}`,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsUrl,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
