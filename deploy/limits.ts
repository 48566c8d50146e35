import { alarmsOf } from './alarms.ts';
import { dashboardOf } from './dashboard.ts';
import { FUNCTIONS, policiesOf, type Service } from './policies.ts';
import { logicalIdOf, type Resources } from './resources.ts';
import { roleOf } from './role.ts';
import { rulesOf } from './rules.ts';

/** Source: AWS CloudFormation user guide, "Understand CloudFormation quotas". */
const MAX_RESOURCES = 500;
const MAX_TEMPLATE_BYTES = 1_000_000;
/**
 * A function's resource policy has at most 20,480 bytes, about 455 bytes a rule. Source: AWS Lambda
 * developer guide, "Lambda quotas".
 */
const MAX_PERMISSIONS = 45;

/**
 * The maximum lengths of names, in characters, by type and property. Source: the AWS CloudFormation
 * template reference of each type. CloudFormation generates the other names within the limits.
 */
const MAX_NAME_LENGTHS: Record<string, Record<string, number>> = {
  'AWS::CloudFormation::Stack': { StackName: 128 },
  'AWS::CloudWatch::Alarm': { AlarmName: 255 },
  'AWS::CloudWatch::CompositeAlarm': { AlarmName: 255 },
  'AWS::CloudWatch::Dashboard': { DashboardName: 255 },
  'AWS::DynamoDB::Table': { TableName: 255 },
  'AWS::Events::Rule': { Name: 64 },
  'AWS::IAM::ManagedPolicy': { ManagedPolicyName: 128 },
  'AWS::IAM::Role': { RoleName: 64 },
  'AWS::Lambda::Function': { FunctionName: 64 },
  'AWS::Logs::LogGroup': { LogGroupName: 512 },
  'AWS::S3::Bucket': { BucketName: 63 },
  'AWS::SNS::Topic': { TopicName: 256 },
  'AWS::SQS::Queue': { QueueName: 80 },
  'AWS::Scheduler::Schedule': { Name: 64 },
  'AWS::SecretsManager::Secret': { Name: 512 },
};

/** A deployment: the resolved serverless.yml, the stage and the AWS region. */
export interface Deployment {
  service: Service;
  stage: string;
  region: string;
}

/**
 * The exceeded AWS limits, each with the remedy. The check uses only serverless.yml, because
 * `serverless package` checks no limits and CloudFormation reports them only after minutes.
 */
export function limitProblems(deployment: Deployment): string[] {
  const { service } = deployment;
  return [
    ...sizeProblems(deployment),
    ...Object.entries(service.functions ?? {}).flatMap(([name, { events = [] }]) => {
      const rules = ratesOf(events).length;
      return rules < MAX_PERMISSIONS
        ? []
        : [
            `functions.${name}.events: ${rules} schedules exceed the ${MAX_PERMISSIONS - 1} that one function can have: use policies instead`,
          ];
    }),
    ...nameProblems(deployment),
  ];
}

function sizeProblems(deployment: Deployment): string[] {
  const policies = policiesOf(deployment.service).length;
  if (policiesFit(deployment, policies)) return [];
  let [most, tooMany] = [0, policies];
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (policiesFit(deployment, middle)) most = middle;
    else tooMany = middle;
  }
  return [
    `custom.policies: a deployment has room for ${most} of these ${policies} policies (a CloudFormation stack is limited to ${MAX_RESOURCES} resources and a template of ${MAX_TEMPLATE_BYTES / 1e6} MB): use one policy for several accounts, such as account: customer-*, or split them between two services`,
  ];
}

/**
 * The default quota of rules on the event bus of an AWS account. Source: Amazon EventBridge quotas.
 */
const RULES_QUOTA: { code: string; most: number; inRegions: Record<string, number> } = {
  code: 'L-244521F2',
  most: 300,
  inRegions: { 'af-south-1': 100, 'eu-south-1': 100 },
};

/**
 * The exceeded default quotas of an AWS account, each with the way to request an increase. They are
 * only warnings, because AWS may have increased the quota of this account. A stack never reaches
 * the quotas of EventBridge Scheduler schedules (1,000,000) or alarms (5,000).
 */
export function quotaWarnings(deployment: Deployment): string[] {
  const { region } = deployment;
  const rules = Object.values(draftOf(deployment)).filter(
    ({ Type, Properties }) => Type === 'AWS::Events::Rule' && Properties?.EventBusName === undefined,
  ).length;
  const most = RULES_QUOTA.inRegions[region] ?? RULES_QUOTA.most;
  if (rules <= most) return [];
  const wanted = Math.ceil((rules + 1) / 100) * 100;
  return [
    `custom.policies: make ${rules} EventBridge rules, and an AWS account has ${most} in ${region} by default, with those of everything else in it: ask for more before the deployment, by aws service-quotas request-service-quota-increase --region ${region} --service-code events --quota-code ${RULES_QUOTA.code} --desired-value ${wanted}; or give the policies the same cleanup, as jobs with the same schedule share rules`,
  ];
}

