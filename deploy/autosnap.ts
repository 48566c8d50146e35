#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { configurationProblems, refusalText, stageProblems, warningsIn } from './check.ts';
import { type CommandOptions, readDeployment } from './configuration.ts';
import { policiesOf } from './policies.ts';

const usage = 'Usage: npx autosnap check [--stage <stage>] [--region <region>] [--param <name>=<value>]…';

/**
 * `npx autosnap check`: throws the problems of serverless.yml, or prints its policies and warnings.
 */
async function check(options: CommandOptions): Promise<void> {
  const deployment = await readDeployment(options);
  const [refusal] = stageProblems('check', deployment.stage);
  if (refusal) throw new Error(refusal);
  const problems = configurationProblems(deployment);
  if (problems.length > 0) throw new Error(refusalText(problems));
  const { service, stage } = deployment;
  const names = policiesOf(service).map(({ policy }) => policy);
  console.log(`serverless.yml is valid. Stage ${stage}, policies: ${names.join(', ') || 'none'}`);
  for (const warning of warningsIn(deployment)) console.warn(`Warning: ${warning}`);
}

/** The command line arguments; undefined for unknown options. */
function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        stage: { type: 'string', short: 's' },
        region: { type: 'string', short: 'r' },
        param: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch {
    return undefined;
  }
}

const given = readArguments();
if (given?.values.help) {
  console.log(`${usage}

Checks serverless.yml, as each deployment does first, prints the policies and warnings, and changes nothing.`);
} else if (given?.positionals.join(' ') !== 'check') {
  console.error(usage);
  process.exitCode = 2;
} else {
  try {
    await check(given.values);
  } catch (error) {
    // Invalid YAML, or a variable that can't be resolved.
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
