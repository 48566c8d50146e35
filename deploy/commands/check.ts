import { configurationProblems, refusalText, warningsIn } from '../check.ts';
import { policiesOf } from '../policies.ts';
import { type Command, EXIT } from './command.ts';

/** `npx autosnap check`: the problems of serverless.yml, or its policies and warnings. */
export const check: Command = {
  summary: 'Checks serverless.yml as each deployment does first. Changes nothing and needs no AWS.',
  example: 'npx autosnap check --stage prod',
  options: {},
  needs: 'all settings',
  isLocalToo: false,
  async run(_, { deployment, terminal, isJson }) {
    const problems = configurationProblems(deployment);
    const names = policiesOf(deployment.service).map(({ policy }) => policy);
    const warnings = problems.length > 0 ? [] : warningsIn(deployment);
    if (isJson) {
      terminal.print(JSON.stringify({ problems, warnings, policies: names }, null, 2));
    } else if (problems.length > 0) {
      terminal.note(refusalText(problems));
    } else {
      terminal.print(
        `serverless.yml is valid. Stage ${deployment.stage}, policies: ${names.join(', ') || 'none'}`,
      );
      for (const warning of warnings) terminal.note(`Warning: ${warning}`);
    }
    return problems.length > 0 ? EXIT.trouble : EXIT.good;
  },
};
