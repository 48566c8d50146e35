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
   *     functions: Record<string, { environment?: Record<string, unknown> } | null>,
   *   },
   *   getProvider(name: 'aws'): { getStage(): string },
   * }} serverless
   * @param {{ function?: string }} options
   */
  constructor(serverless, options) {
    const isLocal = () => serverless.getProvider('aws').getStage() === 'local';
    const start = async () => {
      if (!isLocal()) return;
      const { pointAt, pointAtRunning } = await import('./environment.ts');
      const { service } = serverless.service;
      if (await pointAtRunning({ service, stage: 'local' })) return;
      const { startCloud } = await import('./cloud/cloud.ts');
      const { addFleet } = await import('./fleet.ts');
      const cloud = await startCloud();
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
    this.hooks = {
      initialize: removeReferences,
      'before:invoke:local:invoke': start,
      'before:offline:start:init': start,
    };
  }
}
