#!/usr/bin/env node
import { parseArgs } from 'node:util';
import readConfiguration from 'serverless/lib/configuration/read.js';
import resolveVariables from 'serverless/lib/configuration/variables/index.js';
import { problemsIn, refusalOf } from './check.ts';
import { functionsOf, policiesOf, type Service } from './policies.ts';

const usage = 'Usage: npx autosnap check [--stage <stage>] [--region <region>]';

/**
 * `npx autosnap check`: reads serverless.yml of the current directory as `serverless` does, with its variables, and says what
 * a deployment would be refused for. It loads no plugins and asks nothing of AWS; variables that AWS would answer, such
 * as `${ssm:…}`, are an error here.
 */
async function check(options: { stage?: string; region?: string }): Promise<string[]> {
  const serviceDir = process.cwd();
  const configuration = await readConfiguration(`${serviceDir}/serverless.yml`);
  await resolveVariables({ serviceDir, configuration, options });
  const service = {
    ...(configuration as unknown as Service & { provider: { stage?: string; region?: string } }),
    functions: functionsOf((configuration as unknown as Service).functions),
  };
  const stage = options.stage ?? service.provider.stage ?? 'dev';
  const region = options.region ?? service.provider.region ?? 'us-east-1';
  const problems = problemsIn({ service, stage, region });
  if (problems.length === 0)
    console.log(
      `serverless.yml is good. Stage ${stage}, policies: ${
        policiesOf(service)
          .map(({ policy }) => policy)
          .join(', ') || 'none'
      }`,
    );
  return problems;
}

/** The arguments; undefined where they are others than there are. */
function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { stage: { type: 'string', short: 's' }, region: { type: 'string', short: 'r' } },
    });
  } catch {
    return undefined;
  }
}

const given = readArguments();
if (given?.positionals.join(' ') !== 'check') {
  console.error(usage);
  process.exitCode = 2;
} else {
  try {
    const problems = await check(given.values);
    if (problems.length > 0) throw new Error(refusalOf(problems));
  } catch (error) {
    // Such as a file that is no YAML, and a variable that can't be resolved.
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