/** Whether the first `count` policies fit in one deployment. */
function policiesFit({ service, ...rest }: Deployment, count: number): boolean {
  const policies = Object.fromEntries(Object.entries(Object(service.custom?.policies)).slice(0, count));
  const resources = draftOf({ ...rest, service: { ...service, custom: { ...service.custom, policies } } });
  return (
    Object.keys(resources).length <= MAX_RESOURCES &&
    Buffer.byteLength(JSON.stringify({ Resources: resources }, null, 2)) <= MAX_TEMPLATE_BYTES
  );
}

/**
 * The resources that `serverless package` will put into the template, by their logical ids.
 * Autosnap's own resources are complete; those that Serverless generates from the functions have
 * only their types and names.
 */
export function draftOf({ service, stage, region }: Deployment): Resources {
  const prefix = `${service.service}-${stage}`;
  const resource = (Type: string, Properties: Record<string, unknown> = {}) => ({ Type, Properties });
  const functions = Object.entries(service.functions ?? {}).flatMap(([name, fn]) => {
    const id = logicalIdOf(name);
    const queues = (fn.events ?? []).filter((event) => 'sqs' in Object(event));
    // Each of these events becomes a resource, such as a subscription or a route, and a permission.
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

/** The resources that are generated from the policies. */
export function madeOf({ service, stage }: Pick<Deployment, 'service' | 'stage'>): Resources {
  return { ...rulesOf(service, stage), ...alarmsOf(service, stage), ...dashboardOf(service, stage) };
}

/** The schedule expressions of a function's events. Each becomes a rule. */
function ratesOf(events: readonly unknown[] = []): unknown[] {
  return events.flatMap((event) => {
    const { schedule } = Object(event);
    return typeof schedule === 'string' ? [schedule] : [Object(schedule).rate ?? []].flat();
  });
}

/** A name that is too long, with the logical id of its resource. */
interface TooLong {
  id: string;
  property: string;
  name: string;
  most: number;
}

/** The names of resources that are too long for AWS. */
function tooLong(resources: Resources): TooLong[] {
  return Object.entries(resources).flatMap(([id, { Type, Properties }]) =>
    Object.entries(MAX_NAME_LENGTHS[Type] ?? {}).flatMap(([property, most]) => {
      const name = Properties?.[property];
      return typeof name === 'string' && name.length > most ? [{ id, property, name, most }] : [];
    }),
  );
}

/** The length of a name and the excess, as text. */
export function lengthOf({ name, most }: Pick<TooLong, 'name' | 'most'>): string {
  return `${name.length} characters, ${name.length - most} more than the ${most} that AWS allows`;
}

/**
 * The problems of names that are too long, each with what to shorten: a name that serverless.yml
 * sets, or the stage, which is a part of all generated names. Of the generated names only the one
 * with the largest excess is reported.
 */
function nameProblems(deployment: Deployment): string[] {
  const { service, stage } = deployment;
  const { functions = {}, provider, resources } = service;
  const prefix = `${service.service}-${stage}`;
  const own = resources?.Resources ?? {};
  const names = tooLong({
    Stack: { Type: 'AWS::CloudFormation::Stack', Properties: { StackName: provider?.stackName ?? prefix } },
    ...draftOf(deployment),
  });
  const functionOf = ({ id }: TooLong) =>
    Object.keys(functions).find((key) => id === `${logicalIdOf(key)}LambdaFunction`) ?? '';
  /** The field of serverless.yml that sets the name; undefined for a generated name. */
  const fieldOf = (found: TooLong): string | undefined => {
    const key = functionOf(found);
    if (found.name === provider?.stackName) return 'provider.stackName';
    if (found.name === roleOf(provider).name) return 'provider.iam.role.name';
    if (key && found.name === functions[key]?.name) return `functions.${key}.name`;
    return found.id in own && !found.name.startsWith(`${prefix}-`)
      ? `resources.Resources.${found.id}.Properties.${found.property}`
      : undefined;
  };
  const explicit = names.flatMap((found) => {
    const field = fieldOf(found);
    return field ? [`${field}: has ${lengthOf(found)}: choose a shorter one`] : [];
  });
  const made = names.filter((found) => !fieldOf(found));
  const [extra, generated] = [
    made.filter((found) => functionOf(found) && !FUNCTIONS.includes(functionOf(found))),
    made.filter((found) => !functionOf(found) || FUNCTIONS.includes(functionOf(found))),
  ];
  const [longest] = generated.sort((a, b) => b.name.length - b.most - (a.name.length - a.most));
  return [
    ...explicit,
    // With a shorter stage the names of other functions may fit as well.
    ...(longest
      ? [stageProblem(stage, longest)]
      : extra.map(
          (found) =>
            `functions.${functionOf(found)}: its name would be ${found.name}, of ${lengthOf(found)}: give it a shorter one`,
        )),
  ];
}

function stageProblem(stage: string, found: TooLong): string {
  const room = stage.length - (found.name.length - found.most);
  return `stage: ${found.property} would be ${found.name}, of ${lengthOf(found)}: choose ${room > 0 ? `a stage of at most ${room} characters, or ` : ''}a shorter service name`;
}
