/**
 * A Serverless plugin: before anything is packaged or deployed, checks what serverless.yml says, so that a mistake is
 * found at the desk and not by a rule at night; and tells the functions which policies there are. See policies.ts.
 */
export default class CheckPolicies {
  /** @param {{ service: import('./policies.ts').Service, classes: { Error: new (message: string) => Error } }} serverless */
  constructor(serverless) {
    this.hooks = {
      'before:package:initialize': async () => {
        const { policyNames, problemsIn } = await import('./policies.ts');
        const problems = problemsIn(serverless.service);
        if (problems.length === 0) {
          // Lets cleanup report the snapshots of a policy that is there no more.
          serverless.service.provider.environment.AUTOSNAP_POLICIES = policyNames(serverless.service).join(
            ',',
          );
          return;
        }
        throw new serverless.classes.Error(
          `serverless.yml is refused:\n${problems.map((p) => `- ${p}`).join('\n')}`,
        );
      },
    };
  }
}
