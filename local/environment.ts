import type { Cloud } from './cloud/cloud.ts';

/** The deployment whose secrets an embedded cloud stores. */
interface Deployed {
  service?: string;
  stage: string;
  /**
   * The names of the deployment's cloud accounts. The embedded cloud has one account, which all
   * these names mean.
   */
  accounts?: readonly string[];
}

/**
 * The name of the environment variable with the URL of the secrets store of a running `npm run
 * cloud`.
 */
const RUNNING = 'AUTOSNAP_LOCAL_SECRETS_URL';

/**
 * Configures this process for an embedded cloud: adds the secrets of the deployment to the cloud's
 * store, and makes the AWS SDK use that store instead of AWS.
 */
export function pointAt(cloud: Cloud, deployed: Deployed): void {
  Object.assign(process.env, environmentOf(cloud, deployed));
}

/**
 * The environment variables that configure another process for an embedded cloud, as {@link
 * pointAt} configures this process.
 */
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
 * Configures this process for the running `npm run cloud` that the environment names.
 *
 * @returns false if the environment names none.
 * @throws if that cloud no longer runs.
 */
export async function pointAtRunning(deployed: Deployed): Promise<boolean> {
  const environment = await runningEnvironment(deployed);
  if (environment) Object.assign(process.env, environment);
  return environment !== undefined;
}

/**
 * The environment variables that configure a process for the running `npm run cloud` that the
 * environment names; undefined if it names none.
 *
 * @throws if that cloud no longer runs.
 */
export async function runningEnvironment(deployed: Deployed): Promise<Record<string, string> | undefined> {
  const url = process.env[RUNNING];
  if (!url) return undefined;
  await fetch(url).catch(() => {
    throw new Error(`There is no embedded cloud at ${RUNNING}=${url}: start \`npm run cloud\`, or unset it.`);
  });
  return environmentFor(url, deployed);
}

/**
 * Environment variables with which other clients log in, by Keystone v3 or by Rackspace's Identity
 * v2.0.
 */
export function settingsOf(cloud: Cloud, deployed: Deployed): Record<string, string> {
  const { account } = cloud;
  const region = cloud.catalogue[0]!.name;
  addSecrets(cloud, deployed);
  return {
    OS_AUTH_URL: cloud.keystoneUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: account.username,
    // OpenStack Flex accepts the API key as the password.
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
