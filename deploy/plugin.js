import { existsSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { configurationProblems, refusalText, stageProblems, warningsIn } from './check.ts';
import { madeOf } from './limits.ts';
import { functionsOf, policiesOf } from './policies.ts';
import { remainsText } from './remains.ts';
import { addOwnStatements } from './role.ts';
import { eventsOf } from './rules.ts';
import { alertWarnings } from './settings.ts';

/**
 * @import { Service as Configured } from './policies.ts'
 * @import { Resources } from './resources.ts'
 *
 * @typedef {Configured & {
 *   functions: Record<string, { events?: unknown[], package?: object }>,
 *   resources: { Resources: Resources },
 * }} Service
 * @typedef {{ service: Service, configurationInput: Service, extendConfiguration(path: string[],
 *   value: unknown): void, config: { servicePath: string }, classes: { Error: new (message: string)
 *   => Error }, pluginManager: { plugins: { copyDependencies?(isPackaging?: boolean): Promise<void>
 *   }[] }, getProvider(name: 'aws'): { getStage(): string, getRegion(): string, naming: {
 *   getStackName(): string }, getAwsSdkV3Config(): Promise<object> }, }} Serverless
 */

/**
 * A Serverless plugin that deploys custom.policies of serverless.yml. The plugin checks
 * serverless.yml before the deployment (check.ts), generates the rules, the alarms and the
 * dashboard, and adds all policies to the package, from which the functions read them
 * (lib/config/deployed-policies.ts).
 */
export default class Deployment {
  /**
   * @param {Serverless} serverless
   * @param {unknown} _options
   * @param {{ log: { warning(text: string): void, notice(text: string): void } }} utils
   */
  constructor(serverless, _options, { log }) {
    const { service } = serverless;
    const provider = serverless.getProvider('aws');
    const generated = eventsOf(serverless.configurationInput);
    // The configuration can only be extended while plugins are loaded. print and serverless-offline
    // need the events in it.
    const { functions } = serverless.configurationInput;
    for (const [job, events] of Object.entries(generated)) {
      // serverless.yml may list the functions in several parts.
      const part = Array.isArray(functions) ? functions.findIndex((one) => job in Object(one)) : undefined;
      const path = part === undefined ? ['functions', job] : ['functions', String(part), job];
      const given = functionsOf(functions)[job]?.events ?? [];
      serverless.extendConfiguration([...path, 'events'], [...given, ...events]);
    }
    /** The events of a function without the events that are generated from the policies. */
    const ownEvents = (/** @type {string} */ name, /** @type {readonly unknown[]} */ events = []) =>
      Array.isArray(events)
        ? events.filter(
            (event) =>
              !Object(generated)[name]?.some((/** @type {unknown} */ one) => isDeepStrictEqual(one, event)),
          )
        : [];
    /** @param {string} command */
    const refuseLocal = (command) => {
      for (const problem of stageProblems(command, provider.getStage())) {
        throw new serverless.classes.Error(problem);
      }
    };
    const checkConfiguration = () => {
      const functions = Object.fromEntries(
        Object.entries(functionsOf(service.functions)).map(([name, fn]) => [
          name,
          { ...fn, events: ownEvents(name, fn.events) },
        ]),
      );
      const deployment = {
        service: { ...service, functions },
        stage: provider.getStage(),
        region: provider.getRegion(),
      };
      const problems = configurationProblems(deployment);
      if (problems.length > 0) throw new serverless.classes.Error(refusalText(problems));
      return deployment;
    };
    const prepare = () => {
      refuseLocal('package or deploy');
      for (const warning of warningsIn(checkConfiguration())) log.warning(warning);
      for (const name of Object.keys(service.functions)) {
        service.functions[name] ??= {};
        const fn = service.functions[name];
        // Serverless would create a rule and a permission for each generated event.
        fn.events = ownEvents(name, fn.events);
        // Without it, serverless-plugin-typescript adds empty patterns, and Serverless warns about
        // them.
        fn.package ??= {};
      }
      addOwnStatements(service);
      Object.assign(service.resources.Resources, madeOf({ service, stage: provider.getStage() }));
    };
    // serverless-plugin-typescript runs before this plugin, and has set servicePath to its build
    // folder.
    const addPolicies = () =>
      writeFile(join(serverless.config.servicePath, 'policies.json'), JSON.stringify(policiesOf(service)));
    const checkAndAddPolicies = () => {
      checkConfiguration();
      return addPolicies();
    };
    /** @type {object[]} */
    let outputs = [];
    const readOutputs = async () => {
      const { CloudFormationClient, DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
      const client = new CloudFormationClient(await provider.getAwsSdkV3Config());
      const StackName = provider.naming.getStackName();
      const { Stacks = [] } = await client
        .send(new DescribeStacksCommand({ StackName }))
        .catch(() => ({ Stacks: [] }));
      outputs = Stacks[0]?.Outputs ?? [];
    };
    copyProductionOnly(serverless);
    this.hooks = {
      'before:package:initialize': prepare,
      'before:package:createDeploymentArtifacts': addPolicies,
      'before:deploy:function:initialize': () => refuseLocal('deploy function'),
      'before:deploy:function:packageFunction': checkAndAddPolicies,
      'before:invoke:local:invoke': checkAndAddPolicies,
      'after:deploy:deploy': () => {
        for (const warning of alertWarnings(service.custom)) log.warning(warning);
      },
      'before:remove:remove': readOutputs,
      'after:remove:remove': () => {
        const removed = { service, stage: provider.getStage(), region: provider.getRegion() };
        log.notice(remainsText(removed, outputs));
      },
      'before:offline:start:init': checkAndAddPolicies,
      'before:invoke:invoke': () => invokeOnce(process.env),
    };
  }
}

/** Longer than a function runs, in milliseconds. */
const INVOKE_TIMEOUT_MS = 16 * 60_000;

/**
 * Makes `serverless invoke` invoke a function once, and wait for its end. By default it waits for
 * two minutes, and then invokes the function again, up to five times.
 *
 * Source: these variables are read by lib/aws/config.js of osls.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function invokeOnce(env) {
  env.SLS_AWS_REQUEST_MAX_RETRIES = '0';
  env.AWS_CLIENT_TIMEOUT = String(INVOKE_TIMEOUT_MS);
}

/**
 * Makes serverless-plugin-typescript copy only production packages into its build folder. By
 * default it copies all of node_modules and deletes the copy, which takes most of the time of a
 * deployment.
 *
 * @param {Serverless} serverless
 */
function copyProductionOnly({ pluginManager: { plugins } }) {
  const compiler = plugins.find((plugin) => plugin.constructor.name === 'TypeScriptPlugin');
  const copy = compiler?.copyDependencies;
  if (!copy || !existsSync('package-lock.json')) return;
  compiler.copyDependencies = async (isPackaging) => {
    if (isPackaging) {
      /** @type {{ packages: Record<string, { dev?: boolean }> }} */
      const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8'));
      const paths = Object.keys(packages).filter((path) => path && !packages[path]?.dev && existsSync(path));
      // The folder may contain packages of a failed deployment.
      await rm(join('.build', 'node_modules'), { recursive: true, force: true });
      for (const path of paths) await cp(path, join('.build', path), { recursive: true });
    }
    // The packages exist already, so the plugin only adds package.json.
    await copy.call(compiler, false);
  };
}
