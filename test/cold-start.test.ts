import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** What a module would keep from one invocation for the next, or know of its environment. */
const STATE = [
  /^(export )?(let|var) /m,
  /^(export )?const [^;]*?= (new (Map|Set|WeakMap|WeakSet)(<.*>)?\(\)|new \w+Client\(|\[\];|settings\()/m,
  /^(export )?const [^\n]*process\.env/m,
];

test('only lib/runtime and the handlers keep anything from one invocation for the next', () => {
  const stateful = globSync(['lib/**/*.ts', 'handlers/*.ts'], { cwd: ROOT }).filter((file) => {
    const source = readFileSync(join(ROOT, file), 'utf8');
    return STATE.some((state) => state.test(source));
  });
  expect(stateful).toContain('lib/runtime/job.ts');
  expect(
    stateful.filter((file) => !file.startsWith('lib/runtime/') && !file.startsWith('handlers/')),
  ).toEqual([]);
});
