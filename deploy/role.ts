import { FUNCTIONS, isProductFunction, productFunction, type Service } from './policies.ts';
import { logicalIdOf } from './resources.ts';

/**
 * Adds `provider.iam.role.statements` (formerly `provider.iamRoleStatements`) to the role of the
 * functions, and log permissions for custom functions. Serverless adds them too, but the
 * `extensions` in deploy/resources.yml replace the statements of Serverless.
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

/**
 * The problems of a custom role for the functions. A role that lacks a permission may fail late:
 * without those for the bucket, for example, two runs at once would not know of each other.
 */
export function roleProblems({
  provider,
  functions = {},
}: Pick<Service, 'provider' | 'functions'>): string[] {
  const role = provider?.iam?.role;
  const isForeign =
    typeof role === 'string' || Object.keys(Object(role)).some((key) => /^(Ref$|Fn::)/.test(key));
  const remedy =
    'the functions have their own role: remove this one, and add permissions under provider.iam.role.statements';
  return [
    ...(isForeign ? [`provider.iam.role: ${remedy}`] : []),
    ...(provider?.role === undefined ? [] : [`provider.role: ${remedy}`]),
    ...Object.entries(functions)
      .filter(
        ([key, { handler, role: own }]) =>
          own !== undefined && isProductFunction(productFunction(key, handler)),
      )
      .map(([key]) => `functions.${key}.role: ${remedy}`),
  ];
}

/** Event types that a function polls, which requires permissions. */
const READ_EVENTS = ['sqs', 'stream', 'msk', 'kafka', 'activemq', 'rabbitmq'];

/**
 * Missing permissions of custom functions, if serverless.yml adds no statements. Custom functions
 * share the role of Autosnap, which has only the permissions that Autosnap needs.
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
        `functions.${name}.${field}: the role has no permissions for this: add them under provider.iam.role.statements`,
    );
}

function ownStatements(provider: Service['provider']): readonly unknown[] {
  return roleOf(provider).statements ?? provider?.iamRoleStatements ?? [];
}

/** The settings of the generated role. */
export function roleOf(provider: Service['provider']): { name?: string; statements?: readonly unknown[] } {
  const role = provider?.iam?.role;
  return typeof role === 'object' && role !== null ? role : {};
}
