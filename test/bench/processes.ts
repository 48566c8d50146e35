import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Started, Tally } from './cloud.ts';
import type { Setting } from './conditions.ts';

/** The compiled project: like Lambda, the benchmark does not run TypeScript. */
export const BUILT = new URL('../../reports/bench/', import.meta.url);

const [, NODE_OPTIONS] = /NODE_OPTIONS: (.*)/.exec(readFileSync('deploy/functions.yml', 'utf8'))!;

/** A cloud in a separate process. */
export interface RemoteCloud extends Started {
  tally(): Promise<Tally>;
  end(): void;
}

export async function startRemoteCloud(setting: Setting): Promise<RemoteCloud> {
  const child = fork(new URL('test/bench/cloud.js', BUILT));
  child.send(setting);
  const started = await answerOf<Started>(child);
  return {
    ...started,
    tally() {
      child.send('tally');
      return answerOf<Tally>(child);
    },
    end: () => child.disconnect(),
  };
}

/**
 * The answer of a program in this folder, run in a separate process with these arguments and this
 * environment.
 */
export async function run<T>(
  program: 'product' | 'planning' | 'original',
  args: string[],
  environment: Record<string, string>,
): Promise<T> {
  const env = {
    ...process.env,
    ...environment,
    NODE_OPTIONS,
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
  };
  return answerOf<T>(fork(new URL(`test/bench/${program}.js`, BUILT), args, { env }));
}

function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(answer as T));
    child.once('exit', (code) => reject(new Error(`a process of the benchmark has ended with ${code}`)));
  });
}
