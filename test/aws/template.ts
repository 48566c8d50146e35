import {
  GetTemplateCommand,
  ListStackResourcesCommand,
  ListStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { aws } from './clients.ts';

/** A resource of a deployed stack, as in its template. */
export interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
}

const ACCOUNT = '123456789012';
const PSEUDO: Record<string, string> = {
  'AWS::Partition': 'aws',
  'AWS::AccountId': ACCOUNT,
  'AWS::URLSuffix': 'amazonaws.com',
};

/**
 * The resources of a stage's deployed template by their logical ids, with all intrinsic functions
 * resolved. The emulator does not implement all resources; for these, only the template can be
 * tested. Empty without a stack.
 */
export async function templateOf(stage: string): Promise<Record<string, Resource>> {
  const StackName = `autosnap-${stage}`;
  const { StackSummaries = [] } = await aws.cloudFormation.send(new ListStacksCommand());
  if (!StackSummaries.some((s) => s.StackName === StackName && s.StackStatus !== 'DELETE_COMPLETE'))
    return {};
  const { TemplateBody = '' } = await aws.cloudFormation.send(new GetTemplateCommand({ StackName }));
  const { StackResourceSummaries = [] } = await aws.cloudFormation.send(
    new ListStackResourcesCommand({ StackName }),
  );
  const { Resources } = JSON.parse(TemplateBody) as { Resources: Record<string, Resource> };
  const ids = new Map(
    StackResourceSummaries.map(({ LogicalResourceId, PhysicalResourceId }) => [
      LogicalResourceId,
      PhysicalResourceId,
    ]),
  );
  const resolver = new Resolver(Resources, ids);
  return Object.fromEntries(
    Object.entries(Resources).map(([id, { Type, Properties = {} }]) => [
      id,
      { Type, Properties: resolver.resolve(Properties) as Resource['Properties'] },
    ]),
  );
}

/**
 * Resolves Ref, Fn::GetAtt, Fn::Sub and Fn::Join.
 *
 * @throws for other intrinsic functions.
 */
class Resolver {
  readonly #resources: Record<string, Resource>;
  readonly #ids: Map<string | undefined, string | undefined>;

  constructor(resources: Record<string, Resource>, ids: Map<string | undefined, string | undefined>) {
    this.#resources = resources;
    this.#ids = ids;
  }

  resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    if (typeof value !== 'object' || value === null) return value;
    const [[name, argument] = ['', undefined], ...more] = Object.entries(value);
    if (more.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) return this.#call(name, argument);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.resolve(item)]));
  }

  #call(name: string, argument: unknown): unknown {
    switch (name) {
      case 'Ref':
        return this.#ref(argument as string);
      case 'Fn::GetAtt': {
        const [id, attribute] = typeof argument === 'string' ? argument.split('.') : (argument as string[]);
        return this.#attribute(id!, attribute!);
      }
      case 'Fn::Sub': {
        const [text, values] = typeof argument === 'string' ? [argument, {}] : (argument as [string, object]);
        const given = this.resolve(values) as Record<string, string>;
        return text.replace(/\$\{([^!}][^}]*)\}/g, (_, key: string) => {
          const [id, attribute] = key.split('.');
          return given[key] ?? (attribute ? this.#attribute(id!, attribute) : this.#ref(id!));
        });
      }
      case 'Fn::Join': {
        const [separator, parts] = argument as [string, unknown[]];
        return (this.resolve(parts) as string[]).join(separator);
      }
      default:
        throw new Error(`${name} is not known to the tests: teach it to test/aws/template.ts`);
    }
  }

  #ref(id: string): string {
    if (id === 'AWS::Region') return process.env.AWS_REGION!;
    const found = PSEUDO[id] ?? this.#ids.get(id);
    if (found) return found;
    throw new Error(`the emulator has no ${id}`);
  }

  #attribute(id: string, attribute: string): string {
    const type = this.#resources[id]?.Type ?? 'nothing';
    const name = this.#ref(id);
    const arn = (service: string, resource: string) =>
      `arn:aws:${service}:${process.env.AWS_REGION}:${ACCOUNT}:${resource}`;
    const last = name.split(/[/:]/).at(-1)!;
    switch (`${type}.${attribute}`) {
      case 'AWS::Lambda::Function.Arn':
        return arn('lambda', `function:${name}`);
      case 'AWS::Logs::LogGroup.Arn':
        return arn('logs', `log-group:${name}:*`);
      case 'AWS::IAM::Role.Arn':
        return `arn:aws:iam::${ACCOUNT}:role/${name}`;
      case 'AWS::Events::Rule.Arn':
        return arn('events', `rule/${name}`);
      case 'AWS::S3::Bucket.Arn':
        return `arn:aws:s3:::${name}`;
      // The Ref of a queue is its URL; the Ref of a topic is its ARN.
      case 'AWS::SQS::Queue.Arn':
        return arn('sqs', last);
      case 'AWS::SQS::Queue.QueueName':
      case 'AWS::SNS::Topic.TopicName':
        return last;
      default:
        throw new Error(`${type}.${attribute} is not known to the tests: teach it to test/aws/template.ts`);
    }
  }
}
