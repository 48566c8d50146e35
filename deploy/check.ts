import { type Deployment, limitProblems } from './limits.ts';
import { policyProblems, type Service } from './policies.ts';
import { roleProblems } from './role.ts';
import { scheduleEventProblems } from './schedule-events.ts';
import { settingsProblems } from './settings.ts';

/**
 * What a deployment of serverless.yml could not do, or would do otherwise than it looks, each with the field and the
 * remedy. `npx autosnap check` asks for it alone, and each command that packages asks for it first.
 *
 * @param deployment without the schedule events that are made from its policies.
 */
export function problemsIn(deployment: Deployment): string[] {
  const { service } = deployment;
  return [
    ...settingsProblems(service.custom),
    ...policyProblems(service),
    ...roleProblems(service),
    ...runtimeProblems(service),
    ...scheduleEventProblems(service),
    ...limitProblems(deployment),
  ];
}

/** The compiler's plugin fails on a function without a runtime, and does not say which. */
function runtimeProblems({ functions = {}, provider }: Service): string[] {
  return Object.entries(functions)
    .filter(([, { runtime, image }]) => (runtime ?? image ?? provider?.runtime) === undefined)
    .map(([name]) => `functions.${name}.runtime: is missing: add one, such as nodejs24.x`);
}

/** {@link problemsIn} as the text of an error. */
export function refusalOf(problems: readonly string[]): string {
  return `serverless.yml is refused:\n${problems.map((problem) => `- ${problem}`).join('\n')}`;
}
