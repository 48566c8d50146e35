import { alarmsOf } from './alarms.ts';
import { dashboardOf } from './dashboard.ts';
import { FUNCTIONS, policiesOf, type Service } from './policies.ts';
import { logicalIdOf, type Resources } from './resources.ts';
import { roleOf } from './role.ts';
import { rulesOf } from './rules.ts';

/** Source: AWS CloudFormation user guide, "Understand CloudFormation quotas". */
const MOST_RESOURCES = 500;
const LARGEST_TEMPLATE_BYTES = 1_000_000;
/** 20,480 bytes of resource policy, some 455 bytes a rule. Source: AWS Lambda developer guide, "Lambda quotas". */
const MOST_PERMISSIONS = 45;

/** The longest names, in characters. Source: the AWS CloudFormation template reference of each type. */
const LONGEST_NAMES: Record<string, number> = {
  StackName: 128,
  RoleName: 64,
  FunctionName: 64,
  QueueName: 80,
  TopicName: 256,
  BucketName: 63,
  AlarmName: 255,
  DashboardName: 255,
};

/** What a deployment is made of: serverless.yml with all that it pulls in, the stage and the AWS region. */
export interface Deployment {
  service: Service;
  stage: string;
  region: string;
}

/**
 * What is too large or too long for AWS, each with the remedy. It is found from serverless.yml alone, because `serverless
 * package` checks none of it, and CloudFormation says it after minutes.
 */
export function limitProblems(deployment: Deployment): string[] {
  const { service } = deployment;
  return [
    ...sizeProblems(deployment),
    ...Object.entries(service.functions ?? {}).flatMap(([name, { events = [] }]) => {
      const rules = ratesOf(events).length;
      return rules < MOST_PERMISSIONS
        ? []
        : [
            `functions.${name}.events: ${rules} schedules, and a function takes ${MOST_PERMISSIONS - 1}: make policies of them`,
          ];
    }),
    ...nameProblems(deployment),
  ];
}

function sizeProblems(deployment: Deployment): string[] {
  const policies = policiesOf(deployment.service).length;
  if (fits(deployment, policies)) return [];
  let [most, tooMany] = [0, policies];
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (fits(deployment, middle)) most = middle;
    else tooMany = middle;
  }
  return [
    `custom.policies: a deployment has room for ${most} of these ${policies} policies (a CloudFormation stack takes ${MOST_RESOURCES} resources and a template of ${LARGEST_TEMPLATE_BYTES / 1e6} MB): let one policy stand for several accounts, such as account: customer-*, or split them between two services`,
  ];
}

/** Whether the first so many policies fit in one deployment. */
function fits({ service, ...rest }: Deployment, count: number): boolean {
  const policies = Object.fromEntries(Object.entries(Object(service.custom?.policies)).slice(0, count));
  const resources = draftOf({ ...rest, service: { ...service, custom: { ...service.custom, policies } } });
  return (
    Object.keys(resources).length <= MOST_RESOURCES &&
    Buffer.byteLength(JSON.stringify({ Resources: resources }, null, 2)) <= LARGEST_TEMPLATE_BYTES
  );
}

/**
 * The resources that `serverless package` will put into the template, by their logical ids: those that are ours as they
 * are, those that Serverless makes of the functions by type and name only.
 */
export function draftOf({ service, stage, region }: Deployment): Resources {
  const prefix = `${service.service}-${stage}`;
  const resource = (Type: string, Properties: Record<string, unknown> = {}) => ({ Type, Properties });
  const functions = Object.entries(service.functions ?? {}).flatMap(([name, fn]) => {
    const id = logicalIdOf(name);
    const queues = (fn.events ?? []).filter((event) => 'sqs' in Object(event));
    // Of these it is a subscription, a route or the like, and a permission.
    const others = (fn.events ?? []).filter(
      (event) => !('sqs' in Object(event) || 'schedule' in Object(event)),
    );
    return [
      [
        `${id}LambdaFunction`,
        resource('AWS::Lambda::Function', { ...fn, FunctionName: fn.name ?? `${prefix}-${name}` }),
      ],
      [`${id}LogGroup`, resource('AWS::Logs::LogGroup')],
      ...(fn.destinations ? [[`${id}LambdaEvConf`, resource('AWS::Lambda::EventInvokeConfig')]] : []),
      ...ratesOf(fn.events).flatMap((_, i) => [
        [`${id}EventsRuleSchedule${i + 1}`, resource('AWS::Events::Rule')],
        [`${id}LambdaPermissionEventsRuleSchedule${i + 1}`, resource('AWS::Lambda::Permission')],
      ]),
      ...queues.map((_, i) => [
        `${id}EventSourceMapping${i + 1}`,
        resource('AWS::Lambda::EventSourceMapping'),
      ]),
      ...others.flatMap((_, i) => [
        [`${id}Event${i + 1}`, resource('Of an event')],
        [`${id}EventPermission${i + 1}`, resource('AWS::Lambda::Permission')],
      ]),
    ];
  });
  return {
    ServerlessDeploymentBucket: resource('AWS::S3::Bucket'),
    ServerlessDeploymentBucketPolicy: resource('AWS::S3::BucketPolicy'),
    IamRoleLambdaExecution: resource('AWS::IAM::Role', {
      RoleName: roleOf(service.provider).name ?? `${prefix}-${region}-lambdaRole`,
    }),
    ...Object.fromEntries(functions),
    ...service.resources?.Resources,
    ...madeOf({ service, stage }),
  };
}

/** The resources that are made of the policies. */
export function madeOf({ service, stage }: Pick<Deployment, 'service' | 'stage'>): Resources {
  return { ...rulesOf(service, stage), ...alarmsOf(service, stage), ...dashboardOf(service, stage) };
}

/** The expressions of the schedule events of a function: each becomes a rule. */
function ratesOf(events: readonly unknown[] = []): unknown[] {
  return events.flatMap((event) => {
    const { schedule } = Object(event);
    return typeof schedule === 'string' ? [schedule] : [Object(schedule).rate ?? []].flat();
  });
}

/** The names that are too long, of each kind the longest. */
function nameProblems(deployment: Deployment): string[] {
  const { service, stage } = deployment;
  const stack = `${service.service}-${stage}`;
  const names = [
    ['StackName', stack],
    ...Object.values(draftOf(deployment)).flatMap(({ Properties }) => Object.entries(Properties ?? {})),
  ].flatMap(([kind, name]) => {
    const over = typeof name === 'string' ? name.length - (LONGEST_NAMES[String(kind)] ?? name.length) : 0;
    return over > 0 ? [{ kind: String(kind), name: String(name), over }] : [];
  });
  const longest = names.sort((a, b) => b.over - a.over)[0];
  if (!longest) return [];
  const { kind, name, over } = longest;
  const tooLong = `${name.length} characters, and AWS takes ${LONGEST_NAMES[kind]}`;
  if (name === roleOf(service.provider).name) {
    return [`provider.iam.role.name: has ${tooLong}: choose a shorter one`];
  }
  if (!name.startsWith(stack)) {
    return [`${kind}: ${name} has ${tooLong}: choose a shorter one`];
  }
  const own = Object.keys(service.functions ?? {}).find((fn) => name === `${stack}-${fn}`);
  if (own && !FUNCTIONS.includes(own)) {
    return [`functions.${own}: its name would be ${name}, of ${tooLong}: give it a shorter one`];
  }
  const room = stage.length - over;
  return [
    `stage: ${kind} would be ${name}, of ${tooLong}: choose ${room > 0 ? `a stage of at most ${room} characters, or ` : ''}a shorter service name`,
  ];
}
