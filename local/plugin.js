/**
 * A Serverless plugin: with `--stage local`, `invoke local` and `offline` meet an embedded cloud
 * instead of Rackspace and AWS: the `npm run cloud` that the environment names, else one that ends
 * with the command. In every other stage it does nothing.
 */
export default class EmbeddedCloud {
  /**
   * @param {{
   *   service: Pick<import('../deploy/policies.ts').Service, 'service' | 'custom'> & {
   *     functions: Record<string, { environment?: Record<string, unknown> } | null>,
   *   },
   *   getProvider(name: 'aws'): { getStage(): string },
   * }} serverless
   */
  constructor(serverless) {
    const isLocal = () => serverless.getProvider('aws').getStage() === 'local';
    const start = async () => {
      if (!isLocal()) return;
      const { pointAt, pointAtRunning } = await import('./environment.ts');
      const { service } = serverless.service;
      if (await pointAtRunning({ service, stage: 'local' })) return;
      const { startCloud } = await import('./cloud/cloud.ts');
      const { addFleet } = await import('./fleet.ts');
      const cloud = await startCloud();
      addFleet(cloud, 'autosnap-local');
      const { accountsFor } = await import('./policies.ts');
      pointAt(cloud, { service, stage: 'local', accounts: accountsFor(serverless.service) });
      // The command ends when its own work is done, not when the cloud does.
      cloud.unref();
    };
    // What only a deployment has, and `invoke local` would ask AWS for. The embedded fleet has an
    // owner of its own.
    const forgetResources = () => {
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
      initialize: forgetResources,
      'before:invoke:local:invoke': start,
      'before:offline:start:init': start,
    };
  }
}
