import type { Service } from './policies.ts';

/**
 * Adds `provider.iam.role.statements` (or `provider.iamRoleStatements`, as it was called before) to the role of the
 * functions. Serverless puts them there too, but the statements that deploy/resources.yml has under `extensions` take their
 * place.
 */
export function addOwnStatements({ provider, resources }: Pick<Service, 'provider' | 'resources'>): void {
  const statements = provider?.iam?.role?.statements ?? provider?.iamRoleStatements ?? [];
  const role = resources?.extensions?.IamRoleLambdaExecution as
    | { Properties: { Policies: { PolicyDocument: { Statement: unknown[] } }[] } }
    | undefined;
  role?.Properties.Policies[0]?.PolicyDocument.Statement.push(...statements);
}
