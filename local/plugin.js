/** @import { Service } from '../deploy/policies.ts' */

/**
 * A Serverless plugin: with `--stage local`, `invoke local` and `offline` use an embedded cloud
 * instead of Rackspace and AWS. It is the running `npm run cloud` that the environment names, or
 * else one that ends with the command. In other stages the plugin does nothing.
 */
export default class EmbeddedCloud {
  /**
   * @param {{
   *   service: Pick<Service, 'service' | 'custom'> & {
   *     functions: Record<string, { environment?: Record<string, unknown>, events?: unknown[] } | null>,
   *   },
   *   getProvider(name: 'aws'): { getStage(): string },
   * }} serverless
   * @param {{ function?: string, json?: boolean, lambdaPort?: number }} options
   */
  constructor(serverless, options) {
    const isLocal = () => serverless.getProvider('aws').getStage() === 'local';
    const start = async () => {
      if (!isLocal()) return;
      logForPeople(options.json === true);
      const { pointAt, pointAtRunning } = await import('./environment.ts');
      const { service } = serverless.service;
      if (await pointAtRunning({ service, stage: 'local' })) return;
      const { startCloud } = await import('./cloud/cloud.ts');
      const { addFleet, DEMO } = await import('./fleet.ts');
      const cloud = await startCloud(DEMO);
      // A snapshot run takes the snapshots of today; for the other functions they are there.
      addFleet(cloud, 'autosnap-local', options.function === 'snapshot' ? 1 : 0);
      const { accountsFor } = await import('./policies.ts');
      pointAt(cloud, { service, stage: 'local', accounts: accountsFor(serverless.service) });
      // Without unref, the listening cloud would keep the command from ending.
      cloud.unref();
    };
    // Values that refer to resources exist only in a deployment; `invoke local` would ask AWS for
    // them. The owner is that of the embedded fleet.
    const removeReferences = () => {
      if (!isLocal()) return;
      for (const fn of Object.values(serverless.service.functions)) {
        const environment = fn?.environment ?? {};
        if (environment.AUTOSNAP_OWNER !== undefined) environment.AUTOSNAP_OWNER = 'autosnap-local';
        for (const [name, value] of Object.entries(environment)) {
          if (typeof value !== 'string') delete environment[name];
        }
      }
    };
    const showFirings = async () => {
      if (!isLocal()) return;
      const { nextFirings } = await import('./next-firings.ts');
      process.stdout.write(`${nextFirings(serverless.service, new Date(), options)}\n`);
    };
    const json = { type: 'boolean', usage: 'Log as a deployed function does, in JSON' };
    const logOptions = { options: { json } };
    this.commands = {
      invoke: { commands: { local: logOptions } },
      offline: { commands: { start: logOptions } },
    };
    this.hooks = {
      initialize: removeReferences,
      'before:invoke:local:invoke': start,
      'before:offline:start:init': start,
      'before:offline:start:ready': showFirings,
    };
  }
}

/**
 * Configures the functions of this process to log short lines for people, in color if this is a
 * terminal, and no metrics.
 *
 * @param {boolean} isJson leaves both as they are in a deployment.
 */
function logForPeople(isJson) {
  if (isJson) return;
  process.env.AUTOSNAP_LOG ??= 'text';
  process.env.POWERTOOLS_METRICS_DISABLED ??= 'true';
  // The functions of serverless-offline run in threads, which do not know the terminal.
  if (process.stdout.isTTY) process.env.FORCE_COLOR ??= '1';
}
