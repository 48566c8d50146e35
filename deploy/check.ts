import { type Deployment, limitProblems, madeOf, quotaWarnings } from './limits.ts';
import { FUNCTIONS, functionsOf, policyBlockProblems, policyWarnings, type Service } from './policies.ts';
import { rightsProblems, roleProblems } from './role.ts';
import { scheduleEventProblems } from './schedule-events.ts';
import { settingsProblems } from './settings.ts';

/**
 * The problems of a serverless.yml: settings that would fail, or that have another effect than
 * expected. Each problem has the field and the remedy. `npx autosnap check` runs only this check,
 * and each command that packages runs it first.
 *
 * @param given the deployment without the schedule events that are generated from its policies.
 */
export function configurationProblems(given: Deployment): string[] {
  const service = { ...given.service, functions: functionsOf(given.service.functions) };
  const events = eventProblems(service);
  return events.length > 0 ? events : deploymentProblems({ ...given, service });
}

/**
 * The warnings for a deployment without {@link configurationProblems}, each with the field and the
 * remedy.
 */
export function warningsIn(given: Deployment): string[] {
  const service = { ...given.service, functions: functionsOf(given.service.functions) };
  return [...policyWarnings(service), ...quotaWarnings({ ...given, service })];
}

function deploymentProblems(deployment: Deployment): string[] {
  const { service } = deployment;
  const settings = settingsProblems(service.custom);
  return [
    ...stackNameProblems({
      service: service.service,
      stage: deployment.stage,
      ...(service.provider?.stackName === undefined
        ? {}
        : { 'provider.stackName': String(service.provider.stackName) }),
    }),
    ...settings,
    ...policyBlockProblems(service),
    ...roleProblems(service),
    ...rightsProblems(service),
    ...runtimeProblems(service),
    ...resourceProblems(deployment),
    // The digest setting is the input of the audit's schedule event.
    ...(settings.length > 0 ? [] : scheduleEventProblems(service)),
    ...limitProblems(deployment),
  ];
}

/**
 * Validates the names of the service and the stage, which are parts of the stack name and most
 * resource names.
 */
export function stackNameProblems(names: Record<string, string>): string[] {
  return Object.entries(names).flatMap(([field, name]) =>
    /^[a-z][a-z0-9-]*$/i.test(name)
      ? []
      : [`${field}: must start with a letter, and contain only letters, digits and hyphens`],
  );
}

/**
 * Why a command refuses the stage `local`, whose owner, cloud and settings are those of the
 * embedded cloud. Empty for other stages.
 */
export function stageProblems(command: string, stage: string): string[] {
  return stage === 'local'
    ? [
        `${command} needs a deployment: give its stage with --stage. The stage "local" runs on this machine alone.${command === 'report' ? ' npm start writes its report.' : ''}`,
      ]
    : [];
}

/** Events that are not a list. They are checked first, because the other checks need lists. */
function eventProblems({ functions = {} }: Service): string[] {
  return Object.entries(functions)
    .filter(([, { events = [] }]) => !Array.isArray(events))
    .map(([name]) => `functions.${name}.events: must be a list: put "- " before each event`);
}

/**
 * The problems with resources: missing resources of Autosnap, and custom resources with the same
 * logical id as a generated resource.
 */
function resourceProblems(deployment: Deployment): string[] {
  const own = deployment.service.resources?.Resources ?? {};
  const taken = Object.keys(madeOf(deployment)).filter((name) => name in own);
  return [
    ...taken.map(
      (name) => `resources.Resources.${name}: Autosnap creates a resource of this name: choose another name`,
    ),
    ...(FUNCTIONS.every((name) => name in (deployment.service.functions ?? {})) && !('Reports' in own)
      ? ['resources: must include deploy/resources.yml, as the serverless.yml of this version does']
      : []),
  ];
}

/**
 * Functions without a runtime, on which serverless-plugin-typescript fails without naming the
 * function.
 */
function runtimeProblems({ functions = {}, provider }: Service): string[] {
  return Object.entries(functions)
    .filter(([, { runtime, image }]) => (runtime ?? image ?? provider?.runtime) === undefined)
    .map(([name]) => `functions.${name}.runtime: is missing: add one, such as nodejs24.x`);
}

/** {@link configurationProblems} as the text of an error. */
export function refusalText(problems: readonly string[]): string {
  return `serverless.yml is refused:\n${problems.map((problem) => `- ${problem}`).join('\n')}`;
}
