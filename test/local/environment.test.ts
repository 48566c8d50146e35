import { expect, onTestFinished, vi } from 'vitest';
import { pointAtRunning, settingsOf } from '../../local/environment.ts';
import { test } from './embedded.ts';

const LOCAL = { stage: 'local' };

test('this process uses the running cloud that its environment names, and fails if that has ended', async ({
  cloud,
}) => {
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_')) vi.stubEnv(name, process.env[name]);
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', undefined);
  expect(await pointAtRunning(LOCAL)).toBe(false);
  expect(process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER).toBeUndefined();

  const { AUTOSNAP_LOCAL_SECRETS_URL: url } = settingsOf(cloud, LOCAL);
  vi.stubEnv('AUTOSNAP_LOCAL_SECRETS_URL', url);
  expect(await pointAtRunning(LOCAL)).toBe(true);
  expect(process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER).toBe(cloud.secretsUrl);
  expect(JSON.parse(cloud.secrets.get('autosnap/local/rackspace')!)).toMatchObject({
    authUrl: cloud.rackspaceUrl,
  });

  await cloud.close();
  await expect(pointAtRunning(LOCAL)).rejects.toThrow(
    `There is no embedded cloud at AUTOSNAP_LOCAL_SECRETS_URL=${url}: start \`npm run cloud\`, or unset it.`,
  );
});
