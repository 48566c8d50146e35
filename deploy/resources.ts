/** CloudFormation resources by their logical ids. */
export type Resources = Record<string, { Type: string; Properties: Record<string, unknown> }>;

/** Converts a name to a part of a logical id, which allows only letters and digits. */
export function logicalIdOf(name: string): string {
  return name.replaceAll('-', 'Dash').replace(/^./, (first) => first.toUpperCase());
}

/**
 * The prefix of a deployment's resource names. The prefix ends with "_", which is not allowed in
 * service, stage and policy names, so that the policy `eu-daily` of the stage `prod` and `daily` of
 * `prod-eu` get different names.
 */
export function namePrefix({ service }: { service: string }, stage: string): string {
  return `${service}-${stage}_`;
}
