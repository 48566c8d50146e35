/** CloudFormation resources by their logical ids. */
export type Resources = Record<string, { Type: string; Properties: Record<string, unknown> }>;

/** A name as a part of a logical id, which takes letters and digits only. */
export function logicalIdOf(name: string): string {
  return name.replaceAll('-', 'Dash').replace(/^./, (first) => first.toUpperCase());
}
