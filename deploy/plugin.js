import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A Serverless plugin that makes a deployment of what serverless.yml says in custom.policies: checks it, so that a
 * mistake is found at the desk and not by a rule at night (policies.ts), and puts all policies into the package,
 * for the functions that look at the deployment as a whole (lib/policies.ts).
 */
export default class Deployment {
  /** @param {{ service: import('./policies.ts').Service, config: { servicePath: string }, classes: { Error: new (message: string) => Error } }} serverless */
  constructor(serverless) {
    const { service } = serverless;
    const check = async () => {
      const { problemsIn } = await import('./policies.ts');
      const problems = problemsIn(service);
      if (problems.length > 0) {
        throw new serverless.classes.Error(
          `serverless.yml is refused:\n${problems.map((p) => `- ${p}`).join('\n')}`,
        );
      }
      // serverless-plugin-typescript would put empty patterns there, of which serverless warns.
      for (const fn of Object.values(service.functions)) fn.package ??= {};
    };
    // By now serverless-plugin-typescript, which stands before this one, has made its build folder the service's.
    const addPolicies = () =>
      writeFile(
        join(serverless.config.servicePath, 'policies.json'),
        JSON.stringify(Object.values(service.custom?.policies ?? {})),
      );
    this.hooks = {
      'before:package:initialize': check,
      'before:package:createDeploymentArtifacts': addPolicies,
      'before:deploy:function:packageFunction': addPolicies,
      'before:invoke:local:invoke': addPolicies,
      'before:offline:start:init': addPolicies,
    };
  }
}
