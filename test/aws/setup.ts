import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmulator } from './emulator.ts';
import { findRie } from './rie.ts';
import { deployStages } from './stages.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** AWS's Runtime Interface Emulator; null if the functions run with the stand-in. */
    rie: string | null;
  }
}

/**
 * Starts AWS, deploys the stages that the tests share, and removes everything at the end, in any
 * case.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // The temporary files of these processes and their children.
  const scratch = mkdtempSync(join(tmpdir(), 'autosnap-aws-'));
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
  process.env.TMPDIR = scratch;

  const emulator = await startEmulator();
  try {
    const [{ rie, why }] = await Promise.all([findRie(), deployStages()]);
    project.provide('rie', rie);
    console.log(
      rie
        ? `The functions run in AWS's Runtime Interface Emulator, ${why}.`
        : `The functions run with the stand-in for Lambda's Runtime API (test/aws/stand-in.ts), as AWS's Runtime Interface Emulator is not to be had: ${why}`,
    );
  } catch (error) {
    await emulator.stop();
    throw error;
  }
  return () => emulator.stop();
}
