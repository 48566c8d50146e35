import type { Cloud } from './cloud/cloud.ts';

/** Whose secrets are in the store of an embedded cloud. */
interface Deployed {
  service?: string;
  stage: string;
  /** The embedded cloud has one account: it is each of these. */
  accounts?: readonly string[];
}

/**
 * Points this process at an embedded cloud: the secrets of a deployment are in its store, and the AWS SDK finds that store
 * and no other AWS.
 */
export function pointAt(cloud: Cloud, deployed: Deployed): void {
  Object.assign(process.env, environmentOf(cloud, deployed));
}

/** {@link pointAt} for another process: its environment. */
export function environmentOf(
  cloud: Cloud,
  { service = 'autosnap', stage, accounts = ['rackspace'] }: Deployed,
): Record<string, string> {
  for (const account of accounts) {
    cloud.secrets.set(`${service}/${stage}/${account}`, cloud.secret('rackspace'));
  }
  return {
    AUTOSNAP_SERVICE: service,
    AUTOSNAP_STAGE: stage,
    AUTOSNAP_OWNER: `autosnap-${stage}`,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: cloud.secretsUrl,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
