import type { Cloud } from './cloud/cloud.ts';

/**
 * Points this process at an embedded cloud: the secret of `stage` is in its store, and the AWS SDK finds that store
 * and no other AWS.
 */
export function pointAt(cloud: Cloud, stage: string): void {
  Object.assign(process.env, environmentOf(cloud, stage));
}

/** {@link pointAt} for another process: its environment. */
export function environmentOf(cloud: Cloud, stage: string): Record<string, string> {
  cloud.secrets.set(`autosnap/${stage}/rackspace`, cloud.secret('rackspace'));
  return {
    AUTOSNAP_SERVICE: 'autosnap',
    AUTOSNAP_STAGE: stage,
    AUTOSNAP_OWNER: `autosnap-${stage}`,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: cloud.secretsUrl,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
