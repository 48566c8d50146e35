/**
 * A Serverless plugin: with `--stage local`, `invoke local` and `offline` meet an embedded cloud instead of
 * Rackspace and AWS. In every other stage it does nothing.
 */
export default class EmbeddedCloud {
  /** @param {{ getProvider(name: 'aws'): { getStage(): string } }} serverless */
  constructor(serverless) {
    const start = async () => {
      if (serverless.getProvider('aws').getStage() !== 'local') return;
      const { startCloud } = await import('./cloud.ts');
      const { addFleet } = await import('./fleet.ts');
      const { pointAt } = await import('./environment.ts');
      const cloud = await startCloud();
      addFleet(cloud, 'autosnap-local');
      pointAt(cloud, 'local');
      // The command ends when its own work is done, not when the cloud does.
      cloud.unref();
    };
    this.hooks = { 'before:invoke:local:invoke': start, 'before:offline:start:init': start };
  }
}
