import { readFileSync } from 'node:fs';
import type { Cloud, CloudOptions } from '../../local/cloud/cloud.ts';
import { type Harness, harness } from '../harness.ts';

const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');

/** The certificate of the authority of the private cloud. */
export const AUTHORITY = read('authority.pem');
/** The certificate of the services of the private cloud for this machine, with its key. */
const SERVER = read('server.pem');

/**
 * A private cloud: one region, OpenStack services over https with certificates of an authority of
 * its own, and a clouds.yaml as the secret.
 */
export async function privateCloud(options: CloudOptions = {}): Promise<Harness> {
  const h = await harness({ regions: ['RegionOne'], tls: { cert: SERVER, key: SERVER }, ...options });
  h.cloud.secrets.set('autosnap/test/rackspace', cloudsYaml(h.cloud, { cacert: AUTHORITY }));
  return h;
}

/** A clouds.yaml for the user of a cloud, in JSON. */
export function cloudsYaml({ account, keystoneUrl }: Cloud, fields: Record<string, unknown>): string {
  const { username, password, projectId, domainName } = account;
  const auth = {
    auth_url: keystoneUrl,
    username,
    password,
    user_domain_name: domainName,
    project_id: projectId,
  };
  return JSON.stringify({ clouds: { private: { auth, ...fields } } });
}
