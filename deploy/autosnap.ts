#!/usr/bin/env node
import { parseArgs } from 'node:util';
import loadDotenv from 'serverless/lib/cli/conditionally-load-dotenv.js';
import readConfiguration from 'serverless/lib/configuration/read.js';
import resolveVariables from 'serverless/lib/configuration/variables/index.js';
import env from 'serverless/lib/configuration/variables/sources/env.js';
import file from 'serverless/lib/configuration/variables/sources/file.js';
import sls from 'serverless/lib/configuration/variables/sources/instance-dependent/get-sls.js';
import params from 'serverless/lib/configuration/variables/sources/instance-dependent/param.js';
import opt from 'serverless/lib/configuration/variables/sources/opt.js';
import self from 'serverless/lib/configuration/variables/sources/self.js';
import strToBool from 'serverless/lib/configuration/variables/sources/str-to-bool.js';
import ServerlessError from 'serverless/lib/serverless-error.js';
import { problemsIn, refusalOf, stackNameProblems } from './check.ts';
import { functionsOf, policiesOf, resourcesOf, type Service } from './policies.ts';

const usage = 'Usage: npx autosnap check [--stage <stage>] [--region <region>] [--param <name>=<value>]…';

/** `${ssm:…}` and the like: AWS has to be asked. */
const ofAws = {
  resolve() {
    throw new ServerlessError(
      'Only AWS knows it, and this check asks nothing of AWS: npx serverless package does',
      'NOT_ASKED',
    );
  },
};

interface Options {
  stage?: string;
  region?: string;
  param?: string[];
}

/**
 * `npx autosnap check`: reads serverless.yml of the current directory as `serverless` does, with its variables, and says what
 * a deployment would be refused for. It loads no plugins and asks nothing of AWS; variables that AWS would answer, such
 * as `${ssm:…}`, are an error here.
 */
async function check(options: Options): Promise<string[]> {
  // With it, each variable that needs the stage would be an error.
  const wrong = stackNameProblems({ stage: options.stage ?? 'dev' });
  if (wrong.length > 0) return wrong;
  const serviceDir = process.cwd();
  const configuration = await readConfiguration(`${serviceDir}/serverless.yml`);
  const { provider } = configuration as { provider?: { stage?: unknown } };
  const given = options.stage ?? provider?.stage ?? 'dev';
  // With it, too, each variable that needs the stage would be an error.
  const stageProblems = String(given).includes('${')
    ? []
    : stackNameProblems({ 'provider.stage': String(given) });
  if (stageProblems.length > 0) return stageProblems;
  await loadDotenv(options, configuration);
  const param = params({ configurationInput: configuration, processedInput: { options } });
  const sources = { env, file, opt, param, self, sls: sls(), strToBool };
  await resolveVariables({
    serviceDir,
    configuration,
    options,
    sources: { ...sources, aws: ofAws, cf: ofAws, s3: ofAws, ssm: ofAws },
  });
  const service = {
    ...(configuration as unknown as Service & { provider?: { stage?: string; region?: string } }),
    functions: functionsOf((configuration as unknown as Service).functions),
    resources: resourcesOf((configuration as unknown as Service).resources),
  };
  const stage = options.stage ?? service.provider?.stage ?? 'dev';
  const region = options.region ?? service.provider?.region ?? 'us-east-1';
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
      options: {
        stage: { type: 'string', short: 's' },
        region: { type: 'string', short: 'r' },
        param: { type: 'string', multiple: true },
      },
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
