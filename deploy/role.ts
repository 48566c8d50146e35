import { FUNCTIONS, type Service } from './policies.ts';
import { logicalIdOf } from './resources.ts';

/**
 * Adds `provider.iam.role.statements` (or `provider.iamRoleStatements`, as it was called before) to the role of the
 * functions, and the right to log for functions of one's own. Serverless puts them there too, but the statements that
 * deploy/resources.yml has under `extensions` take their place.
 */
export function addOwnStatements({
  provider,
  functions = {},
  resources,
}: Pick<Service, 'provider' | 'functions' | 'resources'>): void {
  const logGroups = Object.keys(functions)
    .filter((name) => !FUNCTIONS.includes(name))
    .map((name) => ({ 'Fn::GetAtt': [`${logicalIdOf(name)}LogGroup`, 'Arn'] }));
  const logs = {
    Effect: 'Allow',
    Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    Resource: logGroups,
  };
  const statements = [...ownStatements(provider), ...(logGroups.length > 0 ? [logs] : [])];
  const role = resources?.extensions?.IamRoleLambdaExecution as
    | { Properties: { Policies: { PolicyDocument: { Statement: unknown[] } }[] } }
    | undefined;
  role?.Properties.Policies[0]?.PolicyDocument.Statement.push(...statements);
}

/** What is wrong with the role that serverless.yml gives the functions. */
export function roleProblems({ provider }: Pick<Service, 'provider'>): string[] {
  const role = provider?.iam?.role;
  const isForeign =
    typeof role === 'string' || Object.keys(Object(role)).some((key) => /^(Ref$|Fn::)/.test(key));
  const remedy =
    'the functions have a role of their own: take it out, and add rights under provider.iam.role.statements';
  return [
    ...(isForeign ? [`provider.iam.role: ${remedy}`] : []),
    ...(provider?.role === undefined ? [] : [`provider.role: ${remedy}`]),
  ];
}

/** Events for which a function has to have rights: it reads them. */
const READ_EVENTS = ['sqs', 'stream', 'msk', 'kafka', 'activemq', 'rabbitmq'];

/**
 * What functions of one's own need and nobody gives them, where no rights are added: they share the role of the
 * product, which has the rights that the product needs.
 */
export function rightsProblems({
  provider,
  functions = {},
}: Pick<Service, 'provider' | 'functions'>): string[] {
  if (ownStatements(provider).length > 0) return [];
  return Object.entries(functions)
    .filter(([name]) => !FUNCTIONS.includes(name))
    .flatMap(([name, { events = [], destinations, tracing }]) => [
      ...events
        .flatMap((event, i) =>
          Object.keys(Object(event)).flatMap((kind) =>
            READ_EVENTS.includes(kind) ? [`events.${i}.${kind}`] : [],
          ),
        )
        .map((field) => [name, field]),
      ...(destinations === undefined ? [] : [[name, 'destinations']]),
      ...(tracing === undefined ? [] : [[name, 'tracing']]),
    ])
    .map(
      ([name, field]) =>
        `functions.${name}.${field}: its role has no rights for that: add them under provider.iam.role.statements`,
    );
}

function ownStatements(provider: Service['provider']): readonly unknown[] {
  return roleOf(provider).statements ?? provider?.iamRoleStatements ?? [];
}

/** What serverless.yml says of the role that is made. */
export function roleOf(provider: Service['provider']): { name?: string; statements?: readonly unknown[] } {
  const role = provider?.iam?.role;
  return typeof role === 'object' && role !== null ? role : {};
}
