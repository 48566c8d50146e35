import { type DashboardEntry, GetDashboardCommand, ListDashboardsCommand } from '@aws-sdk/client-cloudwatch';
import {
  type Rule as EventBridgeRule,
  ListRulesCommand,
  ListTargetsByRuleCommand,
} from '@aws-sdk/client-eventbridge';
import { ListRolesCommand, type Role } from '@aws-sdk/client-iam';
import {
  type EventSourceMappingConfiguration,
  type FunctionConfiguration,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { GetTopicAttributesCommand, ListTopicsCommand, type Topic } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, ListQueuesCommand } from '@aws-sdk/client-sqs';
import { aws } from './clients.ts';
import { type Resource, templateOf } from './template.ts';

/** A rule with its inputs and targets. */
export interface Rule {
  expression: string | undefined;
  state: string | undefined;
  /** By their ids. */
  targets: Record<string, { arn: string | undefined; input: unknown }>;
}

export interface PolicyDocument {
  Statement: {
    Effect: string;
    Action: string | string[];
    Resource?: string | string[];
    Principal?: unknown;
    Condition?: unknown;
  }[];
}

/**
 * Everything that a stage has in AWS, under names that do not change, and without the times that
 * each deployment changes.
 */
export interface State {
  functions: Record<string, Record<string, unknown>>;
  rules: Record<string, Rule>;
  /** The queues that invoke functions, with their settings. */
  sources: Record<string, unknown>;
  roles: Record<string, { trust: unknown; policies: Record<string, PolicyDocument> }>;
  queues: Record<string, unknown>;
  topics: Record<string, unknown>;
  logGroups: Record<string, unknown>;
  buckets: string[];
  dashboards: Record<string, unknown>;
  /** Properties that the emulator does not store, from the deployed template. */
  notKept: Record<string, Resource>;
}

const NOT_KEPT = [
  'AWS::CloudWatch::Alarm',
  'AWS::Lambda::EventInvokeConfig',
  // The bucket stays, but has no expiry in the emulator.
  'AWS::Lambda::Permission',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::Subscription',
  'AWS::SQS::QueuePolicy',
];

/**
 * Everything that AWS has of a stage, found by names instead of the stack, so that leftovers of a
 * stack are included.
 */
export async function stateOf(stage: string): Promise<State> {
  const owner = `autosnap-${stage}`;
  /** Examines each resource whose name is that of the deployment, or begins with it. */
  async function all<T, R>(
    items: T[] | undefined,
    nameOf: (item: T) => string | undefined,
    look: Look<T, R>,
  ) {
    const found: [string, R][] = [];
    for (const item of items ?? []) {
      const name = withoutSuffix(nameOf(item)?.split(/[:/]/).at(-1) ?? '');
      if (name === owner) found.push([name, await look(item)]);
      if (name.startsWith(owner) && /[-_]/.test(name[owner.length] ?? ''))
        found.push([name.slice(owner.length + 1), await look(item)]);
    }
    return Object.fromEntries(found);
  }
  const { Functions } = await aws.lambda.send(new ListFunctionsCommand());
  const { EventSourceMappings } = await aws.lambda.send(new ListEventSourceMappingsCommand());
  const { Rules } = await aws.eventBridge.send(new ListRulesCommand());
  const { Roles } = await aws.iam.send(new ListRolesCommand());
  const { QueueUrls } = await aws.sqs.send(new ListQueuesCommand());
  const { Topics } = await aws.sns.send(new ListTopicsCommand());
  const { Buckets } = await aws.s3.send(new ListBucketsCommand());
  const { DashboardEntries } = await aws.cloudWatch.send(new ListDashboardsCommand());
  const template = await templateOf(stage);
  const state: State = {
    functions: await all(Functions, (it) => it.FunctionName, configurationOf),
    sources: await all(EventSourceMappings, (it) => it.FunctionArn, sourceOf),
    rules: await all(Rules, (it) => it.Name, ruleOf),
    roles: await all(
      Roles,
      (it) => it.RoleName,
      async (it) => roleOf(it, template),
    ),
    queues: await all(QueueUrls, (it) => it, queueOf),
    topics: await all(Topics, (it) => it.TopicArn, topicOf),
    logGroups: await all(await logGroups(), (it) => it.logGroupName, daysOf),
    buckets: Object.keys(
      await all(
        Buckets,
        (it) => it.Name,
        async () => true,
      ),
    ).sort(),
    dashboards: await all(DashboardEntries, (it) => it.DashboardName, dashboardOf),
    notKept: Object.fromEntries(Object.entries(template).filter(([, { Type }]) => NOT_KEPT.includes(Type))),
  };
  const made = [...(Rules ?? []), ...(Buckets ?? [])].map(({ Name = '' }) => Name);
  const text = made.reduce((t, name) => t.replaceAll(name, withoutSuffix(name)), JSON.stringify(state));
  return JSON.parse(text) as State;
}

