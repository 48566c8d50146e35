import { type Deployment, limitProblems, madeOf, quotaWarnings } from './limits.ts';
import { FUNCTIONS, functionsOf, policyProblems, policyWarnings, type Service } from './policies.ts';
import { rightsProblems, roleProblems } from './role.ts';
import { scheduleEventProblems } from './schedule-events.ts';
import { settingsProblems } from './settings.ts';

/**
 * What a deployment of serverless.yml could not do, or would do otherwise than it looks, each with the field and the
 * remedy. `npx autosnap check` asks for it alone, and each command that packages asks for it first.
 *
 * @param deployment without the schedule events that are made from its policies.
 */
export function problemsIn(given: Deployment): string[] {
  const service = { ...given.service, functions: functionsOf(given.service.functions) };
  const events = eventProblems(service);
  return events.length > 0 ? events : problemsOf({ ...given, service });
}

/** What to know of a deployment that {@link problemsIn} has nothing against: each with the field and what to do. */
export function warningsIn(given: Deployment): string[] {
  const service = { ...given.service, functions: functionsOf(given.service.functions) };
  return [...policyWarnings(service), ...quotaWarnings({ ...given, service })];
}

function problemsOf(deployment: Deployment): string[] {
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
    ...policyProblems(service),
    ...roleProblems(service),
    ...rightsProblems(service),
    ...runtimeProblems(service),
    ...resourceProblems(deployment),
    // The input of the digest's event is a setting.
    ...(settings.length > 0 ? [] : scheduleEventProblems(service)),
    ...limitProblems(deployment),
  ];
}

/** The service and the stage become the name of the stack, and a part of most other names. */
export function stackNameProblems(names: Record<string, string>): string[] {
  return Object.entries(names).flatMap(([field, name]) =>
    /^[a-z][a-z0-9-]*$/i.test(name)
      ? []
      : [`${field}: must begin with a letter, and have letters, digits and hyphens only`],
  );
}

/** Events that are no list would stop all that looks at them. */
function eventProblems({ functions = {} }: Service): string[] {
  return Object.entries(functions)
    .filter(([, { events = [] }]) => !Array.isArray(events))
    .map(([name]) => `functions.${name}.events: must be a list: put "- " before each event`);
}

/** Resources of the product, which it needs, and of which none may be another's. */
function resourceProblems(deployment: Deployment): string[] {
  const own = deployment.service.resources?.Resources ?? {};
  const taken = Object.keys(madeOf(deployment)).filter((name) => name in own);
  return [
    ...taken.map((name) => `resources.Resources.${name}: the product makes one of that name: choose another`),
    ...(FUNCTIONS.every((name) => name in (deployment.service.functions ?? {})) && !('Reports' in own)
      ? ['resources: must pull in deploy/resources.yml, as the file that comes with this version does']
      : []),
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
