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
   *     functions: Record<string, {
   *       environment?: Record<string, unknown>, events?: unknown[]
   *     } | null>,
   *   },
   *   getProvider(name: 'aws'): { getStage(): string },
   * }} serverless
   * @param {{ function?: string, json?: boolean, lambdaPort?: number }} options
   */
  constructor(serverless, options) {
    const isLocal = () => serverless.getProvider('aws').getStage() === 'local';
    const start = async () => {
      if (!isLocal()) return;
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
    const setEnvironment = () => {
      if (!isLocal()) return;
      for (const fn of Object.values(serverless.service.functions)) {
        const environment = fn?.environment ?? {};
        if (environment.AUTOSNAP_OWNER !== undefined) environment.AUTOSNAP_OWNER = 'autosnap-local';
        for (const [name, value] of Object.entries(environment)) {
          if (typeof value !== 'string') delete environment[name];
        }
        if (fn && options.json !== true) fn.environment = { ...environment, ...logForPeople() };
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
      initialize: setEnvironment,
      'before:invoke:local:invoke': start,
      'before:offline:start:init': start,
      'before:offline:start:ready': showFirings,
    };
  }
}

/**
 * The environment variables with which functions log short lines for people, in color if this is a
 * terminal, and no metrics. They need to know of the terminal, because those of serverless-offline
 * run in threads.
 */
function logForPeople() {
  return {
    AUTOSNAP_LOG: 'text',
    POWERTOOLS_METRICS_DISABLED: 'true',
    ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}),
  };
}
