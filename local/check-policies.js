/**
 * A Serverless plugin: before anything is packaged or deployed, checks what serverless.yml says, so that a mistake is
 * found at the desk and not by a rule at night. See policies.ts.
 */
export default class CheckPolicies {
  /** @param {{ service: import('./policies.ts').Service, classes: { Error: new (message: string) => Error } }} serverless */
  constructor(serverless) {
    this.hooks = {
      'before:package:initialize': async () => {
        const { problemsIn } = await import('./policies.ts');
        const problems = problemsIn(serverless.service);
        if (problems.length === 0) return;
        throw new serverless.classes.Error(
          `serverless.yml is refused:\n${problems.map((p) => `- ${p}`).join('\n')}`,
        );
      },
    };
  }
}
