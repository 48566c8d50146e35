import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { problemsIn, refusalOf } from './check.ts';
import { functionsOf, policiesOf } from './policies.ts';
import { addOwnStatements } from './role.ts';
import { eventsOf, rulesOf } from './rules.ts';

/**
 * @typedef {import('./policies.ts').Service & {
 *   functions: Record<string, { events?: unknown[], package?: object }>,
 *   resources: { Resources: import('./resources.ts').Resources },
 * }} Service
 * @typedef {{
 *   service: Service,
 *   configurationInput: Service,
 *   extendConfiguration(path: string[], value: unknown): void,
 *   config: { servicePath: string },
 *   classes: { Error: new (message: string) => Error },
 *   getProvider(name: 'aws'): { getStage(): string, getRegion(): string, getAwsSdkV3Config(): Promise<object> },
 * }} Serverless
 */

/**
 * A Serverless plugin that makes a deployment of what serverless.yml says in custom.policies: checks it, so that a
 * mistake is found at the desk and not by a rule at night (policies.ts), makes the rules, the alarms and the dashboard of it,
 * and puts all policies into the package, where the functions read them (lib/policies.ts).
 */
export default class Deployment {
  /** @param {Serverless} serverless */
  constructor(serverless) {
    const { service } = serverless;
    const provider = serverless.getProvider('aws');
    const made = eventsOf(serverless.configurationInput);
    // Only until all plugins are loaded is this part of the configuration: for print, offline and the rest.
    const { functions } = serverless.configurationInput;
    for (const [job, events] of Object.entries(made)) {
      // They may be listed in several parts.
      const part = Array.isArray(functions) ? functions.findIndex((one) => job in Object(one)) : undefined;
      const path = part === undefined ? ['functions', job] : ['functions', String(part), job];
      const given = functionsOf(functions)[job]?.events ?? [];
      serverless.extendConfiguration([...path, 'events'], [...given, ...events]);
    }
    /** The events of a function without those that are made of the policies. */
    const ownEvents = (/** @type {string} */ name, /** @type {unknown[]} */ events = []) =>
      events.filter(
        (event) => !Object(made)[name]?.some((/** @type {unknown} */ one) => isDeepStrictEqual(one, event)),
      );
    const refuse = () => {
      const functions = Object.fromEntries(
        Object.entries(service.functions).map(([name, fn]) => [
          name,
          { ...fn, events: ownEvents(name, fn.events) },
        ]),
      );
      const problems = problemsIn({
        service: { ...service, functions },
        stage: provider.getStage(),
        region: provider.getRegion(),
      });
      if (problems.length > 0) throw new serverless.classes.Error(refusalOf(problems));
    };
    const prepare = async () => {
      refuse();
      for (const [name, fn] of Object.entries(service.functions)) {
        // Serverless would make a rule and a permission of each.
        fn.events = ownEvents(name, fn.events);
        // serverless-plugin-typescript would put empty patterns there, of which serverless warns.
        fn.package ??= {};
      }
      addOwnStatements(service);
      const { alarmsOf } = await import('./alarms.ts');
      const { dashboardOf } = await import('./dashboard.ts');
      const stage = provider.getStage();
      Object.assign(
        service.resources.Resources,
        rulesOf(service, stage),
        alarmsOf(service, stage),
        dashboardOf(service, stage),
      );
    };
    // By now serverless-plugin-typescript, which stands before this one, has made its build folder the service's.
    const addPolicies = () =>
      writeFile(join(serverless.config.servicePath, 'policies.json'), JSON.stringify(policiesOf(service)));
    const checkAndAddPolicies = () => {
      refuse();
      return addPolicies();
    };
    const rerun = async () => {
      const { LambdaClient } = await import('@aws-sdk/client-lambda');
      const { SQSClient } = await import('@aws-sdk/client-sqs');
      const { rerun: runAgain } = await import('./rerun.ts');
      const config = await provider.getAwsSdkV3Config();
      const clients = { queues: new SQSClient(config), functions: new LambdaClient(config) };
      const queue = `${service.service}-${provider.getStage()}-failed-runs`;
      const failed = await runAgain(clients, queue, console.log);
      if (failed > 0) throw new serverless.classes.Error(`${failed} failed again, and stay in the queue.`);
    };
    const report = async () => {
      const { fetchReport } = await import('./report.ts');
      const deployment = `${service.service}-${provider.getStage()}`;
      const file = join('reports', `${deployment}.html`);
      await fetchReport(await provider.getAwsSdkV3Config(), deployment, file);
      console.log(file);
    };
    this.commands = {
      rerun: { usage: 'Runs again what has failed all its tries', lifecycleEvents: ['run'] },
      report: { usage: "Fetches the report page of the deployment's last audit", lifecycleEvents: ['fetch'] },
    };
    this.hooks = {
      'rerun:run': rerun,
      'report:fetch': report,
      'before:package:initialize': prepare,
      'before:package:createDeploymentArtifacts': addPolicies,
      'before:deploy:function:packageFunction': checkAndAddPolicies,
      'before:invoke:local:invoke': checkAndAddPolicies,
      'before:offline:start:init': checkAndAddPolicies,
    };
  }
}