type Look<T, R> = (item: T) => Promise<R>;

/** The events that the rules of a stage send to a function, by the names of their policies. */
export function eventsFor(state: State, name: string): Record<string, Record<string, unknown>> {
  const events = Object.values(state.rules)
    .flatMap(({ targets }) => Object.values(targets))
    .filter(({ arn }) => arn?.endsWith(`-${name}`))
    .map(({ input }) => input as { policy: string });
  return Object.fromEntries(events.map((event) => [event.policy, event]));
}

/** Names that CloudFormation generates end in random characters. */
function withoutSuffix(name: string): string {
  return name.replace(/-[0-9A-Za-z]{12}$/, '');
}

async function configurationOf({ LastModified: _, CodeSize: __, ...rest }: FunctionConfiguration) {
  return rest;
}

async function sourceOf({
  EventSourceArn,
  BatchSize,
  FunctionResponseTypes,
}: EventSourceMappingConfiguration) {
  return { queue: EventSourceArn, BatchSize, FunctionResponseTypes };
}

async function ruleOf({ Name: Rule, ScheduleExpression, State: state }: EventBridgeRule): Promise<Rule> {
  const { Targets = [] } = await aws.eventBridge.send(new ListTargetsByRuleCommand({ Rule }));
  const targets = Targets.map(({ Id, Arn: arn, Input }) => [Id, { arn, input: Input && JSON.parse(Input) }]);
  return { expression: ScheduleExpression, state, targets: Object.fromEntries(targets) };
}

/**
 * The policies are those of the template, because the emulator stores them as invalid JSON with
 * incomplete ARNs.
 */
function roleOf({ RoleName, AssumeRolePolicyDocument = '{}' }: Role, template: Record<string, Resource>) {
  const found = Object.values(template).find(({ Properties }) => Properties.RoleName === RoleName);
  const policies = (found?.Properties.Policies ?? []) as Policy[];
  return {
    trust: JSON.parse(decodeURIComponent(AssumeRolePolicyDocument)),
    policies: Object.fromEntries(policies.map((policy) => [policy.PolicyName, policy.PolicyDocument])),
  };
}

interface Policy {
  PolicyName: string;
  PolicyDocument: PolicyDocument;
}

async function queueOf(QueueUrl: string) {
  const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
  const attributes = Object.entries((await aws.sqs.send(command)).Attributes ?? {});
  return Object.fromEntries(attributes.filter(([name]) => !/Timestamp$|^ApproximateNumber/.test(name)));
}

async function topicOf({ TopicArn }: Topic) {
  return (await aws.sns.send(new GetTopicAttributesCommand({ TopicArn }))).Attributes;
}

async function daysOf({ retentionInDays }: LogGroup) {
  return { days: retentionInDays };
}

async function dashboardOf({ DashboardName }: DashboardEntry) {
  const { DashboardBody = '' } = await aws.cloudWatch.send(new GetDashboardCommand({ DashboardName }));
  return JSON.parse(DashboardBody);
}

interface LogGroup {
  logGroupName: string;
  retentionInDays?: number;
}

/** CloudWatch Logs' DescribeLogGroups, the only call of a service without a client here. */
async function logGroups(): Promise<LogGroup[]> {
  const response = await fetch(process.env.AWS_ENDPOINT_URL!, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Logs_20140328.DescribeLogGroups',
      // The emulator derives the service from this header.
      authorization: `AWS4-HMAC-SHA256 Credential=emulated/20260101/${process.env.AWS_REGION}/logs/aws4_request`,
    },
    body: '{}',
  });
  return ((await response.json()) as { logGroups: LogGroup[] }).logGroups;
}
