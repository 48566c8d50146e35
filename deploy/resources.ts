/** CloudFormation resources by their logical ids. */
export type Resources = Record<string, { Type: string; Properties: Record<string, unknown> }>;

/** A name as a part of a logical id, which takes letters and digits only. */
export function logicalIdOf(name: string): string {
  return name.replaceAll('-', 'Dash').replace(/^./, (first) => first.toUpperCase());
}

/**
 * What the names begin with that a deployment gives its resources. It ends with "_", which neither a service, a stage nor a
 * policy may have: so the policy `eu-daily` of the stage `prod` and `daily` of `prod-eu` have names of their own.
 */
export function namePrefix({ service }: { service: string }, stage: string): string {
  return `${service}-${stage}_`;
}
