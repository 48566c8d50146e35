import type { Service } from './policies.ts';

/**
 * Adds `provider.iam.role.statements` (or `provider.iamRoleStatements`, as it was called before) to the role of the
 * functions. Serverless puts them there too, but the statements that deploy/resources.yml has under `extensions` take their
 * place.
 */
export function addOwnStatements({ provider, resources }: Pick<Service, 'provider' | 'resources'>): void {
  const statements = roleOf(provider).statements ?? provider?.iamRoleStatements ?? [];
  const role = resources?.extensions?.IamRoleLambdaExecution as
    | { Properties: { Policies: { PolicyDocument: { Statement: unknown[] } }[] } }
    | undefined;
  role?.Properties.Policies[0]?.PolicyDocument.Statement.push(...statements);
}

/** What is wrong with the role that serverless.yml gives the functions. */
export function roleProblems({ provider }: Pick<Service, 'provider'>): string[] {
  return typeof provider?.iam?.role === 'string'
    ? [
        'provider.iam.role: the functions have a role of their own: take it out, and add rights under provider.iam.role.statements',
      ]
    : [];
}

/** What serverless.yml says of the role that is made. */
export function roleOf(provider: Service['provider']): { name?: string; statements?: readonly unknown[] } {
  const role = provider?.iam?.role;
  return typeof role === 'object' ? role : {};
}
