import { isDeepStrictEqual } from 'node:util';

/** The differences of two values: the path and both sides of each, undefined if one is missing. */
export function differences(before: unknown, after: unknown, path = ''): Record<string, [unknown, unknown]> {
  if (isDeepStrictEqual(before, after)) return {};
  if (!isContainer(before) || !isContainer(after)) return { [path]: [before, after] };
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.assign(
    {},
    ...[...keys].map((key) => differences(before[key], after[key], path ? `${path}.${key}` : key)),
  );
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
