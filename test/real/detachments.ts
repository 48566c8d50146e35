import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { daemonOf } from './daemons.ts';

/**
 * Vitest's global setup: lets Nova detach volumes. Since CVE-2023-2088 Cinder ends an attachment
 * only for a service, so Nova has to send a token of its own, which the test cloud's configuration
 * lacks. Changes the configuration once, and starts `nova-compute` again. Without the directory
 * `STATE` the cloud is not on this machine, and nothing is changed.
 *
 * https://docs.openstack.org/nova/latest/admin/configuration/service-user-token.html
 */
export default async function allowDetachments(): Promise<void> {
  const { STATE: state, VOLUME_SERVER_ID: volumeServer } = process.env;
  if (!state || !volumeServer) return;
  const file = join(state, 'etc/nova/nova.conf');
  const configuration = await readFile(file, 'utf8');
  if (configuration.includes('[service_user]')) return;
  const [, cinder = ''] = /^\[cinder\]\n([^[]*)/m.exec(configuration) ?? [];
  const login = cinder.split('\n').filter((line) => /^(auth_|user|pass|project)/.test(line));
  if (login.length === 0) throw new Error(`${file} has no login to Cinder`);
  await appendFile(file, ['', '[service_user]', 'send_service_user_token = true', ...login, ''].join('\n'));
  const compute = daemonOf(state, 'nova-compute');
  await compute.kill();
  compute.start();
}
