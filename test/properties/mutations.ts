import fc from 'fast-check';
import { anyText } from './any-text.ts';

type Step = [at: number, kind: (typeof KINDS)[number], junk: unknown];

const KINDS = ['replace', 'remove', 'add', 'rename', 'recase', 'repeat', 'wrap', 'empty'] as const;

const deep = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;

/** Unusual values, some of which have caused bugs before. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    0,
    -1,
    1.5,
    1e308,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.MAX_SAFE_INTEGER,
    true,
    false,
    [],
    {},
    [null],
    deep(1000),
    'x'.repeat(10_000),
    '\u{d800}',
    '\u202eabc',
    '\0',
    '__proto__',
    'forever',
    'none',
    'active',
    '2026-02-30',
    '9999-12-31T23:59:59Z',
    'rate(999999999999999 days)',
  ),
  anyText(),
  fc.jsonValue({ maxDepth: 4 }),
);

const keys = fc.constantFrom(
  '__proto__',
  'constructor',
  'toString',
  'ID',
  'status',
  '',
  'autosnap_hold',
  'next',
);

const steps: fc.Arbitrary<Step> = fc.tuple(
  fc.nat(),
  fc.constantFrom(...KINDS),
  fc.oneof({ weight: 4, arbitrary: junk }, { weight: 1, arbitrary: keys }),
);

/** Some changes to a value, at random places, to be applied by {@link mutate}. */
export const mutations = fc.array(steps, { minLength: 1, maxLength: 4 });

/** A JSON value with changes; the original stays as it is. */
export function mutate(original: unknown, changes: readonly Step[]): unknown {
  const root = { root: structuredClone(original) };
  for (const [at, kind, value] of changes) {
    const places = placesIn(root);
    const { parent, key } = places[at % places.length]!;
    change(parent as Record<string, unknown>, key, kind, structuredClone(value));
  }
  return root.root;
}

interface Place {
  parent: object;
  key: string;
}

function placesIn(parent: object): Place[] {
  return Object.entries(parent).flatMap(([key, value]) => [
    { parent, key },
    // An inserted value may be nested too deeply to be traversed.
    ...(typeof value === 'object' && value !== null && !isDeep(value) ? placesIn(value) : []),
  ]);
}

const isDeep = (value: object) => Array.isArray(value) && value.length === 1 && Array.isArray(value[0]);

function change(parent: Record<string, unknown>, key: string, kind: Step[1], value: unknown): void {
  const own = parent[key];
  const set = (name: string, to: unknown) =>
    Object.defineProperty(parent, name, { value: to, enumerable: true, configurable: true, writable: true });
  switch (kind) {
    case 'replace':
      return void set(key, value);
    case 'remove':
      if (key !== 'root') delete parent[key];
      return;
    case 'add':
      if (Array.isArray(own)) own.push(value);
      else if (typeof own === 'object' && own !== null) {
        const name = typeof value === 'string' ? value.slice(0, 40) : 'added';
        Object.defineProperty(own, name, { value, enumerable: true, configurable: true, writable: true });
      }
      return;
    case 'rename':
    case 'recase':
      if (key === 'root' || Array.isArray(parent)) return;
      delete parent[key];
      return void set(kind === 'recase' ? key.toUpperCase() : `${key}_`, own);
    case 'repeat':
      if (Array.isArray(own)) own.push(...own);
      return;
    case 'wrap':
      return void set(key, [own]);
    case 'empty':
      return void set(key, Array.isArray(own) ? [] : typeof own === 'string' ? '' : {});
  }
}
