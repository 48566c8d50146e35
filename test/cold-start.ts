import { join } from 'node:path';
import type { EvaluatedModules } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/**
 * The modules that a cold start need not discard: those of libraries, of the embedded cloud, and of
 * lib/ without lib/runtime. A test says that they hold nothing of an invocation.
 */
const STATELESS = [`${ROOT}/lib/`, `${ROOT}/local/cloud/`];
const RUNTIME = `${ROOT}/lib/runtime/`;

const isStateless = (id: string) =>
  id.includes('/node_modules/') ||
  id.startsWith('mock:') ||
  (STATELESS.some((folder) => id.startsWith(folder)) && !id.startsWith(RUNTIME));

/**
 * Discards everything that the functions hold in memory, as a cold start does. `vi.resetModules`
 * discards the stateless modules as well: V8 would compile these anew for each test, which takes
 * more time than most tests.
 */
export function coldStart(): void {
  const worker = globalThis as unknown as { __vitest_worker__: { evaluatedModules: EvaluatedModules } };
  for (const [id, module] of worker.__vitest_worker__.evaluatedModules.idToModuleMap) {
    if (isStateless(id)) continue;
    Object.assign(module, { promise: undefined, exports: undefined, evaluated: false });
    module.importers.clear();
  }
}
