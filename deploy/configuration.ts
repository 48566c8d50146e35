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
import { refusalOf, stackNameProblems } from './check.ts';
import type { Deployment } from './limits.ts';
import { functionsOf, resourcesOf, type Service } from './policies.ts';

/** `${ssm:…}` and the like: AWS has to be asked. */
const ofAws = {
  resolve() {
    throw new ServerlessError(
      'Only AWS knows it, and this check asks nothing of AWS: npx serverless package does',
      'NOT_ASKED',
    );
  },
};

/** The options of a command that decide what the variables in serverless.yml are. */
export interface Options {
  stage?: string;
  region?: string;
  param?: string[];
}

/**
 * Reads serverless.yml of the current directory as `serverless` does, with its variables. It loads no plugins and asks
 * nothing of AWS; variables that AWS would answer, such as `${ssm:…}`, are an error here.
 *
 * @throws Error that says what is wrong: a stage that can be none, a file that is no YAML, a variable that can't be resolved.
 */
export async function readDeployment(options: Options): Promise<Deployment> {
  // With a wrong stage, each variable that needs the stage would be an error.
  refuse(stackNameProblems({ stage: options.stage ?? 'dev' }));
  const serviceDir = process.cwd();
  const configuration = await readConfiguration(`${serviceDir}/serverless.yml`);
  const { provider } = configuration as { provider?: { stage?: unknown } };
  const given = String(options.stage ?? provider?.stage ?? 'dev');
  if (!given.includes('${')) refuse(stackNameProblems({ 'provider.stage': given }));
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
  return {
    service,
    stage: options.stage ?? service.provider?.stage ?? 'dev',
    region: options.region ?? service.provider?.region ?? 'us-east-1',
  };
}

function refuse(problems: string[]): void {
  if (problems.length > 0) throw new Error(refusalOf(problems));
}
