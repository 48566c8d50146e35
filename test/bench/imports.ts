import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { BUILT } from './processes.ts';

/** The duration of a cold start. */
export interface Imports {
  /**
   * The time from the start of a process without imports to its end, in milliseconds: the median of
   * some measurements.
   */
  bareMs: number;
  /** The additional time to import the handler of each function. */
  moreMs: Record<string, number>;
  /** The size of the deployed zip, which is the same for all functions. */
  zipBytes: number;
}

const TIMES = 9;
const ZIP = '.serverless/autosnap.zip';

export function imports(): Imports {
  const folder = new URL('handlers/', BUILT);
  const files = readdirSync(folder).filter((file) => file.endsWith('.js'));
  const bareMs = median('');
  return {
    bareMs,
    moreMs: Object.fromEntries(
      files.map((file) => [
        file.replace('.js', ''),
        median(`await import('${new URL(file, folder)}')`) - bareMs,
      ]),
    ),
    zipBytes: statSync(ZIP).size,
  };
}

function median(code: string): number {
  const env = {
    ...process.env,
    AUTOSNAP_SERVICE: 'autosnap',
    AUTOSNAP_STAGE: 'bench',
    AWS_REGION: 'us-east-1',
  };
  const times = Array.from({ length: TIMES }, () => {
    const startedMs = performance.now();
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { env });
    if (status !== 0) throw new Error(`node has ended with ${status}: ${code}`);
    return performance.now() - startedMs;
  });
  return times.sort((a, b) => a - b)[Math.floor(TIMES / 2)]!;
}
