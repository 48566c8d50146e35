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
import { refusalText, stackNameProblems } from './check.ts';
import type { Deployment } from './limits.ts';
import { functionsOf, resourcesOf, type Service } from './policies.ts';

/** The source of variables that only AWS can resolve, such as `${ssm:…}`, for a check of values. */
const refusedWithoutAws = {
  resolve() {
    throw new ServerlessError(
      'Only AWS can resolve this variable, and the check sends no requests to AWS: use npx serverless package',
      'NOT_ASKED',
    );
  },
};

/** The source of these variables for a command that needs none of their values. */
const unknownWithoutAws = { resolve: () => ({ value: 'known to AWS alone' }) };

/** The command line options that variables in serverless.yml depend on. */
export interface CommandOptions {
  stage?: string;
  region?: string;
  param?: string[];
}

/**
 * Reads serverless.yml of the current directory as `serverless` does, and resolves its variables.
 * The function loads no plugins and sends no requests to AWS; variables that only AWS can resolve,
 * such as `${ssm:…}`, are an error, unless `mayBeUnknown` leaves their values unknown.
 *
 * @throws Error with the problem: an invalid stage, invalid YAML, or a variable that can't be
 *   resolved.
 */
export async function readDeployment(
  options: CommandOptions,
  { mayBeUnknown = false } = {},
): Promise<Deployment> {
  // With an invalid stage, each variable that depends on the stage would be an error.
  throwProblems(stackNameProblems({ stage: options.stage ?? 'dev' }));
  const serviceDir = process.cwd();
  const configuration = await readConfiguration(`${serviceDir}/serverless.yml`);
  const { provider } = configuration as { provider?: { stage?: unknown } };
  const given = String(options.stage ?? provider?.stage ?? 'dev');
  if (!given.includes('${')) throwProblems(stackNameProblems({ 'provider.stage': given }));
  await loadDotenv(options, configuration);
  const param = params({ configurationInput: configuration, processedInput: { options } });
  const awsOnly = mayBeUnknown ? unknownWithoutAws : refusedWithoutAws;
  const sources = { env, file, opt, param, self, sls: sls(), strToBool };
  await resolveVariables({
    serviceDir,
    configuration,
    options,
    sources: { ...sources, aws: awsOnly, cf: awsOnly, s3: awsOnly, ssm: awsOnly },
  });
  const service = {
    ...(configuration as unknown as Service & { provider?: { stage?: string; region?: string } }),
    functions: functionsOf((configuration as unknown as Service).functions),
    resources: resourcesOf((configuration as unknown as Service).resources),
  };
  return {
    service,
    stage: options.stage ?? service.provider?.stage ?? 'dev',
    region: options.region ?? service.provider?.region ?? 'us-east-1',
  };
}

function throwProblems(problems: string[]): void {
  if (problems.length > 0) throw new Error(refusalText(problems));
}
